"""From a circuit to its network, in one call."""

from collections.abc import Callable
from pathlib import Path

from widthwise.circuits.assembly import assemble
from widthwise.circuits.formats import read_circuit
from widthwise.circuits.lowering import lower
from widthwise.circuits.netlist import Netlist
from widthwise.circuits.network import ReluNetwork
from widthwise.circuits.program import ReluProgram
from widthwise.circuits.reduction import prune as prune_program
from widthwise.circuits.reduction import share as share_rows
from widthwise.circuits.simplification import merge as merge_gates
from widthwise.circuits.simplification import simplify as simplify_gates
from widthwise.circuits.size import Size, predict_size
from widthwise.circuits.timetable import Mode, timetable
from widthwise.circuits.typed import TypedCircuit, emulate

Circuit = Netlist | TypedCircuit | ReluProgram | str | Path


def compile_circuit(
    circuit: Circuit,
    *,
    mode: Mode = "layered",
    simplify: bool = False,
    merge: bool = False,
    share: bool = False,
    prune: bool = True,
    progress: Callable[[str], None] | None = None,
) -> ReluNetwork:
    r"""Compile a circuit to a sparse ReLU network that computes exactly the same.

    Parameters
    ----------
    circuit
        A netlist, a typed circuit, a program, or a file (see `read_circuit`).
    mode
        ``"layered"``: a plain multilayer perceptron, with relay neurons that carry on what later
        layers read. ``"skip"``: each layer reads all earlier ones, and there are no relays.
    simplify
        Fold constants through gates and make equal gates once (netlists).
    merge
        Merge trees of conjunctions or disjunctions into one neuron each (netlists).
    share
        Make neurons once that gates have in common.
    prune
        Leave out what no output depends on.
    progress
        Called with a line of text before each step.

    Returns
    -------
    ReluNetwork

    Raises
    ------
    CircuitError
        If a file is no circuit.
    ValueError
        If gates are to be simplified in a program, which has none.

    Examples
    --------
    >>> from widthwise.circuits import parse_circuit
    >>> half_adder = "INPUT(a)\nINPUT(b)\nOUTPUT(s)\nOUTPUT(c)\ns = XOR(a, b)\nc = AND(a, b)"
    >>> network = compile_circuit(parse_circuit(half_adder, "bench"))
    >>> network.neurons, network.depth
    (3, 1)
    """
    say = progress or (lambda _: None)
    program = to_program(
        circuit, simplify=simplify, merge=merge, share=share, prune=prune, progress=progress
    )
    say(f"placing {program.neurons} neurons into layers")
    return assemble(program, mode)


def to_program(
    circuit: Circuit,
    *,
    simplify: bool = False,
    merge: bool = False,
    share: bool = False,
    prune: bool = True,
    progress: Callable[[str], None] | None = None,
) -> ReluProgram:
    """Lower a circuit to neurons and values; parameters as of `compile_circuit`."""
    say = progress or (lambda _: None)
    if isinstance(circuit, str | Path):
        say(f"reading {circuit}")
        circuit = read_circuit(circuit)
    if isinstance(circuit, TypedCircuit | ReluProgram):
        if simplify or merge:
            raise ValueError("simplify and merge work on the gates of a netlist: give False")
        program = emulate(circuit) if isinstance(circuit, TypedCircuit) else circuit
    else:
        if simplify:
            say(f"simplifying {len(circuit.gates)} gates")
            circuit = simplify_gates(circuit)
        if merge:
            say(f"merging {len(circuit.gates)} gates")
            circuit = merge_gates(circuit)
        say(f"replacing {len(circuit.gates)} gates by neurons")
        program = lower(circuit)
    program = prune_program(program) if prune else program
    return prune_program(share_rows(program)) if share else program


def size_of(
    circuit: Circuit,
    *,
    mode: Mode = "layered",
    simplify: bool = False,
    merge: bool = False,
    share: bool = False,
    prune: bool = True,
) -> Size:
    r"""Say how large the network of a circuit is, without building it.

    Parameters
    ----------
    circuit, mode, simplify, merge, share, prune
        As for `compile_circuit`.

    Examples
    --------
    >>> from widthwise.circuits import parse_circuit
    >>> size_of(parse_circuit("INPUT(a)\nOUTPUT(b)\nb = NOT(a)", "bench")).neurons
    0
    """
    program = to_program(circuit, simplify=simplify, merge=merge, share=share, prune=prune)
    return predict_size(timetable(program, mode))
