"""Reading .safetensors files: a length, a header in JSON, then the numbers.

Read here rather than by the package of that name, which has no bfloat16 for NumPy and passes over
duplicate names. Source: the format's own description, github.com/huggingface/safetensors.
"""

from functools import partial
from pathlib import Path

import numpy as np

from widthwise.networks.checkpoints.json_text import read_json
from widthwise.networks.checkpoints.stored import (
    Stored,
    check_size,
    checked_shape,
    decode,
    not_understood,
    read_bytes,
)

_TYPES = {"BOOL": "bool", "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64",
          "U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64",
          "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64",
          "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
          "C64": "complex64"}  # fmt: skip
_LENGTH = 8
_LONGEST_HEADER = 100_000_000  # as in the format's description


def looks_like_safetensors(start: bytes) -> bool:
    """Tell from its first nine bytes whether a file is one."""
    return len(start) > _LENGTH and start[_LENGTH : _LENGTH + 1] == b"{"


def read_safetensors(path: Path) -> dict[str, Stored]:
    """Find the arrays of a file.

    Raises
    ------
    ValueError
        If the header is damaged, or the arrays do not fill the file exactly.
    """
    size = path.stat().st_size
    length = int.from_bytes(read_bytes(path, 0, _LENGTH), "little")
    if not 2 <= length <= min(size - _LENGTH, _LONGEST_HEADER):
        raise ValueError(f"its header claims {length} bytes, and the file has {size}")
    header = read_json(read_bytes(path, _LENGTH, length))
    header.pop("__metadata__", None)
    found, spans, start = {}, [], _LENGTH + length
    for name, entry in header.items():
        if not (isinstance(entry, dict) and {"dtype", "shape", "data_offsets"} <= entry.keys()):
            raise ValueError(f"the header says too little about {name[:80]!r}")
        shape = checked_shape(entry["shape"])
        first, last = checked_shape(entry["data_offsets"])
        if not first <= last <= size - start:
            raise ValueError(f"the array {name!r} lies outside the file")
        spans.append((first, last))
        dtype = _TYPES.get(str(entry["dtype"]))
        if dtype is None:
            found[name] = not_understood(name, shape, str(entry["dtype"])[:20])
            continue
        check_size(name, shape, dtype, last - first)
        found[name] = Stored(
            shape, dtype, partial(_read, path, start + first, last - first, dtype, shape)
        )
    _check_filled(sorted(spans), size - start)
    return found


def _read(path: Path, start: int, count: int, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    return decode(read_bytes(path, start, count), dtype, shape)


def _check_filled(spans: list[tuple[int, int]], size: int) -> None:
    end = 0
    for first, last in spans:
        if first != end:
            raise ValueError("its arrays overlap, or leave gaps")
        end = last
    if end != size:
        raise ValueError(f"its arrays need {end} bytes, and the file has {size}")
