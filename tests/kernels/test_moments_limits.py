"""Infinite-width covariances, and the closed forms of what finite width does."""

import numpy as np
import pytest

from widthwise import activations, data, kernels

RELU, SHIFTED_RELU = activations.relu, activations.relu.centered()
SHIFTED_GELU, TANH, TANH4 = activations.gelu.centered(), activations.tanh(), activations.tanh(4.0)


@pytest.mark.parametrize(
    ("phi", "expected"),
    [
        (SHIFTED_RELU, [0.18388838248, 0.0468155581204, 0.0022275701902, 2.04398633e-7]),
        (SHIFTED_GELU, [0.182527689067, 0.0441187840775, 0.00182808746, 1.10243843e-7]),
        (TANH, [0.371127635245, 0.267536251247, 0.133456427616, 0.0154829902005]),
        (TANH4, [0.132242863082, 0.0320532491116, 0.00186210154806, 3.64697599e-7]),
        (RELU, [0.810454201005, 0.897646729807, 0.955260184893, 0.988662613226]),
    ],
)
def test_correlation_after_5_10_20_50_layers(phi, expected):
    k = kernels.covariance(phi, np.array([[1, 0.5], [0.5, 1]]), depth=50)
    np.testing.assert_allclose(k[[5, 10, 20, 50], 0, 1], expected, atol=1e-9)
    np.testing.assert_allclose(k[:, [0, 1], [0, 1]], 1.0, atol=1e-9)


def test_every_pair_of_a_hypercube_follows_the_correlation_map():
    x = np.asarray(data.hypercube(3))
    k = kernels.covariance(TANH, x @ x.T / 3, depth=2)
    once = np.asarray(TANH.correlation_map(x @ x.T / 3))
    np.testing.assert_allclose(k[1], once, atol=1e-10)
    np.testing.assert_allclose(
        k[2], np.asarray(TANH.correlation_map(np.clip(once, -1, 1))), atol=1e-10
    )
    np.testing.assert_array_equal(k, k.swapaxes(1, 2))


def test_real_images():
    x = np.asarray(data.as_unit_inputs(data.fashion_mnist_subset(count=6).images))
    k = kernels.covariance(RELU, x @ x.T / 784, depth=3, bias_variance=0.1)
    assert np.min(np.linalg.eigvalsh(k)) > 0
    np.testing.assert_allclose(
        np.diagonal(k, axis1=1, axis2=2)[1:], [[1.1] * 6, [1.2] * 6, [1.3] * 6]
    )


def test_natural_weights_keep_any_variance():
    for q in (0.5, 1.0, 2.0):
        cw = kernels.natural_weight_variance(TANH, q)
        k = kernels.covariance(TANH, np.full((1, 1), q), depth=3, weight_variance=cw)
        np.testing.assert_allclose(k, q, rtol=1e-10)


def test_zero_activation_has_no_natural_weights():
    with pytest.raises(ValueError, match="positive finite second moment"):
        kernels.natural_weight_variance(activations.polynomial((0.0,)))


@pytest.mark.parametrize(
    ("phi", "limit"),
    [(SHIFTED_RELU, 2.1644), (SHIFTED_GELU, 2.0971), (TANH, 7.4501), (TANH4, 2.3040)],
)
def test_floor_of_unrelated_inputs(phi, limit):
    sequence = kernels.decorrelated_variance(phi, 200)
    assert sequence[-1] == pytest.approx(limit, abs=1e-4)
    assert kernels.decorrelation_floor(phi, 50) == pytest.approx(np.sqrt(limit / 50), rel=1e-4)
    exact = kernels.finite_width(phi, np.array([[1.0, 0.0, 1.0]]), depth=4).V[:, 0, 1, 1]
    np.testing.assert_allclose(sequence[:5], exact, atol=1e-9)


def test_linear_networks_never_reach_a_floor():
    np.testing.assert_allclose(kernels.decorrelated_variance(activations.identity, 4), range(5))
    assert kernels.decorrelation_floor(activations.identity, 10) == np.inf


def test_floor_needs_zero_mean():
    with pytest.raises(ValueError, match=r"relu\.centered"):
        kernels.decorrelation_floor(RELU, 10)


@pytest.mark.parametrize("phi", [RELU, SHIFTED_RELU, SHIFTED_GELU, TANH, TANH4])
def test_norm_channel_is_that_of_the_recursion(phi):
    exact = kernels.finite_width(phi, np.array([[1.0, 1.0, 1.0]]), depth=5).V[:, 0, 0, 0]
    np.testing.assert_allclose(kernels.norm_variance(phi, 5), exact, rtol=1e-9)


@pytest.mark.parametrize(
    ("phi", "marginal", "reliable"),
    [(TANH, False, True), (TANH4, False, True), (RELU, True, False), (SHIFTED_GELU, True, False)],
)
def test_stability_of_norms(phi, marginal, reliable):
    stability = kernels.norm_stability(phi, depth=32, width=256)
    assert stability.marginal == marginal
    assert stability.reliable == reliable
    assert stability.chi_par == pytest.approx(float(phi.chi_par()))
    expected = kernels.norm_variance(phi, 32)[-1] / 256
    assert stability.relative_variance == pytest.approx(expected)


@pytest.mark.parametrize(
    ("k1", "message"),
    [
        (np.array([[1, 0.2], [0.3, 1]]), "symmetric"),
        (np.array([[1, 1.5], [1.5, 1]]), "correlation outside"),
        (np.array([[np.inf]]), "not finite"),
    ],
)
def test_what_is_no_covariance_is_refused(k1, message):
    for function in (kernels.covariance, kernels.finite_width_matrix):
        with pytest.raises(ValueError, match=message):
            function(RELU, k1, depth=2)
