"""What is computed of an ensemble of matrices: distances, deviations, tests, and their errors."""

from collections.abc import Callable

import jax
import numpy as np
import xarray as xr

from widthwise.numerics import statistics
from widthwise.numerics.statistics import Numbers
from widthwise.weights import (
    Fit,
    IsotropicGaussian,
    TiedGaussian,
    evaluate,
    expected,
    fit,
    nearest_isotropic,
    published_graphs,
    squared_wasserstein,
)
from widthwise.weights.fit import fits

GRAPHS = published_graphs()[13:]
"""The cubic and quartic invariants that are published."""
Rows = np.ndarray | slice


class Matrices:
    """One matrix of each network of an ensemble, through training.

    Parameters
    ----------
    values
        (member, step, row, column).
    variance
        Of the entries at the start.
    """

    def __init__(self, values: np.ndarray, variance: float) -> None:
        whole = np.isfinite(values).all(axis=(1, 2, 3))
        self.values = values[whole].astype(np.float64)
        self.count, self.steps, self.size, _ = self.values.shape
        self.start = IsotropicGaussian((self.size, self.size), 0.0, variance)
        self._fits: dict[int, Callable[[Rows], Fit[TiedGaussian]]] = {}
        self._invariants: dict[int, np.ndarray] = {}

    @property
    def floor(self) -> float:
        """Squared distance of a fit from the start that sampling alone gives, on average."""
        return floor(self.start.variance, self.count)

    def fit(self, step: int, rows: Rows = slice(None)) -> Fit[TiedGaussian]:
        """Fit the largest family to some of the networks."""
        if step not in self._fits:
            self._fits[step] = fits(self.values[:, step], "tied")
        return self._fits[step](rows)

    def moved(self, step: int, rows: Rows = slice(None)) -> float:
        """Squared Wasserstein distance from the law at the start."""
        return squared_wasserstein(self.fit(step, rows).model, self.start).total

    def deviations(self, step: int, rows: Rows = slice(None)) -> tuple[np.ndarray, np.ndarray]:
        """Deviations of invariants from the largest family and from independent entries."""
        if step not in self._invariants:
            self._invariants[step] = evaluate(GRAPHS, self.values[:, step])
        values, model = self._invariants[step][rows], self.fit(step, rows).model
        mean, spread = values.mean(axis=0), values.std(axis=0)
        return (
            (mean - expected(GRAPHS, model)) / spread,
            (mean - expected(GRAPHS, nearest_isotropic(model))) / spread,
        )


def floor(variance: float, members: int) -> float:
    """Squared Wasserstein distance of the fit of a known law that sampling alone gives."""
    return 7.5 * variance / members


def estimated(
    statistic: Callable[[Rows], Numbers], members: int, *, seed: int, resamples: int
) -> statistics.Estimate:
    """Numbers of an ensemble, with standard errors from drawing its networks again."""
    return statistics.bootstrap(
        lambda rows: np.asarray(statistic(rows.astype(int))),
        np.arange(members),
        key=jax.random.key(seed),
        resamples=resamples,
    )


def of_layer(measurement: xr.Dataset, layer: str, variance: float, **where: str) -> Matrices:
    """Take one layer of an ensemble."""
    chosen = measurement.weight.sel(layer=layer, **where)
    return Matrices(chosen.transpose("member", "step", "row", "column").values, variance)


def bipartite_parameters(matrices: Matrices, step: int) -> tuple[dict, dict]:
    """Parameters and standard errors of the family without ties."""
    found = fit(matrices.values[:, step], "bipartite")
    return found.model.parameters, found.standard_errors
