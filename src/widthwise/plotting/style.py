"""The house style: one palette and one set of matplotlib settings, applied locally."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from numpy.typing import ArrayLike

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


def colour(series: int) -> str:
    """Return the colour of a numbered series; numbers beyond the palette start it again."""
    return PALETTE[series % len(PALETTE)]


def marker(series: int) -> str:
    """Return the marker of a numbered series."""
    return MARKERS[series % len(MARKERS)]


@contextmanager
def house_style() -> Iterator[None]:
    """Apply the house style to what is drawn inside the block, and to nothing else."""
    with mpl.rc_context(SETTINGS):
        yield
