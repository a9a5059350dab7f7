"""When each number of a program is made and last read: all that the size of a network follows from.

In a *layered* network, a plain multilayer perceptron, layer ``t`` reads layer ``t - 1`` alone. So a
node of level ``l`` that is last read in layer ``u`` is carried by one relay neuron in each
of the layers ``l + 1, ..., u - 1``; outputs are read after the last layer, ``L``, that is in layer
``L + 1``. A value that is read in the next layer needs no neuron: whoever reads it reads its parts.
In a *skip* network each layer reads all earlier ones, and there are no relays.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from widthwise.circuits.levels import intervals, levels
from widthwise.circuits.program import ReluProgram

Mode = Literal["layered", "skip"]


@dataclass(frozen=True, eq=False)
class Timetable:
    """Levels and live ranges of the nodes, and what every neuron reads when.

    Attributes
    ----------
    mode
        Kind of network.
    inputs
        Number of inputs.
    level
        Layer in which each node is made, 0 for inputs.
    depth
        Number of layers, L.
    last
        Last layer that reads each node as one number; 0 if none does.
    neurons
        The nodes that are neurons, in order.
    reads, bias
        What each neuron, and after them each output, reads: nodes that its layer finds in the
        layer before, or carried there. Values that were just made are replaced by their parts.
    parts, parts_bias
        The same for a node that is carried on: what its first relay reads.
    shift
        What is added to a node while it is carried, so that it is not negative.
    """

    mode: Mode
    inputs: int
    level: Int[np.ndarray, " nodes"]
    depth: int
    last: Int[np.ndarray, " nodes"]
    neurons: Int[np.ndarray, " neurons"]
    reads: sp.csr_array
    bias: Float[np.ndarray, " neurons_and_outputs"]
    parts: sp.csr_array
    parts_bias: Float[np.ndarray, " nodes"]
    shift: Float[np.ndarray, " nodes"]

    @property
    def relays(self) -> Int[np.ndarray, " nodes"]:
        """How many relays carry each node: ``max(0, last - 1 - level)``, none in skip mode."""
        count = np.maximum(self.last - 1 - self.level, 0)
        return count if self.mode == "layered" else np.zeros_like(count)

    @property
    def read_in(self) -> Int[np.ndarray, " neurons_and_outputs"]:
        """The layer of each neuron, and ``depth + 1`` for each output."""
        outputs = len(self.bias) - len(self.neurons)
        return np.concatenate([self.level[self.neurons], np.full(outputs, self.depth + 1)])


def timetable(
    program: ReluProgram,
    mode: Mode = "layered",
    *,
    level: Int[np.ndarray, " nodes"] | None = None,
) -> Timetable:
    """Find levels and live ranges.

    Parameters
    ----------
    program
        The program; see `prune` for nodes that no output depends on.
    mode
        ``"layered"`` or ``"skip"``.
    level
        Level of each node where it should be later than necessary.

    Raises
    ------
    ValueError
        If a level is too early, or the mode is unknown.
    """
    if mode not in ("layered", "skip"):
        raise ValueError(f"mode is {mode!r}: give 'layered' or 'skip'")
    level = levels(program) if level is None else _checked(program, level)
    made = program.inputs + np.flatnonzero(program.relu)
    depth = int(level[made].max(initial=0))
    is_value = np.zeros(program.nodes, bool)
    is_value[program.inputs :] = ~program.relu
    parts, parts_bias = _parts(program, level, is_value, mode)

    reads = sp.csr_array(sp.vstack([program.rows()[program.relu], program.output_rows()]))
    bias = np.concatenate([program.bias[program.relu], program.output_bias])
    when = np.concatenate([level[made], np.full(program.outputs, depth + 1)])
    readers = _readers(reads)
    near = is_value[reads.indices]
    if mode == "layered":
        near &= level[reads.indices] == when[readers] - 1
    reads, bias = _substitute(reads, bias, near, parts, parts_bias)

    last = np.zeros(program.nodes, np.int64)
    readers = _readers(reads)
    np.maximum.at(last, reads.indices, when[readers])
    if mode == "layered":
        _carry_parts(last, level, parts)
        shift = _shifts(program, last - 1 > level)
        _unshift(bias, reads, when, level, shift)
        _unshift(parts_bias, parts, level + 1, level, shift)
    else:
        shift = np.zeros(program.nodes)
    return Timetable(
        mode=mode,
        inputs=program.inputs,
        level=level,
        depth=depth,
        last=last,
        neurons=made,
        reads=reads,
        bias=bias,
        parts=parts,
        parts_bias=parts_bias + shift,
        shift=shift,
    )


def _checked(program: ReluProgram, level: np.ndarray) -> np.ndarray:
    """Refuse levels at which a node would be made before what it reads."""
    level = np.asarray(level)
    if level.shape != (program.nodes,):
        raise ValueError(f"{level.shape} levels for {program.nodes} nodes: give one for each")
    rows = program.rows()
    step = program.relu[_readers(rows)].astype(int)
    wrong = level[program.inputs + _readers(rows)] < level[rows.indices] + step
    early = program.inputs + np.flatnonzero(program.relu & (level[program.inputs :] < 1))
    if np.any(level[: program.inputs]) or wrong.any() or early.size:
        node = program.inputs + int(_readers(rows)[np.argmax(wrong)]) if wrong.any() else 0
        raise ValueError(
            f"node {node} ({program.names.gate_of(node)!r}) has level {level[node]}: inputs have "
            "level 0, a neuron a higher level than what it reads, a value no lower one"
        )
    return level


def _readers(rows: sp.csr_array) -> np.ndarray:
    """Row of every stored entry."""
    return np.repeat(np.arange(len(rows.indptr) - 1), np.diff(rows.indptr))


def _parts(
    program: ReluProgram, level: np.ndarray, is_value: np.ndarray, mode: Mode
) -> tuple[sp.csr_array, np.ndarray]:
    """What stands for each node when it is read right after it was made, in one step."""
    values = np.flatnonzero(is_value)
    own = np.flatnonzero(~is_value)
    identity = (np.ones(len(own)), (own, own))
    rows = program.rows()[values - program.inputs]
    shape = (program.nodes, program.nodes)
    entries = (rows.data, (values[_readers(rows)], rows.indices))
    definitions = sp.csr_array(sp.coo_array(entries, shape=shape))
    offsets = np.zeros(program.nodes)
    offsets[values] = program.bias[values - program.inputs]
    parts, bias = definitions, offsets
    while True:  # values made of values: once for each depth of nesting
        inner = is_value[parts.indices]
        if mode == "layered":
            inner &= level[parts.indices] == level[_readers(parts)]
        if not inner.any():
            break
        parts, bias = _substitute(parts, bias, inner, definitions, offsets)
    return sp.csr_array(parts + sp.coo_array(identity, shape=shape)), bias.copy()


def _substitute(
    rows: sp.csr_array,
    bias: np.ndarray,
    chosen: np.ndarray,
    parts: sp.csr_array,
    parts_bias: np.ndarray,
) -> tuple[sp.csr_array, np.ndarray]:
    """Replace the chosen entries of the rows by the parts of what they read."""
    if not chosen.any():
        return rows, bias.copy()
    taken, left = rows.copy(), rows.copy()
    taken.data = np.where(chosen, rows.data, 0.0)
    left.data = np.where(chosen, 0.0, rows.data)
    taken.eliminate_zeros()
    left.eliminate_zeros()
    found = sp.csr_array(left + taken @ parts)
    found.eliminate_zeros()
    found.sort_indices()
    return found, bias + taken @ parts_bias


def _carry_parts(last: np.ndarray, level: np.ndarray, parts: sp.csr_array) -> None:
    """A value that is carried reads its parts in the layer after it is made, so they live on."""
    whole, part = _readers(parts), parts.indices
    while True:
        carried = last[whole] > level[whole] + 1
        needed = np.where(carried & (whole != part), level[whole] + 1, 0)
        if np.all(last[part] >= needed):
            return
        np.maximum.at(last, part, needed)


def _shifts(program: ReluProgram, carried: np.ndarray) -> np.ndarray:
    """A ReLU passes on what is not negative: add the lower bound of what may be."""
    shift = np.zeros(program.nodes)
    signed = carried & (program.lower < 0)
    signed[program.inputs :] &= ~program.relu
    if signed.any():
        lower, _ = intervals(program)
        shift[signed] = np.maximum(-lower[signed], 0.0)
    return shift


def _unshift(
    bias: np.ndarray,
    rows: sp.csr_array,
    when: np.ndarray,
    level: np.ndarray,
    shift: np.ndarray,
) -> None:
    """Rows that read a carried node subtract what was added to it."""
    readers = _readers(rows)
    carried = level[rows.indices] < when[readers] - 1
    extra = np.where(carried, rows.data * shift[rows.indices], 0.0)
    bias -= np.bincount(readers, extra, len(bias))
