"""Kernels of convolutional chains, one shift at a time, against those of all pairs of positions."""

from functools import partial
from inspect import unwrap

import jax
import numpy as np
import pytest

import widthwise.networks as nn
from widthwise.networks import conv_kernel
from widthwise.networks.conv_chain import as_conv_chain

X1 = np.random.default_rng(0).normal(size=(3, 5, 4, 2))
X2 = np.random.default_rng(1).normal(size=(2, 5, 4, 2))
X1[2, :3] = 0.5  # equal patches
X2[0] = X1[1]
FORMS = {"symmetric": (X1, None, False), "two": (X1, X2, False), "matching": (X1[:2], X2, True)}


READOUT = (nn.Dense(1),)


def chain(end, *blocks, tail=READOUT):
    layers = [layer for block in blocks for layer in block]
    return nn.Sequential(*layers, end, *tail, parametrization=nn.NTK(1.4, 0.1))


def same(depth):
    return [(nn.Conv(8, (3, 2)), nn.Relu())] * depth


NETWORKS = {
    "zeros": chain(nn.GlobalAvgPool(), *same(3)),
    "valid": chain(
        nn.Flatten(), (nn.Conv(8, 3, padding="VALID"), nn.Erf()), (nn.Conv(8, (2, 3)), nn.Erf())
    ),
    "periodic": chain(
        nn.GlobalSumPool(),
        (nn.Conv(8, 3, padding="CIRCULAR", dilation=2), nn.Cos()),
        tail=(nn.Dense(4), nn.Relu(), nn.Dense(1)),
    ),
    "rolled": chain(
        nn.Flatten(),
        (nn.Conv(8, (2, 3), padding="CIRCULAR"), nn.Relu()),
        (nn.Conv(8, (4, 1), padding="CIRCULAR", dilation=3), nn.Relu()),
        tail=(nn.Dense(4), nn.Dense(1)),
    ),
    "edges": chain(nn.Flatten(), *same(2), tail=(nn.Dense(4), nn.Dense(4), nn.Relu(), nn.Dense(1))),
    "wide": chain(
        nn.GlobalAvgPool(),
        (nn.Conv(8, (3, 4)), nn.Relu()),  # more positions than are summed at once
        (nn.Conv(8, (2, 3), padding="VALID"), nn.Gelu()),
    ),
    "line": chain(
        nn.GlobalAvgPool(), (nn.Conv(8, 5, dilation=3), nn.Relu()), (nn.Conv(8, 2), nn.Erf())
    ),
    "ring": chain(nn.GlobalAvgPool(), *[(nn.Conv(8, 4, padding="CIRCULAR"), nn.Relu())] * 2),
}
LINES = ("line", "ring")  # of images with one axis


@pytest.mark.parametrize("name", NETWORKS)
def test_shift_by_shift_is_all_at_once(name, monkeypatch):
    for x1, x2, diagonal in FORMS.values():
        if name in LINES:
            x1 = x1.reshape(len(x1), 20, 2)
            x2 = None if x2 is None else x2.reshape(len(x2), 20, 2)
        expected = NETWORKS[name].kernel(x1, x2, diagonal=diagonal)
        with monkeypatch.context() as patch:
            patch.setattr(conv_kernel, "LARGE", 0)
            found = NETWORKS[name].kernel(x1, x2, diagonal=diagonal)
        # Equal patches: there the tangent kernels of all pairs at once have lost half the digits.
        for k, exact, error in zip(found, expected, (1e-12, 1e-7), strict=True):
            assert k.dtype == exact.dtype
            np.testing.assert_allclose(k, exact, rtol=error)
        if not diagonal:
            off = np.s_[0, 2] if x2 is None else np.s_[0, 1]
            np.testing.assert_allclose(found.ntk[off], expected.ntk[off], rtol=1e-9)
        if x2 is None:
            np.testing.assert_array_equal(found.ntk, found.ntk.T)


def test_images_with_themselves_are_exact(monkeypatch):
    """At correlation one a ReLU halves both kernels, and nothing else happens."""
    net = chain(nn.Flatten(), *[(nn.Conv(8, 3), nn.Relu())] * 2, tail=())
    x = X1[:1]
    k = np.sum(x[0] ** 2, axis=-1) / 2
    theta = np.zeros_like(k)

    def mean(k):
        wide = np.pad(k, 1)
        return np.sum([wide[i : i + 5, j : j + 4] for i in range(3) for j in range(3)], axis=0) / 9

    for _ in range(2):
        k, theta = 1.96 * mean(k) + 0.01, 1.96 * mean(k) + 0.01 + 1.96 * mean(theta)
        k, theta = k / 2, theta / 2
    monkeypatch.setattr(conv_kernel, "LARGE", 0)
    found = net.kernel(x)
    np.testing.assert_allclose(found.nngp.item(), np.mean(k), rtol=1e-13)
    np.testing.assert_allclose(found.ntk.item(), np.mean(theta), rtol=1e-13)


@pytest.mark.parametrize("end", [nn.Flatten(), nn.GlobalAvgPool()])
def test_images_of_zero_are_at_right_angles_to_all(end, monkeypatch):
    """Without biases nothing leaves a layer, but biases that are trained still move outputs."""
    monkeypatch.setattr(conv_kernel, "LARGE", 0)
    x = X1.copy()
    x[1] = 0.0
    blocks = [nn.Conv(8, (3, 2), padding="CIRCULAR"), nn.Relu()] * 2
    kernel = nn.Sequential(*blocks, end, nn.Dense(1), parametrization=nn.Standard(1.4, 0.0)).kernel(
        x
    )
    expected = 1.0
    for _ in range(2):
        expected = 1.0 + 1.4**2 / 4 * expected  # E[relu' relu'] = 1 / 4 at right angles
    np.testing.assert_allclose(kernel.ntk[1], expected, rtol=1e-14)
    np.testing.assert_allclose(kernel.ntk[:, 1], expected, rtol=1e-14)
    np.testing.assert_array_equal(kernel.nngp[1], 0.0)


@pytest.mark.parametrize("end", [nn.Flatten(), nn.GlobalAvgPool()])
def test_kernels_can_be_differentiated_by_scales(end, monkeypatch):
    """Then images are known but scales are not."""
    monkeypatch.setattr(conv_kernel, "LARGE", 0)

    def ntk(weight_std):
        layers = [nn.Conv(8, (3, 2)), nn.Relu(), end, nn.Dense(1)]
        net = nn.Sequential(*layers, parametrization=nn.NTK(weight_std, 0.1))
        return net.kernel(X1).ntk[0, 1]

    slope = (ntk(1.4001) - ntk(1.3999)) / 2e-4
    np.testing.assert_allclose(jax.grad(ntk)(1.4), slope, rtol=1e-7)


def test_program_does_not_grow_with_depth():
    def operations(depth):
        net = chain(nn.GlobalAvgPool(), *same(depth))
        read = as_conv_chain(net._flat(net.place), nn.Features(X1.shape[1:]))
        assert read is not None
        images = conv_kernel.Images(read, X1.dtype)
        (block,) = images.cut(X1[:1])
        shifts = conv_kernel._shifts(read.circles)[False]
        tile = partial(unwrap(conv_kernel._all_positions), read.runs, images.table.rows)
        program = jax.make_jaxpr(tile, static_argnums=3)(block.maps, block.maps, shifts, False)
        return sum(1 for line in str(program).splitlines() if " = " in line)

    assert operations(10) == operations(3)


def test_only_chains_are_chains():
    features = nn.Features((5, 4, 2))

    def read(*layers):
        net = nn.Sequential(*layers)
        return as_conv_chain(net._flat(net.place), features)

    conv, relu, flat = nn.Conv(8, 3), nn.Relu(), nn.Flatten()
    assert read(conv, relu, flat) is not None
    nested = read(nn.Sequential(conv, relu), nn.Sequential(conv, nn.Erf(), flat), nn.Dense(1))
    assert nested is not None
    assert [count for *_, count in nested.runs] == [1, 1]
    assert (len(nested.closing), nested.tail) == (1, [])
    assert read(conv, flat) is None
    assert read(conv, relu, nn.AvgPool(2), flat) is None
    assert read(conv, nn.Silu(), flat) is None  # has no closed form
    assert read(nn.Conv(8, 3, strides=2), relu, flat) is None
    assert read(conv, relu, nn.Conv(8, 3, padding="CIRCULAR"), relu, flat) is None
    assert read(nn.ConvTranspose(8, 3), relu, flat) is None
