"""Structural Verilog: gate primitives and assignments of single bits.

More of the language is read through yosys (see `read_with_yosys`).

Source: IEEE Std 1364-2005, clauses 5 and 7.
"""

import re
from collections.abc import Iterator
from typing import NoReturn

from widthwise.circuits.draft import Draft
from widthwise.circuits.formats.numbers import MAX_INPUTS, whole
from widthwise.circuits.netlist import CircuitError, Kind, Netlist

_TOKEN = re.compile(
    # A comment or attribute that is not closed reaches to the end: nothing is searched twice.
    r"(?P<space>\s+|//[^\n]*|/\*.*?(?:\*/|\Z)|\(\*(?!\)).*?(?:\*\)|\Z)|`[^\n]*)"
    r"|(?P<name>\\\S+(?=\s)|[A-Za-z_$][\w$]*)"
    r"|(?P<bit>1'[bBhHdDoO][01](?![\w]))"
    r"|(?P<number>\d+(?![\w']))"
    r"|(?P<sign>~\^|\^~|&&|\|\||[()\[\]{}:;,.=~!&|^?#*@+-])",
    re.DOTALL,
)
PRIMITIVES = {
    "and": Kind.AND,
    "or": Kind.OR,
    "nand": Kind.NAND,
    "nor": Kind.NOR,
    "xor": Kind.XOR,
    "xnor": Kind.XNOR,
    "not": Kind.NOT,
    "buf": Kind.BUF,
}
_OPERATORS = [{"|": Kind.OR, "||": Kind.OR}, {"^": Kind.XOR, "~^": Kind.XNOR, "^~": Kind.XNOR}]
_OPERATORS += [{"&": Kind.AND, "&&": Kind.AND}]
_MAX_NESTING = 40
FALSE = "1'b0"

Bit = tuple[str, bool]


def read_verilog(text: str, source: str = "") -> Netlist:
    """Read one module of gates (``and``, ``or``, ..., output first) and one-bit assignments.

    Expressions may use ``~ ! & | ^ ~^ ?:``, ``1'b0``, ``1'b1`` and single bits ``a[3]``.

    Raises
    ------
    CircuitError
        If the file is no such thing; the message names file and line.
    """
    return _Reader(text, source).read()


class BeyondGates(CircuitError):
    """The file has more of the language than gates and assignments of single bits."""


class _Reader:
    def __init__(self, text: str, source: str) -> None:
        self.draft = Draft(source)
        self.tokens = self._split(text)
        self.at = 0
        self.indices: dict[str, range | None] = {}  # of a vector, the lowest bit first
        self.outputs: dict[str, int] = {}
        self.inputs: dict[str, int] = {}
        self.ports: list[str] = []
        self.made = 0
        self.assigned = ""

    def _split(self, text: str) -> list[tuple[str, str, int]]:
        found, at, line = [], 0, 1
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise self._beyond(f"{text[at : at + 20]!r} is not supported", line)
            kind = match.lastgroup or ""
            if kind != "space":
                found.append((kind, match[0], line))
            line += match[0].count("\n")
            at = match.end()
        return [*found, ("end", "", line)]

    # The next word, and what must come.

    def _see(self) -> str:
        return self.tokens[self.at][1]

    @property
    def line(self) -> int:
        return self.tokens[self.at][2]

    def _fail(self, expected: str) -> NoReturn:
        kind, word, line = self.tokens[self.at]
        there = "the file ends" if kind == "end" else f"{word[:30]!r} stands"
        raise self._beyond(f"{there} where {expected} is expected", line)

    def _beyond(self, text: str, line: int) -> BeyondGates:
        hint = " (with yosys installed, format='yosys' reads all of Verilog)"
        return BeyondGates(text + hint, source=self.draft.source, line=line)

    def _take(self, word: str) -> bool:
        if self._see() == word:
            self.at += 1
            return True
        return False

    def _need(self, word: str) -> None:
        if not self._take(word):
            self._fail(repr(word))

    def _name(self) -> str:
        kind, word, _ = self.tokens[self.at]
        if kind != "name":
            self._fail("a name")
        self.at += 1
        return word[1:] if word.startswith("\\") else word

    def _number(self) -> int:
        kind, word, line = self.tokens[self.at]
        if kind != "number":
            self._fail("a number")
        self.at += 1
        return whole(self.draft, word, "an index", line)

    # The module.

    def read(self) -> Netlist:
        self._need("module")
        self._name()
        if self._take("("):
            self._port_list()
        self._need(";")
        while not self._take("endmodule"):
            self._statement()
        if self.tokens[self.at][0] != "end":
            self._fail("nothing more: one module is read")
        for wire, line in self._expand(self.inputs):
            self.draft.input(wire, line)
        for wire, line in self._expand(self.outputs):
            self.draft.output(wire, line)
        if not self.outputs:
            raise self.draft.error("the module has no output", self.line)
        return self.draft.finish()

    def _expand(self, declared: dict[str, int]) -> Iterator[tuple[str, int]]:
        """Bits of ports in the order of the module's list; of their declarations if it has none."""
        listed = dict.fromkeys(name for name in self.ports if name in declared)
        count = 0
        for name in [*listed, *(name for name in declared if name not in listed)]:
            indices, line = self.indices[name], declared[name]
            count += 1 if indices is None else len(indices)
            if count > MAX_INPUTS:
                raise self.draft.error(f"more than {MAX_INPUTS} inputs or outputs", line)
            if indices is None:
                yield name, line
            else:
                yield from ((f"{name}[{index}]", line) for index in indices)

    def _port_list(self) -> None:
        direction = ""
        bits: range | None = None
        while not self._take(")"):
            if self._see() in ("input", "output"):
                direction = self._see()
                self.at += 1
                self._take("wire")
                bits = self._range()
            name = self._name()
            self.ports.append(name)
            if direction:
                self._declare(direction, name, bits)
            if self._see() != ")":
                self._need(",")

    def _range(self) -> range | None:
        """Indices of a vector, the lowest bit first; None for a single bit."""
        if not self._take("["):
            return None
        high = self._number()
        self._need(":")
        low = self._number()
        self._need("]")
        return range(low, high + 1) if high >= low else range(low, high - 1, -1)

    def _declare(self, direction: str, name: str, indices: range | None) -> None:
        if direction == "wire" and indices is None and name in self.indices:
            return  # declared as a port before, perhaps with a range
        self.indices[name] = indices
        if direction != "wire":
            declared = self.inputs if direction == "input" else self.outputs
            if name in declared:
                raise self.draft.error(f"{direction} {name!r} is declared twice", self.line)
            declared[name] = self.line

    def _statement(self) -> None:
        word = self._see()
        if word in ("input", "output", "wire", "tri"):
            self.at += 1
            self._take("wire")
            bits = self._range()
            while True:
                name = self._name()
                self._declare("wire" if word == "tri" else word, name, bits)
                if word == "wire" and self._take("="):
                    self._assign(name if bits is None else self._fail("no vector"))
                if self._take(";"):
                    return
                self._need(",")
        elif word == "assign":
            self.at += 1
            while True:
                target, _ = self._wire()
                self._need("=")
                self._assign(target)
                if self._take(";"):
                    return
                self._need(",")
        elif word in PRIMITIVES:
            self._primitive(PRIMITIVES[word])
        elif word == "reg" or word.startswith("always") or word == "initial":
            self._fail("combinational logic of gates")
        else:
            self._fail("a gate (and, or, nand, nor, xor, xnor, not, buf) or an assignment")

    def _primitive(self, kind: Kind) -> None:
        self.at += 1
        while True:
            line = self.line
            if self.tokens[self.at][0] == "name":
                self._name()
            self._need("(")
            wires = [self._wire()]
            self.assigned = wires[0][0]
            while self._take(","):
                wires.append(self._expression())
            self._need(")")
            (target, _), *reads = wires
            self.draft.gate(
                kind,
                target,
                [self._constant(wire, line) for wire, _ in reads],
                line,
                negated=[negated for _, negated in reads],
            )
            if self._take(";"):
                return
            self._need(",")

    def _assign(self, target: str) -> None:
        """An assignment's outermost gate takes the name of what is assigned."""
        line, before = self.line, self.made
        self.assigned = target
        wire, negated = self._expression(target)
        if self.draft.drives(target) and wire == target and self.made > before:
            return
        self.draft.gate(Kind.BUF, target, [self._constant(wire, line)], line, negated=[negated])

    def _constant(self, wire: str, line: int) -> str:
        if wire == FALSE and not self.draft.drives(FALSE):
            self.draft.gate(Kind.CONST, FALSE, [], line)
        return wire

    # Expressions: the wire of a single bit, and whether it is negated.

    def _wire(self) -> Bit:
        name = self._name()
        indices = self.indices.get(name)
        if self._take("["):
            index = self._number()
            self._need("]")
            if name in self.indices and (indices is None or index not in indices):
                raise self.draft.error(f"{name!r} has no bit {index}", self.line)
            return f"{name}[{index}]", False
        if indices is not None:
            raise self._beyond(
                f"{name!r} is a vector: single bits are expected, as {name}[0]", self.line
            )
        return name, False

    def _expression(self, target: str = "", depth: int = 0) -> Bit:
        if depth > _MAX_NESTING:
            raise self.draft.error("an expression is nested too deeply", self.line)
        line = self.line
        chooser = self._binary(0, depth, target)
        if not self._take("?"):
            return chooser
        one = self._expression("", depth + 1)
        self._need(":")
        zero = self._expression("", depth + 1)
        return self._make(Kind.MUX, [chooser, zero, one], line, target)

    def _binary(self, rank: int, depth: int, target: str = "") -> Bit:
        """Operators of one rank, left to right; `&` binds strongest, `|` weakest."""
        if rank == len(_OPERATORS):
            return self._unary(depth)
        line = self.line
        terms, kind = [self._binary(rank + 1, depth, target)], None
        while self._see() in _OPERATORS[rank]:
            found = _OPERATORS[rank][self._see()]
            if kind is not None and (found is not kind or kind is Kind.XNOR):
                terms = [self._make(kind, terms, line)]
            kind = found
            self.at += 1
            terms.append(self._binary(rank + 1, depth))
        last = self._see() in (";", ",")  # otherwise more comes around it
        return terms[0] if kind is None else self._make(kind, terms, line, target if last else "")

    def _unary(self, depth: int) -> Bit:
        negated = False
        while self._see() in ("~", "!"):
            self.at += 1
            negated = not negated
        kind, word, _ = self.tokens[self.at]
        if kind == "bit":
            self.at += 1
            wire, flipped = FALSE, word.endswith("1")
        elif self._take("("):
            wire, flipped = self._expression("", depth + 1)
            self._need(")")
        else:
            wire, flipped = self._wire()
        return wire, negated != flipped

    def _make(self, kind: Kind, terms: list[Bit], line: int, target: str = "") -> Bit:
        self.made += 1
        wire = (
            target if target and not self.draft.drives(target) else f"{self.assigned}.{self.made}"
        )
        reads = [self._constant(read, line) for read, _ in terms]
        self.draft.gate(kind, wire, reads, line, negated=[negated for _, negated in terms])
        return wire, False
