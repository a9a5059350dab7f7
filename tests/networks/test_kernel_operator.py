"""The kernel as an operator, against the matrix."""

import os
import subprocess
import sys

import numpy as np
import pytest

from widthwise import networks as nn
from widthwise.networks import conv_kernel
from widthwise.networks.chain_kernel import TILE

RNG = np.random.default_rng(3)
X1, X2 = RNG.standard_normal((11, 3)), RNG.standard_normal((6, 3))
X1[7] = X1[2]
X2[1] = X1[4]
CHAIN = nn.Sequential(nn.Dense(4), nn.Relu(), nn.Dense(1), parametrization=nn.NTK(1.5, 0.2))
OTHER = nn.Sequential(nn.Dense(4), nn.Residual(nn.Sequential(nn.Relu(), nn.Dense(4))), nn.Dense(1))


# The general kernel knows coincident inputs to sqrt(rounding) only, in a tile or in the whole.
@pytest.mark.parametrize(
    ("net", "error"), [(CHAIN, 1e-12), pytest.param(OTHER, 1e-8, marks=pytest.mark.slow)]
)
def test_an_operator_is_its_matrix(net, error):
    matrix, cross = (np.asarray(net.kernel(*x).ntk) for x in ((X1,), (X1, X2)))
    operator = net.kernel_operator(X1, tile=4)
    v = RNG.standard_normal((11, 2))
    assert operator.shape == (11, 11)
    assert operator.dtype == np.float64
    np.testing.assert_allclose(operator @ v, matrix @ v, rtol=error)
    np.testing.assert_allclose(operator(v[:, 0]), matrix @ v[:, 0], rtol=error)
    np.testing.assert_allclose(operator.diagonal(), np.diagonal(matrix), rtol=error)
    assert operator.trace() == pytest.approx(np.trace(matrix), rel=error)
    np.testing.assert_array_equal(operator.todense(), operator.todense().T)
    rows = np.array([9, 0, 0, 5])
    np.testing.assert_allclose(operator.block(rows), matrix[rows], rtol=error)
    found = operator.block(slice(3, None), rows)
    np.testing.assert_allclose(found, matrix[3:, rows], rtol=error)
    rectangle = net.kernel_operator(X1, X2, tile=4)
    np.testing.assert_allclose(rectangle @ v[:6], cross @ v[:6], rtol=error)
    np.testing.assert_allclose(rectangle.T @ v, cross.T @ v, rtol=error)
    np.testing.assert_allclose(rectangle.todense(), cross, rtol=error)
    assert operator.T is operator
    order = RNG.permutation(11)
    again = net.kernel_operator(X1[order], tile=4) @ v[order]
    np.testing.assert_allclose(again, (operator @ v)[order], rtol=error)


def test_nngp_and_float32():
    x = X1.astype(np.float32)
    operator = CHAIN.kernel_operator(x, which="nngp", tile=4)
    v = RNG.standard_normal(11)
    assert operator.dtype == np.float32
    matrix = operator.block().astype(np.float64)
    rounding = 1e-6 * np.max(np.abs(matrix) @ np.abs(v))
    np.testing.assert_allclose(operator @ v, matrix @ v, rtol=0, atol=rounding)
    np.testing.assert_allclose(matrix, CHAIN.kernel(X1).nngp, rtol=1e-5)


def test_positions():
    images = RNG.standard_normal((5, 3, 3, 1))
    net = nn.Sequential(nn.Conv(4, (3, 3)), nn.Relu(), nn.Flatten(), nn.Dense(1))
    operator = net.kernel_operator(images, tile=2)
    v = RNG.standard_normal(5)
    np.testing.assert_allclose(operator @ v, np.asarray(net.kernel(images).ntk) @ v, rtol=1e-8)
    assert net.kernel_operator(images).size == TILE
    assert net.kernel_operator(np.zeros((1, 64, 64, 1))).size == 1


@pytest.mark.parametrize(
    "pool", [nn.GlobalAvgPool, pytest.param(nn.Flatten, marks=pytest.mark.slow)]
)
def test_convolutions(pool, monkeypatch):
    """Pairs of images through the programs of chains, beside all pairs of positions at once."""
    images = RNG.standard_normal((5, 4, 3, 2))
    tail = [] if pool is nn.GlobalAvgPool else [nn.Dense(1)]
    net = nn.Sequential(nn.Conv(4, 3), nn.Erf(), pool(), *tail, parametrization=nn.NTK(1.3, 0.2))
    matrix = np.asarray(net.kernel(images).ntk)
    monkeypatch.setattr(conv_kernel, "LARGE", 1)
    operator = net.kernel_operator(images, tile=3)
    assert operator.images is not None
    v = RNG.standard_normal(5)
    np.testing.assert_allclose(operator @ v, matrix @ v, rtol=1e-9)
    np.testing.assert_array_equal(operator.todense(), operator.todense().T)
    cross = net.kernel_operator(images[:3], images, tile=3)
    np.testing.assert_allclose(cross.block([2], [4, 0]), matrix[[2]][:, [4, 0]], rtol=1e-9)
    assert net.kernel_operator(images).size == (8 if pool is nn.GlobalAvgPool else 64)


@pytest.mark.parametrize("square", [True, False])
def test_kept_tiles_give_the_same_digits_and_fill_the_memory(square, monkeypatch):
    x2 = None if square else X2
    v = RNG.standard_normal(11 if square else 6)
    plain = CHAIN.kernel_operator(X1, x2, tile=4)
    some = CHAIN.kernel_operator(X1, x2, tile=4, memory=3 * 4 * 4 * 8)
    every = CHAIN.kernel_operator(X1, x2, tile=4, memory="1MB")
    for operator, count in ((plain, 0), (some, 3), (every, 6)):
        first = operator @ v
        assert len(operator._tiles._kept) == count
        np.testing.assert_array_equal(operator @ v, first)
        np.testing.assert_array_equal(first, plain @ v)
    # what is kept is not computed again
    monkeypatch.setitem(every._tiles.__dict__, "program", None)
    every(v)


TWO_DEVICES = """
import sys, jax, numpy as np
sys.path.insert(0, sys.argv[1])
import test_kernel_operator as here
assert len(jax.devices()) == 2
jax.config.update("jax_enable_x64", True)
v = np.random.default_rng(0).standard_normal((11, 2))
for net in (here.CHAIN, here.OTHER):
    for x2 in (None, here.X2):
        two = net.kernel_operator(here.X1, x2, tile=4)
        one = net.kernel_operator(here.X1, x2, tile=4, devices=jax.devices()[:1])
        assert len(two.devices) == 2 and len(one.devices) == 1
        w = v[: two.shape[1]]
        np.testing.assert_allclose(two @ w, one @ w, rtol=1e-11)
        np.testing.assert_allclose(two.todense(), one.todense(), rtol=1e-11)
"""


def test_two_devices_share_the_tiles():
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
    done = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES, os.path.dirname(__file__)],
        env=os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_what_an_operator_refuses():
    operator = CHAIN.kernel_operator(X1)
    with pytest.raises(ValueError, match=r"\(11, k\)"):
        operator(np.ones(5))
    with pytest.raises(ValueError, match="leave x2 out"):
        CHAIN.kernel_operator(X1, X2).diagonal()
    with pytest.raises(ValueError, match="would take 968 B in float64, and memory is 100"):
        operator.todense(memory=100)
    with pytest.raises(ValueError, match="tile is 0"):
        CHAIN.kernel_operator(X1, tile=0)
    with pytest.raises(ValueError, match="memory is 'much'"):
        CHAIN.kernel_operator(X1, memory="much")
    with pytest.raises(ValueError, match="one shape"):
        CHAIN.kernel_operator(X1, X2[:, :2])
    with pytest.raises(ValueError, match=r"positions, \(3, 3\)"):
        nn.Sequential(nn.Conv(4, (3, 3))).kernel_operator(np.zeros((2, 3, 3, 1)))
