"""Statistics of the entries of a matrix, whatever their places."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from scipy import stats
from scipy.special import ndtri

from widthwise.numerics.normality import (
    energy_statistic,
    octile_shape,
    robust_shape_of,
    shape_of,
)

LISTED = 5
"""Outlying entries that are listed, the largest first."""

_EXPECTED = 0.01  # entries beyond the threshold in a Gaussian matrix
_NULL_ENTRIES = 1024
_NULL_DRAWS = 4000
_MOST_SORTED = 2**20


@dataclass(frozen=True)
class EntryOutlier:
    """An entry too large for a Gaussian matrix.

    Attributes
    ----------
    row, column
        Its place: output and input.
    value
        The entry.
    deviations
        Its distance from the median in robust standard deviations.
    """

    row: int
    column: int
    value: float
    deviations: float


@dataclass(frozen=True)
class Entries:
    """Entries of one matrix.

    Attributes
    ----------
    mean, standard_deviation
        Of all entries.
    numbers
        ``skewness``, ``kurtosis`` (excess), their robust twins ``quantile_skewness`` and
        ``quantile_kurtosis``, ``inner_kurtosis`` (without the outlying entries) and ``energy``.
    outliers
        Entries further out than one in a hundred Gaussian matrices of this size has any.
    largest
        The `LISTED` furthest of them.
    """

    mean: float
    standard_deviation: float
    numbers: Mapping[str, float]
    outliers: int
    largest: tuple[EntryOutlier, ...]


def describe_entries(matrix: Float[np.ndarray, "n m"]) -> Entries:
    """Describe the entries of a matrix.

    More than a million entries enter the energy statistic by a random million of them.
    """
    shape, robust = shape_of(matrix), robust_shape_of(matrix)
    scale = robust.scale or math.nan
    reach = _reach(matrix.size) * scale
    deviation = np.abs(matrix - matrix.dtype.type(robust.median))
    outlying = deviation > reach
    count = int(np.count_nonzero(outlying))
    inner = shape_of(matrix[~outlying]).excess_kurtosis if count else shape.excess_kurtosis
    numbers = {
        "skewness": shape.skewness,
        "kurtosis": shape.excess_kurtosis,
        "quantile_skewness": robust.skewness,
        "quantile_kurtosis": robust.excess_kurtosis,
        "inner_kurtosis": inner,
        "energy": float(energy_statistic(_some(matrix))),
    }
    largest = ()
    if count:
        places = np.flatnonzero(outlying)
        order = places[np.argsort(-deviation.ravel()[places])[:LISTED]]
        largest = tuple(
            EntryOutlier(
                int(place) // matrix.shape[1],
                int(place) % matrix.shape[1],
                float(matrix.ravel()[place]),
                (float(matrix.ravel()[place]) - robust.median) / scale,
            )
            for place in order
        )
    return Entries(shape.mean, shape.standard_deviation, numbers, count, largest)


def entry_null(size: int) -> dict[str, Float[np.ndarray, " draws"]]:
    """Draw the null distribution of each number for so many independent Gaussian entries.

    Beyond 1024 entries the distributions are those of 1024, narrower by the square root of the
    ratio; that of the energy statistic, which has a limit, stays.
    """
    drawn = min(size, _NULL_ENTRIES)
    narrower = math.sqrt(drawn / size)
    return {
        name: values if name == "energy" else values * narrower
        for name, values in _drawn_null(drawn).items()
    }


@lru_cache(maxsize=64)
def _drawn_null(size: int) -> dict[str, np.ndarray]:
    x = np.random.default_rng(size).standard_normal((_NULL_DRAWS, size))
    octiles = np.quantile(x, np.arange(1, 8) / 8, axis=1)
    bowley, moors = octile_shape(octiles)
    kurtosis = np.asarray(stats.kurtosis(x, axis=1))
    inner = kurtosis.copy()
    scale = (octiles[5] - octiles[1]) / (2 * ndtri(0.75))
    outlying = np.abs(x - octiles[3][:, None]) > _reach(size) * scale[:, None]
    for row in np.flatnonzero(outlying.any(axis=1)):
        inner[row] = stats.kurtosis(x[row, ~outlying[row]])
    return {
        "skewness": np.asarray(stats.skew(x, axis=1)),
        "kurtosis": kurtosis,
        "quantile_skewness": bowley,
        "quantile_kurtosis": moors,
        "inner_kurtosis": inner,
        "energy": energy_statistic(x),
    }


def _reach(size: int) -> float:
    """Standard deviations that one entry of one in a hundred Gaussian matrices exceeds."""
    return float(-ndtri(_EXPECTED / (2 * size)))


def _some(matrix: np.ndarray) -> np.ndarray:
    flat = matrix.ravel()
    if flat.size <= _MOST_SORTED:
        return flat
    return flat[np.random.default_rng(0).integers(0, flat.size, _MOST_SORTED)]
