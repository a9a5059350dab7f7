"""BENCH files, as of the ISCAS benchmarks: ``c = NAND(a, b)``.

Source: F. Brglez and H. Fujiwara, "A neutral netlist of 10 combinational benchmark circuits", 1985.
"""

import re

from widthwise.circuits.draft import Draft
from widthwise.circuits.formats.decompose import to_and_xor
from widthwise.circuits.netlist import MAX_TABLE, Kind, Netlist

_PORT = re.compile(r"(INPUT|OUTPUT)\s*\(\s*([^\s(),=]+)\s*\)", re.IGNORECASE)
_GATE = re.compile(r"([^\s(),=]+)\s*=\s*(\w+)(?:\s+0x([0-9a-fA-F]+))?\s*\(([^()]*)\)")
_CONSTANT = re.compile(r"([^\s(),=]+)\s*=\s*(vdd|gnd)", re.IGNORECASE)
_KINDS = {
    "AND": Kind.AND,
    "OR": Kind.OR,
    "NAND": Kind.NAND,
    "NOR": Kind.NOR,
    "XOR": Kind.XOR,
    "XNOR": Kind.XNOR,
    "NXOR": Kind.XNOR,
    "NOT": Kind.NOT,
    "INV": Kind.NOT,
    "BUF": Kind.BUF,
    "BUFF": Kind.BUF,
    "MUX": Kind.MUX,
    "MAJ": Kind.MAJ,
}


def read_bench(text: str, source: str = "") -> Netlist:
    """Read a circuit without flip-flops; ``LUT 0x8 (a, b)``, ``vdd`` and ``gnd`` are known too.

    Raises
    ------
    CircuitError
        If the file is no such thing; the message names file and line.
    """
    draft = Draft(source)
    outputs: list[tuple[str, int]] = []
    for line, raw in enumerate(text.splitlines(), 1):
        content = raw.split("#", 1)[0].strip()
        if not content:
            continue
        if found := _PORT.fullmatch(content):
            if found[1].upper() == "INPUT":
                draft.input(found[2], line)
            else:
                outputs.append((found[2], line))
        elif found := _CONSTANT.fullmatch(content):
            true = found[2].lower() == "vdd"
            draft.gate(Kind.TABLE, found[1], [], line, table=[true])
        elif found := _GATE.fullmatch(content):
            _gate(draft, found, line)
        else:
            raise draft.error(
                f"{content[:60]!r} is not 'INPUT(a)', 'OUTPUT(a)' or 'c = NAND(a, b)'", line
            )
    for wire, line in outputs:
        draft.output(wire, line)
    if not outputs:
        raise draft.error("the file has no OUTPUT")
    return draft.finish()


def _gate(draft: Draft, found: re.Match[str], line: int) -> None:
    wire, name = found[1], found[2].upper()
    reads = [word.strip() for word in found[4].split(",")]
    if not all(reads) or any(" " in word for word in reads):
        raise draft.error(f"gate {wire!r}: {found[4][:40]!r} is no list of wires", line)
    if name == "LUT":
        if len(reads) > MAX_TABLE:
            raise draft.error(f"gate {wire!r}: a LUT of {len(reads)} inputs", line)
        entries = 1 << len(reads)
        number = int(found[3][:20_000] if found[3] else "0", 16)
        if not found[3] or number >= 1 << entries:
            raise draft.error(
                f"gate {wire!r}: LUT needs {entries} bits, as in LUT 0x8 (a, b)", line
            )
        table = [bool(number >> place & 1) for place in range(entries)]
        draft.gate(Kind.TABLE, wire, reads, line, table=table)
    elif name.startswith("DFF") or name == "LATCH":
        raise draft.error(
            f"gate {wire!r} is a flip-flop: only combinational circuits can be compiled", line
        )
    elif name in _KINDS and found[3] is None:
        draft.gate(_KINDS[name], wire, reads, line)
    else:
        raise draft.error(
            f"gate {wire!r} is of unknown kind {found[2][:20]!r}; known are "
            f"{', '.join(_KINDS)}, LUT",
            line,
        )


def write_bench(netlist: Netlist) -> str:
    """Write a circuit with AND, XOR, NOT and BUFF."""
    graph = to_and_xor(netlist)
    lines = [f"INPUT({name})" for name in graph.inputs]
    lines += [f"OUTPUT({name})" for name in graph.outputs]
    taken = {*graph.inputs, *graph.gates, *graph.outputs}
    made: dict[int, str] = {}

    def wire(literal: int) -> str:
        if not literal & 1:
            return graph.name(literal)
        if literal not in made:
            name = f"{graph.name(literal ^ 1)}_not"
            while name in taken:
                name += "_"
            taken.add(name)
            lines.append(f"{name} = NOT({graph.name(literal ^ 1)})")
            made[literal] = name
        return made[literal]

    for gate, name in enumerate(graph.gates):
        reads = ", ".join(wire(literal) for literal in graph.reads(gate))
        kind = Kind(graph.kinds[gate])
        lines.append(f"{name} = gnd" if kind is Kind.CONST else f"{name} = {kind.name}({reads})")
    driven = {*graph.inputs, *graph.gates}
    for name, literal in zip(graph.outputs, graph.output_literals.tolist(), strict=True):
        if name in driven and graph.name(literal) != name:
            raise ValueError(f"output {name!r} has the name of another wire; BENCH cannot say that")
        if name not in driven:
            lines.append(f"{name} = BUFF({wire(literal)})")
            driven.add(name)
    return "\n".join([*lines, ""])
