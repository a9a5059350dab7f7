"""Pictures of a survey of a checkpoint, and of what changed between several."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import xarray as xr

from widthwise.observables.weight_statistics import Change, Survey
from widthwise.plotting import (
    Picture,
    band,
    legend,
    log_axis,
    measured,
    new_figure,
    reference_line,
    theory,
)

_SMALL = 0.1  # of a kurtosis: the axis is linear below
_MOST_LINES = 6


def weights_pictures(survey: Survey, changes: Sequence[Sequence[Change]] = ()) -> list[Picture]:
    """Draw the entries and singular values of all layers, and their changes.

    Parameters
    ----------
    survey
        Of the last checkpoint.
    changes
        Of each later checkpoint since the first, if there are several.
    """
    pictures = [_entries(survey), _singular_values(survey)]
    if any(changes):
        pictures.append(_changes(changes))
    return pictures


def _entries(survey: Survey) -> Picture:
    figure, (ax,) = new_figure(size=(7.6, 3.4))
    found = [layer.statistics for layer in survey.layers]
    place = np.arange(1, len(found) + 1)
    full = np.array([one.kurtosis.value for one in found])
    inner = np.array([one.inner_kurtosis.value for one in found])
    low = np.array([one.kurtosis.low for one in found])
    high = np.array([one.kurtosis.high for one in found])
    band(ax, place, low, high, "noise of the same shape")
    measured(ax, place, full, label="all entries", color=1)
    measured(ax, place, inner, label="without outlying entries", color=2)
    ax.set_yscale("symlog", linthresh=_SMALL)
    reference_line(ax, y=0)
    ax.set_xlabel("matrix, in the order of the file")
    ax.set_ylabel("excess kurtosis of entries")
    legend(ax, place="outside")
    data = _dataset(
        survey, {"kurtosis": full, "inner_kurtosis": inner, "noise_low": low, "noise_high": high}
    )
    caption = (
        "Excess kurtosis of the entries of each matrix: zero for Gaussian ones, -1.2 for uniform "
        "ones. Where the two points are far apart, huge entries make the difference."
    )
    return Picture("entries", "How heavy the tails of entries are", caption, figure, data)


def _singular_values(survey: Survey) -> Picture:
    figure, (ax,) = new_figure(size=(7.6, 3.4))
    found = [layer.statistics for layer in survey.layers]
    place = np.arange(1, len(found) + 1)
    largest = np.array([one.spectrum.singular_values[0] / one.spectrum.edge for one in found])
    share = np.array([one.stable_rank.value / one.stable_rank.median for one in found])
    measured(ax, place, largest, label="largest singular value / edge", color=1)
    measured(ax, place, share, label="stable rank / that of noise", color=2)
    reference_line(ax, y=1, label="noise")
    log_axis(ax, "y")
    ax.set_xlabel("matrix, in the order of the file")
    ax.set_ylabel("relative to noise of the same shape")
    legend(ax, place="outside")
    outliers = np.array([one.spectrum.outliers for one in found])
    data = _dataset(
        survey, {"largest_over_edge": largest, "stable_rank": share, "outliers": outliers}
    )
    caption = (
        "The largest singular value of each matrix in units of the edge of its random bulk, and "
        "the stable rank in units of that of a random matrix: both one where a matrix is noise."
    )
    return Picture("singular-values", "How far singular values left noise", caption, figure, data)


def _changes(changes: Sequence[Sequence[Change]]) -> Picture:
    figure, axes = new_figure(2, titles=("distance of the laws", "distance of the entries"))
    # Checkpoints of networks of other widths share only some matrices, or none, with the first.
    names = list(dict.fromkeys(change.name for step in changes for change in step))
    times = np.arange(1, len(changes) + 1)
    tables = {
        "wasserstein": np.full((len(changes), len(names)), np.nan),
        "moved": np.full((len(changes), len(names)), np.nan),
    }
    for time, step in enumerate(changes):
        for change in step:
            for key, table in tables.items():
                table[time, names.index(change.name)] = getattr(change, key)
    # a few layers by name, spread evenly over the file
    shown = sorted({round(x) for x in np.linspace(0, len(names) - 1, _MOST_LINES)})
    for ax, table in zip(axes, tables.values(), strict=True):
        for color, column in enumerate(shown):
            several = len(changes) > 1
            draw = theory if several else measured
            label = _shorter(names, names[column])
            draw(ax, times, table[:, column], label=label, color=color)
        ax.set_xlabel("checkpoint after the first")
        ax.set_ylabel("relative to the norm at first")
        ax.set_xticks(times)
    legend(axes[-1], place="outside")
    dims = ("checkpoint", "matrix")
    data = xr.Dataset(
        {key: (dims, table) for key, table in tables.items()},
        coords={"checkpoint": times, "matrix": names},
    )
    caption = (
        "Left, the Wasserstein-2 distance between the Gaussian laws fitted to a matrix at "
        "first and later; right, the distance of the matrices themselves. Entries may move far "
        "while their law stays."
    )
    return Picture("change", "What moved since the first checkpoint", caption, figure, data)


def _dataset(survey: Survey, columns: dict[str, np.ndarray]) -> xr.Dataset:
    names = [layer.matrix.name for layer in survey.layers]
    return xr.Dataset(
        {name: ("matrix", values) for name, values in columns.items()}, coords={"matrix": names}
    )


def _shorter(names: Sequence[str], name: str) -> str:
    """Leave out what all names begin with, and what is too long for a legend."""
    parts = [one.split(".") for one in names]
    same = 0
    while len(names) > 1 and all(
        len(a) > same + 1 and a[: same + 1] == b[: same + 1] for a, b in pairwise(parts)
    ):
        same += 1
    rest = ".".join(name.split(".")[same:]).removesuffix(".weight")
    return rest if len(rest) <= 30 else f"…{rest[-29:]}"
