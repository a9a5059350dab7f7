"""A circuit while it is read: wires by name, gates in any order; finished, it is a netlist."""

from collections import deque
from collections.abc import Sequence

import numpy as np

from widthwise.circuits.netlist import CircuitError, Kind, Netlist, arity_problem

Wire = str | int


class Draft:
    """Collects inputs, gates and outputs; `finish` checks them and puts the gates in order.

    Parameters
    ----------
    source
        The file, for errors.
    prefix
        Put before the number of a wire that has no name.

    Examples
    --------
    >>> draft = Draft()
    >>> draft.input("a"), draft.input("b")
    (None, None)
    >>> draft.gate(Kind.NAND, "y", ["a", "b"])
    >>> draft.output("y")
    >>> draft.finish().gates
    ('y',)
    """

    def __init__(self, source: str = "", *, prefix: str = "") -> None:
        self.source = source
        self.prefix = prefix
        self.aliases: dict[Wire, str] = {}
        self._inputs: dict[Wire, int] = {}
        self._drivers: dict[Wire, int] = {}
        self._wires: list[Wire] = []
        self._outputs: list[tuple[Wire, bool, str | None, int]] = []
        self._kinds: list[int] = []
        self._lines: list[int] = []
        self._reads: list[Wire] = []
        self._negated: list[bool] = []
        self._ends: list[int] = [0]
        self._tables: dict[bytes, int] = {}
        self._table: dict[int, int] = {}

    def input(self, wire: Wire, line: int = 0) -> None:
        """Declare an input."""
        self._must_be_free(wire, line)
        self._inputs[wire] = line

    def output(
        self, wire: Wire, line: int = 0, *, negated: bool = False, name: str | None = None
    ) -> None:
        """Declare an output, which may be any wire, and several outputs may be the same."""
        self._outputs.append((wire, negated, name, line))

    def gate(
        self,
        kind: Kind,
        wire: Wire,
        reads: Sequence[Wire],
        line: int = 0,
        *,
        negated: Sequence[bool] | None = None,
        table: Sequence[int] | np.ndarray | None = None,
    ) -> None:
        """Add a gate that drives ``wire``; the wires it reads may be driven later."""
        self._must_be_free(wire, line)
        entries = None if table is None else np.asarray(table, bool)
        problem = arity_problem(kind, len(reads), entries)
        if problem:
            raise self.error(f"gate {self.label(wire)!r}: {problem}", line)
        if entries is not None:
            packed = entries.tobytes()
            self._table[len(self._wires)] = self._tables.setdefault(packed, len(self._tables))
        self._drivers[wire] = len(self._wires)
        self._wires.append(wire)
        self._kinds.append(kind)
        self._lines.append(line)
        self._reads.extend(reads)
        self._negated.extend(negated if negated is not None else [False] * len(reads))
        self._ends.append(len(self._reads))

    def drives(self, wire: Wire) -> bool:
        """Tell whether something drives the wire already."""
        return wire in self._inputs or wire in self._drivers

    def label(self, wire: Wire) -> str:
        """Return what a wire is called."""
        found = self.aliases.get(wire)
        return (
            found
            if found is not None
            else wire
            if isinstance(wire, str)
            else f"{self.prefix}{wire}"
        )

    def error(self, text: str, line: int = 0) -> CircuitError:
        """Return an error that names the place in the file."""
        return CircuitError(text, source=self.source, line=line)

    def finish(self) -> Netlist:
        """Check that every wire is driven and no gate depends on itself; return the netlist.

        Raises
        ------
        CircuitError
            If a wire is undriven or the gates form a cycle.
        """
        self._check_driven()
        order = self._order()
        count = len(self._inputs)
        node: dict[Wire, int] = {wire: place for place, wire in enumerate(self._inputs)}
        for place, gate in enumerate(order):
            node[self._wires[gate]] = count + place
        all_literals = 2 * np.array([node[wire] for wire in self._reads], np.int64)
        all_literals += np.array(self._negated, np.int64)
        ends = np.array(self._ends)
        chosen = np.array(order, np.int64)
        arities = np.diff(ends)[chosen]
        indptr = np.concatenate([[0], np.cumsum(arities)])
        places = np.repeat(ends[chosen] - indptr[:-1], arities) + np.arange(indptr[-1])
        outputs = [2 * node[wire] + negated for wire, negated, _, _ in self._outputs]
        return Netlist(
            inputs=tuple(map(self.label, self._inputs)),
            outputs=tuple(
                self.label(wire) if name is None else name for wire, _, name, _ in self._outputs
            ),
            gates=tuple(self.label(self._wires[gate]) for gate in order),
            kinds=np.array(self._kinds, np.uint8)[chosen],
            indptr=indptr,
            literals=all_literals[places],
            output_literals=np.array(outputs, np.int64),
            tables=tuple(np.frombuffer(packed, bool) for packed in self._tables),
            table=np.array([self._table.get(gate, -1) for gate in order], np.int64),
            lines=np.array(self._lines, np.int64)[chosen],
            source=self.source,
        )

    def _must_be_free(self, wire: Wire, line: int) -> None:
        if not self.drives(wire):
            return
        driver = self._drivers.get(wire)
        first = self._inputs[wire] if driver is None else self._lines[driver]
        what = "declared as an input" if driver is None else "driven by a gate"
        where = f" on line {first}" if first else ""
        raise self.error(f"wire {self.label(wire)!r} is driven twice: it was {what}{where}", line)

    def _check_driven(self) -> None:
        for place, wire in enumerate(self._reads):
            if not self.drives(wire):
                gate = int(np.searchsorted(self._ends, place, side="right")) - 1
                raise self.error(
                    f"gate {self.label(self._wires[gate])!r} reads wire {self.label(wire)!r}, "
                    "which nothing drives",
                    self._lines[gate],
                )
        for wire, _, name, line in self._outputs:
            if not self.drives(wire):
                called = self.label(wire) if name is None else name
                raise self.error(f"output {called!r} is a wire that nothing drives", line)

    def _order(self) -> list[int]:
        """Topological order: that of the file where it is one, else breadth first."""
        count = len(self._wires)
        drivers, ends = self._drivers, self._ends
        sources = [drivers.get(wire, -1) for wire in self._reads]
        if all(
            source < gate
            for gate in range(count)
            for source in sources[ends[gate] : ends[gate + 1]]
        ):
            return list(range(count))
        waiting = [0] * count
        readers: list[list[int]] = [[] for _ in range(count)]
        for gate in range(count):
            for source in sources[ends[gate] : ends[gate + 1]]:
                if source >= 0:
                    waiting[gate] += 1
                    readers[source].append(gate)
        ready = deque(gate for gate in range(count) if not waiting[gate])
        order = []
        while ready:
            gate = ready.popleft()
            order.append(gate)
            for reader in readers[gate]:
                waiting[reader] -= 1
                if not waiting[reader]:
                    ready.append(reader)
        if len(order) < count:
            raise self._cycle(sources, waiting)
        return order

    def _cycle(self, sources: list[int], waiting: list[int]) -> CircuitError:
        """Walk back along gates that wait, until one is met again."""
        gate = next(gate for gate, left in enumerate(waiting) if left)
        seen: dict[int, int] = {}
        while gate not in seen:
            seen[gate] = len(seen)
            reads = sources[self._ends[gate] : self._ends[gate + 1]]
            gate = next(source for source in reads if source >= 0 and waiting[source])
        circle = [*list(seen)[seen[gate] :], gate]
        names = [self.label(self._wires[member]) for member in circle]
        if len(names) > 8:
            names = [*names[:4], "...", *names[-3:]]
        text = f"gate {names[0]!r} depends on itself: {' <- '.join(names)}"
        return self.error(text, self._lines[gate])
