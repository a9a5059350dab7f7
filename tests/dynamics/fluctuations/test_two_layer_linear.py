"""Two-layer linear networks: published recursions, three derivations, and networks."""

import jax
import numpy as np
import pytest

from widthwise.dynamics.fluctuations import (
    Descent,
    edge_of_stability,
    two_layer_linear,
    whitened_linear,
)
from widthwise.ensembles import two_layer_linear_ensemble
from widthwise.ensembles.two_layer_linear import train_gram

ONE = np.eye(1)


def whitened(points, **changes):
    y = np.zeros(points)
    y[0] = 1.0
    settings = {"steps": 20, "learning_rate": 0.05, "loss": "sum", **changes}
    return two_layer_linear(Descent(np.eye(points), y, **settings))


@pytest.fixture(scope="module")
def six():
    return whitened(6)


def test_one_point():
    found = two_layer_linear(Descent(ONE, np.ones(1), steps=10, learning_rate=0.1))
    output, ntk = found.mean["output"][:, 0], found.mean["ntk"][:, 0, 0]
    np.testing.assert_allclose(output[[5, 10]], [0.7004204926, 0.9317371464], atol=1e-9)
    assert ntk[10] == pytest.approx(2.6955107093, abs=1e-9)
    cross = found.covariance("output", "ntk")[10, 0, 10, 0, 0]
    spreads = [found.variance()[10, 0], cross, found.variance("ntk")[10, 0, 0]]
    np.testing.assert_allclose(spreads, [0.04224496, 0.32045599, 2.87430513], atol=1e-7)
    shifts = [found.correction[name][10].item() for name in ("output", "ntk")]
    np.testing.assert_allclose(shifts, [-0.33468268, -0.97988754], atol=1e-7)
    starts = [found.variance()[0, 0], found.variance("ntk")[0, 0, 0]]
    np.testing.assert_allclose(starts, [1, 4], atol=1e-12)
    # the same from the map of output and kernel on its own
    edge = edge_of_stability(1.0, steps=10, learning_rate=0.1)
    np.testing.assert_allclose(edge.output, output, atol=1e-13)
    np.testing.assert_allclose(edge.covariance[10], [spreads[:2], spreads[1:]], atol=1e-12)
    np.testing.assert_allclose(edge.correction[10], shifts, atol=1e-12)


def test_small_steps_are_flow():
    gamma, y, tau = 2.0, 1.0, 0.5
    steps = 20000
    found = edge_of_stability(y, steps=steps, learning_rate=tau / steps, richness=gamma)
    # closed solution of the flow: Riccati in x = a + R ...
    a, r = gamma * y, np.hypot(1, gamma * y)
    plus, minus = a + r, a - r
    ratio = (1 - plus) / (1 - minus) * np.exp(-2 * r * tau)
    x = (plus - ratio * minus) / (1 - ratio)
    assert (x - 1 / x) / (2 * gamma) == pytest.approx(0.7378497376, abs=1e-9)
    assert found.output[-1] == pytest.approx(0.7378497376, abs=1e-4)
    assert found.ntk[-1] == pytest.approx(2 * np.hypot(1, gamma * found.output[-1]), abs=1e-3)
    assert not found.reaches_edge


@pytest.mark.parametrize(
    ("points", "shift", "excess"),
    [
        (1, -0.317940, 0.097815),
        (6, -0.806199, 0.290775),
        (20, -2.173325, 0.831063),
        (50, -5.102879, 1.988822),
    ],
)
def test_whitened_points(points, shift, excess):
    found = whitened_linear(1.0, points, steps=20, learning_rate=0.05)
    last = [found.output[20], found.features[20], found.readout[20]]
    np.testing.assert_allclose(last, [0.91909110, 1.34917190, 1.34917190], atol=1e-8)
    spread = [found.along[20, 0, 0], *found.across[20].ravel()]
    expected = [0.04636651, 0.02279018, 0.10617282, 0.10617282, 0.92033605]
    np.testing.assert_allclose(spread, expected, atol=1e-8)
    assert found.correction[20, 0] == pytest.approx(shift, abs=1e-6)
    assert found.excess[20] == pytest.approx(excess, abs=1e-6)


def test_whitened_points_are_points(six):
    found = whitened_linear(1.0, 6, steps=20, learning_rate=0.05)
    across = np.repeat(found.across[:, :1, 0], 5, axis=1)
    expected = np.concatenate([found.along[:, :1, 0], across], axis=1)
    np.testing.assert_allclose(six.variance(), expected, atol=1e-12)
    np.testing.assert_allclose(six.correction["output"][:, 0], found.correction[:, 0], atol=1e-12)
    kernel = six.variance("feature_kernel")[:, 0]
    np.testing.assert_allclose(kernel[:, 0, 0], found.along[:, 1, 1], atol=1e-12)
    np.testing.assert_allclose(kernel[:, 0, 3], found.across[:, 1, 1], atol=1e-12)
    excess = six.excess_loss  # of half the squared error
    np.testing.assert_allclose(2 * (excess.bias + excess.variance), found.excess, atol=1e-12)


def test_networks_of_all_widths(six):
    y = np.eye(6)[0]
    for width, members in ((400, 4000), (1600, 4000)):
        nets = two_layer_linear_ensemble(
            np.eye(6), y, width=width, members=members, steps=20, learning_rate=0.05,
            key=jax.random.key(width),
        )  # fmt: skip
        final = nets.output.values[:, 20]
        measured, error = width * final.var(axis=0), np.sqrt(2 / members)
        expected = six.variance()[20]
        # sampling, and the next order in 1/width
        np.testing.assert_allclose(measured, expected, rtol=4 * error + 16 / width)
        shift = width * (final.mean(axis=0) - six.mean["output"][20])[0]
        tolerance = 4 * np.sqrt(width * expected[0] / members) + 16 / width
        assert shift == pytest.approx(six.correction["output"][20, 0], abs=tolerance)


def test_edge_of_stability():
    found = edge_of_stability(1.0, steps=200, learning_rate=0.3, richness=4.0)
    outputs = [0.6, 1.32384, 0.49275004, 1.28154293, 0.56134103]
    kernels = [4.88, 10.612352, 3.9837118, 10.25873013, 4.50215945]
    np.testing.assert_allclose(found.output[1:6], outputs, atol=1e-8)
    np.testing.assert_allclose(found.ntk[1:6], kernels, atol=1e-7)
    np.testing.assert_allclose(np.sort(found.ntk[-2:]), [4.27828287, 10.3883838], atol=1e-6)
    variances = found.covariance[[0, 1, 2, 5, 10, 20], 1, 1]
    np.testing.assert_allclose(variances[:4], [4, 35.104, 0.15476, 0.0762], rtol=1e-4)
    np.testing.assert_allclose(variances[4:], [0.0023, 5e-5], rtol=0.05)
    assert found.reaches_edge
    assert found.ntk[-1] < found.threshold < found.ntk[-2] or (
        found.ntk[-2] < found.threshold < found.ntk[-1]
    )


def test_networks_obey_the_map_of_output_and_kernel():
    # one network of three neurons, as if it were infinitely wide: the map has no width in it
    gram, eta, gamma = np.array([[[1.3, 0.4], [0.4, 0.7]]]), 0.2, 1.7
    rates = (eta, gamma)
    found = train_gram(gram, ONE, np.ones(1), steps=8, rates=rates, centered=False)
    f, k = found[0][0, :, 0], found[1][0, :, 0, 0]
    d = 1 - f
    moved = f + eta * k * d + eta**2 * gamma**2 * f * d**2
    grown = k + 4 * eta * gamma**2 * f * d + eta**2 * gamma**2 * k * d**2
    np.testing.assert_allclose(f[1:], moved[:-1], atol=1e-12)
    np.testing.assert_allclose(k[1:], grown[:-1], atol=1e-12)


def test_only_richness_times_targets_matters():
    first = edge_of_stability(1.0, steps=15, learning_rate=0.1, richness=2.0)
    second = edge_of_stability(0.5, steps=15, learning_rate=0.1, richness=4.0)
    np.testing.assert_allclose(first.output, 2 * second.output, atol=1e-13)
    np.testing.assert_allclose(first.covariance[:, 1, 1], second.covariance[:, 1, 1], atol=1e-11)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: edge_of_stability(1.0, steps=60, learning_rate=2.0), "diverges .* after .* steps"),
        (lambda: edge_of_stability(1.0, steps=0, learning_rate=0.1), "steps=0"),
        (lambda: whitened_linear(1.0, 0, steps=3, learning_rate=0.1), "points=0"),
        (lambda: whitened_linear(1.0, 3, steps=3, learning_rate=-1), "learning_rate is -1"),
        (lambda: whitened(1, richness=0), "richness is 0, the lazy limit"),
        (
            lambda: whitened(1, steps=10, loss="mean", learning_rate=9.0),
            "diverges at infinite width after",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
