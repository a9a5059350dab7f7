"""Layers of inputs with positions: finite networks beside kernels, and what is refused."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from widthwise import networks as nn

FORMS = [nn.NTK, nn.Standard, nn.MeanField, nn.MuP, nn.DepthMuP]
IMAGES = np.random.default_rng(0).standard_normal((2, 4, 3, 2))
SERIES = np.random.default_rng(1).standard_normal((2, 5, 3))
GRAPH = np.random.default_rng(2).standard_normal((4, 5))


def tangents(net, model, x, **options):
    """Derivatives of the outputs' first channel, one array (n, *positions, k) per parameter."""
    leaves, tree = jax.tree.flatten(model)

    def outputs(leaves):
        return jax.vmap(lambda one: jax.tree.unflatten(tree, leaves)(one, **options))(x)[..., 0]

    slopes = jax.jit(jax.jacobian(outputs))(leaves)
    return [s.reshape(*s.shape[: s.ndim - w.ndim], -1) for s, w in zip(slopes, leaves, strict=True)]


# One layer with weights, maybe a fixed map: linear in the weights, so both faces agree exactly.
LINEAR = {
    "conv": (IMAGES, [nn.Conv(2, 3)]),
    "strides": (IMAGES, [nn.Conv(2, (2, 3), strides=(2, 1))]),
    "valid": (SERIES, [nn.Conv(2, 2, padding="VALID", strides=2)]),
    "circular": (IMAGES, [nn.Conv(2, (3, 2), padding="CIRCULAR")]),
    "dilation": (SERIES, [nn.Conv(2, 2, dilation=3, padding="SAME")]),
    "transpose": (IMAGES, [nn.ConvTranspose(2, 3, strides=2)]),
    "transpose valid": (SERIES, [nn.ConvTranspose(2, 2, strides=3, padding="VALID")]),
    "local": (IMAGES, [nn.ConvLocal(2, 2, padding="CIRCULAR")]),
    "local valid": (SERIES, [nn.ConvLocal(2, 3, padding="VALID", dilation=2)]),
    "dense": (IMAGES, [nn.Dense(2)]),
    "average": (IMAGES, [nn.Conv(2, 2), nn.AvgPool(2, strides=1, padding="SAME")]),
    "sum": (SERIES, [nn.Conv(2, 2), nn.SumPool(3, strides=2, padding="CIRCULAR")]),
    "pool": (IMAGES, [nn.Conv(2, 2), nn.AvgPool((2, 3))]),
    "global average": (IMAGES, [nn.Conv(2, 2), nn.GlobalAvgPool()]),
    "global sum": (SERIES, [nn.Conv(2, 2), nn.GlobalSumPool()]),
    "graph": (SERIES, [nn.Dense(2), nn.Aggregate(GRAPH)]),
    "sum of branches": (SERIES, [nn.Parallel(nn.Conv(2, 3), nn.Dense(2, weight_std=0.3))]),
    "flatten": (IMAGES, [nn.Flatten(), nn.Dense(2)]),
}


@pytest.mark.parametrize(("name", "form"), list(zip(LINEAR, itertools.cycle(FORMS), strict=False)))
def test_linear_networks_agree_exactly(name, form, key):
    x, layers = LINEAR[name]
    net = nn.Sequential(*layers, parametrization=form(1.3, 0.4))
    model = net.init(key, x.shape[1:])
    table, kernel = net.parameter_table(x.shape[1:]), net.kernel(x)
    slopes = tangents(net, model, jnp.asarray(x))
    grams = np.array([np.tensordot(j, j, (-1, -1)) for j in slopes])
    nngp = np.tensordot([float(row.init_std) ** 2 for row in table], grams, 1)
    ntk = np.tensordot([row.sgd for row in table], grams, 1)
    order = pairs_first(nngp.ndim)
    np.testing.assert_allclose(kernel.nngp, nngp.transpose(order), rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(kernel.ntk, ntk.transpose(order), rtol=1e-10, atol=1e-13)


def pairs_first(ndim):
    """Axes of (n, *P, m, *P') in the order (n, m, *P, *P')."""
    half = ndim // 2
    return [0, half, *range(1, half), *range(half + 1, ndim)]


def test_dropout_needs_a_key(key):
    branch = nn.Sequential(nn.Relu(), nn.Dropout(0.5), nn.Dense(50))
    net = nn.Sequential(nn.Dense(50), nn.Residual(branch))
    model, x = net.init(key, (4, 3)), jnp.ones((4, 3))
    np.testing.assert_array_equal(model(x), model(x))
    np.testing.assert_array_equal(model(x, key=key), model(x, key=key))
    assert not np.allclose(model(x), model(x, key=key))


def test_only_what_is_wanted_is_computed():
    layers = [nn.Conv(4, 3), nn.Residual(nn.Sequential(nn.Relu(), nn.Conv(4, 3))), nn.Relu()]
    assert not nn.Sequential(*layers, nn.Flatten()).needs_all_positions(True)
    assert nn.Sequential(*layers, nn.GlobalAvgPool()).needs_all_positions(True)
    assert nn.Sequential(*layers, nn.AvgPool(2), nn.Flatten()).needs_all_positions(True)
    full = nn.Sequential(*layers).kernel(IMAGES)
    flat = nn.Sequential(*layers, nn.Flatten()).kernel(IMAGES)
    for all_pairs, mean in zip(full, flat, strict=True):
        square = np.asarray(all_pairs).reshape(2, 2, 12, 12)
        np.testing.assert_allclose(np.trace(square, axis1=2, axis2=3) / 12, mean, rtol=1e-8)


def test_moving_a_periodic_image_changes_nothing():
    net = nn.Sequential(
        nn.Conv(4, 3, padding="CIRCULAR"), nn.Relu(), nn.Conv(4, 2, padding="CIRCULAR"), nn.Relu(),
        nn.GlobalAvgPool(), nn.Dense(1), parametrization=nn.NTK(1.4, 0.1),
    )  # fmt: skip
    rolled = net.kernel(IMAGES, np.roll(IMAGES, 2, 1))
    for kernel, moved in zip(net.kernel(IMAGES), rolled, strict=True):
        np.testing.assert_allclose(kernel, moved, rtol=1e-6)


def test_widths_grow():
    net = nn.Sequential(
        nn.Conv(4, 3), nn.Relu(), nn.Parallel(nn.ConvLocal(5, 2), nn.ConvTranspose(5, 2)),
        nn.SelfAttention(6, 2), nn.LayerNorm(), nn.Dropout(0.9), nn.AvgPool(2), nn.Flatten(),
        nn.Dense(3),
    )  # fmt: skip
    rows = net.at_width(8).parameter_table((4, 4, 2))
    shapes = [row.shape for row in rows]
    assert shapes == [
        (8, 2, 3, 3), (4, 4, 8, 32), (8, 8, 2, 2), (16, 8), (16, 8), (8, 16), (3, 32),
    ]  # fmt: skip
    assert [row.role for row in rows] == ["input", *["hidden"] * 5, "output"]
    x = jnp.ones((4, 4, 2))
    outputs = jax.eval_shape(lambda key: net.at_width(8).init(key, x.shape)(x), jax.random.key(0))
    assert outputs.shape == (3,)


def chain(*layers):
    return nn.Sequential(*layers)


def embedded(decay):
    return nn.SelfAttention(4, positions=nn.PositionEmbedding(decay=decay))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: chain(nn.Flatten(), nn.Conv(4, 3)), "reads positions"),
        (lambda: chain(nn.Flatten(), nn.GlobalAvgPool()), "reads positions"),
        (lambda: nn.Conv(4, (3, 3)), "1 axes of positions"),
        (lambda: nn.Conv(4, 6, padding="VALID"), "take smaller ones"),
        (lambda: nn.AvgPool(6), "take smaller ones"),
        (lambda: nn.Conv(4, 0), "filter of Conv is 0"),
        (lambda: nn.Conv(4, 3, strides=0), "strides of Conv is 0"),
        (lambda: nn.Conv(0, 3), "width of Conv is 0"),
        (lambda: nn.ConvTranspose(4, 3, padding="CIRCULAR"), "one of SAME, VALID"),
        (lambda: nn.SelfAttention(4, 0), "heads of SelfAttention is 0"),
        (lambda: nn.SelfAttention(4, value_width=0), "value_width of SelfAttention is 0"),
        (lambda: nn.SelfAttention(4, scaling="root"), "scaling of SelfAttention"),
        (lambda: nn.SelfAttention(4, scaling="sqrt"), "no known kernel"),
        (lambda: nn.PositionEmbedding("add"), "join of PositionEmbedding"),
        (lambda: nn.PositionEmbedding(width=3), "width of PositionEmbedding is 3"),
        (lambda: nn.PositionEmbedding(std=-1.0), "std of PositionEmbedding"),
        (lambda: embedded(lambda d: 1.0 - d), "is not a covariance"),
        (lambda: embedded(lambda d: 1.0 / d), "finite at 0 too"),
        (lambda: nn.Dropout(0.0), "keep of Dropout is 0.0"),
        (lambda: nn.LayerNorm(epsilon=-1.0), "epsilon of LayerNorm"),
        (lambda: chain(nn.Conv(4, 2), nn.LayerNorm(positions=(1,))), "an example has 1 of them"),
        (lambda: nn.LayerNorm(), "wide Gaussian features"),
        (lambda: chain(nn.Conv(4, 2), nn.Relu(), nn.LayerNorm()), "wide Gaussian"),
        (lambda: chain(nn.Conv(4, 2), nn.Flatten(), nn.Relu()), "needs Gaussian"),
        (lambda: nn.Parallel(nn.Conv(4, 2)), "two or more"),
        (lambda: nn.Parallel(nn.Dense(4), nn.Dense(3)), "one shape"),
        (lambda: nn.Parallel(nn.Relu(), nn.Flatten(), join="concatenation"), "same positions"),
        (lambda: chain(nn.Dense(4), nn.Parallel(nn.Abs(), nn.Abs())), "branches but one"),
        (lambda: nn.Aggregate(np.eye(3)), "reads 3 nodes"),
        (lambda: nn.Aggregate(np.ones((0, 2))), "matrix of finite"),
    ],
)
def test_refused(make, message):
    with pytest.raises(ValueError, match=message):
        nn.Sequential(make()).kernel(np.ones((2, 5, 2)))
