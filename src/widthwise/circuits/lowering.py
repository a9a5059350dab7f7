"""Boolean gates as ReLU neurons.

On zeros and ones, with ``s`` the sum of what a gate reads:

============  ===================================================  ==========
gate          value                                                neurons
============  ===================================================  ==========
NOT, BUF      ``1 - a``, ``a``                                     0
AND of k      ``relu(s - (k - 1))``                                1
OR of k       ``1 - relu(1 - s)``                                  1
XOR           ``relu(a - b) + relu(b - a)``, a chain for more      2 (k - 1)
MUX           ``relu(x - c) + relu(y + c - 1)``                    2
MAJ of k      ``relu(s - t + 1) - relu(s - t)``, t = (k + 1) / 2   2
truth table   second differences at ``i = sum_j 2^j x_j``          up to 2^k - 1
============  ===================================================  ==========

Negations and constants are affine: they are folded into the rows that read them. So is the negation
in NAND, NOR, XNOR and OR, which is the AND of negated inputs, negated.

Source: A. Kratsios, D. Zvigelsky and B. Hart, "Quantifying the limits of AI reasoning", 2025,
arXiv:2508.18526, replaces each gate of a circuit by a ReLU network that emulates it; the emulators
are those of the table, each exact for every input.
"""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from widthwise.circuits.netlist import Kind, Netlist
from widthwise.circuits.program import Names, ReluProgram

_TRUE, _FALSE = -1, -2  # what stands in place of a node for a constant


def lower(netlist: Netlist) -> ReluProgram:
    """Replace each gate of a Boolean circuit by its ReLU neurons.

    Nothing is optimized: a gate that no output depends on and two equal gates are kept, and a
    constant is folded only into the rows that read it (see `prune`, `share` and `simplify`).

    Parameters
    ----------
    netlist
        The circuit.

    Returns
    -------
    ReluProgram
        Its values are zero or one on inputs that are.
    """
    rows = _Rows(len(netlist.inputs))
    # A wire is a node and whether it is negated; constants are negated never.
    wires: list[tuple[int, bool]] = [(node, False) for node in range(len(netlist.inputs))]
    starts = [len(wires)]
    literals, ends = netlist.literals.tolist(), netlist.indptr.tolist()
    for gate, kind in enumerate(netlist.kinds.tolist()):
        reads = [_literal(wires, number) for number in literals[ends[gate] : ends[gate + 1]]]
        wires.append(_emulate(rows, kind, reads, netlist.truth_table(gate)))
        starts.append(rows.nodes)
    outputs = _Rows(0)
    for number in netlist.output_literals.tolist():
        outputs.affine([(_literal(wires, number), 1)])
    return ReluProgram.from_rows(
        rows.matrix(rows.nodes),
        outputs.matrix(rows.nodes),
        relu=np.array(rows.relu, bool),
        bias=np.array(rows.bias, float),
        output_bias=np.array(outputs.bias, float),
        ranges=(np.zeros(rows.nodes), np.array([1.0] * rows.inputs + rows.upper)),
        names=Names(netlist.inputs, netlist.outputs, netlist.gates, np.array(starts)),
    )


def _literal(wires: list[tuple[int, bool]], number: int) -> tuple[int, bool]:
    node, negated = wires[number >> 1]
    return _negate((node, negated)) if number & 1 else (node, negated)


def _negate(wire: tuple[int, bool]) -> tuple[int, bool]:
    node, negated = wire
    if node < 0:
        return (_FALSE if node == _TRUE else _TRUE), False
    return node, not negated


class _Rows:
    """Rows of a program while they are collected."""

    def __init__(self, inputs: int) -> None:
        self.inputs = inputs
        self.relu: list[bool] = []
        self.bias: list[float] = []
        self.upper: list[float] = []
        self.readers: list[int] = []
        self.nodes_read: list[int] = []
        self.weights: list[float] = []

    @property
    def nodes(self) -> int:
        return self.inputs + len(self.relu)

    def affine(
        self,
        terms: Sequence[tuple[tuple[int, bool], int | float]],
        bias: int | float = 0.0,
        *,
        relu: bool = False,
        upper: int | float = 1.0,
    ) -> int:
        """Append a row over wires, with the negations folded in, and return its node."""
        row = len(self.relu)
        for (node, negated), weight in terms:
            if node < 0:
                bias += weight * (node == _TRUE)
            else:
                if negated:
                    bias += weight
                self.readers.append(row)
                self.nodes_read.append(node)
                self.weights.append(-weight if negated else weight)
        self.relu.append(relu)
        self.bias.append(bias)
        self.upper.append(upper)
        return self.inputs + row

    def matrix(self, nodes: int) -> sp.csr_array:
        places = (np.array(self.readers, np.int64), np.array(self.nodes_read, np.int64))
        entries = (np.array(self.weights, np.float64), places)
        return sp.csr_array(sp.coo_array(entries, shape=(len(self.relu), nodes)))


def _emulate(
    rows: _Rows, kind: int, reads: list[tuple[int, bool]], table: np.ndarray | None
) -> tuple[int, bool]:
    """Append the neurons of one gate and return the wire that carries its value."""
    if len(reads) == 1 and kind != Kind.TABLE:
        return _negate(reads[0]) if kind in (Kind.NOT, Kind.NAND, Kind.NOR, Kind.XNOR) else reads[0]
    match kind:
        case Kind.CONST:
            return _FALSE, False
        case Kind.AND | Kind.NAND:
            wire = _and(rows, reads), False
        case Kind.OR | Kind.NOR:
            wire = _and(rows, [_negate(read) for read in reads]), False
        case Kind.XOR | Kind.XNOR:
            wire = _xor(rows, reads)
        case Kind.MUX:
            return _mux(rows, reads), False
        case Kind.MAJ:
            return _majority(rows, reads), False
        case _:
            assert table is not None
            return _table(rows, reads, table)
    return _negate(wire) if kind in (Kind.OR, Kind.NAND, Kind.XNOR) else wire


def _and(rows: _Rows, reads: list[tuple[int, bool]]) -> int:
    return rows.affine([(read, 1) for read in reads], 1 - len(reads), relu=True)


def _xor(rows: _Rows, reads: list[tuple[int, bool]]) -> tuple[int, bool]:
    """Chain of two-input gates."""
    wire = reads[0]
    for other in reads[1:]:
        up = rows.affine([(wire, 1), (other, -1)], relu=True)
        down = rows.affine([(wire, -1), (other, 1)], relu=True)
        wire = rows.affine([((up, False), 1), ((down, False), 1)]), False
    return wire


def _mux(rows: _Rows, reads: list[tuple[int, bool]]) -> int:
    chooser, zero, one = reads
    off = rows.affine([(zero, 1), (chooser, -1)], relu=True)
    on = rows.affine([(one, 1), (chooser, 1)], -1, relu=True)
    return rows.affine([((off, False), 1), ((on, False), 1)])


def _majority(rows: _Rows, reads: list[tuple[int, bool]]) -> int:
    threshold = (len(reads) + 1) // 2
    terms = [(read, 1) for read in reads]
    low = rows.affine(terms, 1 - threshold, relu=True, upper=threshold)
    high = rows.affine(terms, -threshold, relu=True, upper=threshold - 1)
    return rows.affine([((low, False), 1), ((high, False), -1)])


def _table(rows: _Rows, reads: list[tuple[int, bool]], table: np.ndarray) -> tuple[int, bool]:
    """Interpolate the table: f(i) = f(0) + sum_m c_m relu(i - m), with c the second differences."""
    f = table.astype(int)
    steps = np.diff(f)
    bends = np.diff(steps, prepend=0)
    terms = [(read, float(1 << place)) for place, read in enumerate(reads)]
    parts = []
    for place in np.flatnonzero(bends).tolist():
        upper = max(len(f) - 1.0 - place, 0.0)
        node = rows.affine(terms, -place, relu=True, upper=upper)
        parts.append(((node, False), float(bends[place])))
    if not parts:
        return (_TRUE if f[0] else _FALSE), False
    return rows.affine(parts, float(f[0])), False
