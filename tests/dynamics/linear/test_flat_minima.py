"""Sharpness of minima: reference values, order of bounds, invariances, where they are reached."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import widthwise as ww
from widthwise.networks.deep_linear import end_to_end

linear = ww.dynamics.linear

CASE_A = (np.diag([2.0, 1.0, 0.5, 0.25]), np.array([0.5, -1.0, 0.5, 1.5]))
A = {  # depth: lower, minimum, its first norm, balanced, upper, published upper, small start
    1: (1.1666666667, 4.0, math.nan, 4.0, 4.0, 4.0, 16.0),
    2: (4.5184805706, 6.7202046082, 1.835076, 8.5050430529, 10.0052069777, 13.6052992127,
        61.9677335194),
    3: (8.4480321153, 10.6593018044, 1.668743, 12.2770437903, 15.2869152558, 22.3115338123,
        115.8587261527),
    5: (16.7935227966, 19.0516788500, 1.524894, 20.2894247468, 24.9503767264, 37.0670625612,
        230.3111697824),
    10: (38.3331872495, 40.6479081970, 1.417583, 41.6280388574, 47.6426755815, 66.8743231563,
         525.7122822789),
    50: (213.0430820576, 215.4159973341, 1.334310, 216.2386773825, 223.3908889004, 254.3971734405,
         2921.7336967896),
}  # fmt: skip


def bounds(found: "linear.FlatMinima") -> tuple[float, ...]:
    return found.lower, found.minimum, found.balanced, found.upper, found.published_upper


@pytest.mark.parametrize("depth", list(A))
def test_case_a(depth):
    found = linear.flat_minima(*CASE_A, depth=depth, loss="mse")
    lower, minimum, first, balanced, upper, published, small = A[depth]
    np.testing.assert_allclose(
        (*bounds(found), found.small_start),
        (lower, minimum, balanced, upper, published, small),
        rtol=1e-6 if depth > 1 else 1e-9,
    )
    if depth > 1:
        assert found.first_norm == pytest.approx(first, abs=1e-4)
    assert found.max_learning_rate == pytest.approx(2 / minimum, rel=1e-6)
    assert found.published_learning_rate == pytest.approx(2 / lower, rel=1e-6)
    # both are reached, by networks of any widths
    widths = [1 + k % 3 for k in range(depth - 1)]
    for flattest, value in ((False, balanced), (True, minimum)):
        weights = found.weights(widths, flattest=flattest)
        np.testing.assert_allclose(end_to_end(weights)[0], CASE_A[1])
        assert float(linear.sharpness(weights, CASE_A[0], loss="mse")) == pytest.approx(
            value, rel=1e-6
        )


def test_cases_b_c_d():
    b = linear.flat_minima(np.eye(2), [0.6, 0.8], depth=10, loss="mse")
    np.testing.assert_allclose(bounds(b), 20.0, rtol=1e-9)
    c = linear.flat_minima(np.diag([3.0, 1.0]), [0.0, 2.0], depth=4, loss="mse")
    expected = (22.6274169980,) * 3 + (33.9411254970, 48.0)
    np.testing.assert_allclose(bounds(c), expected, rtol=1e-9)
    d = linear.flat_minima([[2.0, 1.0], [1.0, 3.0]], [1.0, 1.0], depth=6, loss="mse")
    expected = (74.8354923238, 75.1057250404, 75.1085421026, 75.2561176409, 75.6155760195)
    np.testing.assert_allclose(bounds(d), expected, rtol=1e-7)
    half = linear.flat_minima([[2.0, 1.0], [1.0, 3.0]], [1.0, 1.0], depth=6)
    np.testing.assert_allclose(np.array(bounds(half)) * 2, expected, rtol=1e-7)


def test_case_g_fewer_samples_than_features():
    x, y = [[1.0, 2.0, 0.0], [0.0, 1.0, 1.0]], [1.0, 2.0]
    with pytest.warns(UserWarning, match="rank 2: there are many solutions"):
        solved = linear.least_squares(x, y)
    np.testing.assert_allclose(solved.target, [-1 / 3, 2 / 3, 4 / 3], atol=1e-12)
    assert not solved.unique
    assert solved.minimum == pytest.approx(0.0, abs=1e-12)
    found = linear.flat_minima(solved.covariance, solved.target, depth=3, loss="mse")
    np.testing.assert_allclose(
        bounds(found)[:3], (11.3092116169, 14.6804341519, 16.4720510065), rtol=1e-7
    )
    assert not found.unique
    # interpolation: S_low = 2 L |w|^(-2/L) |y|^2 / n
    norm = np.linalg.norm(solved.target)
    assert found.lower == pytest.approx(6 * norm ** (-2 / 3) * 5.0 / 2)


regressions = st.tuples(
    st.integers(1, 4), st.integers(1, 30), st.integers(0, 2**32 - 1), st.floats(0.05, 20.0)
)


def problem(d: int, seed: int, norm: float):
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal((d + 3, d)), rng.standard_normal(d)
    return x.T @ x / (d + 3), norm * w / np.linalg.norm(w), rng


@settings(max_examples=40, deadline=None)
@given(regressions)
def test_order_of_the_bounds_and_rotations_of_the_data(case):
    d, depth, seed, norm = case
    sigma, w, rng = problem(d, seed, norm)
    found = linear.flat_minima(sigma, w, depth=depth)
    values = np.array(bounds(found))
    assert np.all(np.diff(values) >= -1e-9 * values[1:])
    turn, _ = np.linalg.qr(rng.standard_normal((d, d)))
    turned = linear.flat_minima(turn @ sigma @ turn.T, turn @ w, depth=depth)
    np.testing.assert_allclose(bounds(turned), values, rtol=1e-7)
    # units of y: sharpness scales as |w|^(2 - 2/L)
    scaled = linear.flat_minima(sigma, 3 * w, depth=depth)
    np.testing.assert_allclose(bounds(scaled), values * 3 ** (2 - 2 / depth), rtol=1e-7)


@settings(max_examples=25, deadline=None)
@given(regressions, st.floats(-1.0, 1.0))
def test_no_minimiser_is_flatter_than_the_minimum(case, log_scale):
    """Random networks made minimisers by correcting their last layer, and rescaled layers."""
    d, depth, seed, norm = case
    depth = 2 + depth % 6
    sigma, w, rng = problem(d, seed, norm)
    hidden = [np.eye(d) + 0.3 * rng.standard_normal((d, d)) for _ in range(depth - 1)]
    chain = hidden[0]
    for layer in hidden[1:]:
        chain = layer @ chain
    weights = [*hidden, (w @ np.linalg.inv(chain))[None]]
    sharp = float(linear.sharpness(weights, sigma, w))
    assert sharp >= linear.flat_minima(sigma, w, depth=depth).minimum * (1 - 1e-9)
    assert sharp == pytest.approx(float(linear.sharpness(weights, sigma)), rel=1e-6)
    factor = math.exp(log_scale)
    rescaled = [weights[0] * factor, *weights[1:-1], weights[-1] / factor]
    assert float(linear.sharpness(rescaled, sigma)) >= linear.flat_minima(
        sigma, w, depth=depth
    ).minimum * (1 - 1e-9)
    turn, _ = np.linalg.qr(rng.standard_normal((d, d)))  # a rotation between two layers
    turned = [turn @ weights[0], weights[1] @ turn.T, *weights[2:]]
    assert float(linear.sharpness(turned, sigma)) == pytest.approx(sharp, rel=1e-6)


@pytest.mark.parametrize(
    ("covariance", "target", "depth", "message"),
    [
        (np.eye(2), [1.0, 0.0], 0, "depth is 0: give a whole number of weight matrices"),
        (np.eye(2), [1.0, 0.0], 2.5, "depth is 2.5"),
        (np.eye(2), [1.0, 0.0], math.inf, "depth is inf"),
        (np.eye(2), [0.0, 0.0], 3, "target is zero"),
        (np.eye(2), [math.nan, 0.0], 3, "target holds numbers that are not finite"),
        (np.eye(2) * np.nan, [1.0, 0.0], 3, "covariance holds numbers"),
        (np.zeros((0, 0)), np.zeros(0), 3, "with d at least 1"),
        (np.eye(3), [1.0, 0.0], 3, "covariance of shape"),
        (np.diag([1.0, -1.0]), [1.0, 0.0], 3, "covariance is none"),
        (np.array([[1.0, 0.5], [0.0, 1.0]]), [1.0, 0.0], 3, "covariance is none"),
        (np.diag([1.0, 0.0]), [0.0, 1.0], 3, "do not vary along the target"),
        (np.eye(2), np.eye(2), 3, "bounds hold for one output"),
    ],
)
def test_bad_input(covariance, target, depth, message):
    with pytest.raises(ValueError, match=message):
        linear.flat_minima(covariance, target, depth=depth)


def test_bad_choices():
    with pytest.raises(ValueError, match="loss is 'mea'"):
        linear.flat_minima(np.eye(1), [1.0], depth=2, loss="mea")
    with pytest.raises(ValueError, match="give 2 positive numbers"):
        linear.flat_minima(np.eye(1), [1.0], depth=3).weights([4])


def test_least_squares_refuses():
    for x, y, message in (
        ([[1.0], [2.0]], [1.0], "x of shape"),
        (np.zeros((0, 2)), [], "x of shape"),
        ([[1.0, math.nan]], [1.0], "x holds numbers"),
        ([[1.0]], [math.inf], "y holds numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            linear.least_squares(x, y)
    solved = linear.least_squares([[1.0], [2.0]], [0.0, 0.0])
    with pytest.raises(ValueError, match="all y are zero"):
        linear.flat_minima(solved.covariance, solved.target, depth=2)
