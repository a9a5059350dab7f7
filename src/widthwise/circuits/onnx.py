"""A sparse ReLU network as an ONNX model, which onnxruntime and others run.

Each layer is written in the form that takes less room: a dense matrix product, or gathered columns
times weights, summed. The model maps ``inputs`` (batch, inputs) to ``outputs`` (batch, outputs).
Names of inputs, outputs and neurons stand in its metadata, as JSON.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from widthwise.circuits.exactness import require_exact
from widthwise.circuits.network import ReluNetwork

if TYPE_CHECKING:
    import onnx

_OPSET, _IR = 18, 9
_LARGEST = 2_000_000_000  # bytes of one protobuf message
_NAMED = 200_000  # neurons; beyond that their names are left out
_DTYPES = {"float32": 1, "float64": 11}


def to_onnx(network: ReluNetwork, *, dtype: str = "float32") -> "onnx.ModelProto":
    """Return a network as an ONNX model.

    Parameters
    ----------
    network
        The network.
    dtype
        ``"float32"`` or ``"float64"``, of inputs, weights and outputs.

    Raises
    ------
    ImportError
        If the package onnx is not installed.
    ValueError
        If the format is another one, rounds weights or sums, or the model is too large for a
        file.
    """
    try:
        from onnx import checker, helper
    except ImportError:
        raise ImportError(
            "writing ONNX needs the package onnx: pip install 'widthwise[onnx]'"
        ) from None
    if dtype not in _DTYPES:
        raise ValueError(f"dtype is {dtype!r}: give one of {', '.join(_DTYPES)}")
    require_exact(network, dtype)
    size = sum(_cost(weights) for weights, _ in network.layers()) * np.dtype(dtype).itemsize
    if size > _LARGEST:
        raise ValueError(
            f"the model would take {size / 1e9:.1f} GB, and ONNX files hold 2 GB: save it as "
            ".safetensors or .npz"
        )
    graph = _Graph(dtype)
    state = memory = "inputs"
    for number, (weights, bias) in enumerate(network.layers()):
        last = number == network.depth
        name = "outputs" if last else f"layer_{number + 1}"
        made = graph.layer(state, weights, bias, name=name, relu=not last)
        if network.mode == "skip" and not last:
            made = memory = graph.node("Concat", [memory, made], axis=1)
        state = made
    value = helper.make_tensor_value_info
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "circuit",
            [value("inputs", _DTYPES[dtype], ["batch", network.inputs])],
            [value("outputs", _DTYPES[dtype], ["batch", network.outputs])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR,
        producer_name="widthwise",
    )
    helper.set_model_props(model, _metadata(network))
    checker.check_model(model)
    return model


def save_onnx(network: ReluNetwork, path: str | Path, *, dtype: str = "float32") -> Path:
    """Write a network as an ONNX file; see `to_onnx`."""
    path = Path(path)
    path.write_bytes(to_onnx(network, dtype=dtype).SerializeToString())
    return path


def _padded(weights: sp.csr_array) -> int:
    """Most weights of a row; at least one, for shapes."""
    return max(1, int(np.diff(weights.indptr).max(initial=1)))


def _cost(weights: sp.csr_array) -> int:
    """Numbers in the file for a layer, in its smaller form."""
    rows, columns = _shape(weights)
    return min(rows * max(columns, 1), 3 * rows * _padded(weights))


def _shape(weights: sp.csr_array) -> tuple[int, int]:
    rows, columns = weights.shape or (0, 0)
    return rows, columns


class _Graph:
    """Nodes and constants while they are collected."""

    def __init__(self, dtype: str) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._tensor = helper, numpy_helper.from_array
        self.dtype = np.dtype(dtype)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, array: np.ndarray) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(self._tensor(np.ascontiguousarray(array), name))
        return name

    def node(self, kind: str, reads: list[str], *, name: str = "", **settings: Any) -> str:
        name = name or f"value_{len(self.nodes)}"
        self.nodes.append(self._helper.make_node(kind, reads, [name], name=name, **settings))
        return name

    def number(self, array: np.ndarray) -> str:
        written = array.astype(self.dtype)
        if np.any(written != array):
            wrong = array[written != array][0]
            raise ValueError(f"{wrong!r} is a weight or bias that {self.dtype} cannot hold exactly")
        return self.constant(written)

    def layer(
        self, state: str, weights: sp.csr_array, bias: np.ndarray, *, name: str, relu: bool
    ) -> str:
        rows, terms = len(bias), _padded(weights)
        if _shape(weights)[1] <= 3 * terms:
            made = self.node("MatMul", [state, self.number(weights.toarray().T)])
        else:
            made = self._gathered(state, weights, rows, terms)
        summed = [made, self.number(bias[None])]
        if not relu:
            return self.node("Add", summed, name=name)
        return self.node("Relu", [self.node("Add", summed)], name=name)

    def _gathered(self, state: str, weights: sp.csr_array, rows: int, terms: int) -> str:
        row = np.repeat(np.arange(rows), np.diff(weights.indptr))
        term = np.arange(len(row)) - weights.indptr[row]
        columns, factors = np.zeros((rows, terms), np.int32), np.zeros((rows, terms))
        columns[row, term], factors[row, term] = weights.indices, weights.data
        read = self.node("Gather", [state, self.constant(columns)], axis=1)
        product = self.node("Mul", [read, self.number(factors[None])])
        axes = self.constant(np.array([2], np.int64))
        return self.node("ReduceSum", [product, axes], keepdims=0)


def _metadata(network: ReluNetwork) -> dict[str, str]:
    found = {"inputs": list(network.names.inputs), "outputs": list(network.names.outputs)}
    if network.neurons <= _NAMED:
        names = network.neuron_names()
        for layer in range(network.depth):
            start, end = network.starts[layer : layer + 2].tolist()
            found[f"layer_{layer + 1}"] = names[start:end]
    return {name: json.dumps(value) for name, value in found.items()}
