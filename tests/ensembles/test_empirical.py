"""Networks with weights against the recursion for their moments."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from widthwise import activations, networks
from widthwise.ensembles import (
    empirical_kernels,
    kernel_chain,
    output_covariance,
    output_kurtosis,
    shared_variance,
)
from widthwise.numerics.statistics import mean, variance

X = jnp.asarray([[1.0, 1, 1, 1], [1, 1, 1, -1], [-1, -1, -1, -1]])
WIDTH = 32


@pytest.fixture(scope="module")
def relu_networks():
    """ReLU networks, natural weights, two hidden layers: V and H are known."""
    dense = [
        networks.Dense(w, weight_std=s) for w, s in ((WIDTH, 1.0), (WIDTH, 2**0.5), (4, 2**0.5))
    ]
    relu = networks.Elementwise(activations.relu)
    net = networks.Sequential(dense[0], relu, dense[1], relu, dense[2])
    return empirical_kernels(net, X, key=jax.random.key(11), members=3000)


def test_dimensions_and_first_layer(relu_networks):
    assert relu_networks["kernel"].dims == ("member", "layer", "input", "input_2")
    assert relu_networks["kernel"].shape == (3000, 3, 3, 3)
    assert relu_networks["outputs"].shape == (3000, 4, 3)
    gram = np.broadcast_to(X @ X.T / 4, (3000, 3, 3))
    np.testing.assert_allclose(relu_networks["kernel"][:, 0], gram, atol=1e-12)


def test_kernels_have_the_mean_and_variance_of_theory(relu_networks):
    # Exactly: E[Khat_11] = 1, n Var = 5 after one layer, and (1 + 5/n)^2 - 1 = Var after two.
    kernel = relu_networks["kernel"].values
    assert abs(variance(kernel[:, 1, 0, 0]).z(5 / WIDTH)) < 4
    assert abs(variance(kernel[:, 2, 0, 0]).z((1 + 5 / WIDTH) ** 2 - 1)) < 4
    assert abs(mean(kernel[:, 2, 0, 0]).z(1.0)) < 4
    np.testing.assert_allclose(kernel, kernel.swapaxes(2, 3))


def test_kernels_are_distributed_as_the_chain(relu_networks):
    keys = jax.random.split(jax.random.key(5), 3000)
    chain = np.asarray(kernel_chain(activations.relu, X @ X.T / 4, keys, depth=2, width=WIDTH))
    for statistic in (mean, variance):
        one, other = statistic(relu_networks["kernel"].values[:, 2]), statistic(chain[:, 2])
        error = np.hypot(one.standard_error, other.standard_error)
        np.testing.assert_array_less(np.abs(one.value - other.value) / error, 4)


def test_outputs_share_their_kernel(relu_networks):
    outputs, kernel = relu_networks["outputs"].values, relu_networks["kernel"].values[:, 2]
    same = mean(kernel)
    np.testing.assert_array_less(np.abs(output_covariance(outputs).z(same.value)), 4)
    np.testing.assert_array_less(np.abs(shared_variance(outputs).z(variance(kernel).value)), 4)
    # E[z^4] = 3 E[Khat^2], with the exact second moment of the ReLU kernel.
    assert abs(output_kurtosis(outputs).z(3 * ((1 + 5 / WIDTH) ** 2 - 1))[0]) < 4


def test_biases_enter_every_kernel():
    tanh = networks.Elementwise(activations.tanh())
    net = networks.Sequential(
        networks.Dense(8), tanh, networks.Dense(2), parametrization=networks.NTK(1.3, 0.5)
    )
    first = empirical_kernels(net, X, key=jax.random.key(0), members=2)["kernel"][:, 0]
    np.testing.assert_allclose(first[0], 0.25 + 1.69 * X @ X.T / 4)


def test_members_are_the_same_in_any_range():
    net = networks.Sequential(networks.Dense(4), networks.Relu(), networks.Dense(2))
    key = jax.random.key(0)
    whole = empirical_kernels(net, X, key=key, members=4)
    part = empirical_kernels(net, X, key=key, members=(2, 4))
    np.testing.assert_allclose(whole["kernel"][2:], part["kernel"])


def test_one_output_has_no_partner():
    with pytest.raises(ValueError, match="two different outputs"):
        shared_variance(np.ones((5, 1, 2)))
