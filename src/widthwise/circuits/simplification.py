"""Smaller circuits that compute the same: constants folded, equal gates joined, trees merged.

The compiler does none of this unless asked: by default its network mirrors the circuit.
"""

import itertools
from collections.abc import Callable

import numpy as np

from widthwise.circuits.netlist import Kind, Netlist

_TRUE, _FALSE = -1, -2  # literals of constants: negation flips the last bit of both


def simplify(netlist: Netlist) -> Netlist:
    """Fold constants through gates, and make equal gates once (structural hashing).

    Every gate becomes a conjunction, an exclusive or, a multiplexer, a majority or a truth table of
    literals; two are equal if they read the same in any order. Names are those of the gates kept.

    Parameters
    ----------
    netlist
        The circuit.

    Returns
    -------
    Netlist
        A circuit with the same inputs and outputs.
    """
    return _Simpler(netlist).rebuild()


def merge(netlist: Netlist) -> Netlist:
    """Merge trees of conjunctions, or disjunctions, into single gates: one neuron, one layer each.

    A gate is merged into the only gate that reads it. There are no more gates and layers then, but
    a layered network may need more relays, for what is merged is read later.

    Parameters
    ----------
    netlist
        The circuit; conjunctions and disjunctions in it may be negated in any way.

    Returns
    -------
    Netlist
        A circuit with the same inputs and outputs, no gate more and none deeper.
    """
    graph = _Simpler(netlist, fold=False)
    graph.merge_conjunctions()
    return graph.rebuild()


class _Simpler:
    """Gates in normal form: kind, literals, table, and the gate of the netlist it came from."""

    def __init__(self, netlist: Netlist, *, fold: bool = True) -> None:
        self.netlist, self.fold = netlist, fold
        self.gates: list[tuple[Kind, tuple[int, ...], bytes]] = []
        self.origin: list[int] = []
        self.found: dict[tuple[Kind, tuple[int, ...], bytes], int] = {}
        self.first = len(netlist.inputs)
        literals = [2 * node for node in range(self.first)]
        reads = netlist.literals.tolist()
        ends = itertools.pairwise(netlist.indptr.tolist())
        for gate, (kind, (start, end)) in enumerate(zip(netlist.kinds.tolist(), ends, strict=True)):
            own = [literals[read >> 1] ^ (read & 1) for read in reads[start:end]]
            literals.append(self._gate(gate, kind, own))
        self.outputs = [literals[own >> 1] ^ (own & 1) for own in netlist.output_literals.tolist()]

    def _gate(self, gate: int, kind: int, reads: list[int]) -> int:
        match kind:
            case Kind.CONST:
                return _FALSE
            case Kind.BUF:
                return reads[0]
            case Kind.NOT:
                return reads[0] ^ 1
            case Kind.AND | Kind.NAND:
                return self._and(gate, reads) ^ (kind == Kind.NAND)
            case Kind.OR | Kind.NOR:
                return self._and(gate, [read ^ 1 for read in reads]) ^ (kind == Kind.OR)
            case Kind.XOR | Kind.XNOR:
                return self._xor(gate, reads) ^ (kind == Kind.XNOR)
            case Kind.MUX:
                return self._mux(gate, *reads)
            case Kind.MAJ:
                return self._make(gate, Kind.MAJ, sorted(reads))
            case _:
                table = self.netlist.truth_table(gate)
                assert table is not None
                return self._table(gate, reads, table)

    def _make(self, gate: int, kind: Kind, reads: list[int], table: bytes = b"") -> int:
        key = (kind, tuple(reads), table)
        known = self.found.get(key) if self.fold else None
        if known is None:
            known = self.found[key] = len(self.gates)
            self.gates.append(key)
            self.origin.append(gate)
        return 2 * (self.first + known)

    def _and(self, gate: int, reads: list[int]) -> int:
        if not self.fold:
            return self._make(gate, Kind.AND, reads) if len(reads) > 1 else reads[0]
        kept = sorted({read for read in reads if read != _TRUE})
        # A wire and its negation are neighbours.
        opposed = any(low ^ 1 == high for low, high in itertools.pairwise(kept))
        if _FALSE in kept or opposed:
            return _FALSE
        if len(kept) < 2:
            return kept[0] if kept else _TRUE
        return self._make(gate, Kind.AND, kept)

    def _xor(self, gate: int, reads: list[int]) -> int:
        if not self.fold:
            return self._make(gate, Kind.XOR, reads) if len(reads) > 1 else reads[0]
        flip, odd = 0, set()
        for read in reads:
            flip ^= read == _TRUE if read < 0 else read & 1
            if read >= 0:
                odd ^= {read & ~1}
        kept = sorted(odd)
        if len(kept) < 2:
            return (kept[0] if kept else _FALSE) ^ flip
        return self._make(gate, Kind.XOR, kept) ^ flip

    def _mux(self, gate: int, chooser: int, zero: int, one: int) -> int:
        if self.fold:
            if chooser < 0 or zero == one:
                return one if chooser == _TRUE else zero
            if zero == one ^ 1:
                return self._xor(gate, [chooser, zero])
            if _FALSE in (zero, one) or _TRUE in (zero, one):
                return self._half_constant(gate, chooser, zero, one)
            if chooser & 1:
                chooser, zero, one = chooser ^ 1, one, zero
        return self._make(gate, Kind.MUX, [chooser, zero, one])

    def _half_constant(self, gate: int, chooser: int, zero: int, one: int) -> int:
        """A multiplexer with one constant is a conjunction or a disjunction."""
        if zero < 0:  # seen from the other side
            chooser, zero, one = chooser ^ 1, one, zero
        if one == _FALSE:
            return self._and(gate, [chooser ^ 1, zero])
        return self._and(gate, [chooser ^ 1, zero ^ 1]) ^ 1

    def _table(self, gate: int, reads: list[int], table: np.ndarray) -> int:
        if self.fold:
            reads, table = _restricted(reads, table)
            if not reads:
                return _TRUE if table[0] else _FALSE
            if len(reads) == 1:
                return reads[0] ^ bool(table[0])
        return self._make(gate, Kind.TABLE, reads, table.tobytes())

    def merge_conjunctions(self) -> None:
        """Put the literals of a conjunction in the place of the only literal that reads it."""
        readers = [0] * len(self.gates)
        for literal in itertools.chain(self.outputs, *(reads for _, reads, _ in self.gates)):
            if literal >> 1 >= self.first:
                # What is read negated, or by an output, stays.
                readers[(literal >> 1) - self.first] += 1 + (literal & 1)
        for literal in self.outputs:
            if literal >> 1 >= self.first:
                readers[(literal >> 1) - self.first] += 1
        for place, (kind, reads, table) in enumerate(self.gates):
            if kind is not Kind.AND:
                continue
            merged: list[int] = []
            for literal in reads:
                inner = (literal >> 1) - self.first
                once = inner >= 0 and readers[inner] == 1 and self.gates[inner][0] is Kind.AND
                merged += self.gates[inner][1] if once else [literal]
            self.gates[place] = (kind, tuple(merged), table)

    def rebuild(self) -> Netlist:
        """Return what outputs depend on, as a netlist."""
        live = [False] * len(self.gates)
        for literal in self.outputs:
            if literal >> 1 >= self.first:
                live[(literal >> 1) - self.first] = True
        for place in range(len(self.gates) - 1, -1, -1):
            if live[place]:
                for literal in self.gates[place][1]:
                    if literal >> 1 >= self.first:
                        live[(literal >> 1) - self.first] = True
        kept = [place for place, alive in enumerate(live) if alive]
        every = itertools.chain(self.outputs, *(self.gates[place][1] for place in kept))
        constant = any(literal < 0 for literal in every)
        number = {self.first + place: self.first + constant + i for i, place in enumerate(kept)}

        def renamed(literal: int) -> int:
            if literal < 0:
                return 2 * self.first + (literal == _TRUE)
            return 2 * number.get(literal >> 1, literal >> 1) + (literal & 1)

        return self._netlist(kept, constant, renamed)

    def _netlist(self, kept: list[int], constant: bool, renamed: Callable[[int], int]) -> Netlist:
        netlist = self.netlist
        reads = [[renamed(literal) for literal in self.gates[place][1]] for place in kept]
        tables = {self.gates[place][2]: 0 for place in kept if self.gates[place][2]}
        tables = {packed: place for place, packed in enumerate(tables)}
        table = [tables.get(self.gates[place][2], -1) for place in kept]
        kinds = [int(self.gates[place][0]) for place in kept]
        origin = [self.origin[place] for place in kept]
        head = [0] if constant else []
        sizes = [*head, *map(len, reads)]
        return Netlist(
            inputs=netlist.inputs,
            outputs=netlist.outputs,
            gates=(*(["false"] * constant), *(netlist.gates[gate] for gate in origin)),
            kinds=np.array([*([int(Kind.CONST)] * constant), *kinds], np.uint8),
            indptr=np.concatenate([[0], np.cumsum(np.array(sizes, np.int64))]),
            literals=np.array(list(itertools.chain(*reads)), np.int64),
            output_literals=np.array([renamed(literal) for literal in self.outputs], np.int64),
            tables=tuple(np.frombuffer(packed, bool) for packed in tables),
            table=np.array([*([-1] * constant), *table], np.int64),
            lines=np.array([*head, *(netlist.line(gate) for gate in origin)], np.int64),
            source=netlist.source,
        )


def _restricted(reads: list[int], table: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Fix constant inputs of a truth table, and drop those that make no difference."""
    # Axis j of the cube is input j: the first input varies fastest.
    cube = table.reshape((2,) * len(reads), order="F")
    for constant in (True, False):  # an input may make no difference once others are fixed
        kept = []
        for read in reads:
            axis = len(kept)
            zero, one = np.take(cube, 0, axis), np.take(cube, 1, axis)
            if read < 0 if constant else np.array_equal(zero, one):
                cube = one if read == _TRUE else zero
            else:
                kept.append(read)
        reads = kept
    return reads, np.ascontiguousarray(cube.ravel(order="F"))
