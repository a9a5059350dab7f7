"""The house style: one palette and one set of matplotlib settings, applied locally."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
from numpy.typing import ArrayLike

from widthwise.plotting.sheets import PAPER, StyleSheet, settings_of

Numbers = ArrayLike | Sequence[Any] | float | int
"""What drawing functions take: arrays, numbers, and lists or tuples of them."""

INK = "#16191d"
"""The neutral colour of text and axes; inline SVG turns it into ``currentColor``."""

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#a37ef4", "#ac4b3a", "#7c5e74", "#ca77b7")
"""Series colours: 3:1 contrast on white and on near-black, distinct in every colour blindness.

The first three are those of Okabe and Ito (2008); the others maximise, one after the other, the
least Oklab distance to those before them under normal vision and the three dichromacies.
"""

MARKERS = ("o", "s", "D", "^", "v", "P", "X")
"""Marker of each series, so that colour is never the only difference."""

SETTINGS: dict[Any, Any] = {
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10.0,
    "mathtext.fontset": "stix",
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 9.0,
    "axes.labelsize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.alpha": 0.14,
    "grid.linewidth": 0.7,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "legend.fontsize": 9.0,
    "legend.title_fontsize": 8.5,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.0,
    "figure.dpi": 100.0,
    "savefig.dpi": 200.0,
    "svg.fonttype": "none",
    "svg.hashsalt": "widthwise",
    "pdf.fonttype": 42,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
}


_LINE, _MARKER = SETTINGS["lines.linewidth"], SETTINGS["lines.markersize"]

COLUMN, PAGE = 3.4, 7.0
"""Widths of a column and of a page of a paper, in inches."""

_over: ContextVar[Mapping[Any, Any]] = ContextVar("over the house", default=MappingProxyType({}))


def colour(series: int) -> str:
    """Return the colour of a numbered series; numbers beyond the palette start it again.

    The palette is that of the style sheet in force, if it has one.
    """
    cycle = _over.get().get("axes.prop_cycle")
    own = cycle.by_key().get("color", ()) if cycle else ()
    colours = own or PALETTE
    return colours[series % len(colours)]


def marker(series: int) -> str:
    """Return the marker of a numbered series."""
    return MARKERS[series % len(MARKERS)]


def thickness(points: float) -> float:
    """Return the width of a line of the house under the style sheet in force."""
    return points * _over.get().get("lines.linewidth", _LINE) / _LINE


def size(points: float) -> float:
    """Return the size of a marker of the house under the style sheet in force."""
    return points * _over.get().get("lines.markersize", _MARKER) / _MARKER


@contextmanager
def house_style() -> Iterator[None]:
    """Apply the house style to what is drawn inside the block, and to nothing else."""
    with mpl.rc_context(SETTINGS | dict(_over.get())):
        yield


@contextmanager
def paper_style() -> Iterator[None]:
    """Draw the library's own figures as for a paper of two columns: small, with serifs.

    A figure of one panel is 3.4 inches wide, one of several 7. The same settings for figures of
    your own are a matplotlib style: ``plt.style.use("widthwise.plotting.paper")``.

    Examples
    --------
    >>> from widthwise.plotting import new_figure, paper_style
    >>> with paper_style():
    ...     figure, _ = new_figure()
    >>> print(figure.get_figwidth())
    3.4
    """
    with styled(PAPER):
        yield


@contextmanager
def styled(style: StyleSheet | None) -> Iterator[None]:
    """Draw the library's own figures under a style sheet laid over the house style.

    Parameters
    ----------
    style
        As `settings_of` takes it; None changes nothing.

    Raises
    ------
    ValueError
        If there is no such style.
    """
    token = _over.set(_over.get() if style is None else settings_of(style))
    try:
        yield
    finally:
        _over.reset(token)


def printed_size(width: float, height: float, panels: int) -> tuple[float, float]:
    """Return the size of a figure of some panels side by side, in inches.

    A style sheet that says how large figures are means those of one panel, a column of a paper;
    several panels take a page.
    """
    if "figure.figsize" not in _over.get():
        return width, height
    column = float(_over.get()["figure.figsize"][0])
    wanted = column if panels == 1 else column * PAGE / COLUMN
    return wanted, height * wanted / width
