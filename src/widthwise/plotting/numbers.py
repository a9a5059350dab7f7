"""The numbers of a figure, read back from what was drawn."""

import csv
import io
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

Row = tuple[str, str, float, float, float | str]
"""Series, kind, x, y and value."""


def figure_csv(figure: Figure) -> str:
    """Return the lines, points and heatmaps of a figure as comma-separated text.

    Columns: panel, series, kind (``line``, ``points`` or ``cells``), x, y, and ``value``: the
    error bar of a point, the height of a cell, empty for a line. Reference lines that span an
    axis are left out.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("panel", "series", "kind", "x", "y", "value"))
    panels = [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]
    for number, ax in enumerate(panels, start=1):
        panel = ax.get_title(loc="left") or ax.get_title() or str(number)
        writer.writerows((panel, *row) for row in _rows(ax))
    return text.getvalue()


def error_bars(ax: Axes) -> list[ErrorbarContainer]:
    """Return the measurements on the axes."""
    return [c for c in ax.containers if isinstance(c, ErrorbarContainer)]


def free_lines(ax: Axes) -> list[Line2D]:
    """Return the lines that are neither parts of error bars nor references across the axes."""
    parts = {id(part) for bar in error_bars(ax) for part in (bar.lines[0], *bar.lines[1])}
    return [x for x in ax.lines if id(x) not in parts and x.get_transform() == ax.transData]


def _rows(ax: Axes) -> Iterator[Row]:
    for place, bar in enumerate(error_bars(ax), start=1):
        points = bar.lines[0]
        if points is not None:
            name = _series(str(bar.get_label()), f"points {place}")
            yield from _xy(points, name, "points", _half_lengths(bar))
    for place, line in enumerate(free_lines(ax), start=1):
        kind = "points" if line.get_linestyle() == "None" else "line"
        yield from _xy(line, _series(str(line.get_label()), f"line {place}"), kind, None)
    for mesh in ax.collections:
        if isinstance(mesh, QuadMesh):
            yield from _cells(mesh)


def _series(label: str, otherwise: str) -> str:
    return otherwise if label.startswith("_") or not label else label


def _half_lengths(bar: ErrorbarContainer) -> np.ndarray | None:
    if not bar.has_yerr:
        return None
    # get_segments() would leave out ends that are not finite.
    bars = bar.lines[2][-1].get_paths()
    heights = np.array([np.asarray(path.vertices)[:, 1] for path in bars], float)
    with np.errstate(invalid="ignore"):  # of points at infinity
        return np.ptp(heights, axis=1) / 2


def _xy(line: Line2D, name: str, kind: str, errors: np.ndarray | None) -> Iterator[Row]:
    x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    values = [""] * len(x) if errors is None else [float(e) for e in errors]
    for a, b, value in zip(x, y, values, strict=True):
        yield name, kind, float(a), float(b), value


def _cells(mesh: QuadMesh) -> Iterator[Row]:
    corners = np.asarray(mesh.get_coordinates())
    centres = (corners[:-1, :-1] + corners[1:, :-1] + corners[:-1, 1:] + corners[1:, 1:]) / 4
    heights = np.ma.filled(np.ma.asarray(mesh.get_array(), dtype=float), np.nan)
    for (x, y), value in zip(centres.reshape(-1, 2), heights.ravel(), strict=True):
        yield "cells", "cells", float(x), float(y), float(value)
