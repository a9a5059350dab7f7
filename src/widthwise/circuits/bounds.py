"""Bounds on every partial sum of every row of a network, by interval arithmetic.

All numbers in a network of a circuit are multiples of a power of two, the *unit*. Partial sums of a
row, in any order of its terms, lie between the sum of all negative parts and that of all positive
ones.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from widthwise.circuits.network import ReluNetwork

_NO_BITS = 2000  # the exponent of zero: a multiple of everything
_BLOCK = 2**20  # weights that are bounded at a time


@dataclass(frozen=True)
class GateBound:
    """What numbers the rows of one gate need.

    Attributes
    ----------
    gate
        Name of the gate, or of an output.
    largest
        Bound on the magnitude of every number and partial sum of its rows.
    unit
        Power of two of which they are all multiples.
    """

    gate: str
    largest: float
    unit: float

    @property
    def bits(self) -> int:
        """Significant bits that suffice: ``largest <= 2^bits unit``."""
        return int(np.ceil(np.log2(max(self.largest / self.unit, 1))))

    def __str__(self) -> str:
        return (
            f"{self.gate}: all partial sums are multiples of {self.unit:g} and at most "
            f"{self.largest:g} <= 2^{self.bits} x {self.unit:g}"
        )


@dataclass(frozen=True, eq=False)
class RowBounds:
    """What every row of a network needs, neurons first and then outputs.

    Attributes
    ----------
    network
        The network.
    largest
        Bound on the magnitude of every number and partial sum of a row.
    unit
        Power of two of which they are all multiples; 1 for a row of zeros.
    """

    network: ReluNetwork
    largest: Float[np.ndarray, " rows"]
    unit: Float[np.ndarray, " rows"]

    def of_row(self, row: int) -> GateBound:
        """Return the bound of a row, under the name of its gate."""
        label = int(self._labels(slice(row, row + 1))[0])
        return GateBound(self._name(label), float(self.largest[row]), float(self.unit[row]))

    def of_gates(self) -> list[GateBound]:
        """Return the most that any row of each gate needs.

        The gates come in the order in which the network computes them, then the outputs; what
        carries an input on stands for itself.
        """
        labels = self._labels(slice(0, len(self.largest)))
        _, first, group = np.unique(labels, return_index=True, return_inverse=True)
        need = np.maximum(self.largest, 1e-300) / self.unit
        worst = np.lexsort((need, group))
        ends = np.flatnonzero(np.diff(group[worst], append=len(first)))
        return [self.of_row(row) for row in worst[ends][np.argsort(first)].tolist()]

    def _labels(self, rows: slice) -> np.ndarray:
        """Number the gates, and after them the outputs; inputs count down from -1."""
        network, names = self.network, self.network.names
        node = network.node[rows]
        owner = np.where(node < network.inputs, -1 - node, names.owners(node))
        outputs = np.arange(max(rows.start, network.neurons), rows.stop) - network.neurons
        return np.concatenate([owner, len(names.gates) + outputs])

    def _name(self, label: int) -> str:
        names = self.network.names
        if label < 0:
            return f"{names.inputs[-1 - label]} (carried)"
        if label < len(names.gates):
            return names.gates[label]
        return f"output {names.outputs[label - len(names.gates)]}"


def bound_rows(network: ReluNetwork) -> RowBounds:
    """Bound all partial sums of a network, for inputs in their ranges.

    Parameters
    ----------
    network
        The network; it knows the range of what each neuron computes.
    """
    reads = _reads(network)
    exponent, row_exponent = _units(network, reads)
    low, high = network.ranges()
    size = np.maximum(np.abs(low), np.abs(high)) * 2.0 ** -exponent.astype(float)
    unit = 2.0 ** np.where(row_exponent == _NO_BITS, 0, row_exponent).astype(float)
    largest = np.empty(len(network.bias))
    for rows, edges in _blocks(network.indptr):
        weights, columns, bias = network.weights[edges], reads[edges], network.bias[rows]
        counts = np.diff(network.indptr[rows.start : rows.stop + 1])
        owner = np.repeat(np.arange(len(counts)), counts)
        ends = weights * low[columns], weights * high[columns]
        ups = np.bincount(owner, np.maximum(np.maximum(*ends), 0), len(counts))
        downs = np.bincount(owner, np.minimum(np.minimum(*ends), 0), len(counts))
        # Single numbers must be held too: what the row reads, and its weights.
        single = np.zeros(len(counts))
        np.maximum.at(single, owner, np.maximum(size[columns], _odd_part(weights)))
        sums = np.maximum(ups + np.maximum(bias, 0), -(downs + np.minimum(bias, 0)))
        largest[rows] = np.maximum(sums, single * unit[rows])
    return RowBounds(network, largest, unit)


def _reads(network: ReluNetwork) -> Int[np.ndarray, " weights"]:
    """What each weight reads, counted from the first input."""
    if network.mode == "skip":
        return network.indices
    rows = np.append(network.starts, len(network.bias))
    first = np.concatenate([[0], network.inputs + network.starts[:-1]])
    return network.indices + np.repeat(first, np.diff(network.indptr[rows]))


def _units(network: ReluNetwork, reads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Exponent of the unit of every input and neuron, and of every row, layer by layer."""
    of_weights = _lowest_bit(network.weights)
    rows = _lowest_bit(network.bias)
    numbers = np.full(network.inputs + network.neurons, int(np.log2(network.unit)))
    starts = [*network.starts.tolist(), len(rows)]
    for start, stop in itertools.pairwise(starts):
        pointers = network.indptr[start : stop + 1]
        edges = slice(int(pointers[0]), int(pointers[-1]))
        used = np.flatnonzero(np.diff(pointers))
        if used.size:
            terms = of_weights[edges] + numbers[reads[edges]]
            least = np.minimum.reduceat(terms, pointers[used] - edges.start)
            rows[start + used] = np.minimum(rows[start + used], least)
        made = rows[start : min(stop, network.neurons)]
        here = slice(network.inputs + start, network.inputs + start + len(made))
        numbers[here] = np.where(made == _NO_BITS, 0, made)
    return numbers, rows


def _blocks(indptr: np.ndarray) -> Iterator[tuple[slice, slice]]:
    """Rows, some at a time, and their weights."""
    start, rows = 0, len(indptr) - 1
    while start < rows:
        stop = int(np.searchsorted(indptr, indptr[start] + _BLOCK))
        stop = min(max(stop, start + 1), start + _BLOCK, rows)
        yield slice(start, stop), slice(int(indptr[start]), int(indptr[stop]))
        start = stop


def _odd_part(numbers: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    """Return the numbers in units of their lowest bit."""
    return np.abs(numbers) * 2.0 ** -np.where(numbers == 0, 0, _lowest_bit(numbers)).astype(float)


def _lowest_bit(numbers: Float[np.ndarray, " k"]) -> Int[np.ndarray, " k"]:
    """Return the exponent of the lowest bit that is set: 0 for odd numbers, -1 for halves."""
    fraction, exponent = np.frexp(numbers)
    whole = np.abs(fraction * 2.0**53).astype(np.int64)
    lowest = np.log2(np.maximum(whole & -whole, 1)).astype(np.int64)
    return np.where(whole == 0, _NO_BITS, exponent - 53 + lowest)
