import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widthwise import activations
from widthwise.activations.wick import second_moment, wick

relu = activations.relu


def relu_reference(mean, variance):
    """``w_0 .. w_3`` and the second moment, with 40 digits."""
    with mpmath.workdps(40):
        mu, sd = mpmath.mpf(mean), mpmath.sqrt(mpmath.mpf(variance))
        a, density, below = mu / sd, mpmath.npdf(mu / sd), mpmath.ncdf(mu / sd)
        w = [sd * density + mu * below, below, density / sd, -a * density / sd**2]
        return [float(x) for x in w], float((mu**2 + sd**2) * below + mu * sd * density)


@pytest.mark.parametrize("mean", [-30.0, -8.0, -3.01, -2.99, -0.5, 0.0, 0.3, 4.0, 30.0])
@pytest.mark.parametrize("variance", [0.01, 1.0, 4.0])
def test_relu_to_relative_accuracy_far_from_the_kink(mean, variance):
    expected, moment = relu_reference(mean, variance)
    np.testing.assert_allclose(wick(relu, 3, mean, variance), expected, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(second_moment(relu, mean, variance), moment, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize(
    ("phi", "function"),
    [
        (activations.tanh(4.0), lambda z: mpmath.tanh(4 * z)),
        (activations.gelu, lambda z: z * mpmath.ncdf(z)),
        (activations.hardtanh, lambda z: max(-1, min(1, z))),
        (activations.leaky_relu(0.2), lambda z: z if z > 0 else z / 5),
        (relu.centered(), lambda z: max(0, z) - 1 / mpmath.sqrt(2 * mpmath.pi)),
        (activations.step, lambda z: 1 if z > 0 else 0),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
@pytest.mark.parametrize(("mean", "variance"), [(-0.5, 0.3), (1.3, 9.0)])
def test_agrees_with_integration_by_parts_in_many_digits(phi, function, mean, variance):
    sd = mpmath.sqrt(variance)
    kinks = [(k - mean) / sd for k in phi.kinks]
    cuts = sorted([-12, -6, -3, -1, 0, 1, 3, 6, 12, *(k for k in kinks if abs(k) < 12)])

    def average(power, order):
        def integrand(x):
            hermite = [1, x, x**2 - 1][order]
            return function(mean + sd * x) ** power * hermite * mpmath.npdf(x)

        return float(mpmath.mpf(mpmath.quad(integrand, cuts)))

    expected = [average(1, k) / float(sd) ** k for k in range(3)]
    np.testing.assert_allclose(wick(phi, 2, mean, variance), expected, atol=1e-10)
    np.testing.assert_allclose(second_moment(phi, mean, variance), average(2, 0), atol=1e-10)


@given(mean=st.floats(-4, 4), variance=st.floats(0.1, 4))
@settings(deadline=None, max_examples=15)
@pytest.mark.slow
def test_derivatives_obey_the_heat_equation(mean, variance):
    step = 1e-4
    for phi in (relu, activations.tanh()):
        w = wick(phi, 2, mean, variance)
        above = [wick(phi, 0, mean + step, variance)[0], wick(phi, 0, mean, variance + step)[0]]
        below = [wick(phi, 0, mean - step, variance)[0], wick(phi, 0, mean, variance - step)[0]]
        slopes = (np.array(above) - np.array(below)) / (2 * step)
        np.testing.assert_allclose(slopes, [w[1], w[2] / 2], atol=1e-6)
        found = jax.jacfwd(lambda x, p=phi: wick(p, 0, x[0], x[1])[0])(jnp.array([mean, variance]))
        np.testing.assert_allclose(found, [w[1], w[2] / 2], atol=1e-12)


def test_second_moment_is_differentiable_at_the_kink_of_a_steep_square():
    slope = jax.grad(lambda m: second_moment(relu, m, 0.7))(0.4)
    np.testing.assert_allclose(slope, 2 * wick(relu, 0, 0.4, 0.7)[0], rtol=1e-12)


@pytest.mark.parametrize("phi", [relu, activations.hardtanh], ids=lambda p: p.name)
def test_zero_variance_gives_the_function_itself(phi):
    mean = jnp.array([-2.0, 0.5, 3.0])
    w = wick(phi, 2, mean, 0.0)
    np.testing.assert_allclose(w[0], phi(mean), atol=1e-15)
    np.testing.assert_allclose(w[1], jax.vmap(jax.grad(phi))(mean), atol=1e-15)
    np.testing.assert_allclose(second_moment(phi, mean, 0.0), phi(mean) ** 2, atol=1e-15)
    slopes = jax.grad(lambda v: jnp.sum(wick(phi, 2, mean, v)))(0.0)
    assert jnp.isfinite(slopes)
    assert jnp.all(jnp.isfinite(wick(phi, 3, 0.0, 0.0)))


def test_shapes_dtypes_and_bad_order():
    w = wick(relu, 1, jnp.zeros((2, 1), jnp.float32), jnp.ones((2, 1), jnp.float32))
    assert w.shape == (2, 2, 1)
    assert w.dtype == jnp.float32
    with pytest.raises(ValueError, match="order = -1"):
        wick(relu, -1, 0.0, 1.0)
