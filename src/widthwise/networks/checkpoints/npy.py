"""The header of an array in NumPy's own format, of which .npz and Equinox files are made.

Source: NumPy Enhancement Proposal 1.
"""

from io import BufferedIOBase

import numpy as np

from widthwise.networks.checkpoints.stored import DTYPES, checked_shape


def read_header(file: BufferedIOBase, name: str) -> tuple[tuple[int, ...], np.dtype, bool]:
    """Read what stands before the numbers.

    Parameters
    ----------
    file
        Open at the header; afterwards at the first number.
    name
        What the array is called in errors.

    Returns
    -------
    Shape, type and whether the first axis runs fastest.

    Raises
    ------
    ValueError
        If this is no header, or one of Python objects, which are stored as code.
    """
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    version = np.lib.format.read_magic(file)
    if version not in readers:
        raise ValueError(f"the array {name!r} is in version {version} of NumPy's format")
    shape, fortran, dtype = readers[version](file)
    if dtype.hasobject:
        raise ValueError(
            f"the array {name!r} holds Python objects, which are stored as code: save numbers only"
        )
    return checked_shape(shape), dtype, fortran


def type_name(dtype: np.dtype) -> str | None:
    """Return the name of a type of numbers; None for text and whatever else is no number.

    NumPy stores bfloat16 as two bytes of no type.
    """
    if dtype.kind == "V" and dtype.names is None and dtype.itemsize == 2:
        return "bfloat16"
    name = dtype.newbyteorder("=").name
    return name if name in DTYPES else None


def as_array(
    raw: bytes, dtype: np.dtype, shape: tuple[int, ...], *, fortran: bool = False
) -> np.ndarray:
    """Return the bytes after a header as an array in this machine's order of bytes."""
    kind = DTYPES["bfloat16"] if dtype.kind == "V" else dtype
    flat = np.frombuffer(raw, kind)
    found = flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)
    return found.astype(kind.newbyteorder("="), copy=False)
