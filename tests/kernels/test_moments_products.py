"""Moments of products of a pair and their derivatives, against exact formulas."""

from functools import partial

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from widthwise import activations
from widthwise.activations.products import mean_products
from widthwise.kernels.products import input_moments, product_moments

PAIRS = [(1.0, 0.5, 1.0), (1.0, -0.3, 1.0), (0.6, 0.7, 1.4), (2.0, -1.2, 0.8), (1.0, 0.99, 1.0)]


@partial(jax.jit, static_argnums=0)
def moments(phi, k):
    return product_moments(phi, k, mean_products(phi, k))


def at(phi, pair):
    noise, gradient, hessian = moments(phi, jnp.asarray(pair)[None])
    return np.asarray(noise[0]), np.asarray(gradient[0]), np.asarray(hessian[0])


def by_high_precision(dual, pair):
    """Gradient and Hessian of a function of (K11, K12, K22) by differences at 40 digits."""
    with mp.workdps(40):
        point = tuple(mp.mpf(x) for x in pair)

        def partial(*orders):
            return float(mp.diff(dual, point, orders))

        unit = np.eye(3, dtype=int)
        gradient = [partial(*(int(n) for n in unit[i])) for i in range(3)]
        hessian = [
            [partial(*(int(n) for n in unit[i] + unit[j])) for j in range(3)] for i in range(3)
        ]
    return np.array(gradient), np.array(hessian)


def relu_dual(k11, k12, k22):
    angle = mp.acos(k12 / mp.sqrt(k11 * k22))
    return (mp.sqrt(k11 * k22 - k12**2) + (mp.pi - angle) * k12) / (2 * mp.pi)


def sin_dual(k11, k12, k22):
    return mp.exp(-(k11 + k22) / 2) * mp.sinh(k12)


def erf_dual(k11, k12, k22):
    return 2 / mp.pi * mp.asin(2 * k12 / mp.sqrt((1 + 2 * k11) * (1 + 2 * k22)))


def sign_dual(k11, k12, k22):
    return 2 / mp.pi * mp.asin(k12 / mp.sqrt(k11 * k22))


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize(
    ("phi", "dual"),
    [
        (activations.relu, relu_dual),
        (activations.sin, sin_dual),
        (activations.erf, erf_dual),
        (activations.sign, sign_dual),
    ],
    ids=lambda value: getattr(value, "name", "dual"),
)
def test_derivatives_are_those_of_the_closed_form(phi, dual, pair):
    gradient, hessian = by_high_precision(dual, pair)
    _, got_gradient, got_hessian = at(phi, pair)
    np.testing.assert_allclose(got_gradient[1], gradient, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(got_hessian[1], hessian, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("pair", PAIRS[:4])
def test_kinks_away_from_zero(pair):
    # hardtanh' is the indicator of (-1, 1) and hardtanh'' = delta(z + 1) - delta(z - 1).
    k11, k12, k22 = pair
    cov = np.array([[k11, k12], [k12, k22]])
    normal = multivariate_normal(np.zeros(2), cov, abseps=1e-10, releps=1e-10)  # pyright: ignore[reportArgumentType]
    inside = normal.cdf([1, 1], lower_limit=[-1, -1])
    _, gradient, hessian = at(activations.hardtanh, pair)
    assert gradient[1, 1] == pytest.approx(inside, abs=1e-8)
    bends = 2 * (normal.pdf([1, 1]) - normal.pdf([1, -1]))
    assert hessian[1, 1, 1] == pytest.approx(bends, abs=1e-9)
    assert hessian[1, 0, 2] == pytest.approx(bends / 4, abs=1e-9)


@given(st.floats(0.3, 2.0), st.floats(-0.95, 0.95), st.floats(0.3, 2.0))
@settings(deadline=None, max_examples=20)
def test_squares_by_isserlis_theorem(k11, rho, k22):
    k12 = rho * np.sqrt(k11 * k22)
    noise, gradient, hessian = at(activations.polynomial((0.0, 0.0, 1.0)), (k11, k12, k22))
    f = np.array([3 * k11**2, k11 * k22 + 2 * k12**2, 3 * k22**2])
    cubic = [15 * a**3 * b + 90 * a**2 * k12**2 for a, b in ((k11, k22), (k22, k11))]
    both = 9 * k11**2 * k22**2 + 72 * k11 * k22 * k12**2 + 24 * k12**4
    fourth = [
        [105 * k11**4, cubic[0], both],
        [cubic[0], both, cubic[1]],
        [both, cubic[1], 105 * k22**4],
    ]
    scale = 105 * max(k11, k22) ** 4
    np.testing.assert_allclose(noise, fourth - np.outer(f, f), atol=1e-9 * scale)
    slopes = [[6 * k11, 0, 0], [k22, 4 * k12, k11], [0, 0, 6 * k22]]
    np.testing.assert_allclose(gradient, slopes, atol=1e-8)
    bends = np.zeros((3, 3, 3))
    bends[0, 0, 0] = bends[2, 2, 2] = 6
    bends[1] = [[0, 0, 1], [0, 4, 0], [1, 0, 0]]
    np.testing.assert_allclose(hessian, bends, atol=1e-7)


@pytest.mark.parametrize("q", [0.0, 0.3, 1.0, 2.5])
def test_one_input(q):
    fourth, slope, bend = input_moments(activations.sin, jnp.asarray(q))
    e = np.exp
    assert float(fourth) == pytest.approx((3 - 4 * e(-2 * q) + e(-8 * q)) / 8, abs=1e-12)
    if q > 0:
        assert float(slope) == pytest.approx(e(-2 * q), abs=1e-11)
        assert float(bend) == pytest.approx(-2 * e(-2 * q), abs=1e-10)
