"""Numbers from samples, each with its standard error.

The first axis always counts independent samples (members of an ensemble). Everything is computed on
the host in float64. A sample that is not finite makes the result not finite: nothing is dropped.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

Values = Float[np.ndarray, "..."]
Numbers = ArrayLike | float


@dataclass(frozen=True)
class Estimate:
    """A number (or an array of them) measured on independent samples.

    Attributes
    ----------
    value
        The estimate.
    standard_error
        Its standard error, same shape.
    count
        How many samples it rests on.
    """

    value: Values
    standard_error: Values
    count: int

    def z(self, expected: Numbers) -> Values:
        """Distance from an expected value in standard errors; zero where there is none."""
        distance = self.value - np.asarray(expected, np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(distance == 0, 0.0, distance / self.standard_error))


def mean(samples: Numbers) -> Estimate:
    """Average over the first axis.

    Parameters
    ----------
    samples
        Array with at least two independent samples along the first axis.

    Returns
    -------
    Estimate
        With the shape of one sample.

    Raises
    ------
    ValueError
        If there are fewer than two samples.

    Examples
    --------
    >>> estimate = mean([1.0, 2.0, 3.0, 4.0])
    >>> float(estimate.value), round(float(estimate.standard_error), 4)
    (2.5, 0.6455)
    """
    x = _samples(samples)
    error = np.std(x, axis=0, ddof=1) / math.sqrt(len(x))
    return Estimate(np.asarray(np.mean(x, axis=0)), np.asarray(error), len(x))


def covariance(first: Numbers, second: Numbers) -> Estimate:
    """Unbiased covariance over the first axis, elementwise, for any distribution.

    Parameters
    ----------
    first, second
        Arrays of the same shape with at least two independent samples along the first axis.

    Returns
    -------
    Estimate
        The error is that of the mean of the products of the deviations.

    Raises
    ------
    ValueError
        If there are fewer than two samples, or the shapes differ.
    """
    x, y = _samples(first), _samples(second)
    if x.shape != y.shape:
        raise ValueError(f"Samples of shapes {x.shape} and {y.shape} were given; make them equal.")
    products = mean((x - np.mean(x, axis=0)[None]) * (y - np.mean(y, axis=0)[None]))
    unbias = len(x) / (len(x) - 1)
    value, error = products.value * unbias, products.standard_error * unbias
    return Estimate(np.asarray(value), np.asarray(error), len(x))


def variance(samples: Numbers) -> Estimate:
    """Unbiased variance over the first axis, for any distribution.

    Parameters
    ----------
    samples
        Array with at least two independent samples along the first axis.

    Returns
    -------
    Estimate
        The error rests on the fourth moment of the samples, not on a normal distribution.

    Raises
    ------
    ValueError
        If there are fewer than two samples.
    """
    return covariance(samples, samples)


def of_means(function: Callable[[np.ndarray], Numbers], samples: Numbers) -> Estimate:
    """Smooth function of the means of k quantities, with the error of the delta method.

    The slopes are central differences over a thousandth of a standard error.

    Parameters
    ----------
    function
        Takes the means, shape ``(k, ...)``, and returns shape ``(...)``, elementwise in the further
        axes.
    samples
        Array ``(samples, k, ...)``: k quantities measured together on each independent sample.

    Returns
    -------
    Estimate
        Biased by ``O(1 / samples)``, as every nonlinear function of a mean.

    Raises
    ------
    ValueError
        If there are fewer than two samples, or they are single numbers.

    Examples
    --------
    The ratio of two means:

    >>> ratio = of_means(lambda m: m[1] / m[0], [[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]])
    >>> float(ratio.value), round(float(ratio.standard_error), 6)
    (2.0, 0.0)
    """
    x = _samples(samples)
    if x.ndim < 2:
        raise ValueError(f"Samples of shape {x.shape} were given; give k quantities per sample.")
    means, steps = np.mean(x, axis=0), 1e-3 * np.std(x, axis=0, ddof=1) / math.sqrt(len(x))
    linear = np.zeros((len(x), *x.shape[2:]))
    for k, step in enumerate(steps):
        shift = np.zeros_like(means)
        shift[k] = step
        rise = np.asarray(function(means + shift)) - np.asarray(function(means - shift))
        slope = rise / np.where(step > 0, 2 * step, 1.0)
        linear += slope[None] * (x[:, k] - means[None, k])
    error = np.std(linear, axis=0, ddof=1) / math.sqrt(len(x))
    return Estimate(np.asarray(function(means)), np.asarray(error), len(x))


def excess_kurtosis(samples: Numbers) -> Estimate:
    """Excess kurtosis of independent numbers, elementwise; zero for a normal distribution.

    Parameters
    ----------
    samples
        Array with at least two independent samples along the first axis.

    Returns
    -------
    Estimate
        Error by the delta method on the first four moments; biased by ``O(1 / samples)``.

    Raises
    ------
    ValueError
        If there are fewer than two samples.
    """
    x = _samples(samples)
    deviation = x - np.mean(x, axis=0)[None]

    def kurtosis(moments: np.ndarray) -> Numbers:
        m1, m2, m3, m4 = moments
        fourth = m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4
        return fourth / (m2 - m1**2) ** 2 - 3

    return of_means(kurtosis, np.stack([deviation**p for p in (1, 2, 3, 4)], axis=1))


def bootstrap(
    statistic: Callable[[np.ndarray], Numbers],
    samples: Numbers,
    *,
    key: jax.Array,
    resamples: int = 1000,
) -> Estimate:
    """Any statistic of the samples, with its error from drawing them again with replacement.

    Parameters
    ----------
    statistic
        Takes an array like ``samples``, returns a number or an array.
    samples
        Array with at least two independent samples along the first axis.
    key
        JAX random key.
    resamples
        How many times the samples are drawn again, at least 2.

    Returns
    -------
    Estimate
        The statistic of the samples themselves, and its standard deviation over the resamples.

    Raises
    ------
    ValueError
        If there are fewer than two samples or resamples.
    """
    x = _samples(samples)
    if resamples < 2:
        raise ValueError(f"resamples={resamples} was given; at least 2 are needed.")
    rows = np.asarray(jax.random.randint(key, (resamples, len(x)), 0, len(x)))
    again = np.stack([np.asarray(statistic(x[row]), np.float64) for row in rows])
    value = np.asarray(statistic(x), np.float64)
    return Estimate(value, np.asarray(np.std(again, axis=0, ddof=1)), len(x))


def _samples(samples: Numbers) -> np.ndarray:
    x = np.asarray(samples, np.float64)
    if x.ndim == 0 or len(x) < 2:
        raise ValueError(
            f"Samples of shape {x.shape} were given; a standard error needs at least two along the "
            "first axis."
        )
    return x
