import math
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from scipy.linalg import hadamard

from widthwise import activations, kernels
from widthwise.kernels.hypercube import _walsh_hadamard

relu = activations.relu
shifted_relu = relu.centered()
tanh = activations.tanh()


@pytest.mark.parametrize(
    ("m", "n", "parity", "expected"),
    [
        (6, 4, None, 0.0160753963509526),
        (6, 4, "odd", 0.0139398370376831),
        (6, 4, "even", 0.1267887863770),
        (4, 2, None, 0.0100225957576185),
        (4, 2, "odd", 0.00390625),
        (4, 2, "even", 0.1001129150391),
    ],
)
def test_baseline_reference_values(m, n, parity, expected):
    assert kernels.baseline(m, n, parity=parity).probability == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("parity", [None, "odd", "even"])
def test_baselines_agree_with_enumeration_of_all_sign_patterns(parity):
    """Two input bits, one output: the signs of a random function, listed."""
    counts = []
    for signs in product([-1, 1], repeat=4 if parity is None else 2):
        values = {None: signs, "odd": (*signs, *(-s for s in signs)), "even": 2 * signs}[parity]
        counts.append(sum(value < 0 for value in values))
    found = kernels.baseline(2, 1, parity=parity)
    assert found.probability == pytest.approx(np.mean(np.array(counts) == 0), abs=1e-14)
    assert found.mean == pytest.approx(np.mean(counts))
    assert found.variance == pytest.approx(np.var(counts))


def test_baseline_moments_and_large_sizes():
    assert kernels.baseline(6, 4).mean == 4.0
    assert kernels.baseline(6, 4).variance == 3.75
    assert kernels.baseline(6, 4, parity="odd").variance == 3.5
    assert kernels.baseline(200, 100).probability == 0.0
    assert kernels.baseline(50, 100).probability == pytest.approx(1.0, abs=1e-14)


@pytest.mark.parametrize(
    ("phi", "m", "n", "expected", "tolerance"),
    [
        (relu, 6, 4, (26.09742, 66.161157, 100.899686), 1e-5),
        (shifted_relu, 6, 4, (8.607351, 6.169317, 4.540410), 1e-5),
        (activations.erf, 6, 4, (8.799018, 6.820120, 5.210811), 1e-5),
        # Independent value: Hermite series of tanh to order 120 with 30 digits.
        (tanh, 6, 4, (8.96207360453, 7.27702938552, 5.74674246636), 1e-8),
    ],
)
def test_variance_at_infinite_width_reference_values(phi, m, n, expected, tolerance):
    found = [kernels.violation_variance(phi, m, n, depth) for depth in (1, 4, 8)]
    np.testing.assert_allclose(found, expected, atol=tolerance)


def test_variance_reference_values_for_more_bits_and_limits():
    by_depth = [kernels.violation_variance(shifted_relu, 8, 5, depth) for depth in (1, 4, 8)]
    np.testing.assert_allclose(by_depth, [36.105356, 20.107647, 11.453239], atol=1e-5)
    cosine = activations.cos.centered()  # even: decorrelates all but the antipodes
    even = kernels.baseline(6, 4, parity="even").variance
    assert kernels.violation_variance(cosine, 6, 4, 30) == pytest.approx(even, rel=1e-6)
    odd = kernels.baseline(6, 4, parity="odd").variance
    deep_odd = kernels.violation_variance(activations.tanh(4.0), 6, 4, 80)
    assert deep_odd == pytest.approx(odd, rel=1e-6)


def test_spectrum_diagonalises_the_covariance():
    m = 4
    c = kernels.hypercube_correlations(shifted_relu, m, 2)
    points = np.array(list(product([1, -1], repeat=m)))
    distance = (m - points @ points.T) // 2
    expected = np.linalg.eigvalsh(c[distance])
    spectrum = kernels.hypercube_spectrum(c)
    repeated = np.repeat(spectrum, [math.comb(m, w) for w in range(m + 1)])
    np.testing.assert_allclose(np.sort(repeated), expected, atol=1e-12)
    with pytest.raises(ValueError, match="positive semi-definite"):
        kernels.hypercube_spectrum(np.array([1.0, -0.9, 0.0]))


@pytest.mark.parametrize("bits", [1, 5, 7, 12])
def test_transform_is_the_hadamard_matrix(key, bits):
    values = jax.random.normal(key, (2, 2**bits))
    transformed = _walsh_hadamard(values)
    np.testing.assert_allclose(transformed, values @ hadamard(2**bits), atol=1e-10)


@pytest.mark.parametrize(
    ("phi", "expected"),
    [
        (relu, {1: 0.292, 4: 0.535, 16: 0.775}),
        (tanh, {1: 0.096, 4: 0.062, 16: 0.020}),
        (activations.tanh(4.0), {1: 0.059, 4: 0.021, 16: 0.0148}),
        (shifted_relu, {1: 0.086, 4: 0.043, 16: 0.0175}),
        (activations.gelu.centered(), {1: 0.087, 4: 0.042, 16: 0.0171}),
        (activations.hermite(2), {1: 0.251, 4: 0.127, 16: 0.129}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_probability_at_infinite_width(key, phi, expected):
    """Reference shares are of 40,000 draws, ours of 10,000: errors add."""
    for depth, reference in expected.items():
        counts = kernels.sample_violations(key, phi, 6, n_outputs=4, depth=depth, draws=10_000)
        found = kernels.summarize(counts)
        error = math.hypot(found.probability.standard_error, math.sqrt(reference / 40_000))
        assert abs(found.probability.value - reference) < 4 * error
        assert abs(found.mean.z(4.0)) < 4
        assert abs(found.variance.z(kernels.violation_variance(phi, 6, 4, depth))) < 4


def test_sampled_functions_are_odd_or_even(key):
    odd = kernels.sample_violations(key, tanh, 3, n_outputs=1, depth=2, draws=200)
    assert np.all(odd == 4)  # of x and -x exactly one is negative
    square = activations.hermite(2)
    even = kernels.sample_violations(key, square, 3, n_outputs=2, depth=2, draws=200)
    assert np.all(even % 2 == 0)


def test_draws_do_not_depend_on_how_many_there_are(key):
    few = kernels.sample_violations(key, relu, 5, n_outputs=2, depth=1, draws=10)
    many = kernels.sample_violations(key, relu, 5, n_outputs=2, depth=1, draws=37)
    assert np.array_equal(few, many[:10])


@pytest.mark.slow
def test_first_correction_tends_to_its_deep_limit():
    """Many input bits: nearly all pairs start unrelated, and then decorrelate."""
    deep = kernels.deep_width_correction(shifted_relu, 40, 4, width=64)
    full = kernels.width_correction(shifted_relu, 40, 4, 40, width=64)
    assert full == pytest.approx(deep, rel=0.02)


def test_deep_correction_of_an_odd_activation_is_the_spread_alone():
    phi = activations.tanh(4.0)
    b1 = float(phi.hermite(1)[1]) ** 2 / float(phi.second_moment())
    expected = 4**6 / 4**4 * math.comb(4, 2) * (2 / math.pi) ** 2 / (1 - b1**2) / 128
    assert kernels.deep_width_correction(phi, 6, 4, width=128) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match="does not decorrelate"):
        kernels.deep_width_correction(relu, 6, 4, width=128)
    with pytest.raises(ValueError, match="does not decorrelate"):
        kernels.deep_width_correction(activations.identity, 6, 4, width=128)


def test_first_correction_of_one_hidden_layer(key):
    """Outputs of one hidden layer, given it, are Gaussian: average their chance over layers drawn.

    With one input bit, the only pair of different inputs is ``(x, -x)``.
    """
    n, width, draws = 2, 25, 40_000
    z = jax.random.normal(key, (draws, width))
    s = jnp.stack([shifted_relu(z), shifted_relu(-z)], axis=-1)
    k = jnp.einsum("tia,tib->tab", s, s)
    r = k[:, 0, 1] / jnp.sqrt(k[:, 0, 0] * k[:, 1, 1])
    together = (0.25 + jnp.arcsin(r) / (2 * np.pi)) ** n
    limit = (0.25 + math.asin(float(shifted_relu.correlation_map(-1.0))) / (2 * np.pi)) ** n
    measured = 4 * 0.5 * (float(jnp.mean(together)) - limit)
    error = 2 * float(jnp.std(together)) / math.sqrt(draws)
    expected = kernels.width_correction(shifted_relu, 1, n, 1, width=width)
    assert error < abs(expected) / 15
    assert abs(measured - expected) < 4 * error + 4 * abs(expected) / width


@given(m=st.integers(1, 8), n=st.integers(1, 6), depth=st.integers(1, 3))
@settings(deadline=None, max_examples=15)
def test_variance_lies_between_none_and_all_equal(m, n, depth):
    """At most all inputs violate together."""
    variance = kernels.violation_variance(relu, m, n, depth)
    assert 0 <= variance <= 4.0**m * 2.0**-n * (1 - 2.0**-n) * (1 + 1e-12)


def test_summary_does_not_claim_certainty():
    summary = kernels.summarize(jnp.array([3, 1, 4, 1]))
    assert summary.probability.value == 0
    assert summary.probability.standard_error > 0.1
    assert summary.mean.value == 2.25
    with pytest.raises(ValueError, match="at least two"):
        kernels.summarize(jnp.array([1]))


def test_bad_input_is_refused(key):
    with pytest.raises(ValueError, match="m = 21 input bits"):
        kernels.sample_violations(key, relu, 21, n_outputs=1, depth=1, draws=1)
    with pytest.raises(ValueError, match="n_outputs = 0"):
        kernels.violation_variance(relu, 3, 0, 1)
    with pytest.raises(ValueError, match="depth = 0"):
        kernels.violation_variance(relu, 3, 1, 0)
    with pytest.raises(ValueError, match="m = 0 input bits"):
        kernels.baseline(0, 1)
    with pytest.raises((ValueError, TypeCheckError), match="both"):
        kernels.baseline(3, 1, parity="both")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="width = 0"):
        kernels.width_correction(relu, 3, 1, 1, width=0)
    with pytest.raises(ValueError, match="draws = 0"):
        kernels.sample_violations(key, relu, 3, n_outputs=1, depth=1, draws=0)
