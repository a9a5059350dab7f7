"""Reading .pt and .pth files of PyTorch without PyTorch: the arrays, and nothing that is executed.

A file is a zip archive of one pickle, which says how the arrays are made, and their numbers.
"""

import math
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Any

import numpy as np

from widthwise.networks.checkpoints.archive import Archive
from widthwise.networks.checkpoints.pickle_values import Call, Named, Outside, Thing, read_pickle
from widthwise.networks.checkpoints.stored import (
    DTYPES,
    Stored,
    checked_shape,
    decode,
    not_understood,
)

_STORAGES = {
    "Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16",
    "Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8",
    "Bool": "bool", "ComplexFloat": "complex64", "ComplexDouble": "complex128",
}  # fmt: skip
_TENSORS = ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2")
_TYPED_TENSOR = "torch._utils._rebuild_tensor_v3"
_PARAMETERS = ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state")
_OTHERS = """
    collections.OrderedDict collections.defaultdict collections.Counter __builtin__.set builtins.set
    builtins.frozenset torch.Size torch.device torch.serialization._get_layout
    torch.jit._pickle.build_intlist torch.jit._pickle.build_doublelist
    torch.jit._pickle.build_boollist torch.jit._pickle.build_tensorlist
    torch.jit._pickle.restore_type_tag argparse.Namespace _codecs.encode numpy.dtype
    numpy.core.multiarray.scalar numpy._core.multiarray.scalar pathlib.PosixPath
    pathlib.PurePosixPath
"""
_HARMLESS = frozenset((*_TENSORS, _TYPED_TENSOR, *_PARAMETERS, *_OTHERS.split()))
_MODEL_KEYS = ("state_dict", "model_state_dict", "model", "module", "network", "net", "params")
_MODULE_PARTS = ("_parameters", "_buffers", "_modules")
_MOST_PLACES = 200_000


def read_torch(archive: Archive, program: str) -> dict[str, Stored]:
    """Find the arrays of an archive.

    Parameters
    ----------
    archive
        The opened file.
    program
        Its member that is the pickle.

    Returns
    -------
    The arrays by their names, as in a ``state_dict``. If the file holds a training state, only the
    model's: not those of the optimizer.

    Raises
    ------
    ValueError
        If the pickle asks for anything but arrays, or an array lies outside its numbers.
    """
    folder = program.removesuffix("data.pkl")
    order = archive.sizes.get(f"{folder}byteorder")
    if order is not None and archive.read(f"{folder}byteorder").strip() != b"little":
        raise ValueError("its numbers were written by a big-endian machine")
    content = read_pickle(archive.read(program), harmless=_HARMLESS)
    numbers = lru_cache(maxsize=1)(archive.read)  # several arrays may lie in one block of numbers
    found: dict[str, Stored] = {}
    for name, value in _places(_model(content)):
        if isinstance(value, Call) and value.name in (*_TENSORS, _TYPED_TENSOR):
            found[name or "array"] = _stored(name, value, archive, folder, numbers)
    return found


def _model(content: Any) -> Any:
    """Take the model out of a training state."""
    if isinstance(content, dict):
        for key in _MODEL_KEYS:
            if isinstance(content.get(key), dict | Thing) and content[key]:
                return content[key]
    return content


def _places(content: Any) -> Iterator[tuple[str, Any]]:
    """Walk through nested values with the name of each place, in their order."""
    waiting: list[tuple[str, Any, tuple[int, ...]]] = [("", content, ())]
    visited = 0
    while waiting:
        name, value, above = waiting.pop()
        visited += 1
        if visited > _MOST_PLACES or len(above) > 200:
            raise ValueError("its values are nested far more than names of arrays need")
        while isinstance(value, Call) and value.name in _PARAMETERS and value.arguments:
            value = value.arguments[0]
        yield name, value
        if id(value) in above:
            continue
        inside = value.attributes if isinstance(value, Thing) else value
        if isinstance(inside, dict):
            items = list(inside.items())
        elif isinstance(inside, list | tuple):
            items = list(enumerate(inside))
        else:
            continue
        for key, item in reversed(items):
            passed_over = isinstance(value, Thing) and key in _MODULE_PARTS
            waiting.append(
                (name if passed_over else f"{name}.{key}".lstrip("."), item, (*above, id(value)))
            )


def _stored(name: str, call: Call, archive: Archive, folder: str, numbers: Any) -> Stored:
    """Turn the record of an array into where it lies, after checking that it lies there."""
    storage, offset, size, stride = call.arguments[:4]
    kind, key = _storage(storage)
    if call.name == _TYPED_TENSOR:
        typed = call.arguments[6]
        kind = typed.name.removeprefix("torch.") if isinstance(typed, Named) else "unknown"
    shape = checked_shape(_whole_numbers(size))
    if kind not in DTYPES:
        return not_understood(name, shape, kind)
    strides = checked_shape(_whole_numbers(stride))
    first = checked_shape([offset])[0]
    member = f"{folder}data/{key}"
    if member not in archive.sizes:
        raise ValueError(f"the numbers of {name!r} are missing")
    present = archive.sizes[member] // DTYPES[kind].itemsize
    count = math.prod(shape)
    reach = first + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if count and (reach >= present or count > present):
        raise ValueError(
            f"the array {name!r} of shape {shape} does not lie in its {present} numbers"
        )
    read = partial(_read, numbers, member, kind, (first, shape, strides))
    return Stored(shape, kind, read)


def _read(
    numbers: Any, member: str, kind: str, place: tuple[int, tuple[int, ...], tuple[int, ...]]
) -> np.ndarray:
    first, shape, strides = place
    itemsize = DTYPES[kind].itemsize
    raw = numbers(member)
    flat = decode(raw[: len(raw) - len(raw) % itemsize], kind, (len(raw) // itemsize,))
    if not math.prod(shape):
        return np.empty(shape, flat.dtype)
    steps = [step * itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(flat[first:], shape, steps, writeable=False).copy()


def _storage(record: Any) -> tuple[str, str]:
    key = record.key if isinstance(record, Outside) else None
    if not (isinstance(key, tuple) and len(key) >= 3 and isinstance(key[1], Named)):
        raise ValueError("an array refers to no block of numbers")
    place = str(key[2])
    if not place.isalnum():
        raise ValueError(f"a block of numbers is named {place[:80]!r}")
    name = key[1].name.rpartition(".")[2].removesuffix("Storage")
    return _STORAGES.get(name, name), place


def _whole_numbers(record: Any) -> Any:
    return record.arguments[0] if isinstance(record, Call) and record.arguments else record
