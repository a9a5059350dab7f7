"""Pictures of the correlation map: its graph, the diagonal, its fixed points and a cobweb."""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from widthwise import plotting
from widthwise.activations import standard
from widthwise.activations.activation import Activation
from widthwise.activations.fixed_points import FixedPoint

_POINTS = 401
_STEPS = 30
_TITLES = ("ReLU", "tanh(4z)", "shifted ReLU")


@dataclass(frozen=True)
class Trace:
    """What a cobweb shows, computed: the map, the path of one correlation, the fixed points.

    Parameters
    ----------
    rho, after
        Correlations before and after a layer.
    path
        One correlation, layer by layer.
    points
        All fixed points, in ascending order.
    """

    rho: Float[np.ndarray, " points"]
    after: Float[np.ndarray, " points"]
    path: Float[np.ndarray, " layers"]
    points: tuple[FixedPoint, ...]


def trace(phi: Activation, start: float | int = 0.9, variance: float | int = 1.0) -> Trace:
    """Compute what the cobweb of an activation shows, in float64."""
    rho = np.linspace(-1.0, 1.0, _POINTS)
    with jax.enable_x64(True):
        q = np.float64(variance)
        after = np.asarray(phi.correlation_map(rho, q))
        path = [float(start)]
        for _ in range(_STEPS):
            path.append(float(phi.correlation_map(np.float64(path[-1]), q)))
    return Trace(rho, after, np.array(path), phi.fixed_points(variance))


def three_traces() -> tuple[Trace, ...]:
    """Compute the three panels of the paper: ReLU, tanh(4z) and ReLU minus its mean."""
    shown = (standard.relu, standard.tanh(4.0), standard.relu.centered())
    return tuple(trace(phi) for phi in shown)


def cobweb(
    phi: Activation,
    *,
    start: float | int = 0.9,
    variance: float | int = 1.0,
    ax: Axes | None = None,
) -> plotting.Picture:
    """Draw the correlation map of an activation and the path of one correlation through layers.

    Parameters
    ----------
    phi
        The activation.
    start
        Correlation at the input, in [-1, 1].
    variance
        Pre-activation variance.
    ax
        Axes to draw on; a figure is made unless given.
    """
    figure, (ax,) = plotting.new_figure(ax=ax)
    found = trace(phi, start, variance)
    _draw(ax, found)
    plotting.legend(ax, place="outside")
    name = "".join(c if c.isascii() and c.isalnum() else "-" for c in phi.name).strip("-")
    return plotting.Picture(
        name=f"correlation-map-{name}",
        title=f"Correlation map of {phi.name}",
        caption=(
            f"Correlation after a layer against correlation before it, for {phi.name} at "
            f"pre-activation variance {variance:g}; the diagonal is where nothing changes. "
            f"Starting at {start:g}, the staircase shows what happens layer by layer. "
            f"{_in_words(found.points)}"
        ),
        figure=figure,
    )


def three_panels(traces: Sequence[Trace]) -> plotting.Picture:
    """Draw the correlation maps of ``three_traces``, with cobwebs.

    Source: the figure of J. Dunbar, S. Aaronson, arXiv 2510.06527 (2025).
    """
    figure, axes = plotting.new_figure(3, titles=_TITLES, size=(3.4, 3.4))
    for ax, found in zip(axes, traces, strict=True):
        _draw(ax, found)
    plotting.legend(axes[-1], place="outside")
    words = " ".join(
        f"{title}: {_in_words(found.points)}" for title, found in zip(_TITLES, traces, strict=True)
    )
    return plotting.Picture(
        name="correlation-maps",
        title="Three activations, three fates of a pair of inputs",
        caption=f"Correlation after a layer against correlation before it. {words}",
        figure=figure,
    )


def _draw(ax: Axes, found: Trace) -> None:
    plotting.diagonal(ax, "no change")
    plotting.theory(ax, found.rho, found.after, "C(ρ)", color=0)
    plotting.cobweb(ax, found.path, f"layer by layer from {found.path[0]:g}", color=1)
    for stable, face, label in ((True, "full", "stable"), (False, "none", "unstable")):
        values = [p.value for p in found.points if p.stable is stable]
        if values:
            ax.plot(
                values,
                values,
                linestyle="none",
                marker="o",
                markersize=8,
                fillstyle=face,
                color=plotting.colour(2),
                label=f"{label} fixed point",
            )
    plotting.square(ax)
    ax.set_xlabel("correlation ρ before the layer")
    ax.set_ylabel("after it")


def _in_words(points: tuple[FixedPoint, ...]) -> str:
    words = [
        f"{p.value:.4g} ({'stable' if p.stable else 'unstable'}, slope {p.slope:.4g})"
        for p in points
    ]
    return f"Fixed points: {', '.join(words)}."
