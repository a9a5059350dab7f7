"""How large the network of a circuit is, said before it is built."""

import itertools
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int

from widthwise.circuits.timetable import Mode, Timetable

if TYPE_CHECKING:
    from widthwise.circuits.network import ReluNetwork


@dataclass(frozen=True, eq=False)
class Size:
    """The size of a network.

    Attributes
    ----------
    inputs, outputs
        Numbers of inputs and outputs.
    gate_neurons, relay_neurons
        Neurons that compute, and neurons that carry a number to the next layer.
    depth, max_width
        Number of ReLU layers, and neurons of the widest one.
    nonzeros
        Weights that are not zero, those of the affine read-out included.
    sparse_parameters
        Weights and biases that are not zero.
    dense_parameters
        All weights and biases, were every layer a full matrix.
    layer_neurons
        Neurons of each layer.
    layer_nonzeros
        Weights of each layer, and last those of the read-out.
    """

    inputs: int
    outputs: int
    gate_neurons: int
    relay_neurons: int
    depth: int
    max_width: int
    nonzeros: int
    sparse_parameters: int
    dense_parameters: int
    layer_neurons: Int[np.ndarray, " layers"]
    layer_nonzeros: Int[np.ndarray, " layers_and_readout"]

    @property
    def neurons(self) -> int:
        """Gate and relay neurons together."""
        return self.gate_neurons + self.relay_neurons

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Size) and self.to_dict() == other.to_dict()

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def to_dict(self) -> dict[str, int | list[int]]:
        """Return the numbers as plain Python."""
        found = {name: _plain(value) for name, value in asdict(self).items()}
        return {**found, "neurons": self.neurons}


def _plain(value: "int | np.ndarray") -> int | list[int]:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _dense(inputs: int, widths: np.ndarray, outputs: int, mode: Mode) -> int:
    """Count the weights and biases of full matrices."""
    rows = [*widths.tolist(), outputs]
    columns = [inputs, *widths.tolist()]
    if mode == "skip":
        columns = list(itertools.accumulate(columns))
    return sum(high * (wide + 1) for high, wide in zip(rows, columns, strict=True))


def predict_size(times: Timetable) -> Size:
    """Count the neurons, weights and biases of a network from levels and live ranges alone.

    No layer is built: a node of level ``l`` last read in layer ``u`` adds one neuron and one weight
    to each of the layers ``l + 1, ..., u - 1``, its first relay as many weights as it has parts.

    Parameters
    ----------
    times
        The timetable of the program.

    Returns
    -------
    Size
    """
    layers, neurons = times.depth + 1, len(times.neurons)
    count, first = times.relays, times.level + 1
    carried = np.flatnonzero(count)
    change = np.bincount(first[carried], minlength=layers + 2)
    change -= np.bincount(first[carried] + count[carried], minlength=layers + 2)
    relays = np.cumsum(change)[1:layers]
    gates = np.bincount(times.level[times.neurons], minlength=layers)[1:]
    width = gates + relays
    part_count = np.diff(times.parts.indptr)
    weights = np.bincount(times.read_in, np.diff(times.reads.indptr), layers + 1)
    weights += np.bincount(first[carried], part_count[carried] - 1, layers + 1)
    weights[1:layers] += relays
    nonzeros = weights[1:].astype(np.int64)
    biases = np.count_nonzero(times.bias) + np.count_nonzero(times.parts_bias[carried])
    outputs = len(times.bias) - neurons
    return Size(
        inputs=times.inputs,
        outputs=outputs,
        gate_neurons=neurons,
        relay_neurons=int(relays.sum()),
        depth=times.depth,
        max_width=int(width.max(initial=0)),
        nonzeros=int(nonzeros.sum()),
        sparse_parameters=int(nonzeros.sum()) + int(biases),
        dense_parameters=_dense(times.inputs, width, outputs, times.mode),
        layer_neurons=width.astype(np.int64),
        layer_nonzeros=nonzeros,
    )


def count_size(network: "ReluNetwork") -> Size:
    """Count the neurons, weights and biases that a network has.

    Parameters
    ----------
    network
        The network.

    Returns
    -------
    Size
    """
    rows = np.concatenate([network.starts, [len(network.bias)]])
    nonzeros = np.diff(network.indptr[rows]).astype(np.int64)
    widths = network.widths
    relays = int(np.count_nonzero(network.relay))
    return Size(
        inputs=network.inputs,
        outputs=network.outputs,
        gate_neurons=network.neurons - relays,
        relay_neurons=relays,
        depth=network.depth,
        max_width=int(widths.max(initial=0)),
        nonzeros=int(np.count_nonzero(network.weights)),
        sparse_parameters=int(np.count_nonzero(network.weights) + np.count_nonzero(network.bias)),
        dense_parameters=_dense(network.inputs, widths, network.outputs, network.mode),
        layer_neurons=widths.astype(np.int64),
        layer_nonzeros=nonzeros,
    )
