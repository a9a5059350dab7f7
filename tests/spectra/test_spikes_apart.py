"""Independent spikes, one or as many as a share of the width."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from widthwise.spectra import ExtensiveSpikes, MarchenkoPastur, independent_spike, outliers

RNG = np.random.default_rng(1)


def test_reference_values():
    assert float(independent_spike(1.5).singular_value) == pytest.approx(2.1666667, abs=1e-7)
    found = independent_spike(0.8, sigma=0.5)
    assert float(found.singular_value) == pytest.approx(1.1125, abs=1e-12)
    for ratio, strength, expected in ((0.5, 2.0, 2.73861279), (4.0, 1.0, 1.58113883)):
        value = float(independent_spike(strength, ratio=ratio).singular_value)
        assert value == pytest.approx(expected, abs=1e-8)
        edge = independent_spike(ratio**-0.25 * (1 + 1e-9), ratio=ratio).singular_value
        assert float(edge) == pytest.approx(MarchenkoPastur(ratio).edges[1], abs=1e-7)


def test_weak_spikes_stay_in_the_bulk():
    found = independent_spike([0.0, 0.4, 0.6], sigma=0.5)
    np.testing.assert_array_equal(np.isnan(found.singular_value), [True, True, False])
    np.testing.assert_array_equal(found.left_overlap[:2], 0)


@given(
    strength=st.floats(1.2, 5),
    ratio=st.floats(0.2, 5),
    sigma=st.floats(0.3, 3),
    split=st.floats(0, 1),
)
@settings(deadline=None, max_examples=20)
def test_general_solver_agrees_for_one_spike(strength, ratio, sigma, split):
    """Only the product of coefficient and lengths counts."""
    theta = strength * ratio**-0.25 * sigma
    one = independent_spike(theta, sigma=sigma, ratio=ratio)
    feature, gradient = theta ** (2 * split), theta ** (2 - 2 * split)
    found = outliers([[feature]], [[gradient]], [1.0], sigma=sigma, ratio=ratio)
    np.testing.assert_allclose(found.singular_values, [one.singular_value], rtol=1e-10)
    np.testing.assert_allclose(found.left_overlaps([[2.0]]), [[one.left_overlap]], rtol=1e-7)
    np.testing.assert_allclose(found.right_overlaps([[-1.0]]), [[one.right_overlap]], rtol=1e-7)


def test_overlaps_of_a_random_matrix():
    n, d, strength = 80, 160, 2.0
    measured, theory = np.zeros((6, 2)), independent_spike(strength, ratio=n / d)
    for i in range(6):
        u, v = (x / np.linalg.norm(x) for x in (RNG.standard_normal(n), RNG.standard_normal(d)))
        noise = RNG.standard_normal((n, d)) / np.sqrt(n)
        a, s, b = np.linalg.svd(noise + strength * u[:, None] * v[None], full_matrices=False)
        measured[i] = (a[:, 0] @ u) ** 2, (b[0] @ v) ** 2
        assert s[0] == pytest.approx(float(theory.singular_value), abs=0.25)
    error = measured.std(axis=0, ddof=1) / np.sqrt(6)
    expected = [float(theory.left_overlap), float(theory.right_overlap)]
    assert np.all(np.abs(measured.mean(axis=0) - expected) < 4 * error + 4 / n)


@pytest.mark.parametrize(
    ("sigma2", "strength2", "share", "y", "expected"),
    [
        (1, 1, 0.5, 1, 2.7350093),
        (1, 1, 0.5, 2, 3.1999109),
        (1, 4, 1 / 6, 3, 4.3972286),
        (1, 0.25, 1.0, 1, 2.2854208),
        (1, 1, 0.01, 1, 2.055176),
        (1, 1, 0.1, 1, 2.254695),
        (1, 1, 1.0, 1, 3.153674),
    ],
)
def test_edge_and_density_of_many_spikes(sigma2, strength2, share, y, expected):
    law = ExtensiveSpikes(strength2**0.5, spike_ratio=share, ratio=1 / y, sigma=sigma2**0.5)
    assert law.edge == pytest.approx(expected, abs=1e-6)
    assert float(law.density(law.edge * (1 + 1e-6))) == 0
    assert float(law.density(law.edge * (1 - 1e-4))) > 0
    mass = quad(lambda s: float(law.density(s)), 1e-9, law.edge, limit=400, epsabs=1e-6)[0]
    assert mass == pytest.approx(1, abs=1e-4)
    # E s^2: D columns of N entries, less what min(N, D) counts
    square = quad(lambda s: s**2 * float(law.density(s)), 1e-9, law.edge, limit=400)[0]
    assert square == pytest.approx((sigma2 + strength2 * share) * max(1, y), rel=1e-4)


def test_few_spikes_are_one_outlier():
    few = ExtensiveSpikes(2.0, spike_ratio=1e-7)
    assert few.edge == pytest.approx(2.5, abs=2e-3)


def test_many_spikes_in_a_random_matrix():
    n, d, c = 200, 400, 100
    law = ExtensiveSpikes(1.0, spike_ratio=c / d, ratio=n / d)
    left, right = RNG.standard_normal((n, c)), RNG.standard_normal((c, d))
    matrix = RNG.standard_normal((n, d)) / np.sqrt(n) + left @ right / np.sqrt(n * d)
    values = np.linalg.svd(matrix, compute_uv=False)
    grid = np.linspace(0.5 * law.edge, 0.9 * law.edge, 4)
    tail = [quad(lambda s: float(law.density(s)), cut, law.edge, limit=200)[0] for cut in grid]
    measured = np.mean(values[None] > grid[:, None], axis=1)
    np.testing.assert_allclose(measured, tail, atol=0.015)
    assert values[0] == pytest.approx(law.edge, abs=0.2)


def test_refusals():
    with pytest.raises(ValueError, match="strength is"):
        independent_spike(-1.0)
    with pytest.raises(ValueError, match="spike_ratio is 0"):
        ExtensiveSpikes(1.0, spike_ratio=0.0)
