"""How far a sample is from normal: moments, their robust twins, and the energy distance."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

_AT_ONCE = 2**20
_NORMAL_OCTILES = ndtri(np.arange(1, 8) / 8)


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
    octiles = np.quantile(np.asarray(sample).ravel(), np.arange(1, 8) / 8).astype(np.float64)
    first, middle, last = octiles[1], octiles[3], octiles[5]
    width = float(last - first)
    if not width > 0:
        return RobustShape(float(middle), 0.0, math.nan, math.nan)
    return RobustShape(
        median=float(middle),
        scale=width / float(_NORMAL_OCTILES[5] - _NORMAL_OCTILES[1]),
        skewness=float(last + first - 2 * middle) / width,
        excess_kurtosis=_moors(octiles) - _moors(_NORMAL_OCTILES),
    )


def _moors(octiles: np.ndarray) -> float:
    e1, e2, e3, _, e5, e6, e7 = octiles.tolist()
    return ((e7 - e5) + (e3 - e1)) / (e6 - e2)


def energy_statistic(sample: ArrayLike) -> float:
    """Energy statistic of a sample against the normal law of its own mean and variance.

    Parameters
    ----------
    sample
        Two different numbers or more.

    Returns
    -------
    n times the energy distance: of order one for normal samples of any size, growing with n for
    others.

    Raises
    ------
    ValueError
        If all numbers are equal.

    Notes
    -----
    Source: Szekely & Rizzo (2005), "A new test for multivariate normality".

    Examples
    --------
    >>> round(energy_statistic(np.arange(20)), 12)
    0.236632994246
    """
    x = np.sort(np.asarray(sample, np.float64).ravel())
    n = len(x)
    scale = np.std(x, ddof=1) if n > 1 else 0.0
    if not scale > 0:
        raise ValueError("an energy statistic needs two different numbers")
    x = (x - np.mean(x)) / scale
    density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    to_normal = 2 * np.mean(2 * density + x * (2 * ndtr(x) - 1))
    rank = 2 * np.arange(1, n + 1) - n - 1
    return float(n * (to_normal - 2 / math.sqrt(math.pi) - 2 * np.dot(rank, x) / n**2))
