"""Statistics of the singular values of a matrix."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from widthwise.numerics.gaussian_spectra import gaussian_singular_values
from widthwise.numerics.power_tail import fit_power_tail
from widthwise.observables.bulk import fit_bulk
from widthwise.observables.weight_spectra import weight_spectra


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Singular values of one matrix divided by the root of its rows.

    Attributes
    ----------
    singular_values
        All, largest first.
    sigma, edge
        Scale of the fitted bulk, and where it ends.
    outliers
        Singular values that fewer than one in 10,000 random matrices reach.
    numbers
        ``largest`` (beyond the edge, in units of the Tracy-Widom scale), ``bulk_distance``
        (between the singular values and the fitted Marchenko-Pastur law), ``stable_rank`` and
        ``power_exponent`` (of the density of the squared singular values).
    """

    singular_values: Float[np.ndarray, " k"]
    sigma: float
    edge: float
    outliers: int
    numbers: Mapping[str, float]


def describe_spectrum(matrix: Float[np.ndarray, "n m"]) -> Spectrum:
    """Describe the singular values of a matrix."""
    values = weight_spectra(matrix).singular_values.astype(np.float64)
    rows, columns = matrix.shape
    bulk = fit_bulk(values, rows, columns)
    return Spectrum(
        values,
        float(bulk.sigma),
        float(bulk.edge),
        int(np.sum(bulk.outlier)),
        _numbers(values, bulk.excess, bulk.distance),
    )


def _numbers(
    values: np.ndarray, excess: np.ndarray, distance: np.ndarray | np.floating
) -> dict[str, float]:
    squares = values**2
    positive = squares[squares > 1e-12 * squares[0]] if squares[0] > 0 else squares[:0]
    several = len(positive) > 1 and positive[0] > positive[-1]
    return {
        "largest": float(excess[0]),
        "bulk_distance": float(distance),
        "stable_rank": float(squares.sum() / squares[0]) if squares[0] > 0 else np.nan,
        "power_exponent": fit_power_tail(positive).exponent if several else np.nan,
    }


@lru_cache(maxsize=64)
def spectrum_null(rows: int, columns: int, draws: int) -> dict[str, Float[np.ndarray, " draws"]]:
    """Draw the null distribution of each number for independent Gaussian entries.

    The distributions of a matrix and of its transpose are the same.
    """
    if rows > columns:
        return spectrum_null(columns, rows, draws)
    rng = np.random.default_rng((rows, columns))
    drawn = gaussian_singular_values(rows, columns, draws=draws, rng=rng) / rows**0.5
    bulk = fit_bulk(drawn, rows, columns)
    found = list(map(_numbers, drawn, bulk.excess, bulk.distance))
    return {name: np.array([numbers[name] for numbers in found]) for name in found[0]}
