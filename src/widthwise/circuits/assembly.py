"""Put the neurons of a program into the layers of a network."""

import numpy as np
import scipy.sparse as sp
from jaxtyping import Int

from widthwise.circuits.levels import intervals
from widthwise.circuits.network import ReluNetwork
from widthwise.circuits.program import ReluProgram
from widthwise.circuits.timetable import Mode, Timetable, timetable


def assemble(
    program: ReluProgram,
    mode: Mode = "layered",
    *,
    level: Int[np.ndarray, " nodes"] | None = None,
) -> ReluNetwork:
    """Build the network of a program.

    Parameters
    ----------
    program
        The program.
    mode
        ``"layered"``: a plain multilayer perceptron, in which relay neurons carry on what later
        layers read. ``"skip"``: each layer reads all earlier ones, and every neuron computes.
    level
        Layer of each node where it should be later than necessary.

    Returns
    -------
    ReluNetwork

    Raises
    ------
    ValueError
        If a level is too early, or the mode is unknown.
    """
    times = timetable(program, mode, level=level)
    return _Assembly(program, times).network()


class _Assembly:
    """Numbers the neurons, layer by layer, gates before relays; then finds what each reads."""

    def __init__(self, program: ReluProgram, times: Timetable) -> None:
        self.program, self.times = program, times
        count = times.relays
        self.carried = np.repeat(np.arange(program.nodes), count)
        self.relay_start = np.cumsum(count) - count
        steps = np.arange(len(self.carried)) - self.relay_start[self.carried]
        self.relay_layer = times.level[self.carried] + 1 + steps
        self.layer = np.concatenate([times.level[times.neurons], self.relay_layer])
        self.order = np.argsort(self.layer, kind="stable")
        self.number = np.empty(len(self.order), np.int64)
        self.number[self.order] = np.arange(len(self.order))
        widths = np.bincount(self.layer, minlength=times.depth + 1)[1:]
        self.starts = np.concatenate([[0], np.cumsum(widths)])
        self.own = np.full(program.nodes, -1)  # the gate neuron of a node, by number
        self.own[times.neurons] = self.number[: len(times.neurons)]

    def network(self) -> ReluNetwork:
        program, times = self.program, self.times
        gates = len(times.neurons)
        neurons = len(self.order)
        numbers = np.concatenate([self.number[:gates], neurons + np.arange(program.outputs)])
        rows, columns, weights = [], [], []

        def read(row: np.ndarray, nodes: np.ndarray, when: np.ndarray, weight: np.ndarray) -> None:
            rows.append(row)
            columns.append(self._column(nodes, when))
            weights.append(weight)

        readers = np.repeat(np.arange(len(numbers)), np.diff(times.reads.indptr))
        read(numbers[readers], times.reads.indices, times.read_in[readers], times.reads.data)
        bias = np.zeros(neurons + program.outputs)
        bias[numbers] = times.bias

        first = np.flatnonzero(times.relays)
        first_number = self.number[gates + self.relay_start[first]]
        parts = times.parts[first]
        whole = np.repeat(np.arange(len(first)), np.diff(parts.indptr))
        read(first_number[whole], parts.indices, times.level[first][whole] + 1, parts.data)
        bias[first_number] = times.parts_bias[first]

        further = self.relay_layer > times.level[self.carried] + 1
        relays = self.number[gates:][further]
        read(relays, self.carried[further], self.relay_layer[further], np.ones(len(relays)))

        entries = (np.concatenate(rows), np.concatenate(columns))
        shape = (len(bias), 1 + max((int(part.max(initial=0)) for part in columns), default=0))
        matrix = sp.csr_array(sp.coo_array((np.concatenate(weights), entries), shape=shape))
        matrix.sort_indices()
        lower, upper = _ranges(program)
        return ReluNetwork(
            mode=times.mode,
            inputs=program.inputs,
            starts=self.starts,
            indptr=matrix.indptr,
            indices=matrix.indices,
            weights=matrix.data,
            bias=bias,
            node=np.concatenate([times.neurons, self.carried])[self.order],
            relay=self.order >= gates,
            lower=lower,
            upper=upper,
            unit=program.unit,
            names=program.names,
        )

    def _column(self, nodes: np.ndarray, when: np.ndarray) -> np.ndarray:
        """Where a layer finds a node: among the inputs, the gates or the relays before it."""
        times, inputs = self.times, self.program.inputs
        if times.mode == "skip":
            return np.where(nodes < inputs, nodes, inputs + self.own[nodes])
        level = times.level[nodes]
        fresh = level == when - 1
        relay = self.relay_start[nodes] + when - 2 - level
        # The place is looked up only where a relay is read.
        place = np.where(fresh, 0, len(times.neurons) + relay)
        number = np.where(fresh, self.own[nodes], self.number[place] if len(self.number) else 0)
        within = number - self.starts[np.maximum(when - 2, 0)]
        return np.where(fresh & (nodes < inputs), nodes, within)


def _ranges(program: ReluProgram) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of every node: those that gates prove, if they all do and nothing is negative."""
    if np.all(program.lower >= 0) and np.all(np.isfinite(program.upper)):
        return program.lower, program.upper
    return intervals(program)
