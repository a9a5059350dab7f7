"""How the bulk of a hidden matrix and its outlier are drawn, as stills and in motion."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from widthwise.experiments import Run
from widthwise.numerics import statistics
from widthwise.plotting import (
    Picture,
    animate,
    legend,
    measured,
    new_figure,
    reference_line,
    theory,
)
from widthwise.spectra import MarchenkoPastur

LAW = MarchenkoPastur(sigma=0.5)
"""The bulk in units of its edge."""
TOP = 2.5
"""Largest density shown; the axis is logarithmic beyond the smallest."""


def bulk(
    prediction: xr.Dataset,
    density: xr.DataArray,
    edges: Mapping[str, float],
    steps: Sequence[int],
) -> Picture:
    """Draw the histogram of one network at a few steps, a row for each activation."""
    titles = [f"{name}, {step} updates" for name in edges for step in steps]
    figure, axes = new_figure(
        len(titles), columns=len(steps), size=(3.0, 2.4), titles=titles, sharex=True, sharey=True
    )
    for ax, (name, step) in zip(axes, ((n, s) for n in edges for s in steps), strict=True):
        frame(ax, prediction.sel(activation=name), density.sel(activation=name), edges[name], step)
    for ax in axes[-len(steps) :]:
        ax.set_xlabel("singular value / edge")
    for ax in axes[:: len(steps)]:
        ax.set_ylabel("density")
    legend(axes[0])
    return Picture(
        "hidden-bulk",
        "An outlier leaves the bulk of a hidden matrix, which stays as it was",
        f"All singular values of one network of width {int(density.width)}. Line: quarter circle. "
        "Points: histogram. Dashed: predicted outlier.",
        figure,
    )


def frame(ax: Axes, limit: xr.Dataset, density: xr.DataArray, edge: float, step: int) -> None:
    """Draw the singular values at one step."""
    s = np.linspace(0.0, 1.0, 200)
    theory(ax, s, LAW.density(s), "quarter circle")
    height = density.sel(frame=step).values
    seen = height > 0
    measured(ax, density.bin.values[seen], height[seen], label="network", color=1)
    if float(limit.escape.sel(step=step)) > 1:
        reference_line(ax, x=float(limit.outlier.sel(step=step)) / edge)
    ax.set_yscale("symlog", linthresh=0.02)
    ax.set_xlim(0.0, float(density.bin[-1]))
    ax.set_ylim(0.0, TOP)


def outliers(
    prediction: xr.Dataset,
    largest: Mapping[tuple[str, int], xr.DataArray],
    edges: Mapping[str, float],
) -> Picture:
    """Draw the largest singular value against the number of updates."""
    figure, axes = new_figure(len(edges), titles=list(edges))
    for ax, name in zip(axes, edges, strict=True):
        limit = prediction.sel(activation=name)
        theory(ax, limit.step, limit.outlier, "infinite width", color=0)
        theory(ax, limit.step, limit.independent, "independent spikes", color=0, dash="dotted")
        widths = [width for key, width in largest if key == name]
        for i, width in enumerate(widths):
            values = largest[name, width]
            found = statistics.mean(values.values)
            label = f"width {width}"
            measured(ax, values.step, found.value, found.standard_error, label, color=i + 1)
        reference_line(ax, y=edges[name])
        ax.set_xlabel("updates")
    axes[0].set_ylabel("largest singular value")
    legend(axes[-1], place="outside")
    return Picture(
        "hidden-outliers",
        "Outliers leave when and where mean-field dynamics says",
        "Largest singular value of the hidden matrix of networks with two hidden layers, one "
        "point, muP. Line: infinite width. Points: networks. Dotted: were the spikes independent "
        "of the matrix they are added to. Dashed: edge of the bulk.",
        figure,
    )


def animation(run: Run, path: str | Path, *, activation: str = "tanh") -> Path:
    """Write the bulk and its outlier through training as a file that moves.

    Parameters
    ----------
    run
        A finished run of the study spectral-dynamics.
    path
        A file with suffix ``.gif`` or ``.png`` (an animated PNG).
    activation
        ``"tanh"`` or ``"identity"``.

    Returns
    -------
    The path of the file.

    Raises
    ------
    ValueError
        If the run is one of another study, or there is no such activation.
    """
    if "hidden" not in run.prediction.children:
        raise ValueError(f"the run is one of {run.study}: give one of spectral-dynamics")
    limit, found = (tree["hidden"].to_dataset() for tree in (run.prediction, run.measurement))
    known = limit.activation.values.tolist()
    if activation not in known:
        raise ValueError(f"activation is {activation!r}: the run has {', '.join(known)}")
    limit, found = limit.sel(activation=activation), found.sel(activation=activation)
    density = found.density.isel(width=-1)
    edge = float(limit.outlier.sel(step=0))
    figure, (ax,) = new_figure(1)

    def draw(step: int) -> None:
        ax.clear()
        frame(ax, limit, density, edge, step)
        ax.set_title(f"{activation}, width {int(density.width)}, {step} updates")
        ax.set_xlabel("singular value / edge of the bulk")
        ax.set_ylabel("density")
        legend(ax, place="upper right")

    return animate(figure, draw, density.frame.values.tolist(), path)
