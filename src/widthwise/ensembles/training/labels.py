"""From arrays of jobs to a labelled dataset."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from widthwise.ensembles.training.grid import Grid
from widthwise.ensembles.training.recorders import Kept

_UNITS = ("learning_rate", "richness")


def dataset_of(
    arrays: Mapping[str, np.ndarray],
    kept: Sequence[Kept],
    grid: Grid,
    *,
    width: int,
    clock: str,
    moments: np.ndarray,
) -> xr.Dataset:
    """Label what was recorded of all networks of one width.

    Parameters
    ----------
    arrays
        What was recorded and ``diverged_at``, jobs along the first axis.
    kept
        Names and dimensions at one time.
    grid
        The networks.
    width
        Their width.
    clock
        ``"step"`` or ``"time"``, and
    moments
        its values.

    Returns
    -------
    A dataset with dimensions ``(width, [learning_rate], [richness], member, clock, ...)``.
    """
    sweep = [name for name in _UNITS if name in grid.swept]
    sizes: dict[str, int] = dict(zip((*_UNITS, "member"), grid.shape, strict=True))
    leading = ("width", *sweep, "member")
    front = (1, *(sizes[name] for name in leading[1:]))

    def variable(name: str, dims: tuple[str, ...]) -> tuple[tuple[str, ...], np.ndarray]:
        array = arrays[name]
        return (*leading, *dims), array.reshape(*front, *array.shape[1:])

    variables = {one.name: variable(one.name, (clock, *one.dims)) for one in kept}
    variables["diverged_at"] = variable("diverged_at", ())
    coordinates: dict[str, object] = {
        "width": [width],
        "member": np.arange(*grid.members),
        clock: moments,
    }
    for name, values in zip(_UNITS, (grid.learning_rates, grid.richness), strict=True):
        if name in sweep:
            coordinates[name] = np.asarray(values)
    return xr.Dataset(variables, coordinates)


def joined(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Put widths side by side; what grows with the width ends in NaN at smaller widths."""
    if len(parts) == 1:
        return parts[0]
    longest: dict[str, int] = {}
    for part in parts:
        for dim, size in part.sizes.items():
            longest[str(dim)] = max(size, longest.get(str(dim), 0))
    padded = [
        part.pad({dim: (0, longest[str(dim)] - size) for dim, size in part.sizes.items()
                  if dim != "width" and size < longest[str(dim)]})
        for part in parts
    ]  # fmt: skip
    return xr.concat(
        padded, "width", data_vars="minimal", coords="minimal", compat="override", join="exact"
    )
