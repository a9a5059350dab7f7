"""AIGER files, ASCII (``aag``) and binary (``aig``): conjunctions of two literals.

Source: A. Biere, "The AIGER And-Inverter Graph (AIG) format", 2007, and AIGER 1.9, 2011.
"""

from widthwise.circuits.draft import Draft
from widthwise.circuits.formats.decompose import to_and_inverter
from widthwise.circuits.formats.numbers import MAX_INPUTS, MAX_WIRES, whole
from widthwise.circuits.netlist import Kind, Netlist

_FIELDS = ("M", "I", "L", "O", "A", "B", "C", "J", "F")
_FALSE = "constant"


def read_aiger(data: bytes, source: str = "") -> Netlist:
    """Read an AIGER file without latches.

    Raises
    ------
    CircuitError
        If the file is no such thing; the message names file and line.
    """
    return _Reader(data, source).read()


class _Reader:
    def __init__(self, data: bytes, source: str) -> None:
        self.data = data
        self.draft = Draft(source, prefix="n")
        self.at = 0
        self.line = 0

    def read(self) -> Netlist:
        words = self._next("the header").split(" ")
        if words[0] not in ("aag", "aig"):
            raise self._error(f"the file begins with {words[0][:20]!r}, not with 'aag' or 'aig'")
        if not 6 <= len(words) <= 10:
            raise self._error("the header must be 'aag M I L O A' or 'aig M I L O A'")
        pairs = zip(_FIELDS, words[1:], strict=False)
        size = {name: whole(self.draft, word, f"{name} in the header", 1) for name, word in pairs}
        self.largest, inputs, latches = size["M"], size["I"], size["L"]
        outputs, gates = size["O"], size["A"]
        if latches:
            raise self._error(
                f"{latches} latches: only combinational circuits can be compiled; unroll it first"
            )
        if any(size.get(name, 0) for name in "BCJF"):
            raise self._error("properties and constraints (B, C, J, F) are not supported")
        self._check_sizes(words[0], inputs, outputs, gates)
        ascii_file = words[0] == "aag"
        self.inputs = [self._input(place) if ascii_file else place + 1 for place in range(inputs)]
        for place, variable in enumerate(self.inputs):
            self.draft.aliases[variable] = f"i{place}"
            self.draft.input(variable, self.line if ascii_file else 0)
        read_outputs = [
            (self._literal(self._next(f"output {place}"), "an output"), self.line)
            for place in range(outputs)
        ]
        for place in range(gates):
            if ascii_file:
                self._ascii_gate(place)
            else:
                self._binary_gate(inputs + place + 1)
        names = self._symbols(outputs)
        for place, (literal, line) in enumerate(read_outputs):
            wire, negated = self._wire(literal)
            self.draft.output(wire, line, negated=negated, name=names.get(place, f"o{place}"))
        return self.draft.finish()

    def _check_sizes(self, kind: str, inputs: int, outputs: int, gates: int) -> None:
        """Refuse a header that promises more than the file can hold, before anything is made."""
        least = inputs + gates
        if self.largest < least or (kind == "aig" and self.largest != least):
            relation = "equal" if kind == "aig" else "be at least"
            raise self._error(f"M = {self.largest} must {relation} I + L + A = {least}")
        if inputs > MAX_INPUTS:
            raise self._error(f"{inputs} inputs: at most {MAX_INPUTS} are supported")
        rest = len(self.data) - self.at
        needed = (
            2 * inputs + 2 * outputs + 6 * gates - 1 if kind == "aag" else 2 * (outputs + gates)
        )
        if rest < needed:
            raise self._error(
                f"the header promises {inputs} inputs, {outputs} outputs and {gates} gates: the "
                f"file ends too early ({rest} bytes follow)"
            )

    def _next(self, what: str) -> str:
        """Return the next line of text."""
        if self.at >= len(self.data):
            raise self._error(f"the file ends where {what} is expected", after=1)
        end = self.data.find(b"\n", self.at)
        end = len(self.data) if end < 0 else end
        text = self.data[self.at : end]
        self.at, self.line = end + 1, self.line + 1
        if len(text) > 4096:
            raise self._error(f"a line of {len(text)} bytes where {what} is expected")
        return text.decode("utf-8", "replace").rstrip("\r ")

    def _error(self, text: str, *, after: int = 0) -> Exception:
        return self.draft.error(text, self.line + after)

    def _literal(self, word: str, what: str) -> int:
        literal = whole(self.draft, word, f"the literal of {what}", self.line, most=2 * MAX_WIRES)
        if literal > 2 * self.largest + 1:
            raise self._error(f"literal {literal} exceeds 2 M + 1 = {2 * self.largest + 1}")
        return literal

    def _input(self, place: int) -> int:
        literal = self._literal(self._next(f"input {place}"), "an input")
        if literal < 2 or literal & 1:
            raise self._error(f"input {place} is literal {literal}: it must be even and above 0")
        return literal >> 1

    def _ascii_gate(self, place: int) -> None:
        words = self._next(f"gate {place}").split(" ")
        if len(words) != 3:
            raise self._error(f"gate {place} has {len(words)} numbers instead of 3")
        left, *right = (self._literal(word, f"gate {place}") for word in words)
        if left < 2 or left & 1:
            raise self._error(f"gate {place} drives literal {left}: it must be even and above 0")
        self._gate(left >> 1, right)

    def _binary_gate(self, variable: int) -> None:
        left = 2 * variable
        first = left - self._delta(variable)
        second = first - self._delta(variable)
        if first >= left or second < 0:
            raise self._error(f"gate {variable} reads a literal out of order", after=1)
        self._gate(variable, [first, second])

    def _delta(self, variable: int) -> int:
        """Read a number of seven bits to the byte, low bits first."""
        value = shift = 0
        while True:
            if self.at >= len(self.data):
                raise self._error(f"the file ends within gate {variable}", after=1)
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 28:
                raise self._error(f"gate {variable} has a number beyond 32 bits", after=1)

    def _gate(self, variable: int, literals: list[int]) -> None:
        wires, negated = zip(*map(self._wire, literals), strict=True)
        self.draft.gate(Kind.AND, variable, wires, self.line, negated=negated)

    def _wire(self, literal: int) -> tuple[int | str, bool]:
        if literal > 1:
            return literal >> 1, bool(literal & 1)
        if not self.draft.drives(_FALSE):
            self.draft.gate(Kind.CONST, _FALSE, [])
        return _FALSE, bool(literal)

    def _symbols(self, outputs: int) -> dict[int, str]:
        """Names of inputs and outputs; what follows a line `c` is a comment."""
        names: dict[int, str] = {}
        while self.at < len(self.data):
            text = self._next("a symbol")
            if text == "c" or not text:
                break
            place, _, name = text.partition(" ")
            if place[:1] not in ("i", "o") or not place[1:].isdigit() or not name:
                raise self._error(f"{text[:40]!r} is no symbol: 'i0 name' or 'o0 name' is expected")
            known = len(self.inputs) if place[0] == "i" else outputs
            number = whole(self.draft, place[1:], "the number of a symbol", self.line)
            if number >= known:
                raise self._error(f"symbol {place!r}: there are only {known} of its kind")
            if place[0] == "i":
                self.draft.aliases[self.inputs[number]] = name
            else:
                names[number] = name
        return names


def write_aiger(netlist: Netlist, *, binary: bool = True) -> bytes:
    """Write a circuit as AIGER; other gates than conjunctions are made of those first."""
    graph = to_and_inverter(netlist)
    inputs, kinds = len(graph.inputs), graph.kinds.tolist()
    # Variables: constants have none.
    number = [*range(1, inputs + 1)]
    gates = 0
    for kind in kinds:
        gates += kind == Kind.AND
        number.append(inputs + gates if kind == Kind.AND else 0)

    def literal(own: int) -> int:
        return 2 * number[own >> 1] + (own & 1)

    out = bytearray()
    head = "aig" if binary else "aag"
    outputs = len(graph.outputs)
    out += f"{head} {inputs + gates} {inputs} 0 {outputs} {gates}\n".encode()
    if not binary:
        out += b"".join(b"%d\n" % (2 * place) for place in range(1, inputs + 1))
    out += b"".join(b"%d\n" % literal(own) for own in graph.output_literals.tolist())
    for gate, kind in enumerate(kinds):
        if kind != Kind.AND:
            continue
        left = 2 * number[inputs + gate]
        low, high = sorted(map(literal, graph.reads(gate)))
        if binary:
            out += _varint(left - high) + _varint(high - low)
        else:
            out += b"%d %d %d\n" % (left, high, low)
    for letter, names in (("i", graph.inputs), ("o", graph.outputs)):
        for place, name in enumerate(names):
            out += f"{letter}{place} {name}\n".encode()
    return bytes(out)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
