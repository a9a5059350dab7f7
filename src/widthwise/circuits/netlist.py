"""Boolean circuits: gates over wires, as arrays."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from jaxtyping import Bool, Int, UInt8


class CircuitError(ValueError):
    """A circuit or its file is not what it must be; the message names the place."""

    def __init__(self, text: str, *, source: str = "", line: int = 0) -> None:
        place = f"{source}:{line}: " if line else f"{source}: " if source else ""
        super().__init__(f"{place}{text}")
        self.source = source
        self.line = line


class Kind(IntEnum):
    """What a gate computes.

    ``CONST`` is false and reads nothing; ``MUX`` reads a selector and then the values for 0 and
    1; ``MAJ`` is true where more than half of an odd number of inputs are; ``TABLE`` reads entry
    ``sum_i 2^i x_i`` of its truth table. ``XOR`` of many is their parity.
    """

    CONST = 0
    BUF = 1
    NOT = 2
    AND = 3
    OR = 4
    XOR = 5
    NAND = 6
    NOR = 7
    XNOR = 8
    MUX = 9
    MAJ = 10
    TABLE = 11


MAX_TABLE = 16  # inputs of a truth table: its network has up to 2^16 neurons


def arity_problem(kind: Kind, reads: int, table: "np.ndarray | None" = None) -> str:
    """Say what is wrong with the number of inputs of a gate; empty if nothing is."""
    if kind is Kind.TABLE:
        if reads > MAX_TABLE:
            return f"a truth table of {reads} inputs; at most {MAX_TABLE} are supported"
        if table is None or len(table) != 1 << reads:
            entries = "none" if table is None else len(table)
            return f"a truth table of {reads} inputs needs {1 << reads} entries, not {entries}"
        return ""
    exact = {Kind.CONST: 0, Kind.BUF: 1, Kind.NOT: 1, Kind.MUX: 3}.get(kind)
    if exact is not None and reads != exact:
        return f"{kind.name} reads {reads} wires; it takes exactly {exact}"
    if kind is Kind.MAJ and reads % 2 == 0:
        return f"MAJ reads {reads} wires; it takes an odd number"
    return "" if reads or exact == 0 else f"{kind.name} reads no wire"


@dataclass(frozen=True, eq=False)
class Netlist:
    """A circuit of gates with one output each, in topological order.

    Nodes are the inputs, ``0 : len(inputs)``, then the gates. A *literal* is ``2 node``, or
    ``2 node + 1`` for the negation: gates and outputs may read a wire negated, as in AIGER files.

    Attributes
    ----------
    inputs, outputs, gates
        Names; those of gates are the wires they drive.
    kinds
        A `Kind` for each gate.
    indptr, literals
        Gate ``g`` reads ``literals[indptr[g] : indptr[g + 1]]``.
    output_literals
        What each output reads.
    tables, table
        The different truth tables, and which one a gate of kind ``TABLE`` uses (otherwise -1).
    lines
        Line of the file that a gate stands in, or 0.
    source
        The file.

    Raises
    ------
    CircuitError
        If a gate reads itself, a later gate or a wrong number of wires; see `Draft` for gates in
        any order.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    gates: tuple[str, ...]
    kinds: UInt8[np.ndarray, " gates"]
    indptr: Int[np.ndarray, " gates_and_end"]
    literals: Int[np.ndarray, " reads"]
    output_literals: Int[np.ndarray, " outputs"]
    tables: tuple[Bool[np.ndarray, " entries_of_one"], ...] | tuple = ()
    table: Int[np.ndarray, " gates"] | None = None
    lines: Int[np.ndarray, " gates"] | None = None
    source: str = ""

    def __post_init__(self) -> None:
        counts = (len(self.gates), len(self.kinds), len(self.indptr) - 1)
        if len(set(counts)) > 1 or len(self.outputs) != len(self.output_literals):
            raise CircuitError(
                f"{counts[0]} gate names, {counts[1]} kinds and {counts[2]} lists of reads, "
                f"{len(self.outputs)} output names for {len(self.output_literals)} outputs",
                source=self.source,
            )
        limit = 2 * (len(self.inputs) + np.repeat(np.arange(counts[0]), np.diff(self.indptr)))
        bad = (self.literals < 0) | (self.literals >= limit)
        if bad.any():
            gate = int(np.searchsorted(self.indptr, int(np.argmax(bad)), side="right")) - 1
            raise CircuitError(
                f"gate {self.gates[gate]!r} reads a wire that does not come before it",
                source=self.source,
                line=self.line(gate),
            )
        if np.any((self.output_literals < 0) | (self.output_literals >= 2 * self.nodes)):
            raise CircuitError("an output reads a wire that does not exist", source=self.source)
        self._check_arities()

    def _check_arities(self) -> None:
        arities = np.diff(self.indptr)
        tabled = self.kinds == Kind.TABLE
        for gate in np.flatnonzero(tabled):
            if self.table is None or not 0 <= self.table[gate] < len(self.tables):
                raise self.error(int(gate), "has no truth table")
        pairs = np.unique(np.stack([self.kinds.astype(np.int64), arities]), axis=1).T
        for kind, arity in pairs.tolist():
            for gate in np.flatnonzero((self.kinds == kind) & (arities == arity)).tolist():
                problem = arity_problem(Kind(kind), arity, self.truth_table(gate))
                if problem:
                    raise self.error(gate, problem)
                if kind != Kind.TABLE:
                    break

    @property
    def nodes(self) -> int:
        """Inputs and gates together."""
        return len(self.inputs) + len(self.gates)

    def truth_table(self, gate: int) -> Bool[np.ndarray, " entries"] | None:
        """Return the truth table of a gate of kind ``TABLE``, None for any other."""
        if self.table is None or self.table[gate] < 0:
            return None
        return self.tables[self.table[gate]]

    def line(self, gate: int) -> int:
        """Return the line of the file that a gate stands in, 0 if unknown."""
        return 0 if self.lines is None else int(self.lines[gate])

    def error(self, gate: int, text: str) -> CircuitError:
        """Return an error that names a gate and its place."""
        return CircuitError(
            f"gate {self.gates[gate]!r}: {text}", source=self.source, line=self.line(gate)
        )

    def reads(self, gate: int) -> list[int]:
        """Return the literals that a gate reads."""
        return self.literals[self.indptr[gate] : self.indptr[gate + 1]].tolist()

    def name(self, literal: int) -> str:
        """Return the name of a wire, with ``~`` before it where it is negated."""
        node = literal >> 1
        here = len(self.inputs)
        plain = self.inputs[node] if node < here else self.gates[node - here]
        return f"~{plain}" if literal & 1 else plain
