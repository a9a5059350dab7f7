"""Many small files that are laid out alike, read at a fraction of what each would take alone.

Opening a netCDF file means to find out what it holds, which for a shard takes longer than
reading its numbers. Here that is done for the first file, and again where one differs.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import xarray as xr

from widthwise.experiments import store

# What HDF5 and netCDF write beside the numbers, none of which changes them.
_PLAIN = {
    *("CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST", "_FillValue"),
    *("_Netcdf4Dimid", "_Netcdf4Coordinates"),
}


class _Variable(NamedTuple):
    """What a variable was in the first file: its dimensions, also as numbers, and its type."""

    dims: tuple[str, ...]
    ids: tuple[int, ...]
    dtype: np.dtype
    is_coordinate: bool


class _Layout(NamedTuple):
    """What a file holds, without the numbers."""

    names: frozenset[str]
    variables: dict[str, _Variable]
    attributes: tuple[str, ...]

    @classmethod
    def of(cls, path: Path, dataset: xr.Dataset) -> "_Layout | None":
        """Describe a file, or say that its content is not plain numbers."""
        variables = {}
        with h5py.File(path, "r") as file:
            for name, variable in dataset.variables.items():
                stored: Any = file[str(name)]
                plain = variable.dtype.kind in "fiu" and stored.dtype == variable.dtype
                if not plain or set(stored.attrs) - _PLAIN:
                    return None
                dims = tuple(map(str, variable.dims))
                known = name in dataset.coords
                variables[str(name)] = _Variable(dims, _ids(stored), variable.dtype, known)
            return cls(frozenset(file), variables, tuple(map(str, dataset.attrs)))

    def read(self, path: Path) -> xr.Dataset | None:
        """Read a file of this layout; None if it has another."""
        data, coordinates = {}, {}
        with h5py.File(path, "r") as file:
            if frozenset(file) != self.names:
                return None
            for name, variable in self.variables.items():
                stored: Any = file[name]
                if stored.dtype != variable.dtype or _ids(stored) != variable.ids:
                    return None
                place = coordinates if variable.is_coordinate else data
                place[name] = (variable.dims, stored[()])
            attributes = {name: np.asarray(file.attrs[name]) for name in self.attributes}
        told = {name: value.item() for name, value in attributes.items() if value.size == 1}
        return xr.Dataset(data, coordinates, told) if len(told) == len(attributes) else None


def _ids(stored: Any) -> tuple[int, ...]:
    """Return the numbers of a variable's dimensions."""
    if not stored.shape:
        return ()
    key = "_Netcdf4Coordinates" if len(stored.shape) > 1 else "_Netcdf4Dimid"
    return tuple(np.ravel(stored.attrs.get(key, -1)).tolist())


def read_alike(paths: Iterable[Path]) -> Iterator[xr.Dataset]:
    """Read datasets into memory, as ``store.read_dataset`` does; quickly where they are alike.

    Raises
    ------
    DamagedFile
        If a file is not exactly as it was written.
    """
    layout = None
    for path in paths:
        if layout is not None:
            store.verify(path)
            dataset = layout.read(path)
            if dataset is not None:
                yield dataset
                continue
        dataset = store.read_dataset(path)
        layout = _Layout.of(path, dataset)
        yield dataset
