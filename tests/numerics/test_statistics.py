"""Estimates against exact moments and against SciPy."""

import jax
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from widthwise.numerics.statistics import (
    Estimate,
    bootstrap,
    covariance,
    excess_kurtosis,
    mean,
    of_means,
    variance,
)


def gamma_samples(count: int, repeats: int) -> np.ndarray:
    """Skewed numbers with variance 3 and excess kurtosis 2."""
    return np.random.default_rng(1).gamma(3.0, size=(count, repeats))


def test_mean_and_its_error_are_those_of_scipy():
    x = gamma_samples(50, 3)
    estimate = mean(x)
    np.testing.assert_allclose(estimate.value, x.mean(axis=0))
    np.testing.assert_allclose(estimate.standard_error, scipy.stats.sem(x, axis=0))
    assert estimate.count == 50


def test_variance_is_unbiased_and_the_covariance_of_a_sample_with_itself():
    x = gamma_samples(50, 3)
    np.testing.assert_allclose(variance(x).value, x.var(axis=0, ddof=1))
    both = np.cov(x[:, 0], x[:, 1])
    np.testing.assert_allclose(covariance(x[:, 0], x[:, 1]).value, both[0, 1])


@pytest.mark.parametrize(
    ("estimator", "truth"), [(mean, 3.0), (variance, 3.0), (excess_kurtosis, 2.0)]
)
def test_errors_are_those_that_repetition_shows(estimator, truth):
    # 600 repetitions of the experiment: their scatter must be the error that each one states.
    estimate = estimator(gamma_samples(4000, 600))
    scatter = estimate.value.std(ddof=1)
    assert np.sqrt(np.mean(estimate.standard_error**2)) == pytest.approx(scatter, rel=0.15)
    assert np.mean(estimate.value) == pytest.approx(truth, abs=4 * scatter / np.sqrt(600) + 0.02)


def test_true_value_lies_within_two_errors_in_95_percent():
    z = mean(gamma_samples(400, 2000)).z(3.0)
    assert np.mean(np.abs(z) < 1.96) == pytest.approx(0.95, abs=0.02)


def test_kurtosis_value_is_that_of_scipy():
    x = gamma_samples(500, 2)
    np.testing.assert_allclose(excess_kurtosis(x).value, scipy.stats.kurtosis(x, axis=0))


def test_function_of_means_is_elementwise_in_further_axes():
    x = np.random.default_rng(0).normal(2.0, 1.0, (200, 2, 3))
    together = of_means(lambda m: m[1] / m[0], x)
    for i in range(3):
        alone = of_means(lambda m: m[1] / m[0], x[:, :, i])
        np.testing.assert_allclose(together.value[i], alone.value)
        np.testing.assert_allclose(together.standard_error[i], alone.standard_error)


def test_bootstrap_error_of_the_mean(key):
    x = gamma_samples(200, 1)[:, 0]
    again = bootstrap(np.mean, x, key=key, resamples=4000)
    assert again.value == x.mean()
    assert again.standard_error == pytest.approx(mean(x).standard_error, rel=0.06)
    repeated = bootstrap(np.mean, x, key=jax.random.key(0), resamples=4000)
    assert again.standard_error == repeated.standard_error


def test_numbers_that_are_not_finite_are_not_hidden():
    x = gamma_samples(10, 2)
    x[3, 0] = np.nan
    estimate = mean(x)
    assert np.isnan(estimate.value[0])
    assert np.isfinite(estimate.value[1])


def test_z_of_a_number_without_spread():
    exact = Estimate(np.array([1.0, 1.0]), np.zeros(2), 5)
    np.testing.assert_array_equal(exact.z([1.0, 0.0]), [0.0, np.inf])


@given(st.floats(-1e3, 1e3), st.floats(0.1, 10.0))
@settings(deadline=None, max_examples=20)
def test_shift_and_scale(shift, scale):
    x = gamma_samples(60, 1)[:, 0]
    assert variance(shift + scale * x).value == pytest.approx(scale**2 * variance(x).value)
    before, after = excess_kurtosis(x), excess_kurtosis(shift + scale * x)
    assert after.value == pytest.approx(before.value)
    assert after.standard_error == pytest.approx(before.standard_error)


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (mean, ([1.0],), "at least two"),
        (mean, (1.0,), "at least two"),
        (covariance, ([1.0, 2.0], [1.0, 2.0, 3.0]), "equal"),
        (of_means, (np.sum, [1.0, 2.0]), "k quantities"),
    ],
)
def test_bad_samples_are_refused(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)


def test_one_resample_is_refused(key):
    with pytest.raises(ValueError, match="at least 2"):
        bootstrap(np.mean, [1.0, 2.0], key=key, resamples=1)
