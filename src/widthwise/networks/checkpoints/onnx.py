"""Reading .onnx files: arrays of the graph, with what its operations say about their layout."""

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from widthwise.networks.checkpoints.paths import beside
from widthwise.networks.checkpoints.stored import (
    DTYPES,
    Layout,
    Stored,
    check_size,
    checked_shape,
    decode,
    not_understood,
    read_bytes,
)

_TYPES = {1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64",
          9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64",
          15: "complex128", 16: "bfloat16", 17: "float8_e4m3fn", 19: "float8_e5m2"}  # fmt: skip
_EXTERNAL = 1
_DEEPEST = 50
_RECURRENT = ("LSTM", "GRU", "RNN")
_SAME = ("Identity", "Cast", "DequantizeLinear", "Reshape", "Squeeze", "Unsqueeze")


def read_onnx(path: Path) -> dict[str, Stored]:
    """Find the initializers and constants of a graph and of the graphs inside it.

    Numbers in files of their own are read from beside the model, nowhere else.

    Raises
    ------
    ModuleNotFoundError
        Without the package ``onnx``.
    ValueError
        If the file is damaged, two arrays share a name, or an array points outside the folder.
    """
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{path} is read with the package onnx: pip install 'widthwise[onnx]'"
        ) from error
    graph = onnx.load(path, load_external_data=False).graph
    found: dict[str, Stored] = {}
    for inner in _graphs(graph):
        uses = _uses(inner)
        for name, tensor in _tensors(inner):
            if name in found:
                raise ValueError(f"two arrays are named {name[:80]!r}")
            found[name] = _stored(path, name, tensor, uses.get(name, (None, None)))
    return found


def _graphs(graph: Any, depth: int = 0) -> Iterator[Any]:
    if depth > _DEEPEST:
        raise ValueError("its graphs are nested too deeply")
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _graphs(inner, depth + 1)


def _tensors(graph: Any) -> Iterator[tuple[str, Any]]:
    for tensor in graph.initializer:
        yield tensor.name, tensor
    for node in graph.node:
        if node.op_type == "Constant" and node.output:
            for attribute in node.attribute:
                if attribute.name == "value" and attribute.HasField("t"):
                    yield node.output[0], attribute.t


def _uses(graph: Any) -> dict[str, tuple[Layout | None, str | None]]:
    """What the operations of a graph say about the arrays they take."""
    source: dict[str, tuple[str, bool]] = {}  # where an intermediate array comes from, transposed?
    found: dict[str, tuple[Layout | None, str | None]] = {}
    for node in graph.node:
        for place, given in enumerate(node.input):
            name, turned = source.get(given, (given, False))
            layout, role = _use(node, place)
            if role and name not in found:
                found[name] = (_turned(layout) if turned else layout, role)
        if node.input and node.output and node.op_type in (*_SAME, "Transpose"):
            name, turned = source.get(node.input[0], (node.input[0], False))
            source[node.output[0]] = (name, turned != (node.op_type == "Transpose"))
    return found


def _use(node: Any, place: int) -> tuple[Layout | None, str | None]:
    operation = node.op_type
    if operation in ("MatMul", "MatMulInteger", "QLinearMatMul"):
        second = 3 if operation == "QLinearMatMul" else 1
        known: dict[int, Layout] = {0: "out-in", second: "in-out"}
        return known.get(place), "dense" if place in known else None
    if operation == "Gemm" and place == 1:
        transposed = any(item.name == "transB" and item.i for item in node.attribute)
        return ("out-in" if transposed else "in-out"), "dense"
    if operation in ("Conv", "ConvInteger", "QLinearConv"):
        kernel = 3 if operation == "QLinearConv" else 1
        return ("out-in", "convolution") if place == kernel else (None, None)
    if operation in _RECURRENT and place in (1, 2):
        return "out-in", "recurrent input" if place == 1 else "recurrent state"
    if operation == "Gather" and place == 0:
        return "out-in", "embedding"
    return None, None


def _turned(layout: Layout | None) -> Layout | None:
    return None if layout is None else "in-out" if layout == "out-in" else "out-in"


def _stored(path: Path, name: str, tensor: Any, use: tuple[Layout | None, str | None]) -> Stored:
    shape = checked_shape(list(tensor.dims))
    dtype = _TYPES.get(tensor.data_type)
    if dtype is None:
        return not_understood(name, shape, f"ONNX {tensor.data_type}")
    layout, role = use
    if tensor.data_location == _EXTERNAL:
        read = _outside(path, name, tensor, (dtype, shape))
    elif tensor.HasField("raw_data"):
        check_size(name, shape, dtype, len(tensor.raw_data))
        read = partial(decode, tensor.raw_data, dtype, shape)
    else:
        fields = (tensor.float_data, tensor.int32_data, tensor.int64_data, tensor.double_data,
                  tensor.uint64_data)  # fmt: skip
        if sum(map(len, fields)) < math.prod(shape):
            raise ValueError(f"the array {name!r} of shape {shape} lacks entries")
        read = partial(_typed, tensor, name, shape)
    return Stored(shape, dtype, read, layout, role)


def _outside(
    path: Path, name: str, tensor: Any, kind: tuple[str, tuple[int, ...]]
) -> partial[np.ndarray]:
    dtype, shape = kind
    said = {entry.key: entry.value for entry in tensor.external_data}
    file = beside(path, said.get("location", ""))
    start = int(said.get("offset", "0"))
    size = math.prod(shape) * DTYPES[dtype].itemsize
    if start < 0 or start + size > file.stat().st_size:
        raise ValueError(f"the array {name!r} lies outside {file.name}")
    return partial(_from_file, file, start, size, kind)


def _from_file(file: Path, start: int, size: int, kind: tuple[str, tuple[int, ...]]) -> np.ndarray:
    return decode(read_bytes(file, start, size), *kind)


def _typed(tensor: Any, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Read numbers that stand in the fields of their type rather than as bytes."""
    from onnx import numpy_helper

    try:
        return np.asarray(numpy_helper.to_array(tensor))
    except (ValueError, TypeError):
        raise ValueError(
            f"the array {name!r} of shape {shape} has another number of entries"
        ) from None
