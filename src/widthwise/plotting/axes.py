"""Figures, axes and their legends in the house style."""

import math
from collections.abc import Sequence
from typing import Any, Literal, SupportsFloat

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import CenteredNorm, LogNorm
from matplotlib.figure import Figure, SubFigure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from widthwise.plotting.numbers import error_bars, free_lines
from widthwise.plotting.placing import current_placing
from widthwise.plotting.style import Numbers, house_style, printed_size


def new_figure(
    panels: int = 1,
    *,
    columns: int | None = None,
    size: tuple[float, float] = (4.6, 3.4),
    titles: Sequence[str] = (),
    sharex: bool = False,
    sharey: bool = False,
    ax: Axes | None = None,
) -> tuple[Figure, tuple[Axes, ...]]:
    """Return an empty figure and its axes, one per panel.

    Parameters
    ----------
    panels
        How many axes.
    columns
        Panels in a row; unless given three at most, and two if there are four.
    size
        Width and height of one panel in inches.
    titles
        A title for each panel, or none at all.
    sharex, sharey
        Whether the panels share limits.
    ax
        Axes of a figure of the caller's, to draw one panel on instead of making a figure.

    Returns
    -------
    tuple
        The figure, and a tuple of `panels` axes in reading order.

    Examples
    --------
    >>> figure, (left, right) = new_figure(2, titles=("mean", "variance"))
    >>> right.get_title(loc="left")
    'variance'
    """
    if panels < 1 or (columns is not None and columns < 1):
        message = f"a figure needs at least one panel and one column, not {panels} and {columns}."
        raise ValueError(message)
    if titles and len(titles) != panels:
        message = f"{len(titles)} titles were given for {panels} panels; give one each, or none."
        raise ValueError(message)
    placing = current_placing()
    place = ax if ax is not None or placing is None else placing.next_place()
    across = min(panels, columns or (2 if panels == 4 else 3))
    down = math.ceil(panels / across)
    with house_style():
        if place is None:
            whole = printed_size(size[0] * across, size[1] * down, across)
            place = Figure(figsize=whole, layout="compressed")
        if isinstance(place, Figure | SubFigure):
            grid = place.subplots(down, across, squeeze=False, sharex=sharex, sharey=sharey)
            axes = tuple(grid.flat)
            for spare in axes[panels:]:
                spare.remove()
            axes = axes[:panels]
        else:
            axes = _given(place, panels)
        for panel, title in zip(axes, titles, strict=False):
            panel.set_title(title)
    figure = _owner(axes[0])
    if placing is not None:
        placing.made.append(figure)
    return figure, axes


def _given(place: Axes | Sequence[Axes], panels: int) -> tuple[Axes, ...]:
    """Return axes of the caller's if there is one for each panel."""
    axes = (place,) if isinstance(place, Axes) else tuple(np.ravel(np.asarray(place, object)))
    if len(axes) != panels:
        count = "one ax was" if len(axes) == 1 else f"{len(axes)} axes were"
        raise ValueError(
            f"{count} given for {panels} {'panel' if panels == 1 else 'panels'}: give one for "
            "each, or a figure or subfigure to draw them in."
        )
    return axes


def _owner(ax: Axes) -> Figure:
    figure = ax.get_figure(root=True)
    if figure is None:
        raise ValueError("ax belongs to no figure: give one that does.")
    return figure


def legend(ax: Axes, title: str = "", *, place: str = "best", columns: int = 1) -> None:
    """Add the legend; marks that share a label share an entry.

    Give a prediction and its measurement the same label and colour: the entry then shows the line
    and the point together, and a line above the entries says what is which.

    Parameters
    ----------
    ax
        Axes whose marks carry labels.
    title
        A line above the entries, before the meaning of lines, points and bars.
    place
        As in matplotlib (``best``, ``upper left``, ...), or ``outside`` for right of the axes.
    columns
        Entries in a row.
    """
    entries: dict[str, list] = {}
    for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
        entries.setdefault(label, []).append(handle)
    outside = place == "outside"
    where: dict[str, Any] = {"loc": "upper left" if outside else place}
    if outside:
        where["bbox_to_anchor"] = (1.0, 1.0)
    with house_style():
        box = ax.legend(
            [tuple(handles) for handles in entries.values()],
            list(entries),
            title="\n".join(filter(None, (title, _meaning(ax)))) or None,
            handler_map={tuple: HandlerTuple(ndivide=1)},
            ncols=columns,
            alignment="left",
            **where,
        )
        box.set_zorder(4)


def _meaning(ax: Axes) -> str:
    if not any(bar.has_yerr for bar in error_bars(ax)):
        return ""
    points = "point: measured ± 1 s.e."
    return f"line: theory; {points}" if free_lines(ax) else points


def log_axis(
    ax: Axes, axis: Literal["x", "y", "both"], *, base: SupportsFloat = 10, ticks: Numbers = ()
) -> None:
    """Make an axis logarithmic; `ticks` (the widths, say) are then labelled as plain numbers."""
    for name in ("x", "y") if axis == "both" else (axis,):
        scaled = ax.xaxis if name == "x" else ax.yaxis
        (ax.set_xscale if name == "x" else ax.set_yscale)("log", base=float(base))
        if np.size(ticks):
            scaled.set_major_locator(FixedLocator(np.asarray(ticks).tolist()))
            scaled.set_minor_locator(NullLocator())
            scaled.set_major_formatter(ScalarFormatter())


def square(ax: Axes, low: SupportsFloat = -1, high: SupportsFloat = 1) -> None:
    """Give both axes the same limits and the same scale, as maps of an interval need."""
    low, high = float(low), float(high)
    if not low < high:
        message = f"limits must rise, but low={low} is not below high={high}."
        raise ValueError(message)
    ax.set_xlim(low, high)
    ax.set_ylim(low, high)
    ax.set_aspect("equal")


def heatmap(
    ax: Axes,
    x: Numbers,
    y: Numbers,
    values: Numbers,
    label: str = "",
    *,
    scale: Literal["linear", "log", "diverging"] = "linear",
) -> None:
    """Draw values over a grid as coloured cells, with a colour bar.

    Parameters
    ----------
    ax
        Where to draw.
    x, y
        Cell centres, of lengths m and n.
    values
        Heights, of shape (n, m); not-a-number leaves a cell empty.
    label
        What the colour bar shows.
    scale
        ``linear``, ``log`` (positive values) or ``diverging`` (zero is neutral).
    """
    norm = {"linear": None, "log": LogNorm(), "diverging": CenteredNorm()}[scale]
    colours = "RdBu_r" if scale == "diverging" else "viridis"
    with house_style():
        cells = ax.pcolormesh(
            np.asarray(x),
            np.asarray(y),
            np.asarray(values),
            norm=norm,
            cmap=colours,
            shading="nearest",
            edgecolors="face",  # no hairlines between cells
            linewidth=0.4,
            rasterized=np.size(values) > 2500,
        )
        ax.grid(visible=False)
        bar = ax.figure.colorbar(cells, ax=ax, label=label)
        bar.outline.set_linewidth(0.0)
