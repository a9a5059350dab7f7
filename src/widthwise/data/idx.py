"""The idx format of MNIST and its relatives: a header, then the bytes of one array.

Two zero bytes, one byte for the type (8 = unsigned byte), one for the number of dimensions, then
each size as a big-endian 32-bit integer, then the data. Source: Y. LeCun, C. Cortes, C. Burges,
"The MNIST database of handwritten digits" (1998).
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

_UNSIGNED_BYTE = 8


def read_idx(path: Path) -> UInt8[np.ndarray, "..."]:
    """Read one idx file of unsigned bytes, compressed (``.gz``) or not.

    Parameters
    ----------
    path
        The file; it is unpacked when its name ends in ``.gz``.

    Returns
    -------
    numpy.ndarray
        The array in the shape that the header states.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If the file is truncated, or is not an idx file of unsigned bytes.
    """
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is truncated or no gzip file; copy it again.") from error
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] != _UNSIGNED_BYTE:
        raise ValueError(f"{path} is no idx file of unsigned bytes; give an MNIST-style file.")
    start = 4 + 4 * raw[3]
    if len(raw) < start:
        raise ValueError(f"{path} ends inside its header; copy it again.")
    shape = struct.unpack(f">{raw[3]}I", raw[4:start])
    if len(raw) - start != math.prod(shape):
        raise ValueError(
            f"{path} holds {len(raw) - start} bytes of data, its header promises "
            f"{math.prod(shape)}; copy it again."
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)
