"""The control variate keeps the mean and takes away most of the variance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from widthwise import activations
from widthwise.activations.products import MehlerProducts, mean_products
from widthwise.ensembles import kernel_chain, without_linear_response
from widthwise.experiments import member_keys
from widthwise.kernels import finite_width, natural_weight_variance
from widthwise.numerics import statistics

WIDTH, DEPTH = 32, 3
PAIR = np.array([[1.0, 0.5, 1.0]])


@pytest.mark.parametrize(
    "name",
    [
        "tanh",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("relu.centered", "tanh(4)")),
    ],
)
def test_same_mean_and_far_less_noise(name, key):
    """Differences have mean zero within their error, and the mean is closer to K + H/n."""
    phi = activations.get(name)
    keys = member_keys(key, WIDTH, (0, 4000))
    gram = jnp.array([[1.0, 0.5], [0.5, 1.0]], jnp.float32)
    kernels = np.asarray(kernel_chain(phi, gram, keys, depth=DEPTH, width=WIDTH))
    raw = np.stack([kernels[..., 0, 0], kernels[..., 0, 1], kernels[..., 1, 1]], -1)[:, :, None]
    theory = finite_width(phi, PAIR, depth=DEPTH)
    free = np.asarray(
        without_linear_response(
            phi,
            jnp.asarray(raw),
            jnp.asarray(theory.J, jnp.float32),
            weight_variance=natural_weight_variance(phi),
        )
    )
    assert np.array_equal(free[:, 0], raw[:, 0])
    taken = statistics.mean((raw - free)[:, 1:].astype(float))
    assert np.all(np.abs(taken.value) < 4.5 * taken.standard_error)
    before, after = (statistics.mean(k[:, -1].astype(float)) for k in (raw, free))
    assert np.all(after.standard_error < before.standard_error / 2)
    first_order = theory.covariance(WIDTH)[-1]
    allowed = np.abs(theory.H[-1]) / WIDTH / 3 + 5 * after.standard_error
    assert np.all(np.abs(after.value - first_order) < allowed)


def test_one_jacobian_for_each_transition():
    with pytest.raises(ValueError, match="3 layers have 2 transitions, but 1 Jacobians"):
        without_linear_response(
            activations.relu, jnp.ones((5, 3, 1, 3)), jnp.ones((1, 1, 3, 3)), weight_variance=2.0
        )


@pytest.mark.parametrize(
    ("name", "order", "error"),
    [
        ("tanh", 31, 1e-7),
        pytest.param("tanh(4)", 63, 1e-5, marks=pytest.mark.slow),
        ("silu", 31, 1e-10),
    ],
)
def test_mehlers_formula(name, order, error):
    phi = activations.get(name)
    pairs = jnp.array([[1.0, 0.5, 1.0], [0.7, -0.6, 1.4], [2.0, 0.0, 1.0], [1.0, 0.85, 1.0]])
    exact = mean_products(phi, pairs)
    assert np.max(np.abs(MehlerProducts(phi, order)(pairs) - exact)) < error


@pytest.mark.slow
def test_mehlers_formula_of_an_input_that_is_zero():
    pairs = jnp.array([[0.0, 0.0, 1.0]])
    gradient = jax.jacobian(MehlerProducts(activations.tanh(), 31))(pairs)
    assert np.all(np.isfinite(gradient))


def test_mehlers_formula_refuses_kinks_away_from_zero():
    with pytest.raises(ValueError, match="relu6 has kinks at"):
        MehlerProducts(activations.get("relu6"), 31)
