"""Rescaled inputs and shifted sines, against quadrature of the function itself."""

import jax.numpy as jnp
import numpy as np
import pytest

from widthwise import activations

K = (0.3, 0.8, 1.3)
X, W = np.polynomial.hermite_e.hermegauss(80)
W = W / W.sum()
U = np.sqrt(K[1]) * X[:, None] + 0 * X
V = K[0] / np.sqrt(K[1]) * X[:, None] + np.sqrt(K[2] - K[0] ** 2 / K[1]) * X

CASES = {
    "erf": (activations.steeper(activations.erf, 0.5), lambda z: activations.erf.function(0.5 * z)),
    "gaussian": (activations.steeper(activations.gaussian, -0.7), lambda z: np.exp(-0.245 * z**2)),
    "polynomial": (
        activations.steeper(activations.polynomial([1, 2, 3]), -2.0),
        lambda z: 1 - 4 * z + 12 * z**2,
    ),
    "sine": (activations.shifted_sine(0.4), lambda z: np.sin(z + 0.4)),
    "steep sine": (
        activations.steeper(activations.shifted_sine(0.4), -1.2),
        lambda z: np.sin(0.4 - 1.2 * z),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_averages(name):
    phi, f = CASES[name]
    at = [np.asarray(f(jnp.asarray(z) if name == "erf" else z)) for z in (U, V)]
    dual = W @ (at[0] * at[1]) @ W
    np.testing.assert_allclose(phi.dual(*K), dual, rtol=1e-11)
    step = 1e-4
    slope = (phi.dual(K[0] + step, *K[1:]) - phi.dual(K[0] - step, *K[1:])) / (2 * step)
    np.testing.assert_allclose(phi.dual_derivative(*K), slope, rtol=1e-6)
    np.testing.assert_allclose(phi.second_moment(K[1]), phi.dual(K[1], K[1], K[1]), rtol=1e-12)
    np.testing.assert_allclose(phi.mean(K[1]), W @ at[0][:, 0], rtol=1e-11, atol=1e-13)
    order = 4
    basis = [np.polynomial.hermite_e.hermeval(X, np.eye(order + 1)[k]) for k in range(order + 1)]
    factorial = np.array([1, 1, 2, 6, 24])
    series = np.array([W @ (b * at[0][:, 0]) for b in basis]) / np.sqrt(factorial)
    np.testing.assert_allclose(phi.hermite(order, K[1]), series, atol=1e-11)


def test_kinks_move():
    assert activations.steeper(activations.relu6, -2.0).kinks == (-3.0, 0.0)


def test_gaps():
    gap, before = jnp.asarray([1e-12, 0.4, 1.7]), (jnp.asarray([0.8]), jnp.asarray([1.3]))
    for phi in (activations.relu, activations.erf):
        plain, scaled = phi, activations.steeper(phi, -3.0)
        after = [jnp.sqrt(plain.second_moment((3 * s) ** 2)) for s in before]
        expected = plain.gap_map(
            gap, *(plain.gap_side(3 * s, t) for s, t in zip(before, after, strict=True))
        )
        found = scaled.gap_map(
            gap, *(scaled.gap_side(s, t) for s, t in zip(before, after, strict=True))
        )
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
        np.testing.assert_allclose(found[1], 9 * expected[1], rtol=1e-12)


def test_a_factor_of_zero_is_refused():
    with pytest.raises(ValueError, match="not zero"):
        activations.steeper(activations.erf, 0.0)
