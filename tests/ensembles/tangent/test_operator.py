"""The operator against the matrix; polynomials in the parameters against finite ones."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from widthwise import networks as nn
from widthwise.ensembles import empirical_ntk, linearize, ntk_vector_product, taylor_expand

RNG = np.random.default_rng(1)
X1, X2 = (jnp.asarray(RNG.standard_normal((n, 3))) for n in (4, 2))
NET = nn.Sequential(nn.Dense(5), nn.Sin(), nn.Dense(2), parametrization=nn.MuP(1.2, 0.3))


@pytest.fixture(scope="module")
def model():
    return NET.init(jax.random.key(2), (3,), dtype=jnp.float64)


def test_products_trace_diagonal_and_layers(model):
    ntk = partial(empirical_ntk, model, None, trace_outputs=False, learning_rates="sgd")
    matrix = np.asarray(ntk(X1, X2))
    v = jnp.asarray(RNG.standard_normal((2, 2)))
    operator = ntk_vector_product(model, None, X1, X2, learning_rates="sgd")
    np.testing.assert_allclose(operator(v), np.einsum("nmor,mr->no", matrix, v), rtol=1e-10)
    parts = operator.layers()
    assert list(parts) == [".layers[0]", ".layers[2]"]
    np.testing.assert_allclose(sum(part(v) for part in parts.values()), operator(v), rtol=1e-10)
    square = ntk_vector_product(model, None, X1, learning_rates="sgd")
    own = np.einsum("nnoo->no", ntk(X1))
    np.testing.assert_allclose(square.diagonal(), own, rtol=1e-10)
    np.testing.assert_allclose(square.trace(), own.sum(), rtol=1e-10)
    solution, _ = jax.scipy.sparse.linalg.cg(lambda u: square(u) + u, jnp.ones((4, 2)), tol=1e-12)
    np.testing.assert_allclose(square(solution) + solution, np.ones((4, 2)), rtol=1e-8)


def test_what_an_operator_refuses(model):
    operator = ntk_vector_product(model, None, X1, X2)
    with pytest.raises(ValueError, match=r"\(2, 2\)"):
        operator(jnp.ones((4, 2)))
    with pytest.raises(ValueError, match="leave x2 out"):
        operator.diagonal()


def cubic(params, x):
    return {"y": x * params["w"] ** 3 + params["b"]}


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 4])
def test_a_polynomial_is_its_own_expansion(degree):
    old = {"w": jnp.asarray([1.0, -2.0]), "b": jnp.asarray(0.5), "n": 3}
    new = {"w": jnp.asarray([1.5, 1.0]), "b": jnp.asarray(-1.0), "n": 7}
    w, d = np.asarray(old["w"]), np.asarray(new["w"] - old["w"])
    terms = [w**3, 3 * w**2 * d, 3 * w * d**2, d**3, 0 * d]
    bias = -1.0 if degree else 0.5
    expanded = taylor_expand(cubic, old, degree)(new, jnp.asarray(2.0))["y"]
    np.testing.assert_allclose(expanded, 2 * sum(terms[: degree + 1]) + bias, rtol=1e-12)


def test_the_linearized_module_has_its_tangent_kernel(model):
    other = NET.init(jax.random.key(5), (3,), dtype=jnp.float64)
    linear = linearize(model, None)
    ntk = empirical_ntk(model, None, X1, trace_outputs=False)
    again = empirical_ntk(linear, other, X1, trace_outputs=False)
    np.testing.assert_allclose(again, ntk, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(linear(model, X1[0]), model(X1[0]), rtol=1e-12)
    near = jax.tree.map(lambda a, b: a + 1e-4 * (b - a), model, other)
    np.testing.assert_allclose(linear(near, X1[0]), near(X1[0]), atol=1e-6)


def test_what_an_expansion_refuses(model):
    with pytest.raises(ValueError, match="at least 0"):
        taylor_expand(model, None, -1)
    with pytest.raises(ValueError, match="a new parameter has shape"):
        linearize(lambda w, x: w * x, jnp.ones(2))(jnp.ones(3), 1.0)
