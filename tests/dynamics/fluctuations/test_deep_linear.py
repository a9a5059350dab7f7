"""Deep linear networks: published values, the case of two layers, other solutions refused."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from widthwise.dynamics.fluctuations import (
    Descent,
    deep_linear,
    deep_linear_saddle,
    two_layer_linear,
)

ONE = np.eye(1)
X = np.array([[1, 0.5, 0.2], [0, 1, -0.7], [0.3, 0.3, 1]]) * 3**0.5 / 1.2


def one_point(depth, steps, learning_rate=0.05, richness=1.0):
    return deep_linear(depth, Descent(ONE, np.ones(1), steps, learning_rate, richness))


def test_points_that_coincide_are_one():
    once = one_point(2, 3, 0.1)
    twice = deep_linear(2, Descent(np.ones((2, 2)), np.ones(2), 3, 0.1))
    np.testing.assert_allclose(twice.joint[:8:2, 1:8:2], once.joint[:4, :4], atol=1e-10)


def test_infinite_width():
    found = deep_linear_saddle(2, Descent(ONE, np.ones(1), 20, 0.05))
    expected = [0.5878116092, 0.8734416714, 0.9925125620]
    np.testing.assert_allclose(found.outputs[[5, 10, 20], 0], expected, atol=1e-9)
    ends = [found.features[0][20, 20], found.features[1][20, 20], found.forward[0][20, 0]]
    np.testing.assert_allclose(ends, [1.23267844, 1.77350541, 0.05240618], atol=1e-8)
    np.testing.assert_allclose(found.gradients[1], found.features[0], atol=1e-12)
    found = deep_linear_saddle(3, Descent(ONE, np.ones(1), 20, 0.05))
    ends = [matrix[20, 20] for matrix in found.features]
    np.testing.assert_allclose(ends, [1.15746249, 1.51320978, 2.13919048], atol=1e-8)
    found = deep_linear_saddle(
        2, Descent(X @ X.T / 3, np.array([1, -0.5, 0.3]), 15, 0.05, loss="sum")
    )
    expected = [0.81263402, -0.36835980, 0.51355574]
    np.testing.assert_allclose(found.outputs[15], expected, atol=1e-8)


def test_two_hidden_layers():
    found = one_point(2, 10)
    assert found.variance()[10, 0] == pytest.approx(0.20524745, abs=1e-8)
    features = found.variance("feature_kernel")[:, :, 0, 0]
    gradients = found.variance("gradient_kernel")[:, :, 0, 0]
    np.testing.assert_allclose(features[[0, 10]], [[2, 4], [1.867479, 4.971966]], atol=1e-6)
    np.testing.assert_allclose(gradients, features[:, ::-1], atol=1e-9)
    cross = found.covariance("feature_kernel")[10, 0, 0, 0, 10, 1, 0, 0]
    assert cross == pytest.approx(2.064875, abs=1e-6)
    assert found.variance("ntk")[0, 0, 0] == pytest.approx(20, abs=1e-9)  # the lazy limit's


def test_three_hidden_layers():
    found = one_point(3, 6)
    assert found.variance()[6, 0] == pytest.approx(0.549754, abs=1e-6)
    features = found.variance("feature_kernel")[6, :, 0, 0]
    np.testing.assert_allclose(features, [1.964375, 4.846653, 10.645339], atol=1e-6)


@pytest.mark.parametrize(
    ("richness", "ratios"),
    [
        (0.1, [0.50387, 0.25416]),
        pytest.param(0.5, [0.60008, 0.36437], marks=pytest.mark.slow),
        pytest.param(1.0, [0.92333, 0.81338], marks=pytest.mark.slow),
        (2.0, [2.09320, 2.77859]),
    ],
)
def test_richness_improves_the_signal_to_noise_of_kernels(richness, ratios):
    found = one_point(2, 8, 0.1, richness)
    ratio = found.mean["feature_kernel"] ** 2 / found.variance("feature_kernel")
    np.testing.assert_allclose(ratio[8, :, 0, 0], ratios, atol=1e-5)


def logistic(outputs, targets):
    return jnp.sum(jnp.logaddexp(0.0, -outputs * targets))


@pytest.mark.parametrize(
    ("loss", "centered"),
    [
        pytest.param("sum", False, marks=pytest.mark.slow),
        (logistic, True),
    ],
)
def test_one_hidden_layer_on_several_points(centered, loss):
    # one point is only watched
    kernel = (X @ X.T / 3)[:2, :2]
    descent = Descent(kernel, np.array([1.0]), 3, 0.2, 1.5, loss=loss, centered=centered)
    found, expected = deep_linear(1, descent), two_layer_linear(descent)
    for name, mean in expected.mean.items():
        np.testing.assert_allclose(found.mean[name], mean, atol=1e-12)
    np.testing.assert_allclose(found.joint, expected.joint, atol=1e-12)


@pytest.mark.slow
def test_networks():
    rng = np.random.default_rng(2)
    width, members, steps, eta = 100, 4000, 10, 0.05
    u = rng.standard_normal((members, width))
    weights = rng.standard_normal((members, width, width))
    w = rng.standard_normal((members, width))
    for _ in range(steps):
        second = np.einsum("sij,sj->si", weights, u) / np.sqrt(width)
        back = np.einsum("si,sij->sj", w, weights) / np.sqrt(width)
        push = eta * (1 - np.einsum("si,si->s", w, second) / width)[:, None]
        weights += push[:, :, None] * w[:, :, None] * u[:, None] / np.sqrt(width)
        u, w = u + push * back, w + push * second
    second = np.einsum("sij,sj->si", weights, u) / np.sqrt(width)
    found = one_point(2, steps)
    measured = [
        width * np.var(np.einsum("si,si->s", w, second) / width),
        width * np.var(np.mean(u**2, axis=1)),
        width * np.var(np.mean(second**2, axis=1)),
    ]
    expected = [found.variance()[10, 0], *found.variance("feature_kernel")[10, :, 0, 0]]
    np.testing.assert_allclose(measured, expected, rtol=0.12)


def test_refusals():
    descent = Descent(ONE, np.ones(1), 3, 0.05)
    with pytest.raises(ValueError, match="an action of 3036 variables, 3000 are accepted"):
        one_point(2, 21)
    with pytest.raises(ValueError, match="depth=0"):
        deep_linear(0, descent)
    with pytest.raises(ValueError, match="richness is 0"):
        deep_linear(2, replace(descent, richness=0))
    with pytest.raises(ValueError, match="saddle is none: the action has a slope"):
        deep_linear(2, descent, saddle=deep_linear_saddle(2, replace(descent, richness=1.1)))
    with pytest.raises(ValueError, match="saddle has 3 layers"):
        deep_linear(2, descent, saddle=deep_linear_saddle(3, descent))
    with pytest.raises(ValueError, match="gradient descent diverges"):
        one_point(2, 20, learning_rate=3.0)
