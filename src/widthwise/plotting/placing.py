"""Figures drawn where the caller likes: on axes or in a figure that exist already.

Functions that draw ask `new_figure` for axes. Inside `placed` some of these requests, counted from
zero, are met with axes of the caller's; so a figure is drawn anew into a larger one although the
function that draws it knows nothing of that.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

Place = Axes | Sequence[Axes] | Figure | SubFigure
"""One axes for one panel, as many as there are panels, or a figure to be divided."""


@dataclass
class Placing:
    """What was asked for so far, and where some of the figures go."""

    places: Mapping[int, Place] = field(default_factory=dict)
    made: list[Figure] = field(default_factory=list)

    def next_place(self) -> Place | None:
        """Return where the figure that is asked for now goes; None for one of its own."""
        return self.places.get(len(self.made))


_placing: ContextVar[Placing | None] = ContextVar("where figures go", default=None)


@contextmanager
def placed(places: Mapping[int, Place] | None = None) -> Iterator[Placing]:
    """Put some of the figures that are made inside the block somewhere, and list them all.

    Parameters
    ----------
    places
        Where they go, by their numbers from 0.
    """
    kept = Placing(places or {})
    token = _placing.set(kept)
    try:
        yield kept
    finally:
        _placing.reset(token)


def current_placing() -> Placing | None:
    """Return the placing of the innermost block, None outside of all."""
    return _placing.get()
