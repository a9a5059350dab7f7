"""One matrix of weights against independent Gaussian entries."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from widthwise.numerics.statistics import Numbers
from widthwise.observables.weight_statistics.entries import (
    Entries,
    describe_entries,
    entry_null,
)
from widthwise.observables.weight_statistics.null import AgainstNull, against, against_ratio
from widthwise.observables.weight_statistics.spectrum import (
    Spectrum,
    describe_spectrum,
    spectrum_null,
)
from widthwise.weights import BipartiteGaussian, Fit, LikelihoodRatio, fit, likelihood_ratio

SMALLEST = 8
"""Fewest rows and columns: smaller matrices have no statistics."""

_FREEDOM = 5  # of the test of tied neurons that one matrix allows


@dataclass(frozen=True, eq=False)
class LayerStatistics:
    """Statistics of one matrix, each beside its null distribution at the same shape.

    Attributes
    ----------
    shape
        Outputs and inputs.
    entries, spectrum
        The statistics themselves, with outlying entries and singular values.
    shuffled_outliers
        Singular values beyond the bulk when the same entries are put into random places: what
        huge entries, and a mean, cause by themselves. Not counted (0) where there are none.
    skewness, kurtosis, quantile_skewness, quantile_kurtosis, inner_kurtosis, energy
        Of the entries: moments (the kurtosis is the excess one), their robust twins, the kurtosis
        without the outlying entries, the energy statistic.
    rows, columns
        Variance of the means of rows (what a neuron's inputs have in common) and of columns, in
        units of what independent entries of this variance would give: one for noise.
    largest, bulk_distance, stable_rank, power_exponent
        Of the singular values: the largest beyond the edge of the bulk in units of the Tracy-Widom
        scale, the distance of all from the Marchenko-Pastur law, and two popular summaries.
    law
        The Gaussian law of five numbers fitted to the matrix, with its standard errors.
    tied
        For square matrices, the test whether rows and columns count the same neurons, as far as one
        matrix tells; None for others.
    """

    shape: tuple[int, int]
    entries: Entries
    spectrum: Spectrum
    shuffled_outliers: int
    skewness: AgainstNull
    kurtosis: AgainstNull
    quantile_skewness: AgainstNull
    quantile_kurtosis: AgainstNull
    inner_kurtosis: AgainstNull
    energy: AgainstNull
    rows: AgainstNull
    columns: AgainstNull
    largest: AgainstNull
    bulk_distance: AgainstNull
    stable_rank: AgainstNull
    power_exponent: AgainstNull
    law: Fit[BipartiteGaussian]
    tied: LikelihoodRatio | None


def layer_statistics(matrix: Numbers, *, draws: int = 99) -> LayerStatistics:
    """Measure how far a matrix is from independent Gaussian entries of one variance.

    Parameters
    ----------
    matrix
        Outputs x inputs, at least 8 x 8. Nothing depends on its scale.
    draws
        Random matrices for the null distributions of the singular values, at least 19. They are
        kept for other matrices of the same shape.

    Returns
    -------
    LayerStatistics

    Raises
    ------
    ValueError
        If the matrix is no matrix, too small, constant, or has entries that are not finite.

    Notes
    -----
    The null distributions are those of Gaussian entries at the same shape: simulated, and for rows
    and columns the F distribution. A layer
    initialized with uniform entries has an excess kurtosis of -1.2, and the same singular values.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).standard_normal((60, 40))
    >>> found = layer_statistics(noise + 0.5)
    >>> found.kurtosis.ordinary, found.spectrum.outliers
    (True, 1)
    """
    w = _matrix(matrix)
    if draws < 19:
        raise ValueError(f"draws is {draws}: give at least 19 for the ends of a distribution")
    entries, spectrum = describe_entries(w), describe_spectrum(w)
    law, (rows, columns) = fit(w, "bipartite"), w.shape
    model, rest = law.model, (rows - 1) * (columns - 1)
    nulls = entry_null(w.size) | spectrum_null(*w.shape, draws)
    numbers = {**entries.numbers, **spectrum.numbers}
    return LayerStatistics(
        shape=w.shape,
        entries=entries,
        spectrum=spectrum,
        shuffled_outliers=_shuffled_outliers(w, entries) if spectrum.outliers else 0,
        rows=against_ratio(model.rows / model.entries, rows - 1, rest),
        columns=against_ratio(model.columns / model.entries, columns - 1, rest),
        **{name: against(null, numbers[name]) for name, null in nulls.items()},
        law=law,
        tied=_tied(w) if rows == columns else None,
    )


def _tied(matrix: Float[np.ndarray, "n n"]) -> LikelihoodRatio:
    """Test whether rows and columns count the same neurons; an exact symmetry leaves no doubt."""
    if np.array_equal(matrix, matrix.T) or np.array_equal(matrix, -matrix.T):
        return LikelihoodRatio("bipartite", "tied", math.inf, _FREEDOM, float(_FREEDOM), 0.0)
    return likelihood_ratio(matrix)


def _shuffled_outliers(matrix: Float[np.ndarray, "n m"], entries: Entries) -> int:
    """Count singular values beyond the bulk when the entries are in random places.

    A single entry, or the mean of all, leaves the bulk only beyond a size (Benaych-Georges &
    Nadakuditi 2012): where neither is near it, nothing need be shuffled.
    """
    reach = 0.9 * matrix.size**0.25
    furthest = max((abs(entry.deviations) for entry in entries.largest), default=0.0)
    lift = abs(entries.mean) * matrix.size**0.5
    if furthest < reach and lift < reach * entries.standard_deviation:
        return 0
    shuffled = np.random.default_rng(0).permutation(matrix.ravel()).reshape(matrix.shape)
    return describe_spectrum(shuffled).outliers


def _matrix(given: Numbers) -> Float[np.ndarray, "n m"]:
    array = np.asarray(given)
    if array.ndim != 2 or min(array.shape) < SMALLEST:
        raise ValueError(
            f"the matrix has shape {array.shape}: give one of at least {SMALLEST} x {SMALLEST}"
        )
    array = array.astype(np.float64 if array.dtype == np.float64 else np.float32, copy=False)
    if not np.all(np.isfinite(array)):
        bad = np.argwhere(~np.isfinite(array))
        raise ValueError(
            f"{len(bad)} entries of the matrix are not finite, the first in row {bad[0, 0]}, "
            f"column {bad[0, 1]}: this network has diverged, or the file is damaged"
        )
    if array.min() == array.max():
        raise ValueError("all entries of the matrix are equal: it has no distribution")
    return array
