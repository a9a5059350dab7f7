"""Outliers of spikes that depend on the bulk: reference values, networks, invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widthwise.spectra import critical_richness, escape_step, outlier_trajectory, outliers
from widthwise.spectra.spikes import read_history

RNG = np.random.default_rng(2)


def until(spikes, t):
    return {
        name: value if name in ("sigma", "ratio") else value[:t] if name == "coefficients"
        else value[:t, ..., :t, :] if value.ndim == 4 or value.shape[:1] != value.shape[-1:]
        else value[:t, :t]
        for name, value in spikes.items()
    }  # fmt: skip


def statistic(spikes, t, sigma, offset=0.0):
    """Largest eigenvalue of C B as the equations stand, all spikes kept, just beyond the edge."""
    phi, g = spikes["feature_kernel"][:t, :t], spikes["gradient_kernel"][:t, :t]
    rp, rg = spikes["forward_response"][:t, :t], spikes["backward_response"][:t, :t]
    s = 2 * sigma * (1 + offset)
    m = 2 / (s + np.sqrt(max(s**2 - 4 * sigma**2, 0.0)))
    a = sigma**4 * m**2
    left = np.linalg.inv(np.eye(t) - a * rg @ rp)
    right = np.linalg.inv(np.eye(t) - a * rp @ rg)
    x = m * left @ (g + a * rg @ phi @ rg.T) @ left.T
    z = m * right @ (phi + a * rp @ g @ rp.T) @ right.T
    y = m * sigma**2 * x @ rp.T + sigma**2 * m**2 * left @ rg @ phi
    c = np.diag(spikes["coefficients"][:t])
    product = np.block([[c @ y.T, c @ z], [c @ x, c @ y]])
    return np.max(np.linalg.eigvals(product).real)


@pytest.fixture(scope="module")
def unit(linear_network):
    """Two hidden layers, sigma 1, richness 5."""
    return linear_network(2, 30, 0.02, 5.0)


@pytest.fixture(scope="module")
def quarter(linear_network):
    """Two hidden layers, sigma^2 = 1/4, richness 3."""
    return linear_network(2, 40, 0.05, 3.0, sigma2=0.25)


def test_spikes_that_independence_would_keep_in_the_bulk(unit):
    assert unit.output[8, 0] == pytest.approx(0.7423047, abs=1e-7)
    spikes = unit.spikes(1)
    found = outlier_trajectory(**spikes).sel(step=[8, 12, 30])
    expected = [2.0250350, 2.0927414, 2.0990262]
    np.testing.assert_allclose(found.singular_value[:, 0], expected, atol=1e-6)
    assert np.all(np.isnan(found.independent))
    np.testing.assert_allclose(
        found.independent_escape_statistic, [0.7370, 0.8635, 0.8731], atol=1e-4
    )
    # the reference values are 1e-9 beyond the edge, where the statistic has a square root
    for t, value, printed in zip(
        (8, 12, 30), found.escape_statistic.values, (1.2722783, 1.6015028, 1.6275955), strict=True
    ):
        assert statistic(spikes, t, 1.0, offset=1e-9) == pytest.approx(printed, abs=1e-6)
        assert value == pytest.approx(statistic(spikes, t, 1.0), abs=1e-8)
    assert found.attrs["edge"] == 2
    assert found.attrs["escape_step"] == pytest.approx(6.56647, abs=1e-3)


def test_positions_and_overlaps_at_small_variance(quarter):
    spikes = quarter.spikes(1)
    found = outlier_trajectory(**spikes).sel(step=[8, 12, 20, 40])
    expected = [1.0086591, 1.2561944, 1.5236258, 1.5239685]
    np.testing.assert_allclose(found.singular_value[:, 0], expected, atol=1e-6)
    independent = [np.nan, 1.0505945, 1.2214935, 1.2217447]
    np.testing.assert_allclose(found.independent[:, 0], independent, atol=1e-6)
    for t, last, first in ((12, 0.89489, 0.46923), (20, 0.96704, 0.53136)):
        at = outliers(**until(spikes, t))
        overlaps = at.left_overlaps(np.eye(t)[[t - 1, 0]])
        np.testing.assert_allclose(overlaps, [[last, first]], atol=1e-5)
        # one sample, two hidden layers: the network is the same read from either end
        np.testing.assert_allclose(at.right_overlaps(np.eye(t)[[t - 1, 0]]), overlaps, atol=1e-9)


def test_three_hidden_layers_have_equal_spectra(linear_network):
    network = linear_network(3, 20, 0.05, 2.0, sigma2=0.5)
    found = [outlier_trajectory(**network.spikes(layer)) for layer in (1, 2)]
    for one in found:
        assert np.isnan(one.singular_value[5, 0])
        assert float(one.escape_statistic[5]) == pytest.approx(0.3409162, abs=1e-4)
        np.testing.assert_allclose(
            one.singular_value[[10, 20], 0], [1.4155696, 1.4611763], atol=1e-6
        )
        assert one.attrs["edge"] == pytest.approx(2**0.5)
    np.testing.assert_allclose(found[0].escape_statistic, found[1].escape_statistic, rtol=1e-9)


@pytest.mark.parametrize(
    ("sigma2", "rate", "steps", "expected"),
    [
        (1.0, 0.02, 17, {3: 15.248, 4: 8.819, 5: 6.566, 6: 5.315, 8: 3.949}),
        (0.5, 0.05, 31, {1: 29.956, 2: 8.807, 3: 5.636, 4: 4.244}),
        (0.25, 0.05, 24, {1: 22.403, 2: 10.729, 3: 7.213, 4: 5.498}),
    ],
)
def test_escape_steps(linear_network, sigma2, rate, steps, expected):
    """The printed values are 1e-9 beyond the edge, ours on it: earlier by their slope."""
    for richness, printed in expected.items():
        spikes = linear_network(2, steps, rate, float(richness), sigma2=sigma2).spikes(1)
        near = range(int(printed), int(printed) + 2)
        beyond = [statistic(spikes, t, sigma2**0.5, offset=1e-9) for t in near]
        at = [outliers(**until(spikes, t)).escape_statistic for t in near]
        assert near[0] + escape_step(beyond) == pytest.approx(printed, abs=1e-3)
        assert near[0] + escape_step(at) == pytest.approx(printed, abs=1e-2)


def test_critical_richness(linear_network):
    def largest(richness, sigma2, rate):
        spikes = linear_network(2, 60, rate, richness, sigma2=sigma2).spikes(1)
        return [outliers(**until(spikes, t)).escape_statistic for t in (40, 60)]

    wide = critical_richness(lambda r: largest(r, 1.0, 0.02), (2.5, 3.0), tolerance=1e-4)
    assert wide == pytest.approx(2.727, abs=2e-3)
    narrow = critical_richness(lambda r: largest(r, 0.5, 0.05), (0.9, 1.1), tolerance=1e-4)
    assert narrow == pytest.approx(0.957, abs=2e-3)
    with pytest.raises(ValueError, match="between which it crosses 1"):
        critical_richness(lambda _: [0.0, 0.5], (1.0, 2.0))
    with pytest.raises(ValueError, match="diverged"):
        critical_richness(lambda _: [0.0, np.nan], (1.0, 2.0))


def test_two_samples_that_are_one(linear_network):
    """Two equal samples are one sample at twice the learning rate."""
    one = linear_network(2, 12, 0.05, 3.0, sigma2=0.5)
    two = linear_network(2, 12, 0.025, 3.0, targets=(1.0, 1.0), sigma2=0.5, inputs=np.ones((2, 2)))
    np.testing.assert_allclose(two.output[:, 1], one.output[:, 0], atol=1e-12)
    expected = outlier_trajectory(**one.spikes(1))
    found = outlier_trajectory(**two.spikes(1))
    np.testing.assert_allclose(found.escape_statistic, expected.escape_statistic, atol=1e-8)
    np.testing.assert_allclose(found.singular_value, expected.singular_value, atol=1e-8)


def test_networks(linear_network):
    """Two samples, two hidden layers of 200 neurons, twelve seeds."""
    targets, sigma, rate, richness, n, steps = np.array([1.0, -0.6]), 0.5, 0.05, 3.0, 200, 16
    theory = linear_network(2, steps, rate, richness, targets=targets, sigma2=sigma**2)
    measured = []
    for _ in range(12):
        w0, w1, w = (sigma * RNG.standard_normal(s) for s in ((n, 2), (n, n), (n,)))
        for _ in range(steps):
            h = w0  # inputs are the unit vectors, so that x x^T / D is the identity
            h2 = w1 @ h / np.sqrt(n)
            error = targets - w @ h2 / (richness * n)
            g1 = w1.T @ w / np.sqrt(n)
            c = rate * richness
            w0, w1, w = (
                w0 + c * g1[:, None] * error[None],
                w1 + c * w[:, None] * (h @ error)[None] / np.sqrt(n),
                w + c * h2 @ error,
            )
        measured.append(np.linalg.svd(w1 / np.sqrt(n), compute_uv=False)[0])
    expected = outliers(**theory.spikes(1))
    error = np.std(measured, ddof=1) / np.sqrt(len(measured))
    assert len(expected.singular_values) == 1
    assert abs(np.mean(measured) - expected.singular_values[0]) < 4 * error + 2 / n
    assert expected.independent[0] < expected.singular_values[0] - 0.1


@given(scale=st.floats(0.2, 5), ratio=st.sampled_from([0.4, 1.0, 2.5]))
@settings(deadline=None, max_examples=10)
def test_scale_of_the_noise(quarter, scale, ratio):
    """Everything in units of sigma: coefficients scale with it, responses against it."""
    spikes = until(quarter.spikes(1), 10) | {"ratio": ratio}
    scaled = spikes | {
        "coefficients": scale * spikes["coefficients"],
        "forward_response": spikes["forward_response"] / scale,
        "backward_response": spikes["backward_response"] / scale,
        "sigma": scale * spikes["sigma"],
    }
    one, other = outliers(**spikes), outliers(**scaled)
    np.testing.assert_allclose(other.singular_values, scale * one.singular_values, rtol=1e-8)
    assert other.escape_statistic == pytest.approx(one.escape_statistic, rel=1e-8)


def test_transpose(quarter):
    """Rows and columns may change places: features are the gradients of the transpose."""
    spikes, ratio = until(quarter.spikes(1), 12), 2.0
    sigma = spikes["sigma"]
    one = outliers(**spikes | {"ratio": ratio})
    # entries of variance sigma^2 / N become sigma^2 / D times 1 / ratio
    turned = outliers(
        spikes["gradient_kernel"],
        spikes["feature_kernel"],
        spikes["coefficients"],
        forward_response=spikes["backward_response"],
        backward_response=spikes["forward_response"],
        sigma=sigma / ratio**0.5,
        ratio=1 / ratio,
    )
    np.testing.assert_allclose(turned.singular_values, one.singular_values, rtol=1e-8)
    directions = np.eye(12)[[0, 11]]
    np.testing.assert_allclose(
        turned.left_overlaps(directions), one.right_overlaps(directions), rtol=1e-6
    )


def test_smooth_histories_need_few_modes():
    """Many updates; kernels and responses on the span of four smooth functions."""
    t = np.linspace(0, 1, 120)
    basis = np.stack([np.ones_like(t), t, t**2, np.exp(-3 * t)])
    phi = basis.T @ np.diag([1.0, 0.5, 0.3, 0.1]) @ basis
    g = basis.T @ np.diag([0.5, 1.0, 0.2, 0.4]) @ basis
    c = 4 * np.exp(-2 * t) / 120
    found = outliers(phi, g, c)
    history = read_history(phi, g, c, None, None)
    assert history.until(120, 1.0).modes()[0].shape[1] <= 5
    product = np.block([[np.zeros((120, 120)), c[:, None] * phi], [c[:, None] * g, 0 * g]])
    expected = np.max(np.linalg.eigvals(product).real)
    assert found.escape_statistic == pytest.approx(expected, rel=1e-9)


def test_nothing_learned_yet():
    none = outliers(np.zeros((0, 0)), np.zeros((0, 0)), [])
    assert none.escape_statistic == 0
    assert len(none.singular_values) == 0
    still = outliers(np.ones((3, 3)), np.ones((3, 3)), [0.0, 0.0, 0.0])
    assert still.escape_statistic == 0
    assert not still.at_edge
    assert outliers([[1.0]], [[1.0]], [1.0005]).at_edge
    assert not outliers([[1.0]], [[1.0]], [1.01]).at_edge
    assert np.isnan(escape_step([0.0, 0.5]))
    assert escape_step([1.5]) == 0


def test_refusals():
    one, kernel = [1.0, 1.0], np.eye(2)
    future = np.array([[0.0, 1.0], [0.0, 0.0]])
    for arguments, words in (
        ((np.eye(3), kernel, one), "restrict both to the same updates"),
        ((np.ones((2, 3)), kernel, one), "give \\(updates, updates\\)"),
        ((kernel, kernel, [1.0]), "one for each of 2 updates"),
        ((np.array([[1.0, 0.5], [0.0, 1.0]]), kernel, one), "not symmetric"),
        ((kernel, kernel * np.nan, one), "diverged"),
        ((kernel, kernel, [1.0, np.inf]), "diverged"),
    ):
        with pytest.raises(ValueError, match=words):
            outliers(*arguments)
    with pytest.raises(ValueError, match="after the reaction"):
        outliers(kernel, kernel, one, forward_response=future)
    with pytest.raises(ValueError, match="circular"):
        outliers(kernel, kernel, one, forward_response=kernel, backward_response=kernel)
    with pytest.raises(ValueError, match="kernels ask for"):
        outliers(kernel, kernel, one, backward_response=np.eye(3))
    with pytest.raises(ValueError, match="sigma is 0"):
        outliers(kernel, kernel, one, sigma=0.0)
    found = outliers([[1.0]], [[1.0]], [1.5])
    with pytest.raises(ValueError, match="rows of 1 coefficients"):
        found.left_overlaps(np.ones((2, 3)))
    with pytest.raises(ValueError, match="length zero"):
        found.right_overlaps([[0.0]])
