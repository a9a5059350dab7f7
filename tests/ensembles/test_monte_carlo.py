"""Means over finite networks against the kernels of infinite width."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from widthwise import networks as nn
from widthwise.ensembles import (
    empirical_ntk,
    kernel_convergence,
    monte_carlo_kernel,
    running_mean,
)

RNG = np.random.default_rng(2)
X1, X2 = (jnp.asarray(RNG.standard_normal((n, 5))) for n in (3, 2))


def network(parametrization, width=128):
    block = nn.Residual(nn.Sequential(nn.Sin(), nn.Dense(width)))
    return nn.Sequential(
        nn.Dense(width), block, nn.Relu(), nn.Dense(2), parametrization=parametrization
    )


@pytest.mark.parametrize("batch_size", [1, 4])
def test_running_mean_is_the_mean(key, batch_size):
    def draw(key):
        return {"a": 1e3 + jax.random.normal(key, (2,)), "b": jax.random.uniform(key)}

    result = running_mean(draw, key, 10, batch_size=batch_size)
    values = [draw(jax.random.fold_in(key, i)) for i in range(10)]
    for name in ("a", "b"):
        samples = np.asarray([value[name] for value in values])
        np.testing.assert_allclose(result[name].value, samples.mean(0), rtol=1e-13)
        error = samples.std(0, ddof=1) / np.sqrt(10)
        np.testing.assert_allclose(result[name].standard_error, error, rtol=1e-9)
        assert result[name].count == 10


@pytest.mark.parametrize(
    "parametrization", [pytest.param(nn.Standard(), marks=pytest.mark.slow), nn.MuP(1.2, 0.3)]
)
def test_means_agree_within_their_errors(key, parametrization):
    """At width 128: 4 standard errors and the bias, at most 2 / width of the scale."""
    net = network(parametrization)
    estimate = monte_carlo_kernel(net, X1, X2, key=key, members=200)
    exact = net.kernel(X1, X2)
    assert np.abs(estimate.nngp.z(exact.nngp)).max() < 4
    own = [np.asarray(net.kernel(x, diagonal=True).ntk) for x in (X1, X2)]
    allowed = 4 * estimate.ntk.standard_error + 2 / 128 * np.sqrt(np.outer(*own))
    assert np.all(np.abs(estimate.ntk.value - exact.ntk) < allowed)
    assert np.all(estimate.ntk.standard_error < 0.05 * np.sqrt(np.outer(*own)))


def test_members_are_those_of_the_ensemble(key):
    net = nn.Sequential(nn.Dense(4), nn.Sin(), nn.Dense(1), parametrization=nn.MuP(1.2, 0.3))

    models = [net.init(jax.random.fold_in(key, i), (5,), dtype=X1.dtype) for i in range(5)]
    each = np.asarray([empirical_ntk(m, None, X1, learning_rates="sgd") for m in models])
    estimate = monte_carlo_kernel(net, X1, key=key, members=5, batch_size=2, method="jacobian")
    np.testing.assert_allclose(estimate.ntk.value, each.mean(0), rtol=1e-10)


def init(key):
    return jax.random.normal(key, (3, 5)) / jnp.sqrt(5.0)


def apply(weight, x):
    return weight @ x


def test_pair_of_functions(key):
    estimate = monte_carlo_kernel((init, apply), X1, X2, key=key, members=500)
    gram = np.asarray(X1 @ X2.T)
    np.testing.assert_allclose(estimate.ntk.value, gram, rtol=1e-10)
    assert np.abs(estimate.nngp.z(gram / 5)).max() < 4


@pytest.mark.slow
def test_fluctuations_fall_like_the_root_of_the_width(key):
    net = nn.Sequential(nn.Dense(8), nn.Relu(), nn.Dense(1), parametrization=nn.NTK(1.3, 0.2))
    result = kernel_convergence(net, X1, key=key, widths=(16, 64), members=200)
    assert result.table["fluctuation"].dims == ("width",)
    assert abs(result.law.exponent + 0.5) < 4 * result.law.exponent_error + 0.1
    assert result.law.exponent_error < 0.06
    bias = np.abs(result.table["bias"].values)
    width = result.table["width"].values
    assert np.all(bias < 4 * result.table["bias_error"].values + 2 / width)


def test_what_is_refused(key):
    net = network(nn.NTK())
    with pytest.raises(ValueError, match="at least 2"):
        monte_carlo_kernel(net, X1, key=key, members=1)
    with pytest.raises(ValueError, match="at least 1"):
        monte_carlo_kernel(net, X1, key=key, members=3, batch_size=0)
    with pytest.raises(ValueError, match="two different"):
        kernel_convergence(net, X1, key=key, widths=(16,), members=3)
    with pytest.raises(ValueError, match="not finite"):
        monte_carlo_kernel(net, X1.at[0, 0].set(jnp.inf), key=key, members=3)
