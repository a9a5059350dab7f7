"""Bristol Fashion files, and the older Bristol Format: gates over numbered wires.

The first wires are the inputs, the last ones the outputs, in order. Which bit of a number comes
first is up to the file: the lowest in arithmetic circuits, the last bit of the published bit string
in those of SHA-256 and AES.

Source: N. P. Smart et al., "'Bristol Fashion' MPC circuits", nigelsmart.github.io/MPC-Circuits.
"""

from widthwise.circuits.draft import Draft
from widthwise.circuits.formats.decompose import to_and_xor
from widthwise.circuits.formats.numbers import MAX_INPUTS, whole
from widthwise.circuits.netlist import Kind, Netlist

_KINDS = {"XOR": Kind.XOR, "AND": Kind.AND, "OR": Kind.OR, "INV": Kind.NOT, "NOT": Kind.NOT}
_READS = {"XOR": 2, "AND": 2, "OR": 2, "INV": 1, "NOT": 1, "EQ": 1, "EQW": 1}


def read_bristol(text: str, source: str = "") -> Netlist:
    """Read a circuit; inputs are called ``x0[0]``, ``x0[1]``, ..., outputs ``y0[0]``, ....

    Raises
    ------
    CircuitError
        If the file is no such thing; the message names file and line.
    """
    draft = Draft(source, prefix="w")
    lines = [(place, text.split()) for place, text in enumerate(text.splitlines(), 1)]
    lines = [(place, words) for place, words in lines if words]
    if len(lines) < 2 or len(lines[0][1]) != 2:
        raise draft.error("the file must begin with the number of gates and of wires", 1)
    gates, wires = (whole(draft, word, "a number in line 1", lines[0][0]) for word in lines[0][1])
    inputs, outputs, body = _widths(draft, lines)
    total = sum(inputs), sum(outputs)
    if max(total) > wires:
        raise draft.error(
            f"{total[0]} input and {total[1]} output wires, but only {wires} wires in all",
            lines[1][0],
        )
    if len(lines) - body != gates:
        where = lines[min(body + gates, len(lines) - 1)][0]
        raise draft.error(f"{gates} gates are promised and {len(lines) - body} follow", where)
    named = ((f"x{part}[{bit}]") for part, width in enumerate(inputs) for bit in range(width))
    for wire, name in enumerate(named):
        draft.aliases[wire] = name
        draft.input(wire, lines[1][0])
    for line, words in lines[body:]:
        _gate(draft, words, line, wires)
    first = wires - total[1]
    names = [f"y{part}[{bit}]" for part, width in enumerate(outputs) for bit in range(width)]
    for place, name in enumerate(names):
        draft.output(first + place, lines[1][0], name=name)
    return draft.finish()


def _widths(draft: Draft, lines: list[tuple[int, list[str]]]) -> tuple[list[int], list[int], int]:
    """Bits of each input and output, and where the gates begin; tells the two formats apart."""
    rows = [
        [whole(draft, word, "a number of wires", place) for word in words]
        if all(word.isdigit() for word in words)
        else None
        for place, words in lines[1:3]
    ]
    fashion = (
        len(rows) == 2
        and all(row is not None and len(row) == row[0] + 1 for row in rows)
        and rows[0] is not None
        and rows[1] is not None
    )
    if fashion and rows[0] and rows[1]:
        found = rows[0][1:], rows[1][1:], 3
    elif rows[0] is not None and len(rows[0]) == 3:
        found = [width for width in rows[0][:2] if width], rows[0][2:], 2
    else:
        raise draft.error(
            "the number of inputs with the bits of each is expected here, and the same for the "
            "outputs in the next line (or three numbers of bits in the older format)",
            lines[1][0],
        )
    if sum(found[0]) + sum(found[1]) > MAX_INPUTS:
        raise draft.error(f"more than {MAX_INPUTS} input and output wires", lines[1][0])
    return found


def _gate(draft: Draft, words: list[str], line: int, wires: int) -> None:
    name = words[-1].upper()
    if name not in _READS and name != "MAND":
        known = ", ".join([*_READS, "MAND"])
        raise draft.error(f"gate {words[-1][:20]!r} is unknown; known are {known}", line)
    if len(words) < 4:
        raise draft.error("a gate is 'inputs outputs wires ... NAME'", line)
    numbers = [whole(draft, word, "a wire", line) for word in words[:-1]]
    count, made, rest = numbers[0], numbers[1], numbers[2:]
    expected = (count, made) if name == "MAND" else (_READS[name], 1)
    if (
        (count, made) != expected
        or len(rest) != count + made
        or (name == "MAND" and count != 2 * made)
    ):
        raise draft.error(
            f"{name} with {count} inputs, {made} outputs and {len(rest)} wires does not fit", line
        )
    reads, drives = rest[:count], rest[count:]
    checked = drives if name == "EQ" else rest
    if max(checked) >= wires:
        raise draft.error(f"wire {max(checked)}: there are only {wires}, from 0", line)
    match name:
        case "EQ":
            _constant(draft, reads[0], drives[0], line)
        case "EQW":
            draft.gate(Kind.BUF, drives[0], reads, line)
        case "MAND":
            for place, wire in enumerate(drives):
                draft.gate(Kind.AND, wire, [reads[place], reads[made + place]], line)
        case _:
            draft.gate(_KINDS[name], drives[0], reads, line)


def _constant(draft: Draft, value: int, wire: int, line: int) -> None:
    if value > 1:
        raise draft.error(f"EQ assigns {value}: it must be 0 or 1", line)
    if not draft.drives("false"):
        draft.gate(Kind.CONST, "false", [])
    draft.gate(Kind.NOT if value else Kind.BUF, wire, ["false"], line)


def write_bristol(netlist: Netlist) -> str:
    """Write a circuit in Bristol Fashion, with one input and one output of many bits."""
    graph = to_and_xor(netlist)
    inputs, kinds = len(graph.inputs), graph.kinds.tolist()
    lines: list[str] = []
    wire_of: dict[int, int] = {2 * place: place for place in range(inputs)}
    wires = inputs

    def wire(literal: int) -> int:
        """The wire of a literal; a negation is made where it is first needed."""
        nonlocal wires
        if literal not in wire_of:
            lines.append(f"1 1 {wire_of[literal ^ 1]} {wires} INV")
            wire_of[literal] = wires
            wires += 1
        return wire_of[literal]

    for gate, kind in enumerate(kinds):
        reads = [wire(literal) for literal in graph.reads(gate)]
        if kind == Kind.CONST:
            lines.append(f"1 1 0 {wires} EQ")
        else:
            lines.append(f"2 1 {reads[0]} {reads[1]} {wires} {Kind(kind).name}")
        wire_of[2 * (inputs + gate)] = wires
        wires += 1
    last = [wire(literal) for literal in graph.output_literals.tolist()]
    lines += [f"1 1 {source} {wires + place} EQW" for place, source in enumerate(last)]
    head = [f"{len(lines)} {wires + len(last)}", f"1 {inputs}", f"1 {len(last)}", ""]
    return "\n".join([*head, *lines, ""])
