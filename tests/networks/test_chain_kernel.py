"""Kernels of deep fully connected networks against 60 digits, and in tiles."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest

import widthwise.networks as nn
from widthwise import activations
from widthwise.networks import chain_kernel

ANGLES = [0.0, 1e-9, 1.5e-6, 1e-3, 0.5, np.pi / 2, 2.5, np.pi - 1e-4, np.pi]


def network(phi, depth, weight_std=2**0.5, bias_std=0.1):
    layers = [layer for _ in range(depth) for layer in (nn.Dense(64), nn.Elementwise(phi))]
    return nn.Sequential(*layers, nn.Dense(1), parametrization=nn.NTK(weight_std, bias_std))


def inputs(dtype):
    """A vector, and vectors of other lengths at the angles from it."""
    lengths = np.linspace(1.0, 1.5, len(ANGLES))
    lengths[:3] = 1.0
    x = np.stack([lengths * np.cos(ANGLES), lengths * np.sin(ANGLES)], axis=1)
    return x.astype(dtype)


def exactly(x, y, depth, weight_std, bias_std):
    """NNGP and tangent kernel of a ReLU network, of two given vectors, with 60 digits."""
    with mp.workdps(60):
        w, b = mp.mpf(weight_std) ** 2, mp.mpf(bias_std) ** 2
        x, y = ([mp.mpf(float(t)) for t in v] for v in (x, y))
        d = len(x)
        k11, k12, k22 = (
            w * sum(s * t for s, t in zip(p, q, strict=True)) / d + b
            for p, q in ((x, x), (x, y), (y, y))
        )
        theta = k12
        for _ in range(depth):
            scale = mp.sqrt(k11 * k22)
            angle = mp.acos(max(-1, min(1, k12 / scale)))
            slope = (mp.pi - angle) / (2 * mp.pi)
            mean = scale * (mp.sin(angle) + (mp.pi - angle) * mp.cos(angle)) / (2 * mp.pi)
            k11, k12, k22 = w * k11 / 2 + b, w * mean + b, w * k22 / 2 + b
            theta = k12 + w * slope * theta
        return float(k12), float(theta)


@pytest.mark.parametrize(("dtype", "error"), [("float64", 1e-10), ("float32", 1e-5)])
@pytest.mark.parametrize("bias_std", [0.0, 0.3])
@pytest.mark.parametrize("tile", [chain_kernel.TILE, 4])
def test_relu_networks_of_depth_100(dtype, error, bias_std, tile, monkeypatch):
    """The guarantee: 1e-10 in float64 and 1e-5 in float32, at every correlation."""
    monkeypatch.setattr(chain_kernel, "TILE", tile)
    x = inputs(dtype)
    weight_std = float(np.asarray(1.25 if bias_std else 1.375, dtype))  # exact in both dtypes
    bias = float(np.float32(bias_std))
    net = network(activations.relu, 100, weight_std, bias)
    kernel = net.kernel(jnp.asarray(x[:1]), jnp.asarray(x))
    expected = np.array([exactly(x[0], y, 100, weight_std, bias) for y in x])
    for found, exact in zip(kernel, expected.T, strict=True):
        assert found.dtype == dtype
        np.testing.assert_allclose(np.asarray(found, float)[0], exact, rtol=error)


@pytest.mark.parametrize(
    "phi",
    [
        activations.relu,
        activations.erf,
        pytest.param(activations.tanh(), marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(("depth", "bias_std"), [(2, 0.1), (5, 0.0)])
def test_tiles_are_parts_of_the_whole(phi, depth, bias_std, key, monkeypatch):
    x = np.array(jax.random.normal(key, (23, 3)))
    x[7] = x[2]
    x[11] = x[3] * (1 + 1e-9)
    x[[17, 19]] = 0.0
    net = network(phi, depth, bias_std=bias_std)
    whole = net.kernel(jnp.asarray(x))
    cross = net.kernel(jnp.asarray(x), jnp.asarray(x[:5]))
    monkeypatch.setattr(chain_kernel, "TILE", 8)
    tiled = net.kernel(jnp.asarray(x))
    tiled_cross = net.kernel(jnp.asarray(x), jnp.asarray(x[:5]))
    diagonal = net.kernel(jnp.asarray(x), diagonal=True)
    for i in range(2):
        np.testing.assert_allclose(tiled[i], whole[i], rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(tiled_cross[i], cross[i], rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(whole[i][:, :5], cross[i], rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(jnp.diagonal(whole[i]), diagonal[i], rtol=1e-13)
        np.testing.assert_array_equal(tiled[i], tiled[i].T)
        assert np.linalg.eigvalsh(np.asarray(whole[i])).min() > -1e-12


@pytest.mark.parametrize("tile", [chain_kernel.TILE, 4])
def test_inputs_of_zero_are_at_right_angles_to_all(tile, key, monkeypatch):
    """Without biases nothing leaves a layer, but biases that are trained still move outputs."""
    monkeypatch.setattr(chain_kernel, "TILE", tile)
    x = np.array(jax.random.normal(key, (9, 3)))
    x[[2, 7]] = 0.0
    layers = [nn.Dense(8), nn.Relu(), nn.Dense(8), nn.Relu(), nn.Dense(1)]
    kernel = nn.Sequential(*layers, parametrization=nn.Standard(1.4, 0.0)).kernel(jnp.asarray(x))
    expected = 1.0
    for _ in range(2):
        expected = 1.0 + 1.4**2 / 4 * expected  # E[relu' relu'] = 1 / 4 at right angles
    np.testing.assert_allclose(kernel.ntk[2], expected, rtol=1e-14)
    np.testing.assert_allclose(kernel.ntk[:, 7], expected, rtol=1e-14)
    np.testing.assert_array_equal(kernel.nngp[2], 0.0)


@pytest.mark.parametrize("n", [5, chain_kernel.TILE + 1])
def test_known_inputs_inside_a_traced_program(n, key):
    net, x = network(activations.relu, 2), jax.random.normal(key, (n, 3))
    found = jax.jit(lambda c: c * net.kernel(x).ntk)(2.0)
    np.testing.assert_allclose(found, 2.0 * net.kernel(x).ntk, rtol=1e-14)


def test_gradients_are_finite_everywhere():
    x = jnp.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 0.0], [0.0, 2.0]])
    net = network(activations.relu, 3)

    def both(x, y):
        own, crossed = net.kernel(x), net.kernel(x, y)
        return sum(jnp.sum(k) for k in (*own, *crossed))

    for slopes in jax.grad(both, argnums=(0, 1))(x, x):
        assert np.all(np.isfinite(slopes))


def test_time_to_compile_does_not_grow_with_depth():
    def operations(depth):
        net = network(activations.relu, depth)
        program = jax.make_jaxpr(lambda x: tuple(net.kernel(x)))(jnp.ones((4, 3)))
        return sum(1 for line in str(program).splitlines() if " = " in line)

    assert operations(50) < operations(5) + 10


def test_only_chains_are_chains():
    features = nn.Features((3,))

    def read(*layers):
        net = nn.Sequential(*layers)
        return chain_kernel.as_chain(net._flat(net.place), features)

    assert read(nn.Dense(4), nn.Relu(), nn.Dense(1)) is not None
    inner = nn.Sequential(nn.Relu(), nn.Dense(4))
    nested = read(nn.Dense(4), inner, nn.Relu())
    assert nested is not None
    assert nested.last is activations.relu
    assert [count for _, count in nested.runs] == [1]
    assert read(nn.Dense(4), nn.Relu(), nn.Relu()) is None
    assert read(nn.Dense(4), nn.Residual(nn.Sequential(nn.Relu(), nn.Dense(4)))) is None
