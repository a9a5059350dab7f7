"""Gradient flow of any weights: where it ends, how sharp, what it conserves."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import widthwise as ww
from widthwise.networks.deep_linear import end_to_end, loss_hessian

linear = ww.dynamics.linear

W = (
    np.array([[0.1, 0.2], [0.3, -0.1], [0.2, 0.4]]),
    np.array([[0.5, -0.2, 0.1], [0.3, 0.3, -0.4]]),
    np.array([[0.7, -0.6]]),
)
X = np.sqrt(2) * np.diag([np.sqrt(2), np.sqrt(0.5)])
Y = X @ np.array([1.0, -1.0])


@pytest.fixture(scope="module")
def solved():
    return linear.least_squares(X, Y)


def test_sharpness_of_a_network_that_is_no_minimum(solved):
    found = float(linear.sharpness(W, solved.covariance, solved.target, loss="mse"))
    assert found == pytest.approx(5.738737611202, abs=1e-10)
    assert float(linear.sharpness(W, solved.covariance, solved.target)) == pytest.approx(found / 2)


def test_the_hessian_is_that_of_automatic_differentiation(solved):
    ends = np.cumsum([w.size for w in W])

    def loss(flat):
        parts = jnp.split(flat, ends[:-1])
        product = jnp.asarray(X).T
        for part, w in zip(parts, W, strict=True):
            product = part.reshape(w.shape) @ product
        return jnp.mean((product[0] - jnp.asarray(Y)) ** 2)

    flat = jnp.asarray(np.concatenate([w.ravel() for w in W]))
    assert float(jax.jit(loss)(flat)) == pytest.approx(2.776628, abs=1e-6)
    expected = jax.jit(jax.hessian(loss))(flat)
    slope = (end_to_end(W) - solved.target[None]) @ solved.covariance
    found = 2 * loss_hessian(W, solved.covariance, slope)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert np.linalg.eigvalsh(found)[0] == pytest.approx(-4.750155511343, abs=1e-10)


def test_gradient_flow_and_its_limit(solved):
    task = (solved.covariance, solved.target)
    flow = linear.gradient_flow(W, *task, time=[1.0, 2.0, np.inf], loss="mse")
    np.testing.assert_allclose(flow.excess, [0.1742122276, 0.0037133866, 0.0], atol=1e-8)
    sharp = [linear.sharpness([w[i] for w in flow.weights], *task, loss="mse") for i in range(3)]
    np.testing.assert_allclose(sharp, [13.4572890957, 14.3735434428, 14.4924697189], atol=1e-6)
    assert flow.drift < 1e-9
    np.testing.assert_allclose(flow.product[-1, 0], solved.target, atol=1e-8)
    half = linear.gradient_flow(W, *task, time=2.0)  # half the loss takes twice the time
    np.testing.assert_allclose(half.product, flow.product[0], atol=1e-8)


def test_approximate_rank_one_at_all_times(solved):
    bound = linear.excess_rank_bound(W)
    assert bound == pytest.approx(1.8030934628, abs=1e-9)
    task = (solved.covariance, solved.target)
    flow = linear.gradient_flow(W, *task, time=np.linspace(0.0, 5.0, 6))
    assert np.max(linear.excess_rank(flow.weights)) <= bound
    assert flow.drift < 1e-9
    assert len(linear.conserved_quantities(W)) == 2


def test_least_norm_from_small_balanced_weights():
    """One sample of three features: the flow never leaves its span."""
    x = np.array([[1.0, 2.0, -1.0]])
    solved = linear.least_squares(x, [3.0], warn=False)
    start = linear.flat_minima(np.eye(3), 1e-3 * x[0], depth=3).weights([2, 2])
    flow = linear.gradient_flow(start, solved.covariance, solved.target, time=np.inf)
    np.testing.assert_allclose(flow.product[0], 0.5 * x[0], atol=1e-7)
    balanced = linear.flat_minima(solved.covariance, solved.target, depth=3).balanced
    assert float(linear.sharpness(flow.weights, solved.covariance)) == pytest.approx(
        balanced, rel=1e-6
    )


@pytest.mark.parametrize(
    ("depth", "sharp", "moved"), [(5, 1.3247171111, 1.8561), (10, 1.4051822250, 1.9228)]
)
def test_residual_networks(depth, sharp, moved):
    p, target = np.array([1.0, 0.0]), [0.0, 1.0]
    eyes = [np.eye(2)] * depth
    flow = linear.gradient_flow(eyes, np.eye(2), target, time=np.inf, readout=p, loss="mse")
    found = float(linear.sharpness(flow.weights, np.eye(2), readout=p, loss="mse"))
    assert found / (2 * depth) == pytest.approx(sharp, abs=1e-7)
    far = max(np.linalg.norm(w - np.eye(2), 2) for w in flow.weights)
    assert depth * far == pytest.approx(moved, abs=1e-4)
    at_once = linear.sharpness(eyes, np.eye(2), readout=np.array(target), loss="mse")
    assert float(at_once) == pytest.approx(2 * depth)


@pytest.mark.parametrize(
    ("depth", "sharp"),
    [
        (5, 22.8310303405),
        (10, 47.5927910590),
        pytest.param(40, 197.0597705570, marks=pytest.mark.slow),
    ],
)
def test_residual_networks_on_other_inputs(depth, sharp):
    sigma, p, target = np.diag([2.0, 0.5]), np.array([0.6, 0.8]), [1.0, -0.5]
    flow = linear.gradient_flow(
        [np.eye(2)] * depth, sigma, target, time=np.inf, readout=p, loss="mse"
    )
    found = float(linear.sharpness(flow.weights, sigma, readout=p, loss="mse"))
    assert found == pytest.approx(sharp, abs=1e-5)
    lower = linear.flat_minima(sigma, target, depth=depth, loss="mse").lower
    assert lower == pytest.approx({5: 20.3224906, 10: 41.5621427, 40: 169.0542803}[depth])


def test_several_outputs_agree_with_modes():
    """Balanced, aligned weights: each mode obeys its own equation."""
    sizes, targets = np.array([0.1, 0.3]), np.array([2.0, 1.0])
    weights = [np.diag(sizes ** (1 / 3))] * 3
    flow = linear.gradient_flow(weights, np.eye(2), np.diag(targets), time=[0.5, 1.0])
    for k in range(2):
        expected = linear.mode(3, targets[k], sizes[k], [0.5, 1.0])
        np.testing.assert_allclose(flow.product[:, k, k], expected, rtol=1e-8)
    # where the errors are zero the Hessian is J^T J; the map is linear in each weight, so that
    # differences give J exactly
    final = np.stack([np.diag(targets ** (1 / 3))] * 3)
    columns = []
    for k in range(final.size):
        step = np.zeros(final.size)
        step[k] = 0.5
        up, down = final + step.reshape(3, 2, 2), final - step.reshape(3, 2, 2)
        columns.append((up[2] @ up[1] @ up[0] - down[2] @ down[1] @ down[0]).ravel())
    expected = np.linalg.svd(np.stack(columns), compute_uv=False)[0] ** 2
    assert float(linear.sharpness(list(final), np.eye(2))) == pytest.approx(expected)


def test_bad_input(solved):
    task = (solved.covariance, solved.target)
    cases: list[tuple[Any, dict[str, Any], str]] = [
        ([], {}, "weights is empty"),
        ([np.eye(3), np.ones((1, 3))], {}, "make no map of shape"),
        ([np.eye(2), np.ones((1, 3))], {}, "do not follow each other"),
        ([np.full((1, 2), np.nan)], {}, "did training diverge"),
        (W, {"time": -1.0}, "times of at least 0"),
        (W, {"time": np.nan}, "times of at least 0"),
        (W, {"tolerance": 0.0}, "tolerance is 0.0"),
        (W, {"loss": "sum"}, "loss is 'sum'"),
    ]
    for weights, options, message in cases:
        with pytest.raises(ValueError, match=message):
            linear.gradient_flow(weights, *task, **{"time": 1.0, **options})
    with pytest.raises(RuntimeError, match="stays at a saddle"):
        linear.gradient_flow([w * 0 for w in W], *task, time=np.inf)
    with pytest.raises(ValueError, match="target of shape"):
        linear.sharpness(W, np.eye(2), np.eye(2))
    with pytest.raises(ValueError, match="one network with one output"):
        linear.excess_rank_bound(W[:2])
