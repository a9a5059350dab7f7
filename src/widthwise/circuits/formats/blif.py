"""BLIF files: combinational logic as covers of truth tables.

Source: "Berkeley Logic Interchange Format (BLIF)", University of California, 1992.
"""

from collections.abc import Iterator

import numpy as np

from widthwise.circuits.draft import Draft
from widthwise.circuits.formats.decompose import to_and_inverter
from widthwise.circuits.netlist import Kind, Netlist

_TABLE = 6  # covers of more inputs become conjunctions and a disjunction
# Words about timing and area: they say nothing about what is computed.
_IGNORED = {
    ".area", ".delay", ".wire_load_slope", ".wire", ".input_arrival", ".output_required",
    ".default_input_arrival", ".default_output_required", ".input_drive", ".output_load",
    ".default_input_drive", ".default_output_load", ".default_max_input_load", ".max_input_load",
    ".attr", ".param", ".cname",
}  # fmt: skip
_SEQUENTIAL = {".latch", ".mlatch", ".clock", ".start_kiss"}
_NESTED = {".subckt", ".gate", ".search"}


def read_blif(text: str, source: str = "") -> Netlist:
    """Read one model without latches and submodels.

    Covers of conjunctions, disjunctions and parities become such gates; others are truth tables,
    or from seven inputs on a disjunction of conjunctions.

    Raises
    ------
    CircuitError
        If the file is no such thing; the message names file and line.
    """
    draft = Draft(source)
    reader = _Reader(draft)
    for line, words in _lines(text):
        reader.take(words, line)
        if reader.ended:
            break
    reader.close()
    if not reader.begun:
        raise draft.error("no '.model', '.inputs' or '.names' was found", 1)
    for wire, line in reader.outputs:
        draft.output(wire, line)
    return draft.finish()


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Join lines that end in a backslash, drop comments and empty lines."""
    held: list[str] = []
    first = 0
    for place, raw in enumerate(text.splitlines(), 1):
        content = raw.split("#", 1)[0].rstrip()
        first = first if held else place
        if content.endswith("\\"):
            held += [*content[:-1].split(), ""]  # the empty word marks a line that goes on
            continue
        words = [word for word in (*held, *content.split()) if word]
        held = []
        if words:
            yield first, words
    if any(held):
        yield first, [word for word in held if word]


class _Reader:
    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.outputs: list[tuple[str, int]] = []
        self.begun = self.ended = False
        self.models = 0
        self.table: tuple[list[str], int] | None = None
        self.rows: list[tuple[str, str]] = []

    def take(self, words: list[str], line: int) -> None:
        word = words[0]
        if not word.startswith("."):
            self._row(words, line)
            return
        self.close()
        if word in _SEQUENTIAL:
            raise self.draft.error(
                f"{word!r}: only combinational circuits can be compiled; unroll it first", line
            )
        if word in _NESTED:
            raise self.draft.error(
                f"{word!r}: models within models are not supported; flatten it first, for "
                "instance with yosys: synth -flatten; write_blif",
                line,
            )
        self.begun |= word in (".model", ".inputs", ".outputs", ".names")
        if word == ".model":
            self.models += 1
            if self.models > 1:
                raise self.draft.error("a second '.model': give a file with one", line)
        elif word == ".inputs":
            for wire in words[1:]:
                self.draft.input(wire, line)
        elif word == ".outputs":
            self.outputs += [(wire, line) for wire in words[1:]]
        elif word == ".names":
            if len(words) < 2:
                raise self.draft.error("'.names' without an output", line)
            self.table = words[1:], line
        elif word == ".end":
            self.ended = True
        elif word not in _IGNORED:
            raise self.draft.error(f"{word[:30]!r} is not supported", line)

    def _row(self, words: list[str], line: int) -> None:
        if self.table is None:
            raise self.draft.error(f"{' '.join(words)[:40]!r} stands outside of a '.names'", line)
        wires, _ = self.table
        cube, value = ("", words[0]) if len(wires) == 1 else (words[0], words[-1])
        if len(words) != (1 if len(wires) == 1 else 2) or value not in ("0", "1"):
            raise self.draft.error(
                f"gate {wires[-1]!r}: a row is the values of {len(wires) - 1} inputs and then "
                f"0 or 1, not {' '.join(words)[:40]!r}",
                line,
            )
        if len(cube) != len(wires) - 1:
            raise self.draft.error(
                f"gate {wires[-1]!r}: a row of {len(cube)} values for {len(wires) - 1} inputs", line
            )
        if cube.strip("01-"):
            raise self.draft.error(
                f"gate {wires[-1]!r}: the row {cube[:40]!r} has something else than 0, 1 and -",
                line,
            )
        if self.rows and self.rows[0][1] != value:
            raise self.draft.error(
                f"gate {wires[-1]!r}: rows for 0 and rows for 1 in one '.names'", line
            )
        self.rows.append((cube, value))

    def close(self) -> None:
        """Make the gate of the last '.names', whose rows have all been read."""
        if self.table is None:
            return
        (*reads, wire), line = self.table
        cubes = [cube for cube, _ in self.rows]
        negative = bool(self.rows) and self.rows[0][1] == "0"
        _cover(self.draft, wire, reads, cubes, negative, line)
        self.table, self.rows = None, []


def _cover(
    draft: Draft, wire: str, reads: list[str], cubes: list[str], negative: bool, line: int
) -> None:  # fmt: skip
    """Make the gate that is true, or false if `negative`, where one of the cubes holds."""
    if not cubes or any(not cube.strip("-") for cube in cubes):
        _constant(draft, wire, bool(cubes) != negative, line)
        return
    literals = [[(i, bit == "0") for i, bit in enumerate(cube) if bit != "-"] for cube in cubes]
    if len(cubes) == 1:
        places, flips = zip(*literals[0], strict=True)
        kind = Kind.NAND if negative else Kind.AND
        draft.gate(kind, wire, [reads[i] for i in places], line, negated=flips)
    elif all(len(cube) == 1 for cube in literals):
        places, flips = zip(*(cube[0] for cube in literals), strict=True)
        kind = Kind.NOR if negative else Kind.OR
        draft.gate(kind, wire, [reads[i] for i in places], line, negated=flips)
    elif len(reads) <= _TABLE:
        _table(draft, wire, reads, _truth(cubes, len(reads)) != negative, line)
    else:
        names = []
        for place, cube in enumerate(literals):
            names.append(f"{wire}.{place}")
            places, flips = zip(*cube, strict=True)
            draft.gate(Kind.AND, names[-1], [reads[i] for i in places], line, negated=flips)
        draft.gate(Kind.NOR if negative else Kind.OR, wire, names, line)


def _table(draft: Draft, wire: str, reads: list[str], table: np.ndarray, line: int) -> None:
    """Make the gate of a truth table; a simpler one where it is that of a simpler one."""
    ones, numbers = int(table.sum()), np.arange(len(table))
    odd = np.bitwise_count(numbers) % 2 == 1
    if ones in (1, len(table) - 1):
        place = int(np.argmax(table == (ones == 1)))
        flips = [not place >> bit & 1 for bit in range(len(reads))]
        draft.gate(Kind.AND if ones == 1 else Kind.NAND, wire, reads, line, negated=flips)
    elif np.array_equal(table, odd) or np.array_equal(table, ~odd):
        draft.gate(Kind.XNOR if table[0] else Kind.XOR, wire, reads, line)
    else:
        draft.gate(Kind.TABLE, wire, reads, line, table=table)


def _truth(cubes: list[str], inputs: int) -> np.ndarray:
    numbers = np.arange(1 << inputs)
    table = np.zeros(1 << inputs, bool)
    for cube in cubes:
        care = sum(1 << place for place, bit in enumerate(cube) if bit != "-")
        want = sum(1 << place for place, bit in enumerate(cube) if bit == "1")
        table |= (numbers & care) == want
    return table


def _constant(draft: Draft, wire: str, value: bool, line: int) -> None:
    if not value:
        draft.gate(Kind.CONST, wire, [], line)
        return
    zero = f"{wire}.false"
    draft.gate(Kind.CONST, zero, [], line)
    draft.gate(Kind.NOT, wire, [zero], line)


def write_blif(netlist: Netlist, *, model: str = "circuit") -> str:
    """Write a circuit as BLIF: conjunctions and truth tables of up to six inputs."""
    wide = np.diff(netlist.indptr) > _TABLE
    graph = to_and_inverter(netlist) if wide.any() else netlist
    lines = [
        f".model {model}",
        " ".join([".inputs", *graph.inputs]),
        " ".join([".outputs", *graph.outputs]),
    ]
    for gate, wire in enumerate(graph.gates):
        literals = graph.reads(gate)
        names = [graph.name(literal & ~1) for literal in literals]
        lines.append(" ".join([".names", *names, wire]))
        flips = sum(1 << place for place, literal in enumerate(literals) if literal & 1)
        lines += _rows(graph, gate, len(literals), flips)
    driven = {*graph.inputs, *graph.gates}
    for name, literal in zip(graph.outputs, graph.output_literals.tolist(), strict=True):
        if name not in driven or literal & 1 or graph.name(literal) != name:
            if name in driven:
                raise ValueError(
                    f"output {name!r} has the name of another wire; BLIF cannot say that"
                )
            lines += [f".names {graph.name(literal & ~1)} {name}", f"{1 - (literal & 1)} 1"]
            driven.add(name)
    return "\n".join([*lines, ".end", ""])


def _rows(graph: Netlist, gate: int, reads: int, flips: int) -> list[str]:
    """On-set of a gate, its negated reads included."""
    own = graph.truth_table(gate)
    table = kind_table(Kind(graph.kinds[gate]), reads) if own is None else own
    found = np.flatnonzero(table[np.arange(1 << reads) ^ flips])
    return [
        f"{''.join('1' if number >> place & 1 else '0' for place in range(reads))} 1".lstrip()
        for number in found.tolist()
    ]


def kind_table(kind: Kind, reads: int) -> np.ndarray:
    """Return the truth table of a kind of gate; entry ``sum_i 2^i x_i``."""
    bits = (np.arange(1 << reads)[:, None] >> np.arange(reads)) & 1
    ones = bits.sum(axis=1)
    match kind:
        case Kind.CONST:
            return np.zeros(1, bool)
        case Kind.AND | Kind.BUF:
            return ones == reads
        case Kind.NAND | Kind.NOT:
            return ones < reads
        case Kind.OR:
            return ones > 0
        case Kind.NOR:
            return ones == 0
        case Kind.XOR:
            return ones % 2 == 1
        case Kind.XNOR:
            return ones % 2 == 0
        case Kind.MUX:
            return np.where(bits[:, 0], bits[:, 2], bits[:, 1]).astype(bool)
        case Kind.MAJ:
            return ones > reads // 2
        case _:
            raise ValueError("a gate of kind TABLE has its own truth table")
