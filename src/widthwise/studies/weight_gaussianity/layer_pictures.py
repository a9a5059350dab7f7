"""How the square matrices of small networks are drawn."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import xarray as xr
from scipy.stats import chi2

from widthwise.numerics import statistics
from widthwise.plotting import (
    Picture,
    band,
    legend,
    log_axis,
    measured,
    new_figure,
    reference_line,
    theory,
)
from widthwise.studies.weight_gaussianity import analysis
from widthwise.studies.weight_gaussianity.analysis import Matrices, Rows
from widthwise.weights import deviations, gallery, likelihood_ratio, squared_wasserstein

if TYPE_CHECKING:
    from widthwise.studies.weight_gaussianity.study import WeightGaussianity

Layers = dict[str, Matrices]
MODELS = {
    "isotropic": "2: independent entries",
    "bipartite": "5: rows, columns",
    "tied": "13: rows with columns",
}
WORST = 6
ENTRIES = {
    "entries": "entries",
    "rows": "row sums",
    "columns": "column sums",
    "total": "total",
    "mean": "mean",
}


def distances(
    study: "WeightGaussianity",
    prediction: xr.Dataset,
    layers: dict[str, Layers],
    steps: np.ndarray,
) -> list[Picture]:
    """Distance from the start, and between neighbouring records, for every variant."""
    count = len(layers)
    size = (2.7 if count > 2 else 4.6, 2.8)  # with room for the legend beside them
    settings: dict[str, Any] = {"columns": count, "size": size, "sharey": True}
    figures = [new_figure(count, titles=[*layers], **settings) for _ in range(2)]
    for i, (variant, found) in enumerate(layers.items()):
        first, second = (axes[i] for _, axes in figures)
        alone = np.full(len(steps), float(prediction.floor.sel(variant=variant)))
        theory(first, steps, alone, "sampling alone", color=6, dash="dotted")
        for name, layer in found.items():
            far, near = _moves(study, layer)
            color = 1 if name == "output" else (0, 2, 3, 4, 5)[(int(name.split()[1]) - 1) % 5]
            measured(first, steps, far.value, far.standard_error, name, color=color)
            measured(second, steps[1:], near.value, near.standard_error, name, color=color)
    for _, axes in figures:
        for ax in axes:
            log_axis(ax, "y")
            ax.set_xlabel("updates")
        legend(max(axes, key=lambda ax: len(ax.containers)), place="outside")
        axes[0].set_ylabel("squared distance")
    figures[0][1][0].set_ylim(bottom=float(prediction.floor.min()) / 10)
    return [
        Picture(
            "distances",
            "Trained weights leave their start, in every layer",
            "Squared Wasserstein distance of the fitted 13-parameter Gaussian from the law before "
            f"training; {study.members} networks. Dotted: what sampling alone gives.",
            figures[0][0],
        ),
        Picture(
            "speed",
            "They move fastest early",
            "Squared Wasserstein distance between the fits at neighbouring records, of the same "
            "networks.",
            figures[1][0],
        ),
    ]


def _moves(
    study: "WeightGaussianity", layer: Matrices
) -> tuple[statistics.Estimate, statistics.Estimate]:
    """Squared distances from the start at every record, and between neighbours."""

    def moved(rows: Rows) -> np.ndarray:
        fits = [layer.fit(step, rows).model for step in range(layer.steps)]
        far = [squared_wasserstein(model, layer.start).total for model in fits]
        near = [squared_wasserstein(*pair).total for pair in pairwise(fits)]
        return np.array([*far, *near])

    got = analysis.estimated(moved, layer.count, seed=study.seed, resamples=20)
    parts = (slice(layer.steps), slice(layer.steps, None))
    far, near = (
        statistics.Estimate(got.value[part], got.standard_error[part], got.count) for part in parts
    )
    return far, near


def parameters(study: "WeightGaussianity", layers: Layers, steps: np.ndarray) -> Picture:
    """The fitted variances, and the mean."""
    count = len(layers)
    titles = [*layers, *(f"{name}: mean" for name in layers)]
    figure, axes = new_figure(2 * count, columns=count, size=(3.4, 2.6), titles=titles)
    for above, below, layer in zip(axes, axes[count:], layers.values(), strict=False):
        pairs = [analysis.bipartite_parameters(layer, step) for step in range(layer.steps)]
        for i, (key, label) in enumerate(ENTRIES.items()):
            value, error = (np.array([pair[k][key] for pair in pairs]) for k in (0, 1))
            measured(below if key == "mean" else above, steps, value, error, label, color=i)
        reference_line(above, y=layer.start.variance)
        reference_line(below, y=0)
        below.set_xlabel("updates")
    axes[0].set_ylabel("variance of coordinates")
    axes[count].set_ylabel("mean of the total")
    legend(axes[count - 1], place="outside")
    return Picture(
        "parameters",
        "What moved: mean and variances of the fitted 5-parameter Gaussian",
        "Variances of the total of all entries, of row and column sums and of the rest, each in "
        "coordinates in which independent entries have one variance (dashed: at the start); below, "
        f"the mean of the total. Ensemble {study.variants[0]!r}.",
        figure,
    )


def invariants(study: "WeightGaussianity", layers: Layers) -> Picture:
    """Deviations of all published invariants from the three models."""
    figure, axes = new_figure(len(layers), titles=list(layers), sharey=True)
    numbers = np.arange(14, 14 + len(analysis.GRAPHS))
    for ax, layer in zip(axes, layers.values(), strict=True):
        for i, (model, label) in enumerate(MODELS.items()):
            found = deviations(layer.values[:, -1], model, analysis.GRAPHS)
            measured(ax, numbers, np.abs(found.deviation), label=label, color=i)
        band(ax, numbers[[0, -1]], [0, 0], [1.5 / layer.count**0.5] * 2, "sampling alone", color=0)
        ax.set_xlabel("number of the invariant")
    axes[0].set_ylabel("deviation in spreads of single networks")
    legend(axes[0])
    return Picture(
        "invariants",
        "Fitted models know cubic and quartic invariants that independent entries miss",
        "Difference of the average over networks and the exact mean under each fitted model, "
        f"cubic (14 to 28) and quartic invariants, ensemble {study.variants[0]!r} after training. "
        "Shaded: largest of all that sampling alone gives.",
        figure,
    )


def worst(study: "WeightGaussianity", layers: Layers) -> Picture:
    """The invariants that the largest family misses most surely."""
    layer = list(layers.values())[-1]
    found = deviations(
        layer.values[:, -1],
        "tied",
        analysis.GRAPHS,
        key=jax.random.key(study.seed),
        resamples=study.resamples,
    )
    order = np.argsort(-np.abs(found.z.values))[:WORST]
    labels = [
        f"{found.graph.values[i]}\n{found.deviation.values[i]:+.2f}, z = {found.z.values[i]:+.0f}"
        for i in order
    ]
    return Picture(
        "graphs",
        "Approximately Gaussian: what the 13 numbers miss most surely",
        f"The {WORST} invariants of largest calibrated significance, {list(layers)[-1]} matrix, "
        f"ensemble {study.variants[0]!r}. Every index is a vertex, every entry W[a, b] an arrow "
        "from a to b. Below the name: deviation in spreads, and z from ensembles drawn from the "
        "fitted model and fitted again.",
        gallery([analysis.GRAPHS[i] for i in order], labels),
    )


def ties(
    study: "WeightGaussianity",
    prediction: xr.Dataset,
    layers: dict[str, Layers],
    steps: np.ndarray,
) -> Picture:
    """The likelihood ratio of tied over untied, through training."""
    figure, axes = new_figure(2, titles=("between hidden layers", "to the outputs"), sharey=True)
    freedom = float(prediction.likelihood_ratio)
    for ax, last in zip(axes, (False, True), strict=True):
        theory(ax, steps, np.full(len(steps), freedom), "no ties", color=0)
        low, high = (np.full(2, chi2.ppf(share, freedom)) for share in (0.025, 0.975))
        band(ax, steps[[0, -1]], low, high, "95 % of ensembles", color=0)
        for i, (variant, found) in enumerate(layers.items()):
            names = list(found)
            layer = found[names[-1] if last else names[0]]
            tests = [likelihood_ratio(layer.fit(step)) for step in range(layer.steps)]
            value = np.array([test.statistic for test in tests])
            error = np.sqrt(np.maximum(4 * value - 2 * freedom, 2 * freedom))
            measured(ax, steps, value, error, variant, color=i)
        log_axis(ax, "y")
        ax.set_ylim(bottom=1)
        ax.set_xlabel("updates")
    axes[0].set_ylabel("likelihood ratio")
    legend(axes[1], place="outside")
    return Picture(
        "ties",
        "Skips tie rows and columns; nothing else does",
        f"Likelihood ratio of the 13-parameter family over the 5-parameter one, {study.members} "
        "networks. Line: mean if rows and columns are not tied, at any time. Records of one "
        "ensemble are not independent of each other.",
        figure,
    )
