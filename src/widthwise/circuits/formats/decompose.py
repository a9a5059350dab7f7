"""Write gates in terms of few kinds, for formats that have only those."""

from widthwise.circuits.draft import Draft
from widthwise.circuits.netlist import Kind, Netlist

Literal = tuple[str, bool]


def to_and_inverter(netlist: Netlist) -> Netlist:
    """Return the circuit with conjunctions of two literals and constants only."""
    return _Builder(netlist, xor=False).build()


def to_and_xor(netlist: Netlist) -> Netlist:
    """Return the circuit with conjunctions and exclusive ors of two literals, and constants."""
    return _Builder(netlist, xor=True).build()


class _Builder:
    """Rebuilds a netlist gate by gate; a gate's own wire keeps its name."""

    def __init__(self, netlist: Netlist, *, xor: bool) -> None:
        self.netlist, self.xor = netlist, xor
        self.draft = Draft(netlist.source)
        self.taken = {*netlist.inputs, *netlist.gates}
        self.count = 0
        self.constant = ""

    def build(self) -> Netlist:
        netlist = self.netlist
        wires: list[Literal] = []
        for place, name in enumerate(netlist.inputs):
            wire = name if not self.draft.drives(name) else self._fresh(f"i{place}")
            self.draft.input(wire)
            wires.append((wire, False))
        for gate in range(len(netlist.gates)):
            reads = [_literal(wires, own) for own in netlist.reads(gate)]
            self.line = netlist.line(gate)
            wires.append(self._gate(gate, reads))
        for own, name in zip(netlist.output_literals.tolist(), netlist.outputs, strict=True):
            wire, negated = _literal(wires, own)
            self.draft.output(wire, negated=negated, name=name)
        return self.draft.finish()

    def _fresh(self, base: str) -> str:
        if base not in self.taken and not self.draft.drives(base):
            self.taken.add(base)
            return base
        while True:
            self.count += 1
            name = f"{base}_{self.count}"
            if name not in self.taken and not self.draft.drives(name):
                self.taken.add(name)
                return name

    def _gate(self, gate: int, reads: list[Literal]) -> Literal:
        self.base = self.netlist.gates[gate]
        kind = Kind(self.netlist.kinds[gate])
        match kind:
            case Kind.CONST:
                return self._false()
            case Kind.BUF | Kind.NOT:
                return reads[0] if kind is Kind.BUF else _not(reads[0])
            case Kind.AND:
                return self._tree(Kind.AND, reads)
            case Kind.NAND:
                return _not(self._tree(Kind.AND, reads))
            case Kind.OR:
                return _not(self._tree(Kind.AND, [_not(read) for read in reads]))
            case Kind.NOR:
                return self._tree(Kind.AND, [_not(read) for read in reads])
            case Kind.XOR:
                return self._tree(Kind.XOR, reads)
            case Kind.XNOR:
                return _not(self._tree(Kind.XOR, reads))
            case Kind.MUX:
                return self._mux(*reads)
            case Kind.MAJ:
                return self._threshold(reads, len(reads) // 2 + 1)
            case Kind.TABLE:
                table = self.netlist.truth_table(gate)
                assert table is not None
                return self._table(reads, table.tolist())

    def _false(self) -> Literal:
        if not self.constant:
            self.constant = self._fresh("false")
            self.draft.gate(Kind.CONST, self.constant, [])
        return self.constant, False

    def _two(self, kind: Kind, a: Literal, b: Literal) -> Literal:
        if kind is Kind.XOR and not self.xor:
            both, neither = self._two(Kind.AND, a, b), self._two(Kind.AND, _not(a), _not(b))
            return self._two(Kind.AND, _not(both), _not(neither))
        free = not self.draft.drives(self.base)
        wire = self.base if free else self._fresh(self.base)
        self.draft.gate(kind, wire, [a[0], b[0]], self.line, negated=[a[1], b[1]])
        return wire, False

    def _tree(self, kind: Kind, reads: list[Literal]) -> Literal:
        while len(reads) > 1:
            pairs = zip(reads[::2], reads[1::2], strict=False)
            odd = reads[-1:] if len(reads) % 2 else []
            reads = [self._two(kind, a, b) for a, b in pairs] + odd
        return reads[0]

    def _or(self, a: Literal, b: Literal) -> Literal:
        return _not(self._two(Kind.AND, _not(a), _not(b)))

    def _mux(self, chooser: Literal, zero: Literal, one: Literal) -> Literal:
        if zero == one:
            return zero
        on = self._two(Kind.AND, chooser, one)
        return self._or(on, self._two(Kind.AND, _not(chooser), zero))

    def _threshold(self, reads: list[Literal], least: int) -> Literal:
        """At least so many of the inputs: one after the other, counting in unary."""
        counts = [_not(self._false())] + [self._false()] * least
        for read in reads:
            for place in range(least, 0, -1):
                more = self._two(Kind.AND, counts[place - 1], read)
                counts[place] = self._or(counts[place], more)
        return counts[least]

    def _table(self, reads: list[Literal], table: list[bool]) -> Literal:
        """Decide by one input after the other, the last first; equal parts are made once."""
        known: dict[tuple[bool, ...], Literal] = {}

        def of(entries: tuple[bool, ...]) -> Literal:
            if not any(entries):
                return self._false()
            if all(entries):
                return _not(self._false())
            if entries not in known:
                half = len(entries) // 2
                chooser = reads[half.bit_length() - 1]
                known[entries] = self._mux(chooser, of(entries[:half]), of(entries[half:]))
            return known[entries]

        return of(tuple(table))


def _not(literal: Literal) -> Literal:
    return literal[0], not literal[1]


def _literal(wires: list[Literal], own: int) -> Literal:
    wire, negated = wires[own >> 1]
    return wire, negated != bool(own & 1)
