"""A small network drawn: neurons in columns of layers, named, and every weight between them."""

import numpy as np
import scipy.sparse as sp
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from widthwise.circuits.network import ReluNetwork
from widthwise.plotting import Picture, colour, new_figure

LARGEST = 150  # neurons; beyond that names and lines cover each other
_SWEEPS = 8


def draw_network(network: ReluNetwork, *, ax: Axes | None = None) -> Picture:
    """Draw inputs, neurons and outputs in columns, with a line for each weight.

    Parameters
    ----------
    network
        A network of at most 150 neurons.
    ax
        Axes to draw on; a figure is made unless given.

    Raises
    ------
    ValueError
        If the network is larger.
    """
    if network.neurons > LARGEST:
        raise ValueError(
            f"a network of {network.neurons} neurons cannot be drawn so that it can be read: give "
            f"one of at most {LARGEST}"
        )
    names = [*network.names.inputs, *network.neuron_names(), *network.names.outputs]
    sizes = [network.inputs, *network.widths.tolist(), network.outputs]
    column = np.repeat(np.arange(len(sizes)), sizes)
    edges, weights = _edges(network)
    height = _heights(column, edges, max(sizes))
    tall = max(2.4, 0.36 * max(sizes) + 1.2)
    figure, (axes,) = new_figure(size=(max(4.6, 1.25 * len(sizes)), tall), ax=ax)
    places = np.stack([column, height], axis=1).astype(float)
    for sign, series, style in ((1, 0, "-"), (-1, 1, (0, (3, 2)))):
        lines = LineCollection(
            [places[[start, end]] for start, end in edges[np.sign(weights) == sign].tolist()],
            colors=colour(series),
            linestyles=[style],
            linewidths=0.9,
            alpha=0.75,
            zorder=1,
        )
        axes.add_collection(lines, autolim=False)
    relay = np.zeros(len(names), bool)
    relay[network.inputs : network.inputs + network.neurons] = network.relay
    _dots(axes, places, names, relay)
    axes.set_xlim(-0.45, len(sizes) - 0.4)
    axes.set_ylim(height.max(initial=0) + 0.8, height.min(initial=0) - 0.9)
    axes.set_xticks(range(len(sizes)), ["inputs", *map(str, range(1, len(sizes) - 1)), "outputs"])
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False)
    axes.set_xlabel("layer")
    handles = [
        Line2D([], [], color=colour(0), label="weight above 0"),
        Line2D([], [], color=colour(1), linestyle=(0, (3, 2)), label="below 0"),
    ]
    if ax is None:
        figure.legend(handles=handles, loc="outside upper right", ncols=2, frameon=False)
    else:
        axes.legend(handles=handles, loc="best", frameon=False)
    return Picture(
        name="network",
        title="The network of the circuit",
        caption=(
            "Each column is a layer. Filled points compute a gate, which their names begin with; "
            "open ones, with names in brackets, carry a number on. Lines are weights, solid above "
            "zero and dashed below."
        ),
        figure=figure,
    )


def _edges(network: ReluNetwork) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of points, numbered inputs first, then neurons, then outputs; and their weights."""
    pairs, weights = [], []
    for layer, (rows, _) in enumerate(network.layers()):
        found = sp.coo_array(rows)
        first = 0
        if network.mode == "layered" and layer:
            first = network.inputs + int(network.starts[layer - 1])
        end = found.row + network.inputs + int(network.starts[layer])
        pairs.append(np.stack([found.col + first, end], axis=1))
        weights.append(found.data)
    return np.concatenate(pairs), np.concatenate(weights)


def _heights(column: np.ndarray, edges: np.ndarray, tallest: int) -> np.ndarray:
    """Order the points of each column by the mean height of their neighbours, a few times."""
    height = np.zeros(len(column))
    rank = np.arange(len(column), dtype=float)
    starts = np.searchsorted(column, np.arange(column.max(initial=0) + 2))
    for sweep in range(_SWEEPS):
        for layer in range(len(starts) - 1) if sweep % 2 == 0 else range(len(starts) - 2, -1, -1):
            own = np.arange(starts[layer], starts[layer + 1])
            order = own[np.argsort(rank[own], kind="stable")]
            height[order] = _spread(len(own), tallest)
        near = np.concatenate([edges, edges[:, ::-1]])
        total = np.bincount(near[:, 0], height[near[:, 1]], len(column))
        count = np.bincount(near[:, 0], minlength=len(column))
        rank = np.where(count > 0, total / np.maximum(count, 1), height)
    return height


def _spread(count: int, tallest: int) -> np.ndarray:
    return np.arange(count) + (tallest - count) / 2


def _dots(axes: Axes, places: np.ndarray, names: list[str], relay: np.ndarray) -> None:
    for chosen, face, size in ((~relay, colour(2), 5.0), (relay, "white", 4.0)):
        axes.plot(
            *places[chosen].T, "o", color=colour(2), markerfacecolor=face, markersize=size, zorder=2
        )
    for (x, y), name in zip(places.tolist(), names, strict=True):
        short = name if len(name) <= 12 else f"{name[:11]}…"
        axes.annotate(short, (x, y), (0, 5), textcoords="offset points", ha="center", fontsize=7)
