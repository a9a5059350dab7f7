"""The rule beside closed forms: values, and derivatives that contain what the kinks contribute."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from widthwise.numerics import KinkRule, gaussian_mean, gaussian_pair_mean
from widthwise.numerics.quadrature import _pair_at, _traced

HINGES = KinkRule(kinks=(-0.5, 1.0))


def hinge_pair(u, v):
    return jnp.maximum(u - 1.0, 0.0) * jnp.maximum(v + 0.5, 0.0)


def above_pair(u, v):
    return jnp.where(u > 1.0, 1.0, 0.0) * jnp.where(v > -0.5, 1.0, 0.0)


def orthant(k12, k11, k22):
    """``P(u > 1, v > -0.5)``."""
    rest = np.sqrt(k11 - k12**2 / k22)

    def weighted(v):
        return norm.pdf(v, scale=np.sqrt(k22)) * norm.sf((1.0 - k12 / k22 * v) / rest)

    return quad(weighted, -0.5, 12.0, epsabs=1e-13, limit=200)[0]


@pytest.mark.parametrize("k", [(0.3, 1.0, 1.0), (-0.8, 1.0, 1.0), (0.9, 0.7, 1.3)])
def test_jumps_off_zero_give_orthant_probabilities(k):
    found = gaussian_pair_mean(above_pair, *k, rule=HINGES, continuous=False)
    assert float(found) == pytest.approx(orthant(*k), abs=1e-11)


@pytest.mark.parametrize("k", [(-0.8, 1.0, 1.0), (0.999, 1.0, 1.0)])
def test_second_derivatives_contain_the_kinks(k):
    # Price: d^2/dK12^2 E[(u-1)+ (v+1/2)+] is the density of (u, v) at the kinks, (1, -1/2).
    def value(k12):
        return gaussian_pair_mean(hinge_pair, k12, k[1], k[2], rule=HINGES)

    area = k[1] * k[2] - k[0] ** 2
    exponent = (k[2] * 1.0**2 - 2 * k[0] * 1.0 * (-0.5) + k[1] * 0.5**2) / (2 * area)
    density = np.exp(-exponent) / (2 * np.pi * np.sqrt(area))
    assert float(jax.grad(jax.grad(value))(k[0])) == pytest.approx(density, abs=1e-10)


@pytest.mark.slow
def test_hessian_in_the_variances_agrees_with_differences():
    def value(k):
        return gaussian_pair_mean(hinge_pair, k[0], k[1], k[2], rule=HINGES)

    k = jnp.asarray([0.4, 0.9, 1.2])
    slope, step = jax.jit(jax.grad(value)), 1e-4
    columns = [(slope(k + step * e) - slope(k - step * e)) / (2 * step) for e in jnp.eye(3)]
    hessian = jax.hessian(value)(k)
    np.testing.assert_allclose(hessian, jnp.stack(columns), atol=1e-7)
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-12)


def test_derivative_of_a_mean_moves_the_cut():
    # E 1[z > 1] = Phi(-1/sqrt(q)): all of its derivative comes from the moving cut.
    def above(q):
        return gaussian_mean(lambda z: jnp.where(z > 1, 1.0, 0.0), q, rule=KinkRule((1.0,)))

    q = 0.7
    exact = np.exp(-1 / (2 * q)) / np.sqrt(2 * np.pi) / (2 * q**1.5)
    assert float(jax.grad(above)(q)) == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("r", [-1.0, -1 + 1e-12, 0.0, 1 - 1e-12, 1.0])
def test_moments_at_every_correlation(r):
    found = gaussian_pair_mean(lambda u, v: u**2 * v**2, 4.0 * r, 4.0, 4.0, rule=KinkRule())
    assert float(found) == pytest.approx(16 * (1 + 2 * r**2), abs=1e-10)


def test_a_large_input_needs_little_memory():
    k = jax.ShapeDtypeStruct((1000, 1000), jnp.float64)
    program = _traced.lower(_pair_at, hinge_pair, HINGES, k, k, k).compile()
    memory = program.memory_analysis()
    assert memory is not None
    assert memory.temp_size_in_bytes < 100e6  # ten times one input; all nodes would be 2e11
