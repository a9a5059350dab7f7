"""Pictures of functions in the plane: small multiples, and what changes with the width."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from widthwise.plotting import (
    Picture,
    legend,
    log_axis,
    measured,
    new_figure,
    power_law,
    reference_line,
    surface,
    theory,
)
from widthwise.studies.ensemble_prior.datasets import Points

_COLUMNS = 5
_LABELS = {"zero": "readouts start at zero", "random": "random readouts"}


def surfaces(
    title: str,
    points: Points,
    found: xr.Dataset,
    *,
    limits: Mapping[str, np.ndarray],
    widths: Sequence[int],
) -> Picture:
    """Members of some widths in rows, widths in columns, the infinite one last."""
    pick = np.unique(np.linspace(0, len(widths) - 1, min(len(widths), _COLUMNS)).round())
    chosen = [widths[int(i)] for i in pick]
    rows = [("zero", 0), ("zero", 1), ("zero", 2), ("random", 0)]
    across = len(chosen) + 1
    heads = [*(f"width {n}" for n in chosen), "infinite width"]
    figure, axes = new_figure(
        across * len(rows),
        columns=across,
        size=(1.55, 1.55),
        titles=heads + [""] * (across * (len(rows) - 1)),
    )
    top = float(np.quantile(np.abs(limits["zero"]), 0.98))
    for row, (readout, example) in enumerate(rows):
        for column, width in enumerate(chosen):
            ax = axes[row * across + column]
            at = found.sel(readout=readout, width=width).isel(example=example)
            _panel(ax, points, at.surface.values, top)
            if not bool(at.example_fits):
                ax.set_xlabel("not fitted", labelpad=2)
        _panel(axes[row * across + across - 1], points, limits[readout], top)
        axes[row * across].set_ylabel(f"{readout} readout")
    return Picture(
        f"surfaces-{title}",
        f"Narrow networks each find a function of their own, wide ones one and the same: {title}",
        "Functions of networks fitted to the points (circles: label above the middle; squares: "
        "below), red positive, blue negative, black line zero. Rows are networks; the upper three "
        "start with readouts at zero, the last with random ones, which leave a difference at any "
        "width: its limit is that of the start of the widest network beside it.",
        figure,
        data=found[["surface", "example_fits"]],
    )


def _panel(ax: Axes, points: Points, values: np.ndarray, top: float) -> None:
    side = round(len(values) ** 0.5)
    across, up = (np.linspace(c - points.half, c + points.half, side) for c in points.centre)
    surface(ax, across, up, values.reshape(side, side), limit=top)
    high = points.y > (points.y.min() + points.y.max()) / 2
    for shown, mark in ((high, "o"), (~high, "s")):
        ax.plot(*points.x[shown].T, mark, color="white", markeredgecolor="black", markersize=4.5)
    ax.set_xticks([])
    ax.set_yticks([])


def growth(
    title: str,
    curves: Mapping[str, xr.Dataset],
    *,
    variance: Mapping[str, np.ndarray] | None,
    roughness: float,
) -> Picture:
    """Variance, distance, roughness and rate of fitting over the width."""
    heads = ("variance over networks", "distance to the limit", "spread of curvature", "fitted")
    figure, axes = new_figure(4, titles=heads, size=(4.4, 3.2))
    for color, (readout, found) in enumerate(curves.items()):
        label, width = _LABELS[readout], found.width.values
        columns = {"variance": axes[0], "distance": axes[1], "roughness": axes[2]}
        for name, ax in columns.items():
            value, error = found[name].transpose("what", ...).values
            measured(ax, width, value, error, label, color=color)
        measured(axes[3], width, found.rate.values, label=label, color=color)
        if variance is not None:
            theory(axes[0], width, variance[readout], label, color=color)
    own, error = curves["random"].own.transpose("what", ...).values
    width = curves["random"].width.values
    measured(axes[1], width, own, error, "random, limit of its own start", color=2)
    last = float(curves["zero"].distance.sel(what="value").values[-1])
    if np.isfinite(last) and last > 0:
        power_law(axes[1], width, (width[-1], last), exponent=-0.5)
        axes[1].set_ylim(bottom=last / 8)  # room for the legend
    log_axis(axes[0], "y")
    log_axis(axes[1], "y")
    reference_line(axes[2], y=roughness, label="infinite width")
    axes[3].set_ylim(0, 1.05)
    for ax in axes:
        log_axis(ax, "x", base=2, ticks=width)
        ax.set_xlabel("width")
        legend(ax, place="lower right" if ax in axes[2:] else "lower left")
    return Picture(
        f"growth-{title}",
        f"With the width, networks come to agree: {title}",
        "Networks that fit the points; the others are counted in the last panel only. Variance and "
        "root mean square distance over the square shown. A random readout leaves a function that "
        "no training removes. Lines: to first order in 1/width.",
        figure,
    )
