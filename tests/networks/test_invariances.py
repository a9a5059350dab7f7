"""What must hold of every kernel."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widthwise import networks as nn

D = 4
# Few architectures, each compiled once: their parameters are numbers in the compiled programs.
CHAINS = [(nn.Relu,), (nn.Erf, nn.Gelu), (nn.Abs, nn.Relu, nn.Erf)]
parametrizations = st.builds(
    lambda form, weight, bias: form(weight, bias),
    st.sampled_from([nn.Standard, nn.NTK, nn.MeanField, nn.MuP]),
    st.floats(0.5, 2.0),
    st.none() | st.floats(0.0, 1.0),
)
networks = st.builds(
    lambda makes, parametrization: nn.Sequential(
        *[part for make in makes for part in (nn.Dense(16), make())],
        nn.Dense(1),
        parametrization=parametrization,
    ),
    st.sampled_from(CHAINS),
    parametrizations,
)
seeds = st.integers(0, 2**32 - 1)


def inputs(seed, n=6):
    return np.random.default_rng(seed).standard_normal((n, D))


@settings(deadline=None, max_examples=30)
@given(networks, seeds)
def test_positive_semidefinite_and_symmetric(net, seed):
    for kernel in net.kernel(inputs(seed)):
        np.testing.assert_allclose(kernel, kernel.T, rtol=1e-9, atol=1e-12 * float(kernel.max()))
        assert np.linalg.eigvalsh(kernel).min() > -1e-9 * np.trace(kernel)


@settings(deadline=None, max_examples=30)
@given(networks, seeds)
def test_rotation_and_permutation(net, seed):
    x = inputs(seed)
    rotation, _ = np.linalg.qr(inputs(seed + 1, D))
    order = np.random.default_rng(seed).permutation(len(x))
    for kernel, rotated, permuted in zip(
        net.kernel(x), net.kernel(x @ rotation), net.kernel(x[order]), strict=True
    ):
        np.testing.assert_allclose(kernel, rotated, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(kernel[np.ix_(order, order)], permuted, rtol=1e-9, atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.floats(0.1, 10.0), seeds, st.sampled_from([nn.Relu, nn.Abs]))
def test_homogeneous_without_biases(scale, seed, make):
    net = nn.Sequential(nn.Dense(8), make(), nn.Dense(8), make(), nn.Dense(1))
    x = inputs(seed)
    for kernel, scaled in zip(net.kernel(x), net.kernel(scale * x), strict=True):
        np.testing.assert_allclose(scale**2 * kernel, scaled, rtol=1e-7, atol=1e-9)


@settings(deadline=None, max_examples=20)
@given(networks, seeds)
def test_a_group_changes_nothing(net, seed):
    grouped = nn.Sequential(
        nn.Sequential(*net.layers[:2]),
        nn.Sequential(*net.layers[2:]),
        parametrization=net.parametrization,
    )
    for kernel, same in zip(net.kernel(inputs(seed)), grouped.kernel(inputs(seed)), strict=True):
        np.testing.assert_array_equal(kernel, same)
    table = zip(net.parameter_table((D,)), grouped.parameter_table((D,)), strict=True)
    assert all(a[1:] == b[1:] for a, b in table)


def test_equal_points_of_two_batches():
    """x1 against a copy of itself gives the kernel of x1, also on the diagonal."""
    net = nn.Sequential(nn.Dense(1), nn.Relu(), nn.Dense(1), nn.Relu(), nn.Dense(1))
    x = inputs(0)
    for kernel, copy in zip(net.kernel(x), net.kernel(x, x.copy()), strict=True):
        np.testing.assert_allclose(kernel, copy, rtol=1e-6)


@pytest.mark.parametrize("diagonal", [False, True])
def test_float32(diagonal):
    net = nn.Sequential(nn.Dense(1), nn.Relu(), nn.Dense(1), nn.Gelu(), nn.Dense(1))
    x = inputs(0)
    single = net.kernel(jnp.asarray(x, jnp.float32), diagonal=diagonal)
    for short, long in zip(single, net.kernel(x, diagonal=diagonal), strict=True):
        assert short.dtype == jnp.float32
        np.testing.assert_allclose(short, long, rtol=2e-5, atol=1e-6)
