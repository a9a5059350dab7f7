"""Lines and power laws against NumPy and against repetition."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from widthwise.numerics.fits import fit_line, fit_power_law

X = np.array([1.0, 2.0, 4.0, 8.0, 9.0])
Y = np.array([1.2, 1.9, 4.3, 7.8, 9.4])


def test_line_without_errors_is_that_of_numpy():
    fit = fit_line(X, Y)
    (slope, intercept), cov = np.polyfit(X, Y, 1, cov=True)
    assert fit.slope == pytest.approx(slope)
    assert fit.intercept == pytest.approx(intercept)
    assert fit.slope_error == pytest.approx(np.sqrt(cov[0, 0]))
    assert fit.intercept_error == pytest.approx(np.sqrt(cov[1, 1]))
    assert np.isnan(fit.chi_squared)
    assert np.isnan(fit.p_value)


def test_weighted_line_is_that_of_numpy():
    error = np.array([0.1, 0.2, 0.1, 0.4, 0.3])
    fit = fit_line(X, Y, error)
    (slope, intercept), cov = np.polyfit(X, Y, 1, w=1 / error, cov="unscaled")
    assert fit.slope == pytest.approx(slope)
    assert fit.intercept == pytest.approx(intercept)
    assert fit.slope_error == pytest.approx(np.sqrt(cov[0, 0]))
    assert fit.intercept_error == pytest.approx(np.sqrt(cov[1, 1]))
    assert fit.chi_squared == pytest.approx(np.sum(((Y - intercept - slope * X) / error) ** 2))
    assert fit.p_value == pytest.approx(scipy.stats.chi2.sf(fit.chi_squared, 3))


def test_stated_error_is_the_scatter_of_repetitions():
    rng = np.random.default_rng(5)
    error = np.array([0.1, 0.2, 0.3, 0.1, 0.2])
    fits = [fit_line(X, 2 * X - 1 + error * rng.normal(size=5), error) for _ in range(2000)]
    z = np.array([(fit.slope - 2) / fit.slope_error for fit in fits])
    assert np.mean(z) == pytest.approx(0, abs=4 / np.sqrt(2000))
    assert np.std(z) == pytest.approx(1, abs=0.06)
    assert np.mean([fit.p_value < 0.1 for fit in fits]) == pytest.approx(0.1, abs=0.03)


@given(st.floats(-3, 3), st.floats(0.01, 100), st.booleans())
@settings(deadline=None, max_examples=25)
def test_exact_power_law_is_found(exponent, amplitude, weighted):
    y = amplitude * X**exponent
    law = fit_power_law(X, y, 0.01 * y if weighted else None)
    assert law.exponent == pytest.approx(exponent, abs=1e-9)
    assert law.amplitude == pytest.approx(amplitude, rel=1e-9)


def test_errors_of_a_power_law_are_relative():
    law = fit_power_law([1.0, 10.0], [5.0, 0.5], [0.05, 0.005])
    assert law.exponent_error == pytest.approx(np.sqrt(2) * 0.01 / np.log(10))
    assert law.amplitude_error == pytest.approx(5 * 0.01)


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        ([1.0, 2.0], [1.0, 2.0], None, "at least 3"),
        ([1.0, 2.0, 3.0], [1.0, 2.0], None, "equally many"),
        ([1.0, 1.0, 1.0], [1.0, 2.0, 3.0], None, "equal"),
        ([1.0, 2.0, 3.0], [1.0, np.nan, 3.0], None, "not finite"),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 0.0, 1.0], "not positive"),
    ],
)
def test_bad_points_are_refused(x, y, error, message):
    with pytest.raises(ValueError, match=message):
        fit_line(x, y, error)


def test_power_law_needs_positive_points():
    with pytest.raises(ValueError, match="not all positive"):
        fit_power_law([1.0, 2.0, 3.0], [1.0, -1.0, 2.0])
