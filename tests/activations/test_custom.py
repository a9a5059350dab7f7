"""A user's own functions: what is found about them, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from widthwise import activations


@pytest.mark.parametrize(
    ("function", "kinks", "parity", "continuous"),
    [
        (jnp.tanh, (), "odd", True),
        (jax.nn.relu, (0.0,), None, True),
        (lambda z: jnp.maximum(z, 0) ** 2, (0.0,), None, True),
        pytest.param(lambda z: jnp.clip(z, -1, 2), (-1.0, 2.0), None, True, marks=pytest.mark.slow),
        (jnp.sign, (0.0,), "odd", False),
        (lambda z: jnp.where(jnp.abs(z) > 0.5, z, 0), (-0.5, 0.5), "odd", False),
        (lambda z: jnp.where(z > 0.123, z**2, z), (0.123,), None, False),
        pytest.param(lambda z: jnp.sin(6 * z) + z, (), "odd", True, marks=pytest.mark.slow),
    ],
)
def test_kinks_parity_and_jumps_are_found(function, kinks, parity, continuous):
    phi = activations.from_function(function, name="mine")
    assert phi.kinks == pytest.approx(kinks, abs=1e-12)
    assert (phi.parity, phi.continuous) == (parity, continuous)


def test_averages_of_a_copy_agree_with_the_original():
    phi = activations.from_function(lambda z: jnp.where(z > 0, z, 0.2 * z))
    known = activations.leaky_relu(0.2)
    k12 = jnp.linspace(-1, 1, 9)
    np.testing.assert_allclose(phi.dual(k12), known.dual(k12), atol=1e-11)
    np.testing.assert_allclose(phi.dual_derivative(k12), known.dual_derivative(k12), atol=1e-11)


@pytest.mark.slow
def test_a_jump_has_an_infinite_slope_only_at_the_ends():
    phi = activations.from_function(jnp.sign)
    k12 = jnp.asarray([-0.5, 0.0, 0.5])
    exact = activations.sign.dual_derivative(k12)
    np.testing.assert_allclose(phi.dual_derivative(k12), exact, atol=1e-11)
    assert jnp.isinf(phi.dual_derivative(1.0))


def test_a_steep_place_can_be_given():
    def steep(z):
        return jnp.tanh(30 * (z - 2))

    phi = activations.from_function(steep, kinks=(2.0,), width=np.pi / 60)
    dense = np.linspace(-12, 12, 200_001)
    weight = np.exp(-(dense**2) / 2) / np.sqrt(2 * np.pi)
    expected = np.trapezoid(np.tanh(30 * (dense - 2)) * weight, dense)
    assert float(phi.mean()) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda z: 1 / (z - jnp.round(z)), ValueError, "only good to|not finite"),
        (lambda z: jnp.log(z), ValueError, "not finite"),
        (lambda z: 0 * z + 1.0, ValueError, "does not depend on its input"),
        (lambda z: jnp.exp(z**2), ValueError, "infinite"),
        (lambda z: jnp.sum(z), ValueError, "elementwise"),
        (lambda z: z if z > 0 else 0, TypeError, "jax.numpy"),
        (lambda z: jnp.sin(300 * z), ValueError, "only good to"),
    ],
)
def test_what_cannot_serve_is_refused(function, error, message):
    with pytest.raises(error, match=message):
        activations.from_function(function, name="mine")


def test_impossible_correlations_and_variances_are_refused():
    with pytest.raises(ValueError, match="correlation outside"):
        activations.relu.correlation_map(1.1)
    with pytest.raises(ValueError, match="correlation outside"):
        activations.gelu.dual(jnp.asarray([0.5, -2.1]), 1.0, 4.0)
    with pytest.raises(ValueError, match="positive, finite"):
        activations.relu.centered(-1.0)
    with pytest.raises(ValueError, match="does not depend on its input"):
        activations.polynomial((2.0,)).correlation_map(0.5)
    assert float(activations.relu.correlation_map(1 + 1e-12)) == 1.0
