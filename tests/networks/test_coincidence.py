"""Gaps of near pairs are taken from differences, whether few or many."""

import jax.numpy as jnp
import numpy as np
import pytest

import widthwise.networks as nn
from widthwise.networks import coincidence
from widthwise.networks.coincidence import cosines, exact_gap, refined, rough_gaps


@pytest.mark.parametrize("few", [1, 128])
def test_near_pairs_are_refined_and_the_others_kept(few, monkeypatch):
    monkeypatch.setattr(coincidence, "_FEW", few)
    angles = np.array([0.0, 1e-7, 2e-7, 1.0, 3.0])
    x = jnp.asarray(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    rough, near = rough_gaps(cosines(2.5 * x, x), jnp.asarray(True))
    assert int(jnp.sum(near)) == 6
    gap = refined(rough, near, x, x)
    expected = 2 * np.sin((angles[:, None] - angles[None, :]) / 2) ** 2
    np.testing.assert_allclose(gap[:3, :3], expected[:3, :3], rtol=1e-7)
    np.testing.assert_allclose(gap, expected, rtol=1e-7, atol=1e-15)
    np.testing.assert_array_equal(jnp.where(near, 0.0, gap), jnp.where(near, 0.0, rough))
    assert np.max(np.abs(rough[:3, :3] / np.maximum(expected[:3, :3], 1e-30) - 1)) > 1e-4


def test_gap_of_equal_and_of_zero_inputs():
    x = jnp.array([[0.3, 0.7], [0.0, 0.0]])
    np.testing.assert_array_equal(exact_gap(x, x), [0.0, 1.0])


@pytest.mark.parametrize(("dtype", "error"), [("float64", 1e-13), ("float32", 1e-5)])
def test_an_input_and_itself_lose_nothing_behind_residual_sums(dtype, error):
    """At correlation one a ReLU halves both kernels."""
    blocks = [nn.Residual(nn.Sequential(nn.Relu(), nn.Dense(8)))] * 100
    layers = [nn.Dense(8), *blocks, nn.Relu(), nn.Dense(1)]
    net = nn.Sequential(*layers, parametrization=nn.NTK(1.2, 0.1))
    x = np.random.default_rng(0).normal(size=(6, 7)).astype(dtype)
    k = 1.44 * np.mean(x.astype("float64") ** 2, axis=1) + 0.01
    theta = k
    for share in [1.0] * 100 + [0.0]:
        inner = 1.44 * k / 2 + 0.01
        k, theta = share * k + inner, share * theta + inner + 1.44 * theta / 2
    for found in (net.kernel(x, diagonal=True), net.kernel(x, x.copy(), diagonal=True)):
        np.testing.assert_allclose(found.nngp, k, rtol=error)
        np.testing.assert_allclose(found.ntk, theta, rtol=error)
    np.testing.assert_allclose(np.diag(net.kernel(x).ntk), theta, rtol=error)


def test_opposite_inputs_share_no_active_unit():
    net = nn.Sequential(
        nn.Dense(8), nn.Residual(nn.Sequential(nn.Relu(), nn.Dense(8))), nn.Relu(), nn.Dense(1),
        parametrization=nn.NTK(1.0, 0.0),
    )  # fmt: skip
    x = np.random.default_rng(0).normal(size=(4, 7))
    rest = np.pi - np.arccos(-2 / 3)  # the correlation behind the sum is that of -1 and 1 + 1 / 2
    slope, mean = rest / np.pi / 2, (np.sqrt(5 / 9) - rest * 2 / 3) / np.pi / 2
    kernel = net.kernel(x, -x, diagonal=True)
    expected = np.mean(x**2, axis=1) * (1.5 * mean - slope)
    np.testing.assert_allclose(kernel.ntk, expected, rtol=1e-13)
