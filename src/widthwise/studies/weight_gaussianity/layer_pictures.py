"""How the square matrices of small networks are drawn."""

from itertools import pairwise
from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr
from scipy.stats import chi2

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
ENTRIES = {"entries": "entries", "rows": "row sums", "columns": "column sums", "total": "total"}


def distances(
    study: "WeightGaussianity",
    prediction: xr.Dataset,
    layers: dict[str, Layers],
    steps: np.ndarray,
) -> Picture:
    """Distance from the start and between records, for every variant."""
    count = len(layers)
    titles = [*layers, *(f"{name}: since the last" for name in layers)]
    figure, axes = new_figure(2 * count, columns=count, size=(3.0, 2.6), titles=titles)
    for i, (variant, found) in enumerate(layers.items()):
        above, below = axes[i], axes[count + i]
        theory(above, steps, np.full(len(steps), float(prediction.floor.sel(variant=variant))),
               "sampling alone", color=0, dash="dotted")  # fmt: skip
        for j, (name, layer) in enumerate(found.items()):

            def moved(rows: Rows, layer: Matrices = layer) -> np.ndarray:
                whole = [layer.fit(step, rows).model for step in range(layer.steps)]
                far = [squared_wasserstein(model, layer.start).total for model in whole]
                near = [squared_wasserstein(*pair).total for pair in pairwise(whole)]
                return np.array([*far, *near])

            got = analysis.estimated(moved, layer.count, seed=study.seed, resamples=20)
            cut = len(steps)
            measured(above, steps, got.value[:cut], got.standard_error[:cut], name, color=j)
            measured(below, steps[1:], got.value[cut:], got.standard_error[cut:], name, color=j)
        for ax in (above, below):
            log_axis(ax, "y")
        below.set_xlabel("updates")
        legend(above)
    axes[0].set_ylabel("squared distance")
    axes[count].set_ylabel("squared distance")
    return Picture(
        "distances",
        "Trained weights leave their start, in every layer",
        f"Squared Wasserstein distance of the fitted 13-parameter Gaussian from the law before "
        f"training (above), and from the fit at the record before (below); {study.members} "
        "networks. Dotted: what sampling alone gives.",
        figure,
    )


def parameters(study: "WeightGaussianity", layers: Layers, steps: np.ndarray) -> Picture:
    """The fitted variances, and the mean."""
    figure, axes = new_figure(len(layers), titles=list(layers), sharey=True)
    for ax, layer in zip(axes, layers.values(), strict=True):
        pairs = [analysis.bipartite_parameters(layer, step) for step in range(layer.steps)]
        for i, (key, label) in enumerate(ENTRIES.items()):
            value, error = (np.array([pair[k][key] for pair in pairs]) for k in (0, 1))
            measured(ax, steps, value, error, label, color=i)
        mean = np.array([pair[0]["mean"] for pair in pairs])
        error = np.array([pair[1]["mean"] for pair in pairs])
        measured(ax, steps, mean, error, "mean", color=len(ENTRIES))
        reference_line(ax, y=layer.start.variance)
        ax.set_xlabel("updates")
    axes[0].set_ylabel("variance of coordinates; their mean")
    legend(axes[0])
    return Picture(
        "parameters",
        "What moved: mean and variances of the fitted 5-parameter Gaussian",
        f"Variances of the total of all entries, of row and column sums and of the rest, each in "
        f"coordinates in which independent entries have one variance (dashed: at the start); "
        f"mean of the total. Ensemble {study.variants[0]!r}.",
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
        ax.set_xlabel("updates")
    axes[0].set_ylabel("likelihood ratio")
    legend(axes[0])
    return Picture(
        "ties",
        "Skips tie rows and columns; nothing else does",
        f"Likelihood ratio of the 13-parameter family over the 5-parameter one, {study.members} "
        "networks. Line: mean if rows and columns are not tied, at any time. Records of one "
        "ensemble are not independent of each other.",
        figure,
    )
