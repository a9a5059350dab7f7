"""Sharpness against dense Hessians, and against what its bounds promise."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy.stats import beta

import widthwise as ww
from widthwise.numerics.lanczos import krylov_space, ritz, upper_bound
from widthwise.observables.curvature import (
    NotConverged,
    hessian_eigenvalues,
    spectral_density,
)

RNG = np.random.default_rng(0)
X, Y = jnp.asarray(RNG.standard_normal((12, 3))), jnp.asarray(RNG.standard_normal(12))


def predictions(params, x, y):
    del y
    return jnp.tanh(x @ params["w"].T) @ params["v"]


def squares(f, x, y):
    del x
    return jnp.mean((f - y) ** 2)


def loss(params, x, y):
    return squares(predictions(params, x, y), x, y)


PARAMS = {
    "w": jnp.asarray(RNG.standard_normal((5, 3))),
    "v": jnp.asarray(RNG.standard_normal(5)),
    "name": "constant",
}


@pytest.fixture(scope="module")
def hessian():
    """The dense matrix, by derivatives of the flat vector."""
    arrays, constant = eqx.partition(PARAMS, eqx.is_array)
    flat, unravel = ravel_pytree(arrays)
    return np.asarray(jax.hessian(lambda v: loss(eqx.combine(unravel(v), constant), X, Y))(flat))


def test_sharpness_of_a_network_is_the_top_of_its_dense_hessian(hessian):
    found = ww.sharpness(loss, PARAMS, X, Y)
    top = np.linalg.eigvalsh(hessian)[-1]
    assert found.converged
    assert found.value <= top * (1 + 1e-12) <= found.upper * (1 + 2e-12)
    assert found.upper - found.value <= 1e-3 * top
    assert np.abs(np.linalg.eigvalsh(hessian) - found.value).min() <= found.residual + 1e-12
    assert float(found) == found.value
    assert found.products <= 20


def test_gauss_newton_leaves_out_the_curvature_of_the_outputs():
    arrays, constant = eqx.partition(PARAMS, eqx.is_array)
    flat, unravel = ravel_pytree(arrays)
    jacobian = jax.jacobian(lambda v: predictions(eqx.combine(unravel(v), constant), X, Y))(flat)
    top = np.linalg.eigvalsh(2 / 12 * np.asarray(jacobian.T @ jacobian))[-1]
    found = ww.sharpness(squares, PARAMS, X, Y, outputs=predictions)
    np.testing.assert_allclose(found.value, top, rtol=1e-6)


def test_rates_scale_the_hessian_from_both_sides(hessian):
    rates = {"w": 4.0, "v": jnp.asarray(0.25), "name": None}
    roots = np.sqrt(np.concatenate([np.full(5, 0.25), np.full(15, 4.0)]))  # v before w
    top = np.linalg.eigvalsh(roots[:, None] * hessian * roots)[-1]
    np.testing.assert_allclose(ww.sharpness(loss, PARAMS, X, Y, rates=rates).value, top, rtol=1e-6)


def deep_linear(ws, x, y):
    out = x.T
    for w in ws:
        out = w @ out
    return jnp.mean((out[0] - y) ** 2)


def test_published_value_away_from_a_minimum():
    """Three linear layers, two samples: the negative end of the spectrum is nearly as large."""
    ws = [
        jnp.asarray([[0.1, 0.2], [0.3, -0.1], [0.2, 0.4]]),
        jnp.asarray([[0.5, -0.2, 0.1], [0.3, 0.3, -0.4]]),
        jnp.asarray([[0.7, -0.6]]),
    ]
    x = jnp.asarray(2**0.5 * np.diag([2**0.5, 0.5**0.5]))
    y = x @ jnp.asarray([1.0, -1.0])
    np.testing.assert_allclose(deep_linear(ws, x, y), 2.776628, atol=1e-6)
    found = ww.sharpness(deep_linear, ws, x, y, tolerance=1e-9)
    np.testing.assert_allclose(found.value, 5.738737611202, rtol=1e-9)


def diagonal(v, eigenvalues):
    return jnp.sum(eigenvalues * v**2) / 2


@pytest.mark.parametrize("factor", [3.0, 0.0, -2.0])
def test_spaces_that_products_do_not_leave(factor):
    """A multiple of the identity: one product tells all."""
    found = ww.sharpness(diagonal, jnp.ones(7), jnp.full(7, factor))
    np.testing.assert_allclose([found.value, found.upper], factor, atol=1e-12)
    assert (found.products, found.converged) == (1, True)


def test_the_upper_bound_fails_as_rarely_as_it_says():
    """Stopped early, over many random starts: the honest test of a probability."""
    values = jnp.append(jnp.linspace(-1, 1, 199), 1.2)
    weight = beta(0.5, 199 / 2).ppf(0.01)

    def bounds(start):
        space = krylov_space(lambda v: values * v, start, products=12)
        found = ritz(space)
        return found.values[-1], upper_bound(space, found, weight)

    starts = jnp.asarray(np.random.default_rng(3).standard_normal((1000, 200)))
    low, high = jax.jit(jax.vmap(bounds))(starts)
    assert np.all(low <= 1.2 + 1e-12)
    assert np.sum(high < 1.2) <= 20  # 10 at most expected; more than 20 has probability 2e-3
    assert np.median(high) < 1.6


def test_too_few_products_are_never_passed_off_as_enough():
    params, values = jnp.zeros(2000), jnp.linspace(0.0, 1.0, 2000)
    with pytest.raises(NotConverged, match="after 8 products the sharpness is"):
        ww.sharpness(diagonal, params, values, max_products=8)
    found = ww.sharpness(diagonal, params, values, max_products=8, throw=False)
    assert not found.converged
    assert found.upper > 1.0


def test_float32_and_many_parameters():
    rng = np.random.default_rng(1)
    values = jnp.asarray(np.append(0.1 * rng.standard_normal(10**5 - 1), 1.5), jnp.float32)
    found = ww.sharpness(diagonal, jnp.zeros(10**5, jnp.float32), values)
    np.testing.assert_allclose(found.value, 1.5, rtol=1e-5)
    assert found.products <= 40


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ww.sharpness(loss, {"name": "x"}, X, Y), "no array of floating-point"),
        (lambda: ww.sharpness(jnp.sum, jnp.array([1.0, jnp.nan])), "not finite"),
        (lambda: ww.sharpness(lambda v: v, jnp.ones(3)), "return one real number"),
        (lambda: ww.sharpness(jnp.sum, jnp.ones(3) * 1j), "complex"),
        (lambda: ww.sharpness(jnp.sum, jnp.ones(3), tolerance=0.0), "tolerance is 0.0"),
        (lambda: ww.sharpness(jnp.sum, jnp.ones(3), max_products=0), "max_products is 0"),
        (lambda: ww.sharpness(jnp.sum, jnp.ones(3), rates=(1.0, 2.0)), "one factor for each"),
        (lambda: ww.sharpness(jnp.sum, jnp.ones(3), rates=-1.0), "at least zero"),
        (lambda: ww.sharpness(lambda v: jnp.sum(v**1.5), jnp.zeros(3)), "not finite"),
    ],
)
def test_refused(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_top_and_bottom_of_the_spectrum(hessian):
    found = hessian_eigenvalues(loss, PARAMS, X, Y, top=3, bottom=2, tolerance=1e-8)
    exact = np.linalg.eigvalsh(hessian)[::-1]
    np.testing.assert_allclose(found.eigenvalue, exact[[0, 1, 2, -2, -1]], atol=1e-7)
    assert found["rank"].values.tolist() == [1, 2, 3, -2, -1]
    with pytest.raises(NotConverged, match="3 of 4 eigenvalues"):
        hessian_eigenvalues(diagonal, jnp.ones(5), jnp.array([3.0, 3, 2, 2, 1]), top=4, bottom=0)
    with pytest.raises(ValueError, match="at most the number of parameters, 5"):
        hessian_eigenvalues(diagonal, jnp.ones(5), jnp.ones(5), top=6)


def test_spectral_density_is_that_of_the_eigenvalues():
    """A semicircle: values and the share beyond zero, within the errors over probes."""
    levels = (np.arange(400) + 0.5) / 400
    grid = np.linspace(-1, 1, 20001)
    cdf = 0.5 + (grid * np.sqrt(1 - grid**2) + np.arcsin(grid)) / np.pi
    values = jnp.asarray(np.interp(levels, cdf, grid))
    found = spectral_density(diagonal, jnp.zeros(400), values, probes=10, products=30, width=0.05)
    x = found.eigenvalue.values
    mass = np.sum(found.density.values) * (x[1] - x[0])
    np.testing.assert_allclose(mass, 1, atol=1e-4)
    bumps = np.exp(-((x[:, None] - np.asarray(values)[None]) ** 2) / 2 / 0.05**2)
    exact = bumps.mean(axis=1) / (0.05 * np.sqrt(2 * np.pi))
    z = (found.density.values - exact) / np.maximum(found.standard_error.values, 1e-3)
    assert np.sqrt(np.mean(z**2)) < 2.5
    np.testing.assert_allclose(found.weight.sum("index"), 1, atol=1e-9)
    with pytest.raises(ValueError, match="at least two of each"):
        spectral_density(diagonal, jnp.zeros(3), jnp.ones(3), probes=1)
