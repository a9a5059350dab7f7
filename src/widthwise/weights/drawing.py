"""Invariants drawn as the graphs they are."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from widthwise.plotting import new_figure
from widthwise.plotting.style import INK, colour
from widthwise.weights.graphs import Graph

_RADIUS = 0.8
_PARALLEL = 0.42  # how far apart parallel edges are bent


def draw_graph(ax: Axes, graph: Graph, *, color: int = 0) -> None:
    """Draw an invariant: vertices on a circle, an arrow from row to column for every factor.

    Parameters
    ----------
    ax
        Where to draw; its axes are hidden.
    graph
        The invariant.
    color
        Number of the series.
    """
    places = _places(graph)
    pairs = Counter((s, t) for s, t in graph.edges if s != t)
    centre = places.mean(axis=0)
    for vertex, count in Counter(s for s, t in graph.edges if s == t).items():
        _loops(ax, places[vertex], centre, count, colour(color))
    for (s, t), count in pairs.items():
        # an arrow bends to its own left: those of the other direction lie on the other side
        middle = -0.5 if pairs.get((t, s)) else (count - 1) / 2
        for index in range(count):
            _arrow(ax, places[s], places[t], _PARALLEL * (index - middle), colour(color))
    ax.plot(*places.T, linestyle="none", marker="o", markersize=5, color=INK, zorder=3)
    ax.set_xlim(-1.9, 1.9)
    ax.set_ylim(-1.9, 1.9)
    ax.set_aspect("equal")
    ax.axis("off")


def gallery(
    graphs: Sequence[Graph], labels: Sequence[str] = (), *, columns: int = 6, color: int = 0
) -> Figure:
    """Draw several invariants side by side.

    Parameters
    ----------
    graphs
        The invariants.
    labels
        A line above each; their words if left out.
    columns
        Drawings in a row.
    color
        Number of the series.

    Raises
    ------
    ValueError
        If labels are given, but not one for each.
    """
    titles = list(labels) if labels else [str(graph) for graph in graphs]
    across = min(columns, len(graphs))
    figure, axes = new_figure(len(graphs), columns=across, size=(1.7, 1.7), titles=titles)
    for ax, graph in zip(axes, graphs, strict=True):
        ax.set_title(ax.get_title(loc="left"), loc="left", fontsize=8)
        draw_graph(ax, graph, color=color)
    return figure


def _places(graph: Graph) -> np.ndarray:
    """Vertices on a circle, those of a connected part next to each other."""
    n = graph.vertices
    if n == 1:
        return np.zeros((1, 2))
    left = list(range(n))
    order = []
    while left:  # walk along edges
        start = min(left, key=lambda v: (sum(v in edge for edge in graph.edges), v))
        stack = [start]
        while stack:
            vertex = stack.pop()
            if vertex not in left:
                continue
            left.remove(vertex)
            order.append(vertex)
            near = {u for edge in graph.edges if vertex in edge for u in edge}
            stack += sorted(near & set(left), reverse=True)
    angle = np.pi / 2 + np.pi / n - 2 * np.pi * np.arange(n) / n
    places = np.empty((n, 2))
    places[order] = _RADIUS * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return places


def _arrow(ax: Axes, start: np.ndarray, end: np.ndarray, bend: float, paint: str) -> None:
    ax.add_patch(
        FancyArrowPatch(
            (float(start[0]), float(start[1])),
            (float(end[0]), float(end[1])),
            connectionstyle=f"arc3,rad={bend:g}",
            arrowstyle="-|>",
            mutation_scale=9,
            shrinkA=3.5,
            shrinkB=3.5,
            linewidth=1.3,
            color=paint,
        )
    )


def _loops(ax: Axes, place: np.ndarray, centre: np.ndarray, count: int, paint: str) -> None:
    """Circles outside of the vertex, one in the other."""
    out = place - centre
    length = float(np.linalg.norm(out))
    out = out / length if length > 1e-9 else np.array([0.0, 1.0])
    turn = np.linspace(0, 2 * np.pi, 60)
    for index in range(count):
        radius = 0.2 + 0.11 * index
        circle = place + radius * out
        start = np.arctan2(-out[1], -out[0])
        x = circle[0] + radius * np.cos(turn + start)
        y = circle[1] + radius * np.sin(turn + start)
        ax.plot(x, y, color=paint, linewidth=1.3)
        ax.add_patch(
            FancyArrowPatch(
                (float(x[29]), float(y[29])),
                (float(x[31]), float(y[31])),
                arrowstyle="-|>",
                mutation_scale=8,
                color=paint,
                linewidth=0,
            )
        )
