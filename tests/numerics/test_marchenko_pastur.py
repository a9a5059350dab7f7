"""The Marchenko-Pastur law beside quadrature, closed forms and random matrices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import kstest

from widthwise.spectra import MarchenkoPastur

RNG = np.random.default_rng(0)


@given(
    ratio=st.floats(0.05, 0.9) | st.floats(1.1, 20),
    sigma=st.floats(0.1, 3),
    share=st.floats(0.01, 0.99),
)
@settings(deadline=None, max_examples=15)
def test_distribution_is_the_integral_of_the_density(ratio, sigma, share):
    law = MarchenkoPastur(ratio, sigma)
    low, high = law.edges
    s = low + share * (high - low)
    area = quad(lambda x: float(law.density(x)), low, s, limit=50, epsabs=1e-8)[0]
    assert float(law.cdf(s)) == pytest.approx(area, abs=1e-7)
    assert law.quantile(float(law.cdf(s))) == pytest.approx(s, abs=1e-8 * sigma)


def test_quarter_circle():
    s = np.linspace(0, 1, 50)
    law = MarchenkoPastur(sigma=0.5)
    assert law.edges == (0.0, 1.0)
    expected = np.sqrt(1 - s**2) / (np.pi * 0.25)
    np.testing.assert_allclose(law.density(s), expected, atol=1e-14)
    angle = np.arcsin(s)
    np.testing.assert_allclose(law.cdf(s), (angle + np.sin(2 * angle) / 2) * 2 / np.pi, atol=1e-14)


def test_second_moment_and_mass():
    """The squares of all entries sum to N D sigma^2 / N."""
    for ratio in (0.3, 1.0, 3.0):
        law = MarchenkoPastur(ratio, 1.3)
        low, high = law.edges
        mass = quad(lambda s, law=law: float(law.density(s)), low, high)[0]
        square = quad(lambda s, law=law: s**2 * float(law.density(s)), low, high)[0]
        assert mass == pytest.approx(1, abs=1e-8)
        assert square == pytest.approx(1.3**2 / min(1.0, ratio), rel=1e-7)
    outside = MarchenkoPastur(4.0)
    assert np.all(outside.density([0.0, 0.3, 1.6]) == 0)
    np.testing.assert_array_equal(outside.cdf([0.0, 0.5, 1.5, 2.0]), [0, 0, 1, 1])


@pytest.mark.parametrize("shape", [(150, 150), (200, 100), (100, 300)])
def test_random_matrices(shape):
    values = np.linalg.svd(2 * RNG.standard_normal(shape) / np.sqrt(shape[0]), compute_uv=False)
    # singular values repel each other: they are far closer to the law than independent draws
    assert kstest(values, MarchenkoPastur(shape[0] / shape[1], 2.0).cdf).statistic < 0.04


def test_refusals():
    for bad in ({"ratio": 0.0}, {"sigma": -1.0}, {"ratio": float("inf")}):
        with pytest.raises(ValueError, match="give a positive, finite number"):
            MarchenkoPastur(**bad)
    with pytest.raises(ValueError, match="between 0 and 1"):
        MarchenkoPastur().quantile(1.5)
    assert MarchenkoPastur().quantile(1.0) == 2.0
