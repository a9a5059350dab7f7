"""The matrix between two hidden layers, at several widths."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.numerics import statistics
from widthwise.numerics.statistics import Numbers
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory
from widthwise.studies.weight_gaussianity import analysis, networks
from widthwise.studies.weight_gaussianity.analysis import Rows
from widthwise.weights import (
    Fit,
    IsotropicGaussian,
    TiedGaussian,
    evaluate,
    expected,
    likelihood_ratio,
    nearest_isotropic,
    squared_wasserstein,
)
from widthwise.weights.components import tied_components
from widthwise.weights.fit import fitted_to
from widthwise.weights.law import Components

if TYPE_CHECKING:
    from widthwise.studies.weight_gaussianity.study import WeightGaussianity

PART = "widths"
DEPTH = 2
KEPT = ("standard", "symmetric", "antisymmetric")


def predict(study: "WeightGaussianity") -> xr.Dataset:
    """Relative distance from the start that sampling alone gives."""
    floors = [analysis.floor(1 / w, study.width_members) / w for w in study.widths]
    return xr.Dataset(
        {"floor": ("width", np.array(floors, float)), "trend": 0.0},
        coords={"width": np.array(study.widths, int)},
    )


def shards(study: "WeightGaussianity") -> list[Shard]:
    """All members of each width."""
    return [
        shard
        for width in study.widths
        for shard in shards_of(
            PART, {"width": width}, members=study.width_members, batch=study.shard
        )
    ]


def measure(study: "WeightGaussianity", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Train, and keep the coordinates and invariants of the matrix between the hidden layers."""
    width = int(shard.settings["width"])
    history = networks.trained(
        study,
        networks.network("normal", DEPTH, width),
        networks.optimizer("normal"),
        at=np.array([0, study.steps]),
        members=shard.members,
        key=member_keys(key, len(networks.VARIANTS) + width, (0, 1))[0],
    )
    after = history.weight_0.values[:, -1]
    parts = tied_components(after)
    kinds = (("member", "kind", "kind2"), ("member", "one", "one2"), ("member", "one", "one2"))
    found = {name: (dims, x) for name, dims, x in zip(KEPT, kinds, parts.squares, strict=True)}
    return xr.Dataset(
        {
            "trivial": (("member", "first"), parts.trivial),
            "invariant": (("member", "graph"), evaluate(analysis.GRAPHS, after)),
            **found,
        }
    )


class _Width:
    """The ensemble of one width after training."""

    def __init__(self, measurement: xr.Dataset, width: int) -> None:
        at = measurement.sel(width=width)
        whole = np.isfinite(at.trivial.transpose("member", ...).values).all(axis=1)
        arrays = {n: at[n].transpose("member", ...).values[whole] for n in at.data_vars}
        self.width, self.count = width, int(whole.sum())
        self.invariants = arrays["invariant"]
        self._parts = Components(arrays["trivial"], tuple(arrays[name] for name in KEPT))

    def fit(self, rows: Rows = slice(None)) -> Fit[TiedGaussian]:
        """Fit the largest family to some of the networks."""
        squares = tuple(x[rows] for x in self._parts.squares)
        parts = Components(self._parts.trivial[rows], squares)
        return fitted_to(parts, (self.width, self.width), "tied")

    def moved(self, rows: Rows = slice(None)) -> float:
        """Squared distance from the start, over the trace of the covariance there."""
        start = IsotropicGaussian((self.width, self.width), 0.0, 1 / self.width)
        return squared_wasserstein(self.fit(rows).model, start).total / self.width

    def deviations(self, rows: Rows = slice(None)) -> np.ndarray:
        """Mean size of deviations from independent entries and from the largest family."""
        values, model = self.invariants[rows], self.fit(rows).model
        mean, spread = values.mean(axis=0), values.std(axis=0)
        return np.array(
            [
                np.mean(np.abs(mean - expected(analysis.GRAPHS, law)) / spread)
                for law in (nearest_isotropic(model), model)
            ]
        )


def claims(
    study: "WeightGaussianity", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Wide networks move less, relative to their start; no width ties rows and columns."""
    if not study.widths:
        return []
    found = [_Width(measurement, width) for width in study.widths]
    moved = [_estimated(study, one, one.moved) for one in found]
    logs = np.log(study.widths) - np.mean(np.log(study.widths))
    weights = logs / np.sum(logs**2)
    value = np.array([float(m.value) for m in moved])
    error = np.array([float(m.standard_error) for m in moved]) / value
    gains = [_estimated(study, one, lambda r, o=one: o.deviations(r)[1] / o.deviations(r)[0])
             for one in found]  # fmt: skip
    largest = int(np.argmax([float(gain.value) for gain in gains]))
    return [
        Claim(
            name="width-trend",
            statement="Power of width in the squared Wasserstein distance from the start over the "
            f"variance there, widths {', '.join(map(str, study.widths))}",
            predicted=float(prediction.trend),
            measured=float(weights @ np.log(value)),
            standard_error=float(np.sqrt(np.sum((weights * error) ** 2))),
            tolerance=0.0,
            kind="at_most",
            members=study.width_members,
        ),
        Claim(
            name="width-gain",
            statement="Mean deviation of invariants from the fitted 13 numbers over that from "
            f"independent entries: the largest of all widths, {study.widths[largest]}",
            predicted=1.0,
            measured=float(gains[largest].value),
            standard_error=float(gains[largest].standard_error),
            tolerance=0.0,
            kind="at_most",
            members=study.width_members,
        ),
    ]


def _estimated(
    study: "WeightGaussianity", one: _Width, statistic: Callable[[Rows], Numbers]
) -> statistics.Estimate:
    return analysis.estimated(statistic, one.count, seed=study.seed, resamples=study.resamples)


def pictures(
    study: "WeightGaussianity", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Distance, deviations and ties against width."""
    if not study.widths:
        return []
    found = [_Width(measurement, width) for width in study.widths]
    titles = ("distance from the start", "deviation of invariants", "ties")
    figure, (left, middle, right) = new_figure(3, titles=titles)
    widths = np.array(study.widths)
    moved = [_estimated(study, one, one.moved) for one in found]
    theory(left, widths, prediction.floor, "sampling alone", dash="dotted")
    measured(left, widths, [m.value for m in moved], [m.standard_error for m in moved],
             "networks", color=1)  # fmt: skip
    sizes = [_estimated(study, one, one.deviations) for one in found]
    for i, label in enumerate(("independent entries", "fitted 13 numbers")):
        value, error = (
            [getattr(s, part)[i] for s in sizes] for part in ("value", "standard_error")
        )
        measured(middle, widths, value, error, label, color=i)
    tests = np.array([likelihood_ratio(one.fit()).statistic for one in found])
    theory(right, widths, np.full(len(widths), 8.0), "no ties")
    measured(right, widths, tests, np.sqrt(np.maximum(4 * tests - 16, 16)), "networks", color=1)
    for ax in (left, middle, right):
        log_axis(ax, "x", base=2, ticks=widths)
        ax.set_xlabel("width")
        legend(ax)
    log_axis(left, "y")
    left.set_ylabel("squared distance / variance at the start")
    middle.set_ylabel("mean size in spreads")
    right.set_ylabel("likelihood ratio, 13 over 5 numbers")
    return [
        Picture(
            "widths",
            "Wide networks move less, relative to their start",
            f"The matrix between two hidden layers, {study.width_members} networks of each width, "
            f"{study.steps} updates. Deviations: mean over 39 cubic and quartic invariants.",
            figure,
        )
    ]
