"""The lazy limit: covariances of tangent kernels of deep networks, and predictions from them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from widthwise import activations
from widthwise.dynamics.fluctuations import (
    Descent,
    deep_linear,
    lazy,
    lazy_kernel,
    two_layer_linear,
)

ONE = np.eye(1)
X = np.random.default_rng(0).standard_normal((2, 4))
KERNEL = X @ X.T / 4
TANH, RELU = activations.tanh(1.0), activations.relu
ERF = activations.from_function(lambda z: jax.scipy.special.erf(z / 2**0.5))


@pytest.mark.parametrize(
    ("phi", "gain", "ntk", "kappa"),
    [
        (
            TANH,
            1.0,
            [0.85869739, 0.78304957, 0.73572093, 0.70310567],
            [0.690260, 1.019175, 1.270777, 1.494012],
        ),
        pytest.param(
            activations.identity, 1.0, [2, 3, 4, 5], [4, 20, 56, 120], marks=pytest.mark.slow
        ),
        (RELU, 2**0.5, [2, 3, 4, 5], [12, 58, 160, 340]),
    ],
)
def test_one_point(phi, gain, ntk, kappa):
    for depth in (1, 2, 3, 4):
        found = lazy_kernel([phi] * depth, ONE, gains=[1.0] + [gain] * depth)
        assert found.ntk.item() == pytest.approx(ntk[depth - 1], abs=1e-7)
        assert found.covariance.item() == pytest.approx(kappa[depth - 1], abs=1e-6)
        assert not found.apart.any()


@pytest.mark.slow
def test_erf_of_two_layers():
    found = lazy_kernel([ERF] * 2, ONE)
    assert found.ntk.item() == pytest.approx(0.50648461, abs=1e-7)
    assert found.covariance.item() == pytest.approx(0.363260, abs=1e-6)


@pytest.mark.slow
def test_several_points():
    # the action of deep linear networks has it from another derivation, without sites
    found = lazy_kernel([activations.identity] * 2, KERNEL, sites=2**15)
    expected = deep_linear(2, Descent(KERNEL, np.ones(1), 1, 0.1)).covariance("ntk")[0, :, :, 0]
    scale = np.sqrt(np.einsum("abab->ab", expected))
    scale = scale[:, :, None, None] * scale[None, None]
    assert np.max(np.abs(found.covariance - expected) / scale) < 0.02
    entries = found.error(np.eye(3))  # 11, 12, 22
    apart = np.abs(found.covariance - expected)[[0, 0, 1], [0, 1, 1], [0, 0, 1], [0, 1, 1]]
    assert np.all(apart < 6 * entries)
    # a point does not know of others
    alone = lazy_kernel([TANH] * 2, KERNEL[:1, :1]).covariance.item()
    assert lazy_kernel([TANH] * 2, KERNEL).covariance[0, 0, 0, 0] == pytest.approx(alone, rel=0.01)


def test_coincident_points():
    twice = lazy_kernel([RELU] * 2, np.ones((2, 2)))
    np.testing.assert_allclose(twice.covariance, twice.covariance[0, 0, 0, 0], rtol=1e-9)
    assert np.all(np.isfinite(twice.covariance))


def test_predictions_of_one_point():
    descent = Descent(ONE, np.ones(1), 20, learning_rate=0.1, richness=0, centered=True)
    found = lazy([TANH], descent)
    spread = found.variance()[[0, 5, 10, 20], 0]
    np.testing.assert_allclose(spread, [0, 0.084143, 0.137138, 0.091071], atol=1e-6)
    t, k = np.arange(21), 0.85869739
    factor = 0.1 * t * (1 - 0.1 * k) ** (t - 1.0)
    np.testing.assert_allclose(
        found.covariance()[:, 0, :, 0], 0.690260 * np.outer(factor, factor), atol=1e-6
    )
    np.testing.assert_allclose(found.mean["output"][:, 0], 1 - (1 - 0.1 * k) ** t, atol=1e-8)


def logistic(outputs, targets):
    return jnp.sum(jnp.logaddexp(0.0, -outputs * targets))


@pytest.mark.parametrize("centered", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_is_the_limit_of_two_layers(centered):
    # another point is watched; corrections of the mean are known for one hidden layer
    settings = {"steps": 5, "learning_rate": 0.5, "centered": centered, "loss": logistic}
    small = Descent(KERNEL, np.array([1.0]), richness=1e-2, **settings)
    expected = two_layer_linear(small)
    found = lazy([activations.identity], small, sites=2**15)
    scale = expected.variance().max()
    np.testing.assert_allclose(found.covariance(), expected.covariance(), atol=0.02 * scale)
    shift = expected.correction["output"]
    np.testing.assert_allclose(found.correction["output"], shift, atol=0.03 * np.abs(shift).max())
    assert np.all(found.variance_error["output"] < 0.02 * scale)


def test_is_the_limit_of_deep_networks():
    settings = {"steps": 4, "learning_rate": 0.1, "centered": True}
    expected = deep_linear(3, Descent(ONE, np.ones(1), richness=1e-3, **settings))
    found = lazy([activations.identity] * 3, Descent(ONE, np.ones(1), richness=0, **settings))
    np.testing.assert_allclose(found.covariance(), expected.covariance(), atol=1e-5)
    with pytest.raises(NotImplementedError, match="mean of 'output' is not known"):
        found.expected_loss(1000)


def test_refusals():
    with pytest.raises(ValueError, match="give centered=True"):
        lazy([TANH], Descent(ONE, np.ones(1), 3, 0.1, 0))
    with pytest.raises(ValueError, match="one gain more than activations"):
        lazy_kernel([TANH], ONE, gains=[1.0])
    with pytest.raises(ValueError, match="without jumps"):
        lazy_kernel([activations.sign], ONE)
    with pytest.raises(ValueError, match="diverges at infinite width"):
        lazy([TANH], Descent(ONE, np.ones(1), 60, 9.0, 0, centered=True))
    with pytest.raises(ValueError, match="give fewer points"):
        lazy_kernel([TANH], np.eye(400))
