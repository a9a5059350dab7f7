"""Reading .npz archives of NumPy."""

import io
import math
from functools import partial

import numpy as np

from widthwise.networks.checkpoints.archive import Archive
from widthwise.networks.checkpoints.npy import as_array, read_header, type_name
from widthwise.networks.checkpoints.stored import Stored

_LONGEST_HEADER = 2**16


def read_npz(archive: Archive) -> dict[str, Stored]:
    """Find the arrays of numbers in an archive; text is left out.

    Raises
    ------
    ValueError
        If a member is no array, is cut short, or holds Python objects.
    """
    found = {}
    for member, size in archive.sizes.items():
        if not member.endswith(".npy"):
            continue
        name = member.removesuffix(".npy")
        file = io.BytesIO(archive.start(member, _LONGEST_HEADER))
        shape, dtype, fortran = read_header(file, name)
        start = file.tell()
        if start + math.prod(shape) * dtype.itemsize != size:
            raise ValueError(f"the array {name!r} of shape {shape} does not fill its {size} bytes")
        if kind := type_name(dtype):
            read = partial(_read, archive, member, start, partial(as_array, dtype=dtype,
                           shape=shape, fortran=fortran))  # fmt: skip
            found[name] = Stored(shape, kind, read)
    return found


def _read(archive: Archive, member: str, start: int, decode: partial[np.ndarray]) -> np.ndarray:
    return decode(archive.read(member)[start:])
