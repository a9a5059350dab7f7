"""The kernel chain against first-order theory, exact symmetries and its own first layer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widthwise import activations
from widthwise.ensembles.chain import kernel_chain, semidefinite_cholesky
from widthwise.numerics.statistics import mean, variance

PAIR = jnp.asarray([[1.0, 0.5], [0.5, 1.0]])


@pytest.mark.parametrize(
    # n Var(Khat_11) after one hidden layer: E[s^4] / E[s^2]^2 - 1.
    ("phi", "one_layer"),
    [
        (activations.relu, 5.0),
        (activations.relu.centered(), 4.407639241597),
        (activations.gelu.centered(), 5.084665),
        (activations.tanh(), 0.627291),
        (activations.tanh(4.0), 0.144596),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_first_hidden_layer_has_the_exact_variance(phi, one_layer):
    # After one hidden layer Khat averages independent neurons: V and the mean are exact.
    keys = jax.random.split(jax.random.key(7), 4000)
    k = kernel_chain(phi, PAIR, keys, depth=1, width=32)[:, 1]
    assert abs(variance(k[:, 0, 0]).z(one_layer / 32)) < 4
    expected = phi.correlation_map(jnp.asarray(0.5))
    np.testing.assert_array_less(np.abs(mean(k).z([[1, expected], [expected, 1]])), 4)


def test_three_hidden_layers_agree_with_first_order():
    # tanh, rho = 1/2: K12 = .41997669, H12 = -.063455, V1212 = 2.195795 to first order in 1/n.
    keys = jax.random.split(jax.random.key(3), 6000)
    k = kernel_chain(activations.tanh(), PAIR, keys, depth=3, width=64)[:, 3, 0, 1]
    assert abs(mean(k).z(0.41997669 - 0.063455 / 64)) < 4
    assert abs(variance(k).z(2.195795 / 64)) < 4


def test_numbers_depend_on_the_key_of_the_member_alone(key):
    keys = jax.random.split(key, 6)
    phi = activations.tanh()
    together = kernel_chain(phi, PAIR, keys, depth=3, width=8)
    apart = [kernel_chain(phi, PAIR, keys[i : i + 2], depth=3, width=8) for i in (0, 2, 4)]
    np.testing.assert_array_equal(together, jnp.concatenate(apart))
    assert together.shape == (6, 4, 2, 2)


def test_equal_opposite_and_zero_inputs_stay_what_they_are(key):
    # Inputs x, y, x, -x, 0 and an odd activation.
    x = jnp.asarray([[1.0, 0.0], [0.6, 0.8], [1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
    keys = jax.random.split(key, 20)
    k = kernel_chain(activations.tanh(4.0), x @ x.T, keys, depth=30, width=16)[:, -1]
    np.testing.assert_allclose(k[:, 2], k[:, 0], atol=1e-12)
    np.testing.assert_allclose(k[:, 3], -k[:, 0], atol=1e-12)
    np.testing.assert_array_equal(k[:, 4], 0.0)
    assert bool(jnp.all(k[:, 0, 0] > 0))


def test_more_inputs_than_neurons(key):
    x = jax.random.normal(key, (12, 20))
    keys = jax.random.split(key, 5)
    k = kernel_chain(activations.relu, x @ x.T / 20, keys, depth=4, width=3)
    assert bool(jnp.all(jnp.isfinite(k)))
    assert jnp.linalg.matrix_rank(k[0, -1]) <= 3


def test_biases_add_their_variance(key):
    keys = jax.random.split(key, 3)
    k = kernel_chain(
        activations.tanh(), jnp.zeros((2, 2)), keys, depth=1, width=4, bias_variance=0.3
    )
    np.testing.assert_allclose(k[:, 1], 0.3)


def test_runaway_norms_are_reported_as_not_finite(key):
    k = kernel_chain(
        activations.hermite(2),
        PAIR,
        jax.random.split(key, 4),
        depth=40,
        width=4,
        weight_variance=9.0,
    )
    last = k[:, -1]
    assert not bool(jnp.any(jnp.isfinite(last[:, 0, 0]) & (last[:, 0, 0] > 0)))
    assert bool(jnp.all(jnp.isfinite(k[:, 1])))


def test_dtype_follows_the_inputs(key):
    keys = jax.random.split(key, 2)
    k = kernel_chain(activations.relu, PAIR.astype(jnp.float32), keys, depth=2, width=4)
    assert k.dtype == jnp.float32


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 1000))
@settings(deadline=None, max_examples=20)
@pytest.mark.slow
def test_factor_of_a_singular_covariance(n, rank, seed):
    root = np.random.default_rng(seed).normal(size=(n, rank))
    k = jnp.asarray(root @ root.T)
    factor = semidefinite_cholesky(k)
    np.testing.assert_allclose(factor @ factor.T, k, atol=1e-6 * float(jnp.max(k)))
    assert bool(jnp.all(jnp.triu(factor, 1) == 0))


def test_factor_of_a_regular_covariance_is_choleskys():
    root = np.random.default_rng(0).normal(size=(5, 9))
    k = jnp.asarray(root @ root.T)
    np.testing.assert_allclose(semidefinite_cholesky(k), np.linalg.cholesky(k), atol=1e-12)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"depth": 0}, "at least 1"),
        ({"width": 0}, "at least 1"),
        ({"weight_variance": -1.0}, "positive"),
        ({"bias_variance": -0.1}, "not negative"),
    ],
)
def test_impossible_settings_are_refused(key, settings_, message):
    keys = jax.random.split(key, 2)
    with pytest.raises(ValueError, match=message):
        kernel_chain(activations.relu, PAIR, keys, **({"depth": 2, "width": 4} | settings_))
