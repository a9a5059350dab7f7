"""What holds at every start: conserved and monotone quantities, symmetries, refusals."""

from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widthwise.data import gaussian_inputs, radial_inputs, sphere_inputs
from widthwise.dynamics.directional import (
    aligned_gradient,
    balanced_weights,
    directional_bounds,
    directional_flow,
    early_clock,
    early_exponent,
    population_gradient,
    weights_descent,
    weights_flow,
)

SHELL = radial_inputs(4, lambda r: np.exp(-((r - 1) ** 2)), support=(0.5, 2.0))
LAWS = [sphere_inputs(2), gaussian_inputs(3), sphere_inputs(10), SHELL]
TIMES = np.linspace(0, 12, 25)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.sampled_from(LAWS),
    st.integers(1, 6),
    st.floats(0.05, 4.0),
    st.floats(0.05, 3.0),
)
def test_the_flow_turns_once_and_stays_within_its_bounds(law, depth, norm, angle):
    flow = directional_flow(law, TIMES, depth=depth, norm=norm, angle=angle)
    assert np.all(np.diff(flow.log_tangent) < 0)  # the angle never grows
    rises = np.sign(np.diff(flow.norm))
    assert np.all(np.diff(rises) >= 0)  # falls, then rises
    turned = np.sum(flow.turn[0] >= TIMES) - 1
    assert np.argmin(flow.norm) in (turned, min(turned + 1, len(TIMES) - 1))
    assert directional_bounds(flow).valid.all()
    if depth == 1:
        assert np.all(np.diff(flow.norm * flow.cosine) > 0)
    if depth == 2:  # closed for every law and radius
        expected = flow.log_tangent[0] - law.plane_norm / np.pi * TIMES
        np.testing.assert_allclose(flow.log_tangent, expected, atol=1e-9)


def test_scaling_the_inputs_scales_time_and_norm():
    small = directional_flow(gaussian_inputs(2), 9 * TIMES, depth=1, norm=3.0, angle=2.0)
    large = directional_flow(gaussian_inputs(2, scale=3), TIMES, depth=1, norm=1.0, angle=2.0)
    np.testing.assert_allclose(large.log_tangent, small.log_tangent, atol=1e-8)
    np.testing.assert_allclose(3 * large.norm, small.norm, rtol=1e-8)


def test_gradients_are_those_of_many_draws():
    """Rotated by any orthogonal map, and for a loss other than the logistic one."""
    rng = np.random.default_rng(0)
    x = np.asarray(SHELL.draw(jax.random.key(0), 400_000))
    rotation = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    for q in (np.eye(4), rotation):
        w, v = q @ np.array([0.6, -0.8, 0.3, 0.1]), q[:, 1]
        for loss, slope in (("logistic", lambda z: 1 / (1 + np.exp(z))), ("probit", _normal_tail)):
            y = np.sign(x @ v)
            each = -(y * slope(y * (x @ w)))[:, None] * x
            error = each.std(axis=0) / np.sqrt(len(x))
            exact = population_gradient(SHELL, w, v, loss=loss)
            assert np.all(np.abs(each.mean(axis=0) - exact) < 4.5 * error)


def _normal_tail(z):
    from scipy.stats import norm

    return norm.sf(z)


def test_the_angle_over_pi_is_the_test_error():
    x = np.asarray(gaussian_inputs(3).draw(jax.random.key(1), 200_000))
    w, v = np.array([1.0, 0.5, 0.2]), np.array([0.0, 1.0, 0.0])
    angle = np.arccos(w @ v / np.linalg.norm(w))
    wrong = np.mean(np.sign(x @ w) != np.sign(x @ v))
    assert abs(wrong - angle / np.pi) < 4.5 * np.sqrt(wrong / len(x))


def test_weights_of_balanced_layers_follow_the_two_equations():
    law, w, v = sphere_inputs(3), np.array([0.6, -0.8, 0.0]), np.array([0.0, 1.0, 0.0])
    times = [0.0, 2.0, 6.0]
    flow = directional_flow(law, times, depth=3, norm=1.0, angle=float(np.arccos(-0.8)))
    layers = balanced_weights(w, (4, 2))
    found = weights_flow(law, layers, v, times)
    np.testing.assert_allclose(found.norm, flow.norm, rtol=1e-8)
    np.testing.assert_allclose(found.log_tangent, flow.log_tangent, atol=1e-8)
    assert found.defect.max() < 1e-10
    # Gradient descent leaves balance, and the flow, by an amount proportional to its rate.
    far = [weights_descent(law, layers, v, np.full(n, 6 / n)) for n in (30, 60)]
    ratios = [far[0].defect[-1] / far[1].defect[-1]]
    ratios.append(*((far[0].norm[-1] - flow.norm[-1]) / (far[1].norm[-1] - flow.norm[-1]),))
    assert np.all((np.array(ratios) > 1.7) & (np.array(ratios) < 2.4))


def test_wide_networks_are_one_layer_at_twice_the_time():
    """Two layers in the NTK parametrization: the distance falls with width."""
    law, v = sphere_inputs(2), np.array([0.0, 1.0])
    gaps = []
    for width, seeds in ((20, 8), (320, 2)):
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            layers = [rng.standard_normal((width, 2)), rng.standard_normal((1, width))]
            found = weights_flow(law, layers, v, [0.0, 3.0], scale=width**-0.5)
            limit = directional_flow(
                law, [0.0, 6.0], depth=1, norm=found.norm[0], angle=found.angle[0]
            )
            gaps.append((width, (found.log_tangent[1] - limit.log_tangent[1]) ** 2))
    narrow, wide = (np.sqrt(np.mean([g for w, g in gaps if w == n])) for n in (20, 320))
    assert 1.5 < narrow / wide < 12  # 4 expected


def test_the_early_phase_is_a_power():
    law = sphere_inputs(2)
    for depth in (3, 4, 6):
        start: dict[str, Any] = {"norm": 1e-4, "angle": np.pi - 1e-3}
        times = np.array([0.0, 1.0, 2.0]) / (early_clock(law, depth, 1e-4, 1.0) - 1)
        flow = directional_flow(law, times, depth=depth, **start)
        clock = early_clock(law, depth, 1e-4, times)
        slope = np.diff(-2 * flow.log_tangent) / np.diff(np.log(clock))
        np.testing.assert_allclose(slope, early_exponent(depth), rtol=2e-3)


def test_an_aligned_start_stays_aligned():
    flow = directional_flow(sphere_inputs(2), [0, 5], depth=2, norm=0.5, angle=0.0)
    assert flow.angle.tolist() == [0.0, 0.0]
    assert flow.turn[0] == 0.0


CIRCLE = sphere_inputs(2)
GOOD = {"depth": 2, "norm": 1.0, "angle": 1.0}
LAYERS = [np.ones((3, 2)), np.ones((1, 3))]
NORTH = np.array([0.0, 1.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: directional_flow(CIRCLE, [1], **{**GOOD, "norm": 0.0}), "norm is 0.0"),
        (lambda: directional_flow(CIRCLE, [1], **{**GOOD, "norm": float("nan")}), "norm is nan"),
        (lambda: directional_flow(CIRCLE, [1], **{**GOOD, "angle": np.pi}), "exactly opposite"),
        (lambda: directional_flow(CIRCLE, [1], **{**GOOD, "depth": 0}), "depth is 0"),
        (lambda: directional_flow(CIRCLE, [2, 1], **GOOD), "do not ascend"),
        (lambda: directional_flow(CIRCLE, [-1], **GOOD), "from 0 on"),
        (lambda: directional_flow(CIRCLE, [1], **GOOD, loss="hinge"), "loss is 'hinge'"),
        (lambda: aligned_gradient(CIRCLE, -1.0), "at least 0"),
        (lambda: sphere_inputs(1), "on a line there is no angle"),
        (lambda: sphere_inputs(3, radius=-1), "radius is -1"),
        (lambda: radial_inputs(3, lambda r: r - 1, support=(0, 2)), "density is negative"),
        (lambda: radial_inputs(3, lambda r: r, support=(2, 1)), "smallest < largest"),
        (lambda: weights_flow(CIRCLE, LAYERS, np.zeros(2), [1]), "unit vector"),
        (lambda: weights_flow(CIRCLE, LAYERS[::-1], NORTH, [1]), "have shapes"),
        (lambda: weights_descent(CIRCLE, LAYERS, NORTH, [-0.1]), "positive, finite"),
        (lambda: weights_descent(CIRCLE, [np.zeros((1, 2))], NORTH, [0.1]), "product of all"),
        (lambda: balanced_weights(np.zeros(2), ()), "norm is 0.0"),
        (lambda: early_exponent(2), "from 3 layers on"),
    ],
)  # fmt: skip
def test_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
