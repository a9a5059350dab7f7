"""Finite networks against their kernels, for every parametrization."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from widthwise import networks as nn
from widthwise.ensembles import sample

PARAMETRIZATIONS = [nn.Standard, nn.NTK, nn.MeanField, nn.MuP, nn.DepthMuP]
D = 5
X = np.random.default_rng(0).standard_normal((3, D))


def plain(width, make, parametrization, outputs=1):
    return nn.Sequential(
        nn.Dense(width), make(), nn.Dense(width), make(), nn.Dense(outputs),
        parametrization=parametrization,
    )  # fmt: skip


def residual(width, make, parametrization, outputs=1):
    def block():
        return nn.Residual(nn.Sequential(make(), nn.Dense(width), make(), nn.Dense(width)))

    return nn.Sequential(
        nn.Dense(width), block(), block(), make(), nn.Dense(outputs, weight_std=0.7),
        parametrization=parametrization,
    )  # fmt: skip


def empirical_ntk(net, model, x):
    """Sum over parameters of learning-rate factor times products of derivatives."""
    factors = [row.sgd for row in net.parameter_table(x.shape[1:])]
    leaves, tree = jax.tree.flatten(model)

    def outputs(leaves):
        return jax.vmap(jax.tree.unflatten(tree, leaves))(x)[:, 0]

    jacobian = jax.jacobian(outputs)(leaves)
    flat = [j.reshape(len(x), -1) for j in jacobian]
    return sum(f * j @ j.T for f, j in zip(factors, flat, strict=True))


GROWING = [
    pytest.param(
        build, form, id=f"{build.__name__}-{form.__name__}",
        marks=() if (build, form) == (plain, nn.MuP) else pytest.mark.slow,
    )
    for build in (plain, residual)
    for form in PARAMETRIZATIONS
]  # fmt: skip


@pytest.mark.parametrize(("build", "parametrization"), GROWING)
def test_tangent_kernel_at_growing_width(parametrization, build, key):
    """The mean agrees within its error; fluctuations fall like 1 / sqrt(width)."""
    relative = []
    for width in (16, 64):
        net = build(width, nn.Erf, parametrization(1.2, 0.3))
        expected = np.asarray(net.kernel(X).ntk)
        samples = np.asarray(
            sample(
                net,
                jnp.asarray(X),
                key=key,
                members=40,
                observe=lambda model, x, net=net: empirical_ntk(net, model, x),
            )
        )
        scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
        relative.append(np.sqrt(np.mean(((samples - expected) / scale) ** 2)))
        allowed = 4 * samples.std(0) / np.sqrt(len(samples)) + 1.0 / width * scale
        assert np.all(np.abs(samples.mean(0) - expected) < allowed), width
    assert 0.35 < relative[1] / relative[0] < 0.7  # 1/2 in theory


@pytest.mark.slow
def test_error_of_the_covariance_falls_with_width(key):
    """First correction 1/n: two hidden layers, E f^4 / 3 (E f^2)^2 - 1 tells the fluctuation."""
    excess = []
    for width in (8, 128):
        net = plain(width, nn.Relu, nn.NTK(2**0.5), outputs=8)
        f = np.asarray(sample(net, jnp.asarray(X[:1]), key=key, members=4000))
        moments = (f**2).mean(-1)
        excess.append(np.mean(moments**2) / np.mean(moments) ** 2 - 1)
    assert excess[1] < 0.5 * excess[0]


def test_mean_field_trains_as_mup():
    """The same function after steps of gradient descent with the tables' learning rates."""
    y = jnp.asarray([1.0, -1.0, 0.5])
    curves = []
    for parametrization in (nn.MeanField(), nn.MuP()):
        net = plain(32, nn.Tanh, parametrization)
        model = net.init(jax.random.key(0), (D,))
        factors = [row.sgd for row in net.parameter_table((D,))]
        leaves, tree = jax.tree.flatten(model)

        def loss(leaves, tree=tree):
            f = jax.vmap(jax.tree.unflatten(tree, leaves))(jnp.asarray(X))[:, 0]
            return jnp.mean((f - y) ** 2)

        losses = []
        for _ in range(5):
            value, slopes = jax.value_and_grad(loss)(leaves)
            losses.append(float(value))
            leaves = [w - 0.2 * c * g for w, c, g in zip(leaves, factors, slopes, strict=True)]
        curves.append(losses)
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-10)
    assert curves[0][-1] < 0.9 * curves[0][0]


@pytest.mark.parametrize("parametrization", [nn.MeanField, nn.MuP, nn.DepthMuP])
def test_feature_learning_forms_have_a_tangent_kernel_without_width(parametrization):
    small, large = (plain(w, nn.Erf, parametrization(1.1)).kernel(X) for w in (10, 1000))
    np.testing.assert_allclose(small.ntk, large.ntk, rtol=1e-12)
    np.testing.assert_allclose(small.nngp, 100 * large.nngp, rtol=1e-12)


@pytest.mark.parametrize("parametrization", PARAMETRIZATIONS)
def test_one_linear_layer_is_exact(parametrization, key):
    net = nn.Sequential(nn.Dense(2), parametrization=parametrization(1.3, 0.2))
    np.testing.assert_allclose(net.kernel(X).nngp, 1.69 * X @ X.T / D + 0.04, rtol=1e-12)
    model = net.init(key, (D,))
    np.testing.assert_allclose(empirical_ntk(net, model, X), net.kernel(X).ntk, rtol=1e-10)


def test_depth_mup_keeps_the_scale_of_deep_residual_networks():
    """Sum of L branches, each times 1 / sqrt(L): bounded variance, unlike MuP."""

    def variance(depth, parametrization):
        blocks = [
            nn.Residual(nn.Sequential(nn.Relu(), nn.Dense(64, weight_std=2**0.5)))
            for _ in range(depth)
        ]
        net = nn.Sequential(nn.Dense(64), *blocks, parametrization=parametrization)
        return float(net.kernel(X[:1], diagonal=True).nngp[0]) * D / float(X[0] @ X[0])

    assert variance(64, nn.DepthMuP()) == pytest.approx((1 + 1 / 64) ** 64)
    assert variance(8, nn.MuP()) == pytest.approx(2**8)
