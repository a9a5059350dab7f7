"""Kernels of finite networks under the archived names."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import widthwise as ww
import widthwise.compat.neural_tangents as nt
from widthwise.compat.neural_tangents import stax

RNG = np.random.default_rng(0)
X1, X2 = RNG.standard_normal((4, 3)), RNG.standard_normal((2, 3))
W = RNG.standard_normal((2, 3, 3))


def f(w, x):
    """Quadratic in x, outputs (2, 3): the tangent kernel of outputs (a, b) is the identity."""
    return jnp.einsum("abi,ni->nab", w, jnp.asarray(x) ** 2)


GRAM = (X1**2) @ (X2**2).T
"""Tangent kernel of one output of ``f`` with itself; different outputs share no parameters."""


@pytest.mark.parametrize(
    ("trace", "diagonal", "form"),
    [
        ((-1,), (), "nm,ac->nmac"),
        ((), (), "nm,ac,bd->nmacbd"),
        ((1,), (2,), "nm,b->nmb"),
        ((), (1,), "nm,a,bd->nmabd"),
        ((1, 2), (), "nm->nm"),
    ],
)
def test_axes_of_outputs(trace, diagonal, form):
    eyes = {"ac": np.eye(2), "bd": np.eye(3), "a": np.ones(2), "b": np.ones(3)}
    inputs = [eyes[part] for part in form.split("->")[0].split(",")[1:]]
    expected = np.einsum(form, GRAM, *inputs)
    for implementation in nt.NtkImplementation if form == "nm->nm" else (0,):
        ntk_fn = nt.empirical_ntk_fn(f, trace, diagonal, implementation=implementation)
        np.testing.assert_allclose(ntk_fn(X1, X2, W), expected, rtol=1e-12, atol=1e-12)


def test_matching_examples():
    ntk = nt.empirical_ntk_fn(f, (1, 2), (0,))(X1[:2], X2, W)
    np.testing.assert_allclose(ntk, np.diag(GRAM[:2]), rtol=1e-12)
    nngp = nt.empirical_nngp_fn(f, (-1,), (0, 1))(X1[:2], X2, W)
    expected = np.mean(np.asarray(f(W, X1[:2]) * f(W, X2)), axis=-1)
    np.testing.assert_allclose(nngp, expected, rtol=1e-12)


@pytest.mark.slow
def test_both_kernels_products_and_expansions_of_one_network():
    init_fn, apply_fn, _ = stax.serial(stax.Dense(8, b_std=0.1), stax.Erf(), stax.Dense(2))
    _, params = init_fn(jax.random.key(0), (-1, 3))
    kernels = nt.empirical_kernel_fn(apply_fn)(X1, X2, None, params)
    expected = ww.empirical_ntk(params, None, X1, X2)
    np.testing.assert_allclose(kernels.ntk, expected, rtol=1e-12)
    outputs = [np.asarray(apply_fn(params, x)) for x in (X1, X2)]
    np.testing.assert_allclose(kernels.nngp, outputs[0] @ outputs[1].T / 2, rtol=1e-12)
    full = nt.empirical_ntk_fn(apply_fn, ())(X1, X2, params)
    v = RNG.standard_normal((2, 2))
    product = nt.empirical_ntk_vp_fn(apply_fn, X1, X2, params)(jnp.asarray(v))
    np.testing.assert_allclose(product, np.einsum("nmij,mj->ni", full, v), rtol=1e-10)
    assert np.shape(nt.empirical_kernel_fn(apply_fn)(X1, None, "ntk", params)) == (4, 4)


def test_expansions_take_settings():
    def cubic(w, x, scale=1.0):
        return scale * w**3 * x

    g = nt.linearize(cubic, jnp.asarray(2.0))
    assert float(g(jnp.asarray(3.0), 1.0, scale=2.0)) == 2 * (8 + 12)
    g = nt.taylor_expand(cubic, jnp.asarray(2.0), 2)
    assert float(g(jnp.asarray(3.0), 1.0)) == 8 + 12 + 6
    with pytest.raises(ValueError, match="degree"):
        nt.taylor_expand(cubic, jnp.asarray(2.0), -1)


@pytest.mark.slow
def test_samples():
    """Of a network linear in its parameters, whose tangent kernel is the same for all draws."""
    triple = stax.serial(stax.Dense(1, b_std=0.5))
    expected = triple.kernel_fn(X1, X2)
    kernel_fn = nt.monte_carlo_kernel_fn(triple[0], triple[1], jax.random.PRNGKey(0), 400)
    sampled = kernel_fn(X1, X2)
    np.testing.assert_allclose(sampled.ntk, expected.ntk, rtol=1e-12)
    # variance of the product of two Gaussian outputs
    error = np.sqrt((np.outer(expected.cov1, expected.cov2) + expected.nngp**2) / 400)
    assert np.all(np.abs(sampled.nngp - expected.nngp) < 5 * error)

    def init_fn(key, shape):
        return (-1, 1), jax.random.normal(key, (shape[-1], 1))

    several = nt.monte_carlo_kernel_fn(
        init_fn, lambda w, x: x @ w, jax.random.key(0), [3, 2], trace_axes=-1
    )
    assert [k.shape for k in several(X1, None, "nngp")] == [(4, 4), (4, 4)]
    np.testing.assert_allclose(next(several(X1, X2, "ntk")), X1 @ X2.T, rtol=1e-12)


def test_mistakes():
    init_fn, apply_fn, _ = drop = stax.serial(stax.Dense(2), stax.Dropout(0.5))
    key = jax.random.key(0)
    _, params = init_fn(key, (-1, 3))
    with pytest.raises(ValueError, match="Dropout"):
        nt.empirical_ntk_fn(apply_fn)(X1, None, params)
    with pytest.raises(ValueError, match="at least 2"):
        nt.monte_carlo_kernel_fn(*drop[:2], key, 1)
    with pytest.raises(NotImplementedError, match="trace_axes"):
        nt.monte_carlo_kernel_fn(*drop[:2], key, 2, trace_axes=())
    with pytest.raises(TypeError, match="no argument chunk"):
        nt.monte_carlo_kernel_fn(*drop[:2], key, 2, chunk=3)
    with pytest.raises(NotImplementedError, match="global pooling"):
        nt.monte_carlo_kernel_fn(lambda *_: ((), W), f, key, 2)(X1, None)
    with pytest.raises(NotImplementedError, match="vmap_axes"):
        nt.empirical_ntk_fn(f, vmap_axes=1)
    with pytest.raises(ValueError, match="implementation"):
        nt.empirical_ntk_fn(f, implementation=4)
    with pytest.raises(ValueError, match="outputs have 3 axes"):
        nt.empirical_ntk_fn(f, (3,))(X1, X2, W)
    with pytest.raises(NotImplementedError, match="axis 0"):
        nt.empirical_ntk_fn(f, (0,))(X1, X2, W)
    with pytest.raises(ValueError, match="in common"):
        nt.empirical_ntk_fn(f, (1,), (1,))(X1, X2, W)
