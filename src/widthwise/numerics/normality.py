"""How far a sample is from normal: moments, their robust twins, and the energy distance."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

_AT_ONCE = 2**20
_OCTILES = np.arange(1, 8) / 8
_NORMAL = ndtri(_OCTILES)


@dataclass(frozen=True)
class Shape:
    """Location, scale and shape of a sample.

    Attributes
    ----------
    mean, standard_deviation
        Of the sample.
    skewness, excess_kurtosis
        Zero for a normal distribution; one huge value can make them anything.
    """

    mean: float
    standard_deviation: float
    skewness: float
    excess_kurtosis: float


@dataclass(frozen=True)
class RobustShape:
    """The same from octiles, which a few values do not move.

    Attributes
    ----------
    median, scale
        The scale is that of a normal distribution with the same quartiles.
    skewness
        Bowley's: how far the median is from the middle of the quartiles; zero if symmetric.
    excess_kurtosis
        Moors's, less its normal value 1.233.
    """

    median: float
    scale: float
    skewness: float
    excess_kurtosis: float


def shape_of(sample: ArrayLike) -> Shape:
    """Mean, standard deviation, skewness and excess kurtosis, in float64 and little memory.

    Parameters
    ----------
    sample
        Two numbers or more. If all are equal, skewness and kurtosis are not a number.
    """
    x = np.asarray(sample).ravel()
    mean = float(np.mean(x, dtype=np.float64))
    sums = np.zeros(4)
    for start in range(0, len(x), _AT_ONCE):
        d = x[start : start + _AT_ONCE].astype(np.float64) - mean
        square = d * d
        sums += d.sum(), square.sum(), (square * d).sum(), (square * square).sum()
    shift, second, third, fourth = sums / len(x)
    second = second - shift**2
    if not second > 0:
        return Shape(mean, 0.0, math.nan, math.nan)
    return Shape(mean, math.sqrt(second), float(third / second**1.5), float(fourth / second**2 - 3))


def robust_shape_of(sample: ArrayLike) -> RobustShape:
    """Median, scale, skewness and kurtosis from octiles.

    Notes
    -----
    Sources: Bowley (1920); Moors (1988), "A quantile alternative for kurtosis".
    """
    octiles = np.quantile(np.asarray(sample).ravel(), _OCTILES).astype(np.float64)
    if not octiles[5] > octiles[1]:
        return RobustShape(float(octiles[3]), 0.0, math.nan, math.nan)
    scale = (octiles[5] - octiles[1]) / (_NORMAL[5] - _NORMAL[1])
    skewness, kurtosis = octile_shape(octiles)
    return RobustShape(float(octiles[3]), float(scale), float(skewness), float(kurtosis))


def octile_shape(
    octiles: Float[np.ndarray, "7 *s"],
) -> tuple[Float[np.ndarray, "*s"], Float[np.ndarray, "*s"]]:
    """Bowley's skewness and Moors's kurtosis, less its normal value, of seven octiles."""
    bowley = (octiles[5] + octiles[1] - 2 * octiles[3]) / (octiles[5] - octiles[1])
    return np.asarray(bowley), np.asarray(_moors(octiles) - _moors(_NORMAL))


def _moors(octiles: np.ndarray) -> np.ndarray:
    e1, e2, e3, _, e5, e6, e7 = octiles
    return np.asarray(((e7 - e5) + (e3 - e1)) / (e6 - e2))


def energy_statistic(samples: ArrayLike) -> Float[np.ndarray, "*s"]:
    """Energy statistic of samples against the normal law of their own mean and variance.

    Parameters
    ----------
    samples
        Two different numbers or more along the last axis.

    Returns
    -------
    n times the energy distance: of order one for normal samples of any size, growing with n for
    others.

    Raises
    ------
    ValueError
        If all numbers of a sample are equal.

    Notes
    -----
    Source: Szekely & Rizzo (2005), "A new test for multivariate normality".

    Examples
    --------
    >>> round(float(energy_statistic(np.arange(20))), 12)
    0.236632994246
    """
    x = np.sort(np.asarray(samples, np.float64), axis=-1)
    n = x.shape[-1]
    scale = np.std(x, axis=-1, ddof=1, keepdims=True) if n > 1 else np.zeros(1)
    if not np.all(scale > 0):
        raise ValueError("an energy statistic needs two different numbers")
    x = (x - np.mean(x, axis=-1, keepdims=True)) / scale
    density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    to_normal = 2 * np.mean(2 * density + x * (2 * ndtr(x) - 1), axis=-1)
    rank = (2 * np.arange(1, n + 1) - n - 1) / n
    return np.asarray(n * (to_normal - 2 / math.sqrt(math.pi)) - 2 * (x @ rank))
