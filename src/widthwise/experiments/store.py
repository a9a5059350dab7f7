"""Files that are either whole or not there: atomic writes, each sealed with its checksum.

The seal is a line of text after the last byte of the netCDF content. HDF5 records the length of its
content, so every netCDF reader opens a sealed file; only this module looks at the seal.

The content is made in memory, since HDF5 takes the process down when a disk is full.
"""

import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

import xarray as xr

_MARK = b"\nwidthwise sha256 "
_SEAL = len(_MARK) + 64 + 1


class DamagedFile(ValueError):
    """A file that is cut short, changed, or was never finished."""


def write_dataset(dataset: xr.Dataset, path: Path) -> None:
    """Write a dataset: the file appears whole or not at all."""
    content = dataset.to_netcdf(engine="h5netcdf")
    write_sealed(path, lambda name: name.write_bytes(content))


def read_dataset(path: Path) -> xr.Dataset:
    """Read a dataset into memory.

    Raises
    ------
    DamagedFile
        If the file is not exactly as it was written.
    """
    verify(path)
    return xr.load_dataset(path, engine="h5netcdf")


def write_tree(tree: xr.DataTree, path: Path) -> None:
    """Write a tree of datasets, compressed: the file appears whole or not at all."""
    encoding = {
        node.path: {
            str(name): {"zlib": True, "complevel": 4}
            for name, variable in node.to_dataset(inherit=False).data_vars.items()
            if variable.ndim > 0 and variable.dtype.kind in "biuf"
        }
        for node in tree.subtree
    }
    content = tree.to_netcdf(engine="h5netcdf", encoding=encoding)
    write_sealed(path, lambda name: name.write_bytes(content))


def read_tree(path: Path) -> xr.DataTree:
    """Read a tree of datasets into memory.

    Raises
    ------
    DamagedFile
        If the file is not exactly as it was written.
    """
    verify(path)
    with xr.open_datatree(path, engine="h5netcdf") as tree:
        return tree.load()


def write_text(text: str, path: Path) -> None:
    """Write a text file: it appears whole or not at all."""
    _write_atomically(path, lambda name: name.write_text(text, encoding="utf-8"))


def verify(path: Path) -> None:
    """Raise DamagedFile unless the file ends in a seal that fits its content."""
    with path.open("rb") as file:
        length = file.seek(0, os.SEEK_END) - _SEAL
        if length >= 0:
            file.seek(length)
            seal = file.read()
            file.seek(0)
            if seal == _seal(_digest(file, length)):
                return
    raise DamagedFile(f"{path} is cut short or damaged")


def write_sealed(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` write a file, and seal it: it appears whole or not at all."""

    def write_and_seal(name: Path) -> None:
        write(name)
        with name.open("r+b") as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(0)
            seal = _seal(_digest(file, length))
            file.seek(length)
            file.write(seal)

    _write_atomically(path, write_and_seal)


def _write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    # Unique on every machine that shares the folder.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _digest(file, length: int) -> str:
    digest = hashlib.sha256()
    while length > 0:
        block = file.read(min(length, 1 << 20))
        digest.update(block)
        length -= len(block)
    return digest.hexdigest()


def _seal(digest: str) -> bytes:
    return _MARK + digest.encode() + b"\n"
