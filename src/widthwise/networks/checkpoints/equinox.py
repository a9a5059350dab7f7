"""Reading files of ``equinox.tree_serialise_leaves``: arrays one after the other, without names."""

import math
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from widthwise.networks.checkpoints.npy import as_array, read_header, type_name
from widthwise.networks.checkpoints.stored import Stored, read_bytes

_LONGEST_LINE = 2**20


def read_equinox(path: Path, like: Any = None) -> dict[str, Stored]:
    """Find the arrays of a file; a line of hyperparameters before them is passed over.

    Parameters
    ----------
    path
        The file.
    like
        A model of the same structure, for the names; without one they are ``leaf_0``, ``leaf_1``,
        ... in the order of the file.

    Raises
    ------
    ValueError
        If the file is cut short, or does not fit the model.
    """
    size, leaves = path.stat().st_size, []
    with path.open("rb") as file:
        if file.peek(1)[:1] == b"{":
            file.readline(_LONGEST_LINE)
        while file.tell() < size:
            name = f"leaf_{len(leaves)}"
            shape, dtype, fortran = read_header(file, name)
            start, count = file.tell(), math.prod(shape) * dtype.itemsize
            if start + count > size:
                raise ValueError(f"the file ends inside its array {len(leaves)}")
            leaves.append((shape, dtype, fortran, start, count))
            file.seek(count, 1)
    names = _names(like, leaves)
    found = {}
    for name, (shape, dtype, fortran, start, count) in zip(names, leaves, strict=True):
        if kind := type_name(dtype):
            decode = partial(as_array, dtype=dtype, shape=shape, fortran=fortran)
            found[name] = Stored(shape, kind, partial(_read, path, start, count, decode))
    return found


def _read(path: Path, start: int, count: int, decode: partial[np.ndarray]) -> np.ndarray:
    return decode(read_bytes(path, start, count))


def _names(like: Any, leaves: list[tuple]) -> list[str]:
    if like is None:
        return [f"leaf_{index}" for index in range(len(leaves))]
    arrays = [
        (jax.tree_util.keystr(path, simple=True, separator="."), np.shape(leaf))
        for path, leaf in jax.tree_util.tree_leaves_with_path(like)
        if hasattr(leaf, "shape") or isinstance(leaf, bool | int | float | complex)
    ]
    if [shape for _, shape in arrays] != [leaf[0] for leaf in leaves]:
        raise ValueError(
            f"its {len(leaves)} arrays do not fit the {len(arrays)} of the model given: build the "
            "model with the sizes that were saved"
        )
    return [name for name, _ in arrays]
