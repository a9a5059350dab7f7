"""Published and independently computed values: gradients, flows, bounds, maps, rates."""

from typing import Any

import mpmath as mp
import numpy as np
import pytest

from widthwise.data import gaussian_inputs, radial_inputs, sphere_inputs
from widthwise.dynamics.directional import (
    aligned_gradient,
    directional_bounds,
    directional_flow,
    late_rate,
    population_loss,
    radial_gradient,
    weights_descent,
)

CIRCLE, GAUSSIAN = sphere_inputs(2), gaussian_inputs(2)
START: dict[str, Any] = {"norm": 1.0, "angle": float(np.arccos(-0.8))}


def test_mean_norms_in_a_plane():
    laws = [gaussian_inputs(7), CIRCLE, sphere_inputs(3), sphere_inputs(5), sphere_inputs(10)]
    found = [law.plane_norm for law in laws]
    expected = [1.2533141373155, 1, 0.7853981633974, 0.5890486225481, 0.4063492063492]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert sphere_inputs(4, radius=3).plane_norm == pytest.approx(3 * sphere_inputs(4).plane_norm)


def test_gradients_and_losses():
    r, theta = np.array([1, 0.5, 3, 10]), np.array([1, 2, 0.2, 0.05])
    circle = [0.0541978585, -0.1940069944, 0.0592469684, 0.0050626888]
    normal = [0.0089284699, -0.2840407792, 0.0464762812, 0.0058481053]
    np.testing.assert_allclose(radial_gradient(CIRCLE, r, theta), circle, atol=1e-10)
    np.testing.assert_allclose(radial_gradient(GAUSSIAN, r, theta), normal, atol=1e-10)
    spheres = [radial_gradient(sphere_inputs(3), 1, 1), radial_gradient(sphere_inputs(5), 2, 0.7)]
    np.testing.assert_allclose(spheres, [0.0556330391, 0.0551595642], atol=1e-6)
    aligned = [
        [0.3989422804, 0.1923213163, 0.0232180083],
        [0.3183098862, 0.2005241792, 0.024469322],
    ]
    for law, expected in zip((GAUSSIAN, CIRCLE), aligned, strict=True):
        np.testing.assert_allclose(aligned_gradient(law, [0, 1, 5]), expected, atol=1e-10)
    losses = [population_loss(law, [1, 3], [1, 0.2]) for law in (CIRCLE, GAUSSIAN)]
    expected = [[0.5818122794, 0.2118099042], [0.5905097493, 0.2211080566]]
    np.testing.assert_allclose(losses, expected, atol=1e-10)


@pytest.mark.parametrize("r", [0.3, 20.0, 1000.0])
def test_large_norms_keep_their_digits(r):
    def integrand(f):
        return mp.sin(f) / (1 + mp.exp(r * mp.sin(f)))

    exact = float(mp.quad(integrand, [0, 1 / r / 10, 1 / r, 0.1, mp.pi / 2]) * 2 / mp.pi)
    np.testing.assert_allclose(aligned_gradient(CIRCLE, r), exact, rtol=1e-9)


def test_a_ball_is_the_shadow_of_a_sphere():
    """Uniform in the ball of R^d: coordinates as of the sphere of R^(d+2)."""
    ball = radial_inputs(3, lambda r: r**2, support=(0, 1))
    r = np.array([0, 0.5, 3, 50])
    np.testing.assert_allclose(
        aligned_gradient(ball, r), aligned_gradient(sphere_inputs(5), r), rtol=1e-10
    )
    assert ball.density_at_zero == pytest.approx(0.75, abs=1e-12)


# turn: time, norm, angle; then (norm, angle) at times 1, 5, 10, 20
CIRCLE_FLOWS = {
    1: (2.44866554, 0.45247077, 1.39443413, 0.67167058, 2.22690323, 0.82371596, 0.40711481,
        1.65884799, 0.11156424, 2.68503580, 0.02593260),
    2: (3.75248760, 0.24422000, 1.47510111, 0.52658592, 2.28217706, 0.28227156, 1.09668891,
        1.54661001, 0.24747117, 5.01009600, 0.01031200),
    3: (5.7031465, 0.14037155, 1.51571247, 0.43982000, 2.31472764, 0.14327874, 1.63223077,
        0.29910011, 0.82243260, 6.06441136, 0.01297890),
    4: (8.66328909, 0.08293846, 1.53823471, 0.38062838, 2.33680993, 0.10598243, 1.88265897,
        0.08546274, 1.41570347, 2.31404966, 0.27769088),
}  # fmt: skip


@pytest.mark.parametrize("depth", CIRCLE_FLOWS)
def test_flows_on_the_circle(depth):
    found = directional_flow(CIRCLE, [0, 1, 5, 10, 20], depth=depth, **START)
    both = np.stack([found.norm[1:], found.angle[1:]], axis=1).ravel()
    np.testing.assert_allclose([*found.turn, *both], CIRCLE_FLOWS[depth], rtol=1e-6)
    assert directional_bounds(found).valid.all()


def test_flows_of_gaussian_inputs():
    found = directional_flow(GAUSSIAN, [3], depth=1, **START)
    values = [*found.turn, found.norm[0], found.angle[0]]
    expected = [1.90686502, 0.39929644, 1.32743665, 0.54710789, 0.57753974]
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    found = directional_flow(gaussian_inputs(9), [10], depth=2, **START)
    values = [*found.turn[:2], found.norm[0], found.angle[0]]
    np.testing.assert_allclose(values, [3.07828471, 0.20760957, 1.89024788, 0.11094842], rtol=1e-6)
    found = directional_flow(GAUSSIAN, [10], depth=4, **START)
    values = [*found.turn[:2], found.norm[0], found.angle[0]]
    np.testing.assert_allclose(values, [7.53701357, 0.06925775, 0.07925517, 1.26769709], rtol=1e-6)


def test_the_exact_map_of_gradient_descent():
    w, v = [np.array([[0.6, -0.8]])], np.array([0.0, 1.0])
    expected = {
        GAUSSIAN: ([0.53801371, -0.51788047], [0.18012963, 0.99555972], 4.00476159, 1.48213984e-4),
        CIRCLE: ([0.56466429, -0.59373077], [0.32022715, 0.79125777], 4.22307197, 1.51428971e-3),
    }
    for law, (first, tenth, norm, angle) in expected.items():
        found = weights_descent(law, w, v, np.full(100, 0.5))
        np.testing.assert_allclose(found.product[[1, 10]], [first, tenth], rtol=1e-6)
        np.testing.assert_allclose([found.norm[-1], found.angle[-1]], [norm, angle], rtol=1e-6)


def test_bounds():
    flow = directional_flow(CIRCLE, [0, 1, 2, 5, 10, 20, 30], depth=1, **START)
    low = directional_bounds(flow).cosine_low
    np.testing.assert_allclose(low[1:3], [-0.6528802429, -0.4317067745], rtol=1e-8)
    late = [0.2013052404, 0.0355411741, 0.0034965750, 0.0006218975]
    np.testing.assert_allclose(1 - low[3:], late, rtol=1e-7)
    flow = directional_flow(CIRCLE, [0, 4.33164454, 8.66, 12], depth=4, **START)
    low = directional_bounds(flow).cosine_low
    np.testing.assert_allclose(low[1:3], [-0.6277, -0.5620], atol=6e-5)
    np.testing.assert_allclose(1 - low[3], 0.6739121912, rtol=1e-8)
    flow = directional_flow(CIRCLE, [0, 1], depth=3, **START)
    np.testing.assert_allclose(directional_bounds(flow).cosine_high[1], -0.6270238843, rtol=1e-9)


@pytest.mark.parametrize(
    ("depth", "end", "ratio", "slope"),
    [(1, 1e5, 0.9976, 0.6675), (2, 1e4, 0.9997, 1.0003), (3, 3e3, 0.9959, 1.2044),
     (4, 1e3, 0.9767, 1.358)],
)  # fmt: skip
def test_late_rates(depth, end, ratio, slope):
    flow = directional_flow(CIRCLE, [0, end / 1.1, end], depth=depth, **START)
    rate = late_rate(CIRCLE, depth)
    assert rate.exponent == pytest.approx(2 * depth / (depth + 2))
    found = -flow.log_tangent[-1] / (rate.coefficient * end**rate.exponent)
    np.testing.assert_allclose(found, ratio, atol=2e-4)
    local = np.log(flow.log_tangent[-1] / flow.log_tangent[-2]) / np.log(1.1)
    np.testing.assert_allclose(local, slope, atol=2e-3)
