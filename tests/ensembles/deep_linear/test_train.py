"""Ensembles of deep linear networks against reference values and a loop written here."""

from typing import Any

import jax
import numpy as np
import pytest

from widthwise.ensembles import (
    deep_linear_start,
    deep_linear_weights,
    residual_start,
    train_deep_linear,
)

W = (
    np.array([[0.1, 0.2], [0.3, -0.1], [0.2, 0.4]]),
    np.array([[0.5, -0.2, 0.1], [0.3, 0.3, -0.4]]),
    np.array([[0.7, -0.6]]),
)
SIGMA, TARGET = np.diag([2.0, 0.5]), np.array([1.0, -1.0])


def loop(weights, sigma, target, rate, steps, readout=None):
    """Gradient descent on the mean squared error, layer by layer."""
    weights = [w.copy() for w in weights]
    for _ in range(steps):
        before = [np.eye(weights[0].shape[1])]
        for w in weights:
            before.append(w @ before[-1])
        after = [np.eye(1) if readout is None else readout]
        for w in weights[::-1]:
            after.append(after[-1] @ w)
        slope = 2 * (after[-1] - target) @ sigma
        updates = [after[len(weights) - 1 - k].T @ slope @ before[k].T for k in range(len(weights))]
        weights = [w - rate * u for w, u in zip(weights, updates, strict=True)]
    return weights


@pytest.mark.parametrize(
    ("rate", "steps", "sharp", "drift"),
    [(0.1, 2000, 14.0302577900, 0.100), (0.05, 4000, 14.2426500538, 0.049)],
)
def test_reference_values(rate, steps, sharp, drift):
    found = train_deep_linear(
        W, SIGMA, TARGET, steps=steps, learning_rates=[rate], loss="mse", hessian=True
    )
    last = found.isel(learning_rate=0, step=-1)
    assert float(last.sharpness) == pytest.approx(sharp, abs=1e-6)
    assert float(last.gauss_newton) == pytest.approx(sharp, abs=1e-6)
    assert float(found.sharpness[0, 0]) == pytest.approx(5.738737611202, abs=1e-9)
    weights, readout = deep_linear_weights(last)
    assert readout is None
    assert [w.shape for w in weights] == [w.shape for w in W]
    one = weights[0] @ weights[0].T - weights[1].T @ weights[1]
    two = weights[1] @ weights[1].T - weights[2].T @ weights[2]
    start = W[0] @ W[0].T - W[1].T @ W[1], W[1] @ W[1].T - W[2].T @ W[2]
    moved = max(np.abs(one - start[0]).max(), np.abs(two - start[1]).max())
    assert moved == pytest.approx(drift, abs=5e-4)


def test_weights_are_those_of_a_plain_loop():
    weights = deep_linear_start(
        2, depth=3, scales=[0.3, 0.5], members=2, key=jax.random.key(1), width=4
    )
    assert [w.shape for w in weights] == [(2, 2, 4, 2), (2, 2, 4, 4), (2, 2, 1, 4)]
    rates = [0.01, 0.02]
    found = train_deep_linear(
        weights, SIGMA, TARGET, steps=[7, 30], learning_rates=rates, loss="mse"
    )
    assert found.layers.dims[:4] == ("learning_rate", "scale", "member", "step")
    ends, _ = deep_linear_weights(found.sel(step=30))
    for at in np.ndindex(2, 2, 2):
        expected = loop([w[at[1:]] for w in weights], SIGMA, TARGET, rates[at[0]], 30)
        for one, other in zip(ends, expected, strict=True):
            np.testing.assert_allclose(one[at], other, atol=1e-12)
    product = ends[2] @ ends[1] @ ends[0]
    away = product[..., 0, :] - TARGET
    np.testing.assert_allclose(found.distance.sel(step=30), np.sum(away**2, -1), atol=1e-12)


def test_residual_networks_keep_their_readout():
    weights, readout = residual_start(2, depth=2, scales=[0.5], members=3, key=jax.random.key(2))
    np.testing.assert_allclose(np.linalg.norm(readout, axis=-1), 1.0)
    found = train_deep_linear(
        weights, SIGMA, TARGET, steps=20, learning_rates=[0.05], readout=readout, loss="mse"
    )
    ends, last = deep_linear_weights(found.isel(step=-1, learning_rate=0))
    np.testing.assert_array_equal(last, readout)
    expected = loop([w[0, 1] for w in weights], SIGMA, TARGET, 0.05, 20, readout[0, 1])
    np.testing.assert_allclose(ends[1][0, 1], expected[1], atol=1e-12)


def test_members_depend_on_their_number_alone():
    settings = {"depth": 2, "scales": [0.1], "key": jax.random.key(3)}
    many = deep_linear_start(3, members=5, **settings)
    some = deep_linear_start(3, members=(2, 4), **settings)
    for one, other in zip(many, some, strict=True):
        np.testing.assert_array_equal(one[:, 2:4], other)


def test_following_the_curvature_small_weights_end_balanced():
    """S_bal = 2 lambda_max(Sigma + (L - 1) b b^T) at a target of norm one."""
    goal = TARGET / np.sqrt(2)
    start = deep_linear_start(2, depth=3, scales=[1e-4], members=4, key=jax.random.key(4), width=4)
    found = train_deep_linear(start, SIGMA, goal, steps=4000, pace=0.1, loss="mse")
    b = np.sqrt(SIGMA) @ goal
    balanced = 2 * np.linalg.eigvalsh(SIGMA + 2 * np.outer(b, b))[-1]
    assert float(found.distance.isel(step=-1).max()) < 1e-20
    np.testing.assert_allclose(found.gauss_newton.isel(step=-1), balanced, rtol=1e-3)


def test_divergence_is_reported_for_each_network():
    """Beyond 2 / sharpness networks diverge; zero weights stay, the rest is as before."""
    start = tuple(np.stack([w, 0 * w, 5 * w]) for w in W)
    found = train_deep_linear(start, SIGMA, TARGET, steps=60, learning_rates=[0.05], loss="mse")
    lost = found.diverged_at.values[0]
    assert lost[0] == -1
    assert lost[1] == -1
    assert 0 < lost[2] < 20
    assert np.isnan(found.distance.values[0, 2, -1])
    assert np.isfinite(found.distance.values[0, :2]).all()
    assert float(found.distance[0, 1, -1]) == pytest.approx(2.0)


def test_single_precision_is_kept_where_it_is_given():
    found = train_deep_linear(
        W, SIGMA.astype(np.float32), TARGET.astype(np.float32), steps=30, learning_rates=[0.02]
    )
    assert found.layers.dtype == np.float32
    exact = train_deep_linear(W, SIGMA, TARGET, steps=30, learning_rates=[0.02])
    np.testing.assert_allclose(found.layers, exact.layers, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rates": None}, "either learning_rates or pace"),
        ({"learning_rates": [0.0]}, "learning_rates is"),
        ({"learning_rates": [np.inf]}, "learning_rates is"),
        ({"learning_rates": None, "pace": 1.5}, "pace is 1.5"),
        ({"steps": 0}, "steps is 0"),
        ({"steps": [5, 3]}, "steps is"),
        ({"loss": "mae"}, "loss is 'mae'"),
        ({"target": np.ones(3)}, "covariance of shape"),
        ({"target": TARGET * np.nan}, "target holds numbers"),
        ({"weights": (*W[:2], np.ones((2, 2)))}, "networks with one output"),
        ({"weights": (np.eye(3), np.ones((1, 3)))}, "target has shape"),
    ],
)
def test_bad_input(changes, message):
    settings = {
        "weights": W,
        "covariance": SIGMA,
        "target": TARGET,
        "steps": 5,
        "learning_rates": [0.1],
    } | changes
    with pytest.raises(ValueError, match=message):
        train_deep_linear(**settings)


def test_bad_starts():
    key = jax.random.key(0)
    usual: dict[str, Any] = {"depth": 2, "scales": [1.0], "members": 1, "key": key}
    for changed in ({"depth": 0}, {"scales": [-1.0]}, {"members": 0}, {"width": -1}):
        with pytest.raises(ValueError, match="give"):
            deep_linear_start(2, **{**usual, **changed})
    with pytest.raises(ValueError, match="at least 1"):
        residual_start(0, depth=1, scales=[1.0], members=1, key=key)
