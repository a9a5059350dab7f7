"""What is drawn on axes: theory is a line, measurement is points with error bars."""

from typing import SupportsFloat

import numpy as np
from matplotlib.axes import Axes

from widthwise.plotting.style import INK, Numbers, colour, marker, size, thickness

DASHES = {
    "solid": "-",
    "dashed": (0, (5, 2)),
    "dotted": (0, (1.2, 1.8)),
    "dashdot": (0, (6, 2, 1, 2)),
}


def theory(
    ax: Axes, x: Numbers, y: Numbers, label: str = "", *, color: int = 0, dash: str = "solid"
) -> None:
    """Draw a prediction as a line.

    Parameters
    ----------
    ax
        Where to draw.
    x, y
        Positions, equally long.
    label
        Legend entry; none if empty.
    color
        Number of the series: give a prediction and its measurement the same one.
    dash
        ``solid``, ``dashed``, ``dotted`` or ``dashdot``: tells two predictions of a series apart.
    """
    ax.plot(
        np.asarray(x),
        np.asarray(y),
        color=colour(color),
        linestyle=_dash(dash),
        linewidth=thickness(1.8),
        label=label or None,
    )


def measured(
    ax: Axes,
    x: Numbers,
    y: Numbers,
    error: Numbers | None = None,
    label: str = "",
    *,
    color: int = 0,
) -> None:
    """Draw a measurement as points with error bars of one standard error.

    Parameters
    ----------
    ax
        Where to draw.
    x, y
        Positions, equally long.
    error
        Standard error of each `y` (or one for all). Without it the points carry no bar: only for
        numbers that are exact.
    label
        Legend entry; none if empty. :func:`legend` adds what the bars mean.
    color
        Number of the series; it also chooses the marker.
    """
    points = ax.errorbar(
        np.asarray(x),
        np.asarray(y),
        yerr=None if error is None else np.asarray(error),
        color=colour(color),
        marker=marker(color),
        markersize=size(5.0),
        linestyle="none",
        elinewidth=thickness(1.2),
        capsize=size(2.5),
        capthick=1.2,
        zorder=3,
    )
    points.set_label(label or "_measured")


def band(
    ax: Axes, x: Numbers, low: Numbers, high: Numbers, label: str = "", *, color: int = 0
) -> None:
    """Shade the region between `low` and `high`: the tolerance of a prediction, say."""
    ax.fill_between(
        np.asarray(x),
        np.asarray(low),
        np.asarray(high),
        color=colour(color),
        alpha=0.18,
        linewidth=0,
        label=label or None,
    )


def reference_line(
    ax: Axes, *, x: SupportsFloat | None = None, y: SupportsFloat | None = None, label: str = ""
) -> None:
    """Draw a thin neutral line across the axes at one `x` or one `y`."""
    if (x is None) == (y is None):
        message = f"a reference line needs exactly one of x and y, not x={x} and y={y}."
        raise ValueError(message)
    style = {"color": INK, "alpha": 0.6, "linewidth": thickness(1.0), "linestyle": DASHES["dashed"]}
    if x is not None:
        ax.axvline(float(x), label=label or None, **style)
    elif y is not None:
        ax.axhline(float(y), label=label or None, **style)


def diagonal(ax: Axes, label: str = "") -> None:
    """Draw the line y = x behind everything else."""
    ax.axline(
        (0, 0),
        slope=1,
        color=INK,
        alpha=0.6,
        linewidth=thickness(1.0),
        zorder=1,
        label=label or None,
    )


def power_law(
    ax: Axes,
    x: Numbers,
    through: tuple[SupportsFloat, SupportsFloat],
    *,
    exponent: SupportsFloat,
    label: str = "",
) -> None:
    """Draw y proportional to x**exponent through one point: a guide to the eye on log-log axes."""
    positions = np.asarray(x, dtype=float)
    start, height, power = float(through[0]), float(through[1]), float(exponent)
    ax.plot(
        positions,
        height * (positions / start) ** power,
        color=INK,
        alpha=0.6,
        linewidth=thickness(1.0),
        linestyle=DASHES["dashed"],
        label=label or f"slope {power:g}".replace("-", "−"),
    )


def cobweb(ax: Axes, iterates: Numbers, label: str = "", *, color: int = 0) -> None:
    """Draw the staircase of an iterated map: up to the curve, across to the diagonal.

    Parameters
    ----------
    ax
        Axes that hold the map and the :func:`diagonal`.
    iterates
        r_0, r_1, ..., each the map's value at the one before.
    label
        Legend entry; none if empty.
    color
        Number of the series.
    """
    values = np.asarray(iterates, dtype=float)
    corners = np.repeat(values, 2)
    ax.plot(
        corners[:-1],
        np.concatenate([values[:1], corners[2:]]),
        color=colour(color),
        linewidth=thickness(1.0),
        alpha=0.9,
        label=label or None,
    )
    start = values[:1]
    ax.plot(start, start, color=colour(color), linestyle="none", marker="o", markersize=size(4.0))


def _dash(name: str) -> str | tuple:
    if name not in DASHES:
        message = f"dash {name!r} is unknown; choose one of {', '.join(DASHES)}."
        raise ValueError(message)
    return DASHES[name]
