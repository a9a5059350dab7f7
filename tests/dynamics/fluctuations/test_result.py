"""What means and covariances imply: losses, widths, ensembles; and where they say nothing."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from widthwise.dynamics.fluctuations import Descent, two_layer_linear
from widthwise.ensembles import two_layer_linear_ensemble

KERNEL, TARGETS = np.array([[1.0, 0.3], [0.3, 0.8]]), np.array([1.0, -0.5])


@pytest.fixture(scope="module")
def found():
    return two_layer_linear(Descent(KERNEL, TARGETS, steps=6, learning_rate=0.2, loss="sum"))


def test_loss_of_networks_and_ensembles(found):
    width, members = 300, 16000
    nets = two_layer_linear_ensemble(
        KERNEL, TARGETS, width=width, members=members, steps=6, learning_rate=0.2,
        key=jax.random.key(4),
    )  # fmt: skip
    for size in (1, 4):
        outputs = nets.output.values.reshape(size, -1, 7, 2).mean(axis=0)
        losses = ((outputs - TARGETS) ** 2).sum(axis=2) / 2
        error = losses.std(axis=0) / np.sqrt(len(losses))
        expected = found.expected_loss(width, members=size)
        excess = np.abs(expected - found.loss.value)
        np.testing.assert_array_less(
            np.abs(losses.mean(axis=0) - expected), 4 * error + 10 * excess / width + 1e-12
        )
    mean = found.expected(width)
    error = nets.output.values.std(axis=0) / np.sqrt(members)
    np.testing.assert_array_less(np.abs(nets.output.values.mean(axis=0) - mean), 4 * error + 2e-4)
    spread = found.standard_deviation(width, "ntk")
    np.testing.assert_allclose(nets.ntk.values.std(axis=0), spread, rtol=0.06)


def test_widths(found):
    bias, variance = (part[-1] for part in found.excess_loss)
    assert bias + variance > 0
    one = found.required_width(1e-4)
    assert one == int(np.ceil((bias + variance) / 1e-4))
    assert found.expected_loss(one)[-1] - found.loss.value[-1] <= 1e-4
    assert found.required_width(1e-4, members=10**6) == pytest.approx(bias / 1e-4, abs=2)
    assert found.required_width(10.0) == found.smallest_reliable_width
    # an ensemble, and the one network that equals it
    equal = found.equivalent_width(8, 400)
    assert equal > 400
    alone = found.loss.value[-1] + (bias + variance) / equal
    assert alone == pytest.approx(found.expected_loss(400, members=8)[-1], abs=1e-12)
    assert found.equivalent_width(1, 400) == pytest.approx(400)
    lucky = replace(found, correction={"output": -found.correction["output"]})
    assert lucky.excess_loss.bias[-1] == pytest.approx(-bias)


def test_ensembles_that_no_width_equals(found):
    gradient = found.loss.gradient
    lowered = -gradient * 1e-3 / np.sum(gradient**2, axis=1)[:, None]
    lucky = replace(found, correction={"output": lowered})
    assert lucky.equivalent_width(10**9, 400) == np.inf
    worse = replace(found, correction={"output": 1e3 * lowered})
    with pytest.raises(ValueError, match="no single width compares"):
        worse.equivalent_width(2, 10**6)


def test_narrow_networks_are_refused(found):
    narrowest = found.smallest_reliable_width
    assert found.reliable(narrowest)
    assert not found.reliable(narrowest - 1)
    with pytest.warns(UserWarning, match=f"first order in 1/width holds from width {narrowest}"):
        found.standard_deviation(narrowest - 1)
    with pytest.raises(ValueError, match=r"corrections are .* of the signal"):
        found.standard_deviation(1)


def test_dataset(found):
    data = found.dataset(400)
    assert data.output.dims == ("step", "input")
    assert data.ntk_std.dims == ("step", "input", "input2")
    assert data.feature_kernel.dims == ("step", "layer", "input", "input2")
    np.testing.assert_allclose(data.output, found.expected(400))
    np.testing.assert_allclose(
        data.gradient_kernel_std, found.standard_deviation(400, "gradient_kernel")
    )
    assert data.output.attrs["corrected"] == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f.variance("outputs"), "did you mean 'output'"),
        (lambda f: f.expected(0), "width is 0"),
        (lambda f: f.expected_loss(400, members=0), "members is 0"),
        (lambda f: f.required_width(-1.0), "excess is -1.0"),
    ],
)
def test_refusals(found, call, message):
    with pytest.raises(ValueError, match=message):
        call(found)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_kernel": np.array([[1.0, 0.5], [0.4, 1.0]])}, "not symmetric"),
        ({"input_kernel": np.ones((2, 3))}, "must be square"),
        ({"input_kernel": np.eye(3) - 0.6 * (1 - np.eye(3))}, "eigenvalue -0.2"),
        ({"targets": np.ones(4)}, "4 targets were given for 2 points"),
        ({"targets": np.ones((2, 3))}, "derived for one output"),
        ({"targets": np.array([1.0, np.nan])}, "targets has 1 entries that are NaN"),
        ({"steps": 0}, "steps is 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"richness": -1.0}, "richness is -1.0"),
        ({"loss": "summ"}, "did you mean 'sum'"),
        ({"loss": "cross_entropy"}, "needs an output for every class"),
    ],
)
def test_refused_descents(changes, message):
    given = {"input_kernel": KERNEL, "targets": np.ones(2), "steps": 3, "learning_rate": 0.1}
    with pytest.raises(ValueError, match=message):
        Descent(**(given | changes))
