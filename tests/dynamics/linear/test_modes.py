"""Modes of linear networks against published closed forms and an integrator of its own."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import widthwise as ww

linear = ww.dynamics.linear

REFERENCE = [  # depth, start, target, time, value
    (1, 0.01, 2.0, 1.0, 1.2679199121),
    (2, 0.01, 2.0, 1.0, 0.4305879205),
    (3, 0.01, 2.0, 1.0, 0.0528021182),
    (4, 0.01, 2.0, 1.0, 0.0274731385),
    (3, 0.01, 2.0, 2.0, 1.0679686051),
    (4, 0.01, 2.0, 3.0, 1.9967253),
]


@pytest.mark.parametrize(("depth", "start", "target", "time", "expected"), REFERENCE)
def test_reference_values(depth, start, target, time, expected):
    assert float(linear.mode(depth, target, start, time)) == pytest.approx(expected, abs=2e-10)
    assert linear.mode_time(depth, target, start, expected) == pytest.approx(time, rel=1e-6)


def test_four_layers_obey_their_own_closed_form():
    s, u0 = 1.7, 0.02
    times = [0.2, 0.6, 1.0, 1.4]
    u = linear.mode(4, s, u0, times)
    x, x0, r = np.sqrt(u), math.sqrt(u0), math.sqrt(s)
    time = (1 / x0 - 1 / x + (np.arctanh(x / r) - math.atanh(x0 / r)) / r) / (2 * s)
    np.testing.assert_allclose(time, times, rtol=1e-8)


def test_infinitely_many_layers_obey_their_own_closed_form():
    s, u0 = 2.0, 0.1
    u = linear.mode(math.inf, s, u0, [1.0, 3.0])
    time = np.log(u * (s - u0) / (u0 * (s - u))) / s**2 + (1 / u0 - 1 / u) / s
    np.testing.assert_allclose(time, [1.0, 3.0], rtol=1e-9)
    deep = linear.mode(4000, s, u0, [1.0 / 4000, 3.0 / 4000])
    np.testing.assert_allclose(deep, u, rtol=1e-2)


@settings(max_examples=30, deadline=None)
@given(
    depth=st.integers(1, 60),
    start=st.floats(0.05, 3.0),
    target=st.floats(0.1, 2.0),
    rate=st.floats(0.2, 3.0),
)
def test_modes_solve_their_equation(depth, start, target, rate):
    times = np.array([0.3, 2.0]) / (depth * rate)
    found = linear.mode(depth, target, start, times, rate=rate)
    solved = solve_ivp(
        lambda _, u: rate * depth * u ** (2 - 2 / depth) * (target - u),
        (0.0, times[-1]),
        [start],
        t_eval=times,
        method="DOP853",
        rtol=1e-11,
        atol=1e-13,
    )
    np.testing.assert_allclose(found, solved.y[0], rtol=1e-8)


def test_ends_of_a_mode():
    assert linear.mode(3, 2.0, 0.0, [5.0]).tolist() == [0.0]
    assert linear.mode(3, 2.0, 2.0, [5.0]).tolist() == [2.0]
    assert float(linear.mode(7, 1.3, 0.2, 1e6)) == 1.3
    # towards zero: du/dt = -L u^(3 - 2/L)
    assert float(linear.mode(2, 0.0, 0.5, 3.0)) == pytest.approx(1 / (1 / 0.5 + 6.0))
    assert linear.mode(2, 1.0, 0.5, np.zeros((2, 3))).shape == (2, 3)


def test_escape_times_are_those_of_the_expansion():
    """log(s/u0)/(2 rate s) for two layers; u0^(2/L - 1)/(rate s (L - 2)) beyond, at s = 1."""
    assert linear.escape_time(2, 1.5, 1e-9, rate=2.0) == pytest.approx(
        math.log(1.5e9) / 6, rel=1e-8
    )
    for depth in (3, 5, 40):
        expected = 1e-12 ** (2 / depth - 1) / (2.0 * (depth - 2))
        assert linear.escape_time(depth, 1.0, 1e-12, rate=2.0) == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1.0, 0.1, 1.0), "depth is 0: give a whole number"),
        ((2.5, 1.0, 0.1, 1.0), "depth is 2.5"),
        ((math.nan, 1.0, 0.1, 1.0), "depth is nan"),
        ((2, -1.0, 0.1, 1.0), "target is -1.0"),
        ((2, 1.0, math.nan, 1.0), "start is nan"),
        ((2, 1.0, 0.1, -1.0), "give finite times"),
        ((2, 1.0, 0.1, math.inf), "give finite times"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        linear.mode(*arguments)


def test_a_value_that_is_never_passed():
    for reach in (1.0, 2.0, 0.05):
        with pytest.raises(ValueError, match="never passes"):
            linear.mode_time(3, 1.0, 0.1, reach)


UNBALANCED = [  # imbalance, start, target, time, value
    (1.0, 0.01, 2.0, 1.0, 1.8084030457),
    (5.0, 0.01, 2.0, 1.0, 1.9952704499),
    (1.0, 0.0, 2.0, 0.5, 1.0537255978),
]


@pytest.mark.parametrize(("imbalance", "start", "target", "time", "expected"), UNBALANCED)
def test_unbalanced_reference_values(imbalance, start, target, time, expected):
    found = linear.unbalanced_mode(target, start, time, imbalance=imbalance)
    assert float(found) == pytest.approx(expected, abs=1e-10)
    mirrored = linear.unbalanced_mode(-target, -start, time, imbalance=-imbalance)
    assert float(mirrored) == pytest.approx(-expected, abs=1e-10)


@settings(max_examples=30, deadline=None)
@given(
    imbalance=st.floats(0.0, 3.0),
    start=st.floats(-1.5, 1.5),
    target=st.floats(-2.0, 2.0),
)
def test_unbalanced_modes_solve_their_equation(imbalance, start, target):
    solved = solve_ivp(
        lambda _, u: np.sqrt(imbalance**2 + 4 * u**2) * (target - u),
        (0.0, 0.7),
        [start],
        method="DOP853",
        rtol=1e-11,
        atol=1e-12,
    )
    found = linear.unbalanced_mode(target, start, [0.7], imbalance=imbalance)
    np.testing.assert_allclose(found, solved.y[0, -1:], rtol=1e-7, atol=1e-9)


def test_an_unbalanced_mode_at_late_times():
    late = linear.unbalanced_mode(2.0, 1e-20, [11.6, 1e5], imbalance=0.0)
    np.testing.assert_allclose(late, [float(linear.mode(2, 2.0, 1e-20, 11.6)), 2.0], rtol=1e-12)
    # on the other side of zero, which a balanced mode never passes
    np.testing.assert_allclose(
        linear.unbalanced_mode(2.0, -0.5, [1.0, 1e5], imbalance=0.0),
        [-1.0 / (2.5 * math.exp(4) - 0.5), 0.0],
        rtol=1e-12,
        atol=1e-300,
    )


def test_unbalanced_bad_input():
    with pytest.raises(ValueError, match="give finite numbers"):
        linear.unbalanced_mode(1.0, math.nan, 1.0, imbalance=0.0)
    with pytest.raises(ValueError, match="times of at least 0"):
        linear.unbalanced_mode(1.0, 0.1, -1.0, imbalance=0.0)
