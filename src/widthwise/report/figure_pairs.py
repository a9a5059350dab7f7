"""The figures of two runs side by side, on the same scales."""

import dataclasses
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.category import StrCategoryFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter

from widthwise.experiments import Run
from widthwise.experiments.comparison import Comparison
from widthwise.plotting import Picture
from widthwise.report.figures import FigureCard, cards
from widthwise.report.tables import Room

LETTERS = "ab"
_COLORBAR = "<colorbar>"  # the label by which matplotlib knows its own


def figure_pairs(comparison: Comparison) -> tuple[list[list[FigureCard]], list[str]]:
    """Return the figures of both runs by their names, and why some cannot be shown.

    Panels that show the same in both, on axes of the same kind and label, get common limits. A
    figure that only one run has stands alone.
    """
    drawn, notes = [], []
    for letter, run in zip(LETTERS, (comparison.first, comparison.second), strict=True):
        pictures, note = _pictures(run)
        drawn.append(pictures)
        if note:
            notes.append(f"no figures of {letter.upper()}: {note}")
    first, second = drawn
    for name in first.keys() & second.keys():
        _align(first[name].figure, second[name].figure)
    room = Room()
    shown = [
        {picture.name: card for picture, card in _cards(letter, pictures, comparison, room)}
        for letter, pictures in zip(LETTERS, ([*one.values()] for one in drawn), strict=True)
    ]
    names = dict.fromkeys([*first, *second])
    return [[side[name] for side in shown if name in side] for name in names], notes


def _pictures(run: Run) -> tuple[dict[str, Picture], str]:
    try:
        return {picture.name: picture for picture in run.figures()}, ""
    except ValueError as error:
        return {}, str(error)


def _cards(
    letter: str, pictures: Sequence[Picture], comparison: Comparison, room: Room
) -> list[tuple[Picture, FigureCard]]:
    """Draw the pictures of one run under names and titles of their own."""
    renamed = [
        dataclasses.replace(
            picture, name=f"{letter}-{picture.name}", title=f"{letter.upper()}: {picture.title}"
        )
        for picture in pictures
    ]
    found = cards(renamed, comparison.first.study, room)
    return list(zip(pictures, found, strict=True))


def _align(first: Figure, second: Figure) -> None:
    """Give panels that show the same the limits of both."""
    if len(first.axes) != len(second.axes):
        return
    for pair in zip(first.axes, second.axes, strict=True):
        if any(ax.get_label() == _COLORBAR for ax in pair):
            continue
        for name in ("x", "y"):
            if _alike(name, *pair):
                ends = [end for ax in pair for end in getattr(ax, f"get_{name}bound")()]
                for ax in pair:
                    getattr(ax, f"set_{name}bound")(min(ends), max(ends))


def _alike(name: str, one: Axes, other: Axes) -> bool:
    """Say whether an axis means the same in both: its scale and label, and numbers at its ticks."""
    axes = [getattr(ax, f"{name}axis") for ax in (one, other)]
    if any(
        isinstance(a.get_major_formatter(), FixedFormatter | StrCategoryFormatter) for a in axes
    ):
        return False
    meanings = {(axis.get_scale(), axis.get_label_text()) for axis in axes}
    return len(meanings) == 1
