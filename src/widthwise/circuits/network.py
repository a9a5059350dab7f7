"""A sparse ReLU network: what a circuit is compiled to."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float, Int, Shaped

from widthwise.circuits.program import Names
from widthwise.circuits.size import Size, count_size
from widthwise.circuits.timetable import Mode


@dataclass(frozen=True, eq=False)
class ReluNetwork:
    """Layers of sparse rows, ``h_t = relu(W_t h_(t-1) + b_t)``, and an affine read-out.

    In mode ``"layered"`` a layer reads the one before; in mode ``"skip"`` it reads the inputs and
    all neurons before it, in order.

    Attributes
    ----------
    mode
        Kind of network.
    inputs
        Number of inputs.
    starts
        Layer ``t`` (from 0) has the neurons ``starts[t] : starts[t + 1]``.
    indptr, indices, weights, bias
        Rows in compressed form: those of all neurons, and after them those of the outputs. An
        index counts from the first neuron of the layer before, or in skip mode inputs first and
        then all neurons.
    node
        The node of the program that each neuron computes, or carries on.
    relay
        Whether a neuron only carries on what was computed before.
    lower, upper
        Range of every node of the program, inputs first: those for which the network was made.
    names
        Names of inputs, outputs and gates, and which nodes a gate owns.
    unit
        Spacing of the inputs for which the network was made.
    """

    mode: Mode
    inputs: int
    starts: Int[np.ndarray, " layers_and_end"]
    indptr: Int[np.ndarray, " rows_and_end"]
    indices: Int[np.ndarray, " weights"]
    weights: Float[np.ndarray, " weights"]
    bias: Float[np.ndarray, " rows"]
    node: Int[np.ndarray, " neurons"]
    relay: Bool[np.ndarray, " neurons"]
    lower: Float[np.ndarray, " nodes"]
    upper: Float[np.ndarray, " nodes"]
    names: Names
    unit: float = 1.0

    def __post_init__(self) -> None:
        rows, edges = len(self.bias), len(self.weights)
        starts, indptr = self.starts, self.indptr
        shapes = (
            len(starts) >= 1
            and len(indptr) == rows + 1
            and len(self.indices) == edges
            and rows >= len(self.node) == len(self.relay)
            and len(self.lower) == len(self.upper) >= self.inputs == len(self.names.inputs)
            and rows - len(self.node) == len(self.names.outputs)
        )
        if not shapes:
            raise ValueError("the arrays of the network do not fit together")
        if (starts[0], starts[-1]) != (0, len(self.node)) or (indptr[0], indptr[-1]) != (0, edges):
            raise ValueError(
                "layers or rows do not begin at 0 and end with the last neuron or weight"
            )
        if np.any(np.diff(starts) < 1) or np.any(np.diff(indptr) < 0):
            raise ValueError("layers or rows are not in order")
        columns = np.array([self.columns(layer) for layer in range(self.depth + 1)])
        allowed = np.repeat(np.repeat(columns, np.diff([*starts, rows])), np.diff(indptr))
        if np.any((self.indices < 0) | (self.indices >= allowed)):
            raise ValueError("a row reads a neuron that its layer does not see")
        if np.any((self.node < 0) | (self.node >= len(self.lower))):
            raise ValueError("a neuron computes a node that has no range")
        if not np.all((self.lower <= self.upper) & np.isfinite(self.upper - self.lower)):
            raise ValueError("a node has no finite range")

    @property
    def neurons(self) -> int:
        """The number of neurons, relays included."""
        return len(self.node)

    @property
    def depth(self) -> int:
        """The number of ReLU layers."""
        return len(self.starts) - 1

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return len(self.bias) - self.neurons

    @property
    def widths(self) -> Int[np.ndarray, " layers"]:
        """Neurons of each layer."""
        return np.diff(self.starts)

    def columns(self, layer: int) -> int:
        """Count what a layer can read; layer ``depth`` is the read-out."""
        if self.mode == "skip" or layer == 0:
            return self.inputs + int(self.starts[layer])
        return int(self.starts[layer] - self.starts[layer - 1])

    def layer(self, layer: int) -> tuple[sp.csr_array, Float[np.ndarray, " width"]]:
        """Return weights and biases of a layer; layer ``depth`` is the read-out."""
        last = layer == self.depth
        start = int(self.starts[layer])
        end = len(self.bias) if last else int(self.starts[layer + 1])
        edges = slice(int(self.indptr[start]), int(self.indptr[end]))
        pointers = self.indptr[start : end + 1] - self.indptr[start]
        arrays = (self.weights[edges], self.indices[edges], pointers)
        return sp.csr_array(arrays, shape=(end - start, self.columns(layer))), self.bias[start:end]

    def layers(self) -> Iterator[tuple[sp.csr_array, Float[np.ndarray, " width"]]]:
        """Yield weights and biases of every layer, and last those of the read-out."""
        yield from map(self.layer, range(self.depth + 1))

    def size(self) -> Size:
        """Count what was built."""
        return count_size(self)

    def neurons_of(self, gate: str) -> Int[np.ndarray, " neurons"]:
        """Return the neurons that compute a gate, relays not among them.

        Raises
        ------
        KeyError
            If no gate has that name.
        """
        nodes = self.names.nodes_of(gate)
        found = (self.node >= nodes.start) & (self.node < nodes.stop) & ~self.relay
        return np.flatnonzero(found)

    def neuron_names(self) -> list[str]:
        """Name every neuron: its gate and a number from 0; in brackets, what a relay carries."""
        gate_of = self.names.owners(self.node)
        computes = np.flatnonzero(~self.relay)
        # Neurons of a gate, in order of their nodes.
        order = computes[np.lexsort((self.node[computes], gate_of[computes]))]
        place = np.zeros(self.neurons, np.int64)
        owners = gate_of[order]
        place[order] = np.arange(len(order)) - np.searchsorted(owners, owners)
        gates, inputs = self.names.gates, self.names.inputs
        found = zip(
            self.relay.tolist(), gate_of.tolist(), place.tolist(), self.node.tolist(), strict=True
        )
        return [
            f"({inputs[node] if gate < 0 else gates[gate]})" if relay else f"{gates[gate]}.{number}"
            for relay, gate, number, node in found
        ]

    def ranges(self) -> tuple[Float[np.ndarray, " numbers"], Float[np.ndarray, " numbers"]]:
        """Return bounds of all inputs and, after them, of all neurons.

        A neuron that carries a number which may be negative carries it with its lower bound taken
        off.
        """
        shift = np.where(self.relay, np.maximum(-self.lower[self.node], 0), 0)
        low, high = (
            np.concatenate([bound[: self.inputs], np.maximum(bound[self.node] + shift, 0)])
            for bound in (self.lower, self.upper)
        )
        return low, high

    def evaluate(
        self, inputs: Shaped[np.ndarray, "batch inputs"]
    ) -> Float[np.ndarray, "batch outputs"]:
        """Run the network on a batch in float64 with SciPy.

        Parameters
        ----------
        inputs
            One row for each example; Booleans are zeros and ones.

        Raises
        ------
        ValueError
            If the number of columns is wrong or an input is outside the declared range.
        """
        state = self.check(inputs).astype(np.float64).T
        memory = np.empty(
            (0 if self.mode == "layered" else self.inputs + self.neurons, len(inputs))
        )
        memory[: len(state)] = state if len(memory) else 0
        for layer in range(self.depth):
            weights, bias = self.layer(layer)
            state = np.maximum(weights @ state + bias[:, None], 0)
            if len(memory):
                end = self.inputs + int(self.starts[layer + 1])
                memory[end - len(state) : end] = state
                state = memory[:end]
        weights, bias = self.layer(self.depth)
        return (weights @ state + bias[:, None]).T

    def check(self, inputs: Shaped[np.ndarray, "batch inputs"]) -> np.ndarray:
        """Refuse inputs for which the network was not made; return them as an array."""
        given = np.asarray(inputs)
        if given.ndim != 2 or given.shape[1] != self.inputs:
            raise ValueError(
                f"inputs of shape {given.shape} for a network of {self.inputs} inputs: give one "
                f"row for each example, with {self.inputs} columns"
            )
        # Written so that NaN is refused too.
        low, high = self.lower[: self.inputs], self.upper[: self.inputs]
        outside = ~((given >= low) & (given <= high) & (given % self.unit == 0))
        if outside.any():
            row, column = np.argwhere(outside)[0].tolist()
            raise ValueError(
                f"input {self.names.inputs[column]!r} of example {row} is {given[row, column]}: "
                f"the network is exact on multiples of {self.unit:g} from "
                f"{low[column]:g} to {high[column]:g}"
            )
        return given
