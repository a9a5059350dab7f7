"""Typed circuits of bits as Boolean netlists, for every format of circuit files."""

import itertools
from collections.abc import Sequence

import numpy as np

from widthwise.circuits.netlist import Kind, Netlist
from widthwise.circuits.typed.affine import Affine
from widthwise.circuits.typed.gates import Gate
from widthwise.circuits.typed.trace import TypedCircuit

_KINDS = {
    "and": Kind.AND,
    "or": Kind.OR,
    "xor": Kind.XOR,
    "parity": Kind.XOR,
    "mux": Kind.MUX,
    "relay": Kind.BUF,
}
_LARGEST_TABLE = 16


def to_netlist(circuit: TypedCircuit) -> Netlist:
    """Return a circuit whose wires are all bits as a Boolean netlist.

    Parameters
    ----------
    circuit
        A typed circuit: AND, OR, XOR and choices become gates of the same kind, any other gate
        a truth table for each of its results.

    Returns
    -------
    Netlist
        With the same inputs and outputs.

    Raises
    ------
    TypeError
        If a gate reads or makes numbers that are no bits, or reads more than 16 bits through a
        table; the message names the gate.

    Examples
    --------
    >>> from widthwise.circuits.typed import Bool, trace
    >>> to_netlist(trace(lambda a, b: ~(a & b), Bool(), Bool())).kinds.tolist() == [Kind.AND]
    True
    """
    gates = _Gates(circuit)
    for gate in circuit.gates:
        gates.add(gate)
    outputs = [gates.literal(form, "an output") for form in circuit.output_forms]
    return Netlist(
        inputs=tuple(port.name for port in circuit.inputs),
        outputs=tuple(port.name for port in circuit.outputs),
        gates=tuple(gates.names),
        kinds=np.array(gates.kinds, np.uint8),
        indptr=np.array(gates.ends, np.int64),
        literals=np.array(gates.reads, np.int64),
        output_literals=np.array(outputs, np.int64),
        tables=tuple(gates.tables),
        table=np.array(gates.table, np.int64),
    )


class _Gates:
    """The gates of a netlist while it grows."""

    def __init__(self, circuit: TypedCircuit) -> None:
        self.circuit = circuit
        self.inputs = len(circuit.inputs)
        self.node: dict[int, int] = {value: value for value in range(self.inputs)}
        self.names: list[str] = []
        self.kinds: list[int] = []
        self.ends = [0]
        self.reads: list[int] = []
        self.tables: list[np.ndarray] = []
        self.table: list[int] = []
        self._false: int | None = None
        for port in circuit.inputs:
            if port.type.codes != (0, 1) or port.type.unit != 1:
                raise TypeError(f"input {port.name!r} of {circuit.name} is {port.type}, not Bool()")

    def add(self, gate: Gate) -> None:
        """Add a gate of the typed circuit."""
        where = f"gate {gate.name}"
        if any(ends != (0, 1) for ends in gate.ranges):
            raise TypeError(f"{where} of {self.circuit.name} makes numbers that are no bits")
        reads = [self.literal(form, where) for form in gate.operands]
        kind = _KINDS.get(gate.kind)
        if gate.kind == "majority" and len(reads) % 2:
            kind = Kind.MAJ
        if kind is not None:
            self.node[gate.results[0]] = self._append(gate.name, kind, reads)
            return
        if len(reads) > _LARGEST_TABLE:
            raise TypeError(f"{where} of {self.circuit.name} reads {len(reads)} bits: at most 16")
        bits = np.array(list(itertools.product((0, 1), repeat=len(reads))))[:, ::-1].T
        found = gate.reference(*bits)
        results = found if isinstance(found, tuple) else (found,)
        for place, (value, table) in enumerate(zip(gate.results, results, strict=True)):
            name = gate.name if len(results) == 1 else f"{gate.name}.{place}"
            row = np.broadcast_to(np.asarray(table) == 1, bits.shape[1:])
            self.node[value] = self._append(name, Kind.TABLE, reads, row)

    def literal(self, form: Affine, where: str) -> int:
        """Return a wire, its negation or a constant as a literal."""
        terms = list(form.terms.items())
        if not terms and form.constant in (0, 1):
            return self._constant() + int(form.constant)
        if len(terms) == 1 and (terms[0][1], form.constant) in ((1, 0), (-1, 1)):
            return 2 * self.node[terms[0][0]] + int(form.constant)
        raise TypeError(f"{where} of {self.circuit.name} reads a sum of bits, which is no bit")

    def _constant(self) -> int:
        if self._false is None:
            self._false = 2 * self._append("false", Kind.CONST, [])
        return self._false

    def _append(
        self, name: str, kind: Kind, reads: Sequence[int], table: np.ndarray | None = None
    ) -> int:
        self.names.append(name)
        self.kinds.append(int(kind))
        self.reads += reads
        self.ends.append(len(self.reads))
        self.table.append(-1 if table is None else self._table(table))
        return self.inputs + len(self.names) - 1

    def _table(self, table: np.ndarray) -> int:
        for place, known in enumerate(self.tables):
            if np.array_equal(known, table):
                return place
        self.tables.append(table)
        return len(self.tables) - 1
