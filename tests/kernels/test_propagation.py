import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from scipy import integrate, stats

from widthwise import activations, kernels, observables
from widthwise import networks as nets
from widthwise.kernels.propagation import Method

WEIGHTS = [
    jnp.array([[1.0, 0.5], [0.2, 0.9]]),
    jnp.array([[0.8, -0.6], [0.3, 1.1]]),
    jnp.array([[1.0, -0.7], [0.4, 0.9]]),
]
TWO_HIDDEN = kernels.GivenNetwork(activations.relu, WEIGHTS)


def random_rectangular(key, phi):
    keys = jax.random.split(key, 6)
    shapes = [(5, 3), (4, 5), (2, 4)]
    weights = [jax.random.normal(k, s) / 2 for k, s in zip(keys[:3], shapes, strict=True)]
    biases = [jax.random.normal(k, s[:1]) / 2 for k, s in zip(keys[3:], shapes, strict=True)]
    return kernels.GivenNetwork(phi, weights, biases)


def test_one_hidden_layer_reference_value_is_exact():
    network = kernels.GivenNetwork(activations.relu, WEIGHTS[:2])
    mean = kernels.covariance_propagation(network).mean
    np.testing.assert_allclose(mean, [0.13614086, 0.53839658], atol=1e-8)


def test_two_hidden_layers_reference_values():
    plain = kernels.covariance_propagation(TWO_HIDDEN).mean
    augmented = kernels.covariance_propagation(TWO_HIDDEN, augmented=True).mean
    first_order = kernels.mean_propagation(TWO_HIDDEN).mean
    np.testing.assert_allclose(plain, [-0.17654793, 0.67103300], atol=1e-7)
    np.testing.assert_allclose(augmented, [-0.19290395, 0.66983768], atol=1e-7)
    np.testing.assert_allclose(first_order, [-0.12247415, 0.68490282], atol=1e-7)


def test_exact_mean_of_two_hidden_layers():
    """Relu is homogeneous: E f is an integral over the angle of the input, times E|x|."""
    angle = (np.arange(200_000) + 0.5) * (2 * np.pi / 200_000)
    circle = jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1)
    mean = jnp.mean(jax.vmap(TWO_HIDDEN)(circle), axis=0) * np.sqrt(np.pi / 2)
    np.testing.assert_allclose(mean, [-0.1703219, 0.5671792], atol=1e-7)


@pytest.mark.parametrize(
    ("phi", "function"),
    [
        (activations.relu, lambda z: np.maximum(z, 0)),
        (activations.tanh(2.0), lambda z: np.tanh(2 * z)),
    ],
    ids=["relu", "tanh(2)"],
)
def test_one_hidden_layer_with_bias_and_inputs_that_are_not_standard(key, phi, function):
    network = random_rectangular(key, phi)
    one = kernels.GivenNetwork(phi, network.weights[:2], network.biases[:2])
    factor = jnp.array([[1.0, 0, 0], [0.5, 0.7, 0], [-0.2, 0.1, 0.4]])
    mean, covariance = jnp.array([0.3, -1.0, 0.5]), factor @ factor.T
    estimate = kernels.covariance_propagation(one, mean=mean, covariance=covariance)
    first = one.weights[0] @ mean + one.biases[0]
    spread = np.sqrt(np.diag(one.weights[0] @ covariance @ one.weights[0].T))

    def outer(mu, sd):
        kink = [-mu / sd] if abs(mu / sd) < 10 else None
        density = lambda x: function(mu + sd * x) * np.exp(-(x**2) / 2)  # noqa: E731
        integral = integrate.quad(density, -10, 10, points=kink, epsabs=1e-10, limit=200)[0]
        return integral / np.sqrt(2 * np.pi)

    hidden = np.array([outer(m, s) for m, s in zip(first.tolist(), spread.tolist(), strict=True)])
    expected = one.weights[1] @ hidden + one.biases[1]
    np.testing.assert_allclose(estimate.mean, expected, atol=1e-8)


def test_linear_network_is_propagated_exactly(key):
    network = random_rectangular(key, activations.identity)
    moments = kernels.covariance_propagation(network)
    total = network.weights[2] @ network.weights[1] @ network.weights[0]
    np.testing.assert_allclose(moments.mean, network(jnp.zeros(3)), atol=1e-14)
    np.testing.assert_allclose(moments.covariance, total @ total.T, atol=1e-12)


@given(seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=10)
def test_covariance_is_positive_semidefinite_and_units_may_be_permuted(seed):
    key = jax.random.key(seed)
    network = random_rectangular(key, activations.relu)
    moments = kernels.covariance_propagation(network, augmented=True)
    assert np.linalg.eigvalsh(moments.covariance).min() > -1e-12
    order = jax.random.permutation(key, 5)
    first, second, third = network.weights
    permuted = kernels.GivenNetwork(
        network.phi,
        (first[order], second[:, order], third),
        (network.biases[0][order], *network.biases[1:]),
    )
    again = kernels.covariance_propagation(permuted, augmented=True)
    np.testing.assert_allclose(again.mean, moments.mean, atol=1e-12)
    np.testing.assert_allclose(again.covariance, moments.covariance, atol=1e-12)


def test_nominal_weight_variances_are_used():
    one = kernels.GivenNetwork(activations.relu, WEIGHTS[:2])
    moments = kernels.mean_propagation(one, weight_variances=(1.0, 2.0))
    hidden = np.full(2, 1 / np.sqrt(2 * np.pi))
    np.testing.assert_allclose(moments.mean, WEIGHTS[1] @ hidden, atol=1e-14)
    expected = 2.0 * (0.5 - 1 / (2 * np.pi))
    np.testing.assert_allclose(moments.covariance, expected * np.eye(2), atol=1e-14)


def test_estimates_are_differentiable_and_vectorise_over_networks():
    def objective(scale):
        network = kernels.GivenNetwork(activations.relu, [scale * WEIGHTS[0], *WEIGHTS[1:]])
        return kernels.covariance_propagation(network).mean[1]

    slope = jax.grad(objective)(1.3)
    step = 1e-5
    expected = (objective(1.3 + step) - objective(1.3 - step)) / (2 * step)
    np.testing.assert_allclose(slope, expected, rtol=1e-8)
    scales = jnp.array([0.5, 1.0, 2.0])
    together = jax.vmap(objective)(scales)
    np.testing.assert_allclose(together, [objective(s) for s in scales], atol=1e-14)


def test_reads_a_widthwise_model(key):
    net = nets.Sequential(
        nets.Dense(6), nets.Gelu(), nets.Dense(2), parametrization=nets.NTK(1.5, bias_std=0.3)
    )
    model = net.init(key, (3,))
    network = kernels.GivenNetwork.of(model)
    x = jnp.array([0.1, -0.4, 2.0])
    np.testing.assert_allclose(network(x), model(x), atol=1e-14)
    assert network.widths == (3, 6, 2)
    mixed = nets.Sequential(
        nets.Dense(6), nets.Gelu(), nets.Dense(6), nets.Relu(), nets.Dense(2)
    ).init(key, (3,))
    with pytest.raises(ValueError, match="one and the same activation"):
        kernels.GivenNetwork.of(mixed)


def test_tail_probability_is_that_of_a_gaussian():
    moments = kernels.Moments(jnp.array([1.0, -1.0]), jnp.array([[2.0, 0.5], [0.5, 1.0]]))
    found = moments.tail_probability(jnp.array([1.0, 2.0]), 3.0)
    np.testing.assert_allclose(found, stats.norm.sf(3.0, loc=-1.0, scale=np.sqrt(8.0)), rtol=1e-12)


def test_operations_are_counted():
    widths = (3, 5, 2)
    assert kernels.flops(widths, "sample") == 2 * (15 + 10)
    assert kernels.flops(widths, "mean_nominal") == 2 * (15 + 10)
    assert kernels.flops(widths, "mean") == 4 * (15 + 10)
    products = 2 * 15 * (3 + 5) + 2 * 10 * (5 + 2)
    assert kernels.flops(widths, "covariance") == 2 * (15 + 10) + products + 2 * 25
    assert kernels.flops(widths, "augmented") == 2 * (15 + 10) + products + 6 * 25
    assert observables.sampling_mse(3.0, widths, "mean") == 1.5
    with pytest.raises((ValueError, TypeCheckError), match="exact"):
        kernels.flops(widths, "exact")  # pyright: ignore[reportArgumentType]


@pytest.mark.slow
def test_squared_errors_fall_with_width_as_predicted(key):
    """Mean squared errors of two hidden relu layers: 1/n and 1/n^2, and about 1/2 for a sample."""
    scaling = observables.error_scaling(key, activations.relu, (16, 32), members=40, samples=2000)
    predictions: list[tuple[Method, int, list[float]]] = [
        ("mean_nominal", -1, [0.0125, 0.0072]),
        ("covariance", -2, [7.0e-4, 1.56e-4]),
    ]
    for method, exponent, reference in predictions:
        law = scaling.fit(method)
        assert abs(law.exponent - exponent) < 4 * law.exponent_error
        assert law.exponent_error < 0.2
        assert np.all(np.abs(scaling.errors[method].z(reference)) < 4)
    assert np.all(np.abs(scaling.errors["sample"].value - 0.5) < 0.1)
    assert np.all(scaling.errors["mean"].value < scaling.errors["mean_nominal"].value)
    assert np.all(scaling.at_equal_cost("covariance").value > scaling.errors["covariance"].value)


@pytest.mark.slow
def test_squared_errors_are_unbiased(key):
    """Few or many runs for the truth: the same mean squared error, within its error."""
    keys = jax.random.split(key, 40)
    few, many = (
        observables.squared_errors(
            keys, activations.relu, 16, methods=("covariance",), samples=samples
        )["covariance"]
        for samples in (500, 2000)
    )
    difference = np.asarray(few - many)
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(40)
    assert difference.std() > 0


def test_bad_input_is_refused(key):
    relu = activations.relu
    with pytest.raises(ValueError, match="no weights were given"):
        kernels.GivenNetwork(relu, [])
    with pytest.raises(ValueError, match="matrix 0 has 2 outputs and matrix 1 reads 3"):
        kernels.GivenNetwork(relu, [WEIGHTS[0], jnp.ones((2, 3))])
    with pytest.raises(ValueError, match="3 matrices and 1 biases"):
        kernels.GivenNetwork(relu, WEIGHTS, [None])
    with pytest.raises(ValueError, match="bias 0 has shape"):
        kernels.GivenNetwork(relu, WEIGHTS[:1], [jnp.ones(3)])
    with pytest.raises(ValueError, match="one for each matrix"):
        kernels.mean_propagation(TWO_HIDDEN, weight_variances=(1.0,))
    with pytest.raises(ValueError, match="a network of 2 inputs"):
        kernels.covariance_propagation(TWO_HIDDEN, mean=jnp.zeros(3))
    with pytest.raises(ValueError, match="hidden_layers = 1"):
        observables.squared_errors(jax.random.split(key), relu, 4, hidden_layers=1)
    with pytest.raises(ValueError, match="width = 0"):
        observables.squared_errors(jax.random.split(key), relu, 0)
