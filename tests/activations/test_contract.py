"""What every activation promises, checked on all of them against an independent quadrature."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widthwise import activations

ARGUMENTS = {"hermite": "hermite(3)", "polynomial": "polynomial(1,-1,0.5)", "tanh": "tanh(4)"}
NAMES = [ARGUMENTS.get(name, name) for name in activations.names()]
VARIED = [*NAMES, "relu.centered", "elu.centered.normalized", "gelu.centered(2)", "leaky_relu(0.2)"]
FAST = ("elu", "tanh(4)")
"""Of those without a closed form, which compile slowly, these run by default."""


def slow_unless_fast(names):
    """Mark the other activations that are integrated by quadrature as slow."""
    return [
        pytest.param(n, marks=pytest.mark.slow)
        if activations.get(n).forms is None and n not in FAST
        else n
        for n in names
    ]


CLOSED = [n for n in VARIED if activations.get(n).forms is not None]
CONTINUOUS = [n for n in VARIED if activations.get(n).continuous]

# (k12, k11, k22): ordinary, nearly degenerate either way, steep, tiny, unequal
PAIRS = np.array(
    [
        (0.5, 1.0, 1.0),
        (-0.3, 1.0, 1.0),
        (0.999, 1.0, 1.0),
        (1 - 1e-9, 1.0, 1.0),
        (-1 + 1e-6, 1.0, 1.0),
        (20.0, 25.0, 25.0),
        (25 * (1 - 1e-5), 25.0, 25.0),
        (3e-7, 1e-6, 1e-6),
        (0.9 * 5e-3, 1e-6, 25.0),
        (0.7, 0.3, 4.0),
    ]
)
MILD = PAIRS[PAIRS[:, 1:].max(axis=1) < 5]


def dyadic_panels(centres, low=-9.5, high=9.5):
    """Gauss-Legendre on unit panels that halve towards each centre of a row."""
    steps = 2.0 ** -np.arange(0, 22)  # below the narrowest transition of PAIRS
    offsets = np.concatenate([-steps, [0.0], steps])
    edges = (centres[..., None] + offsets).reshape(*centres.shape[:-1], -1)
    even = np.broadcast_to(np.linspace(low, high, 20), (*edges.shape[:-1], 20))
    edges = np.sort(np.clip(np.concatenate([edges, even], axis=-1), low, high), axis=-1)
    x, w = np.polynomial.legendre.leggauss(12)
    width = np.diff(edges)[..., None]
    nodes = edges[..., :-1, None] + width * (x + 1) / 2
    weights = width * w / 2 * np.exp(-(nodes**2) / 2) / np.sqrt(2 * np.pi)
    return nodes.reshape(*edges.shape[:-1], -1), weights.reshape(*edges.shape[:-1], -1)


def reference(s, kinks, k12, k11, k22):
    """``E[s(u) s(v)]`` by conditioning on the first variable."""
    s1, s2 = np.sqrt(k11), np.sqrt(k22)
    r = k12 / (s1 * s2)
    rest = np.sqrt((1 - r) * (1 + r))
    kinks = np.asarray(kinks or (0.0,))
    x, w = dyadic_panels(np.concatenate([kinks / s1, kinks / (s2 * r)]))
    total = 0.0
    for chunk, weight in zip(np.array_split(x, 8), np.array_split(w, 8), strict=True):
        z, v = dyadic_panels((kinks / s2 - r * chunk[:, None]) / rest)
        inner = np.sum(v * np.asarray(s(s2 * (r * chunk[:, None] + rest * z))), axis=1)
        total += np.sum(weight * np.asarray(s(s1 * chunk)) * inner)
    return total


@pytest.mark.parametrize("name", slow_unless_fast(VARIED))
def test_dual_agrees_with_conditioning(name):
    phi = activations.get(name)
    pairs = MILD if name == "exp" else PAIRS
    found = phi.dual(*jnp.asarray(pairs).T)
    s = jax.jit(phi)
    expected = np.array([reference(s, phi.kinks, *pair) for pair in pairs])
    scale = max(1.0, np.abs(expected).max()) if phi.forms is not None else 1.0
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * scale)


@pytest.mark.parametrize("name", CLOSED)
def test_closed_moments_agree_with_quadrature(name):
    phi = activations.get(name)
    q = jnp.asarray([1e-6, 0.3, 1.0, 1.0 if name == "exp" else 4.0])
    np.testing.assert_allclose(phi.mean(q), phi.expectation(phi, q), atol=1e-11, rtol=1e-11)
    squared = phi.expectation(lambda z: phi(z) ** 2, q)
    np.testing.assert_allclose(phi.second_moment(q), squared, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("name", ["relu.centered", "gelu", "step"])
def test_pair_expectation_agrees_with_the_closed_dual(name):
    phi = activations.get(name)
    found = phi.pair_expectation(jnp.multiply, *jnp.asarray(MILD).T)
    np.testing.assert_allclose(found, phi.dual(*jnp.asarray(MILD).T), atol=1e-11, rtol=1e-11)


@pytest.mark.parametrize("name", slow_unless_fast(VARIED))
def test_hermite_series_gives_the_dual(name):
    phi = activations.get(name)
    rho = jnp.linspace(-0.6, 0.6, 10)
    a = phi.hermite(80, 0.3)
    series = jnp.polyval(jnp.flip(a**2), rho)
    np.testing.assert_allclose(phi.dual(0.3 * rho, 0.3, 0.3), series, atol=1e-11, rtol=1e-11)
    assert float(jnp.sum(a**2)) <= float(phi.second_moment(0.3)) * (1 + 1e-12)


def gradients(phi, *covariances):
    """Derivatives of the dual in its three arguments, for every element."""
    arrays = jnp.broadcast_arrays(*(jnp.asarray(k) for k in covariances))
    return jax.grad(lambda *k: jnp.sum(phi.dual(*k)), argnums=(0, 1, 2))(*arrays)


@pytest.mark.parametrize("name", slow_unless_fast(VARIED))
def test_derivatives_of_the_dual(name):
    phi = activations.get(name)
    at = [jnp.linspace(-0.4, 0.6, 10), jnp.full(10, 0.9), jnp.full(10, 1.2)]
    step = 1e-3
    exact = gradients(phi, *at)
    np.testing.assert_allclose(phi.dual_derivative(*at), exact[0], atol=1e-12, rtol=1e-12)
    for argnum in range(3):
        values = []
        for shift in (-2, -1, 1, 2):
            moved = list(at)
            moved[argnum] = moved[argnum] + shift * step
            values.append(phi.dual(*moved))
        slope = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
        np.testing.assert_allclose(exact[argnum], slope, atol=5e-9, rtol=5e-9)


@pytest.mark.parametrize("name", slow_unless_fast(VARIED))
def test_nothing_is_nan_at_the_ends(name):
    phi = activations.get(name)
    k12 = jnp.asarray([-1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.5, 1 - 1e-12])
    k11 = jnp.asarray([1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.5, 1.0, 1.0, 1.0])
    k22 = jnp.asarray([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.0])
    assert bool(jnp.all(jnp.isfinite(phi.dual(k12, k11, k22))))
    found, slopes = gradients(phi, k12, k11, k22), phi.dual_derivative(k12, k11, k22)
    values = jnp.stack([*found, slopes])
    assert not bool(jnp.any(jnp.isnan(values)))
    moments = jax.vmap(jax.grad(phi.second_moment))(jnp.asarray([0.0, 1.0]))
    assert bool(jnp.all(jnp.isfinite(moments)))
    if phi.continuous:
        assert bool(jnp.all(jnp.isfinite(values)))
        np.testing.assert_allclose(found[0], slopes, atol=1e-12)


@pytest.mark.parametrize("name", slow_unless_fast(CONTINUOUS))
def test_dual_at_correlation_one_is_the_second_moment(name):
    phi = activations.get(name)
    q = jnp.geomspace(1e-6, 1.0, 10)
    np.testing.assert_allclose(phi.dual(q, q, q), phi.second_moment(q), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", slow_unless_fast([n for n in VARIED if activations.get(n).parity]))
def test_parity_shows_in_the_dual(name):
    phi = activations.get(name)
    rho = jnp.linspace(0.0, 1.0, 10)
    sign = -1 if phi.parity == "odd" else 1
    np.testing.assert_allclose(phi.dual(-rho), sign * phi.dual(rho), atol=1e-13)
    z = jnp.linspace(0.1, 3, 7)
    np.testing.assert_allclose(phi(-z), sign * phi(z), atol=1e-15)


@pytest.mark.parametrize("name", [n for n in VARIED if activations.get(n).degree is not None])
def test_homogeneity(name):
    phi = activations.get(name)
    z, degree = jnp.linspace(-2, 2, 8), phi.degree
    assert degree is not None
    np.testing.assert_allclose(phi(3.0 * z), 3.0**degree * phi(z), atol=1e-12)


@pytest.mark.parametrize("name", slow_unless_fast(VARIED))
def test_centred_and_normalized(name):
    phi = activations.get(name)
    centred, normalized = phi.centered(0.7), phi.normalized(0.7)
    assert abs(float(centred.mean(0.7))) < 1e-14
    assert float(normalized.second_moment(0.7)) == pytest.approx(1, abs=1e-13)
    k12, q = jnp.linspace(-0.7, 0.7, 10), jnp.full(10, 0.7)
    covariance = phi.dual(k12, q, q) - phi.mean(0.7) ** 2
    np.testing.assert_allclose(centred.dual(k12, q, q), covariance, atol=1e-13)
    z = jnp.linspace(-1, 1, 5)
    np.testing.assert_allclose(centred(z), phi(z) - phi.mean(0.7), atol=1e-15)


@pytest.mark.parametrize("name", ["relu.centered", "gelu", "sin", "sign", "elu", "tanh(4)"])
def test_float32_is_as_good_as_float32(name):
    phi = activations.get(name)
    pairs = jnp.asarray(MILD)
    exact = phi.dual(*pairs.T)
    rough = phi.dual(*pairs.astype(jnp.float32).T)
    assert rough.dtype == jnp.float32
    # An arcsine amplifies the rounding of a correlation near one to its square root.
    tolerance = 1e-3 if name == "sign" else 1e-5
    np.testing.assert_allclose(rough, exact, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ["relu.centered", "elu", "step"])
def test_jit_vmap_and_broadcasting(name):
    phi = activations.get(name)
    k12 = jnp.linspace(-0.9, 0.9, 6).reshape(2, 3)
    eager = phi.dual(k12)
    assert eager.shape == (2, 3)
    np.testing.assert_allclose(jax.jit(phi.dual)(k12), eager, atol=1e-15)
    np.testing.assert_allclose(jax.vmap(phi.dual)(k12), eager, atol=1e-15)


@pytest.mark.parametrize("name", ["relu", "gelu.centered", "softsign", "sign"])
@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_dual_matrices_are_positive_semidefinite_and_symmetric(name, data):
    phi = activations.get(name)
    x = np.reshape(
        data.draw(st.lists(st.floats(-2, 2, allow_subnormal=False), min_size=12, max_size=12)),
        (4, 3),
    )
    k = jnp.asarray(x @ x.T)
    q = jnp.diag(k)
    matrix = phi.dual(k, q[:, None], q[None, :])
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)
    assert float(jnp.linalg.eigvalsh(matrix)[0]) > -1e-9
    bound = jnp.sqrt(phi.second_moment(q)[:, None] * phi.second_moment(q)[None, :])
    assert bool(jnp.all(jnp.abs(matrix) <= bound + 1e-7))


@pytest.mark.parametrize("name", ["relu", "gelu", "erf", "elu", "sign", "abs.centered", "exp"])
def test_fixed_points_are_fixed_and_ascending(name):
    phi = activations.get(name)
    points = phi.fixed_points()
    values = jnp.asarray([p.value for p in points])
    assert values[-1] == 1.0
    assert all(a.value < b.value for a, b in pairwise(points))
    np.testing.assert_allclose(phi.correlation_map(values), values, atol=1e-9)
    assert sum(p.stable for p in points) == 1
