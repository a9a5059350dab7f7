"""Labelled points in the plane: two named sets, or a user's own."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

_MOST = 100
_HOW = (
    "give 'xor', 'generic', a file of comma-separated x1, x2, label, or text such as "
    "'0 0 1; 0 1 -1'"
)


class Points(NamedTuple):
    """Inputs in the plane, their labels, and the square that is looked at."""

    x: Float[np.ndarray, "p 2"]
    y: Float[np.ndarray, " p"]
    centre: tuple[float, float]
    half: float

    def grid(self, side: int) -> Float[np.ndarray, "points 2"]:
        """Points of a square grid, rows from the bottom."""
        across, up = (np.linspace(c - self.half, c + self.half, side) for c in self.centre)
        return np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)


NAMED = {
    "xor": "1 1 1; 1 -1 -1; -1 -1 1; -1 1 -1",
    "generic": "1 0.3 1; -0.5 1 -1; -1 -0.6 1; 0.4 -1 -1",
}


def canonical(given: str) -> str:
    """Turn a file or text into the one text that stands for its points; names stay.

    The points themselves become the parameter of the study: a file that changes gives another run,
    and a run knows its points when the file is gone.

    Raises
    ------
    ValueError
        If there is no such file, or its points cannot be fitted.
    """
    if given in NAMED:
        return given
    if ";" in given:
        rows = [part.replace(",", " ").split() for part in given.split(";") if part.strip()]
    else:
        rows = _rows_of(given)
    x, y = _checked(rows)
    return "; ".join(f"{a:.17g} {b:.17g} {label:.17g}" for (a, b), label in zip(x, y, strict=True))


def points_of(text: str) -> Points:
    """Return the points of a name or a canonical text."""
    numbers = np.array([row.split() for row in NAMED.get(text, text).split(";")], np.float64)
    x, y = numbers[:, :2], numbers[:, 2]
    if text in NAMED:
        return Points(x, y, (0.0, 0.0), 2.0)
    low, high = x.min(axis=0), x.max(axis=0)
    middle = (low + high) / 2
    return Points(x, y, (float(middle[0]), float(middle[1])), float((high - low).max()))


def _rows_of(name: str) -> list[list[str]]:
    """Read the rows of a file, without a header."""
    try:
        text = Path(name).expanduser().read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise ValueError(f"{name!r} is no file of points ({reason}): {_HOW}") from None
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if any(row)]
    return rows[1:] if rows and not _is_number(rows[0][0]) else rows


def _checked(rows: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and labels without repeated points.

    Raises
    ------
    ValueError
        If rows are not two numbers and a label, there is a single class, or one point has two
        labels.
    """
    for index, row in enumerate(rows):
        if len(row) != 3 or not (_is_number(row[0]) and _is_number(row[1])):
            raise ValueError(
                f"point {index + 1} is {' '.join(row)!r}: give two finite numbers and a label"
            )
    labels = _labels([row[2] for row in rows])
    found: dict[tuple[float, float], float] = {}
    for row, label in zip(rows, labels, strict=True):
        place = (float(row[0]) + 0.0, float(row[1]) + 0.0)
        if found.setdefault(place, label) != label:
            raise ValueError(
                f"the point ({place[0]:g}, {place[1]:g}) has the labels {found[place]:g} and "
                f"{label:g}: no function fits both, remove one"
            )
    if len(found) > _MOST:
        raise ValueError(f"there are {len(found)} points: give at most {_MOST}")
    y = np.array(list(found.values()))
    if len(found) < 2 or np.all(y == y[0]):
        raise ValueError(
            f"there are {len(found)} points of a single class: give at least two, with different "
            "labels"
        )
    return np.array(list(found)), y


def _labels(words: Sequence[str]) -> list[float]:
    """Return numbers as they are; of two names the first in order is -1, the other 1."""
    if all(_is_number(word) for word in words):
        return [float(word) for word in words]
    names = sorted(set(words))
    if len(names) > 2:
        raise ValueError(f"labels are {', '.join(names)}: give numbers, or two names")
    return (
        [2.0 * names.index(word) - 1 for word in words] if len(names) == 2 else [1.0] * len(words)
    )


def _is_number(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False
