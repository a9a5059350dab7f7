"""Circuits written as structural Verilog."""

import re

from widthwise.circuits.formats.decompose import to_and_xor
from widthwise.circuits.formats.verilog import FALSE, PRIMITIVES
from widthwise.circuits.netlist import Kind, Netlist

_RESERVED = {*PRIMITIVES, "module", "endmodule", "input", "output", "wire", "tri", "assign", "reg"}


def write_verilog(netlist: Netlist, *, module: str = "circuit") -> str:
    """Write a circuit as one module of assignments; names are escaped where they must be."""
    graph = to_and_xor(netlist)
    ports = [*graph.inputs, *dict.fromkeys(graph.outputs)]
    if len(ports) != len(set(ports)):
        raise ValueError("an output has the name of an input; Verilog cannot say that")
    inner = [name for name in graph.gates if name not in set(ports)]
    lines = [f"module {module} ({', '.join(map(_escape, ports))});"]
    lines += [f"  input {_escape(name)};" for name in graph.inputs]
    lines += [f"  output {_escape(name)};" for name in dict.fromkeys(graph.outputs)]
    lines += [f"  wire {_escape(name)};" for name in inner]

    def term(literal: int) -> str:
        plain = _escape(graph.name(literal & ~1))
        return f"~{plain}" if literal & 1 else plain

    for gate, name in enumerate(graph.gates):
        reads = [term(literal) for literal in graph.reads(gate)]
        sign = " & " if graph.kinds[gate] == Kind.AND else " ^ "
        lines.append(f"  assign {_escape(name)} = {sign.join(reads) or FALSE};")
    driven = set(graph.gates)
    for name, literal in zip(graph.outputs, graph.output_literals.tolist(), strict=True):
        if name in driven and graph.name(literal) != name:
            raise ValueError(f"output {name!r} has the name of another wire")
        if name not in driven:
            lines.append(f"  assign {_escape(name)} = {term(literal)};")
            driven.add(name)
    return "\n".join([*lines, "endmodule", ""])


def _escape(name: str) -> str:
    plain = re.fullmatch(r"[A-Za-z_][\w$]*", name)
    return name if plain and name not in _RESERVED else f"\\{name} "
