import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import eval_hermitenorm, gammaln

from widthwise import activations
from widthwise.numerics import KinkRule, hermite_coefficients, hermite_functions


def test_recursion_agrees_with_scipy():
    x = np.linspace(-4, 4, 9)
    found = hermite_functions(jnp.asarray(x), 30)
    for k in (0, 1, 2, 7, 30):
        expected = eval_hermitenorm(k, x) * np.exp(-gammaln(k + 1) / 2)
        np.testing.assert_allclose(found[k], expected, rtol=1e-11, atol=1e-12)


def test_relu_coefficients_to_order_one_hundred():
    exact = activations.relu.hermite(100)
    rule = KinkRule(kinks=(0.0,))
    found = hermite_coefficients(lambda z: jnp.maximum(z, 0.0), 100, rule=rule)
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-13)


def test_relu_coefficients_by_double_factorials():
    a = activations.relu.hermite(8, 2.0) / np.sqrt(2.0)
    expected = [1 / np.sqrt(2 * np.pi), 0.5, 1 / np.sqrt(4 * np.pi), 0.0]
    expected += [-1 / np.sqrt(2 * np.pi * 24), 0.0, 3 / np.sqrt(2 * np.pi * 720), 0.0]
    expected += [-15 / np.sqrt(2 * np.pi * 40320)]
    np.testing.assert_allclose(a, expected, atol=1e-15)


@pytest.mark.parametrize("order", [1, 12])
def test_a_hermite_polynomial_has_one_coefficient(order):
    a = hermite_coefficients(
        lambda z: hermite_functions(z, order)[order], order + 3, rule=KinkRule()
    )
    np.testing.assert_allclose(a, np.eye(order + 4)[order], atol=1e-12)
