"""``widthwise compile`` and ``widthwise simulate``: circuits as networks, and as they are."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    import numpy as np

    from widthwise.circuits import ExactnessProof, Netlist, ReluNetwork, Size

    Names = tuple[str, ...]
    Run = Callable[[np.ndarray], np.ndarray]

Flag = Annotated[bool, Parameter(negative="")]
Format = Literal["aiger", "blif", "bristol", "bench", "verilog", "yosys"]
Exact = Literal["float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64"]

_CHUNK = 4096  # examples at a time
_GATES = 20  # of a proof, on a terminal


def compile_(
    circuit: Path,
    /,
    *,
    to: Path | None = None,
    mode: Literal["layered", "skip"] = "layered",
    simplify: Flag = False,
    merge: Flag = False,
    share: Flag = False,
    check: int = 64,
    format: Format | None = None,  # noqa: A002
    top: str | None = None,
    dtype: Literal["float32", "float64"] = "float32",
    prove: Exact | None = None,
    draw: Path | None = None,
    json: Flag = False,
) -> int:
    """Compile a circuit to a sparse ReLU network that computes exactly the same.

    Example: `widthwise compile adder.aag --to adder.onnx`

    Prints how large the network is, and compares it with the circuit on random inputs: exit status
    1 if an output differs.

    Parameters
    ----------
    circuit
        AIGER, BLIF, Bristol Fashion, BENCH or Verilog; what Verilog has beyond gates needs yosys.
    to
        The network's file: .onnx, .safetensors or .npz.
    mode
        A plain multilayer perceptron, or layers that read all earlier ones and no relay neurons.
    simplify
        Fold constants and join equal gates first.
    merge
        Merge trees of conjunctions or disjunctions into one neuron each.
    share
        Make neurons once that gates have in common.
    check
        So many random inputs, 0 for none.
    format
        Format of the circuit, where its suffix does not tell.
    top
        The module of a Verilog file.
    dtype
        Number format of an ONNX file.
    prove
        Prove that nothing is rounded in this number format, gate by gate, or refuse.
    draw
        Draw a small network into this file (svg, pdf or png).
    json
        Print one JSON object.
    """
    from widthwise.circuits import compile_circuit, prove_exact, save_network
    from widthwise.circuits.storage import SUFFIXES
    from widthwise.cli.output import line, print_json
    from widthwise.experiments.progress import steps

    if to is not None and to.suffix.lower() not in SUFFIXES:
        raise ValueError(f"cannot write {to.name!r}: the suffix must be {', '.join(SUFFIXES)}")
    with steps(show=False if json else None) as say:
        say(f"reading {circuit.name}")
        netlist = _read(circuit, format, top)
        network = compile_circuit(
            netlist, mode=mode, simplify=simplify, merge=merge, share=share, progress=say
        )
        say(f"comparing {check} random inputs")
        wrong = _mismatches(netlist, network, check)
        proof = None
        if prove is not None:
            say(f"bounding all sums for {prove}")
            proof = prove_exact(network, prove)
        if to is not None:
            say(f"writing {to.name}")
            save_network(network, to, dtype=dtype)
        if draw is not None:
            from widthwise import plotting
            from widthwise.circuits.drawing import draw_network

            plotting.save(draw_network(network), draw)
    size = network.size()
    if json:
        numbers = {name: value for name, value in size.to_dict().items() if "layer_" not in name}
        print_json(
            {
                "circuit": str(circuit),
                "gates": len(netlist.gates),
                "mode": mode,
                **numbers,
                "checked": check,
                "mismatches": wrong,
                "proof": None if proof is None else [str(bound) for bound in proof.gates],
                "file": None if to is None else str(to),
            }
        )
    else:
        _print(netlist, size, circuit)
        if check:
            line(f"Checked on {check} random inputs: {wrong} wrong")
        if proof is not None:
            _print_proof(proof)
        if to is not None:
            line(f"Network  {to}")
    return int(wrong > 0)


def simulate(
    circuit: Path,
    inputs: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    /,
    *,
    random: int = 0,
    seed: int = 0,
    file: Path | None = None,
    format: Format | None = None,  # noqa: A002
    top: str | None = None,
    json: Flag = False,
) -> None:
    """Evaluate a circuit, or a compiled network, on given or random inputs.

    Example: `widthwise simulate adder.aag 0110 1111`

    Parameters
    ----------
    circuit
        A circuit in any format that compile reads, or a network (.safetensors, .npz).
    inputs
        Words of zeros and ones, the first input first.
    random
        So many random inputs.
    seed
        Which random inputs.
    file
        A text file with one word in a line.
    format
        Format of the circuit, where its suffix does not tell.
    top
        The module of a Verilog file.
    json
        Print one JSON object.
    """
    import numpy as np

    from widthwise.cli.output import line, print_json
    from widthwise.experiments.progress import steps

    if random < 0:
        raise ValueError(f"--random is {random}: give 0 or more")
    with steps(show=False if json else None) as say:
        say(f"reading {circuit.name}")
        names, outputs, run = _runner(circuit, format, top)
    words = [*inputs, *(file.read_text().split() if file else ())]
    drawn = np.random.default_rng(seed).integers(0, 2, (random, len(names)))
    batch = np.concatenate([_bits(words, len(names)), drawn])
    if not len(batch):
        raise ValueError("no inputs: give words of zeros and ones, --file or --random")
    parts = []
    with steps(show=False if json else None) as say:
        for start in range(0, len(batch), _CHUNK):
            say(f"running inputs from {start + 1} of {len(batch)}")
            parts.append(run(batch[start : start + _CHUNK]))
    rows = list(zip(_words(batch), _words(np.concatenate(parts)), strict=True))
    if json:
        print_json(
            {
                "inputs": list(names),
                "outputs": list(outputs),
                "examples": [{"input": given, "output": found} for given, found in rows],
            }
        )
    else:
        for given, found in rows:
            line(f"{given} {found}")


def _runner(path: Path, kind: str | None, top: str | None) -> "tuple[Names, Names, Run]":
    """Names of inputs and outputs, and the function from one to the other."""
    from widthwise.circuits import load_network
    from widthwise.circuits import simulate as run

    if path.suffix.lower() in (".safetensors", ".npz"):
        network = load_network(path)
        return network.names.inputs, network.names.outputs, network.evaluate
    netlist = _read(path, kind, top)
    return netlist.inputs, netlist.outputs, partial(run, netlist)


def _read(path: Path, kind: str | None, top: str | None) -> "Netlist":
    from widthwise.circuits import read_circuit, read_with_yosys

    if top is not None:
        if kind not in (None, "yosys"):
            raise ValueError(f"--top chooses a module of Verilog read by yosys, not of {kind}")
        return read_with_yosys(path, top=top)
    return read_circuit(path, kind)


def _mismatches(netlist: "Netlist", network: "ReluNetwork", count: int) -> int:
    """How many of so many random inputs the network gets wrong."""
    import numpy as np

    from widthwise.circuits import simulate as run

    if count < 0:
        raise ValueError(f"--check is {count}: give 0 or more")
    inputs = np.random.default_rng(0).integers(0, 2, (count, len(netlist.inputs)))
    return int(np.count_nonzero(np.any(network.evaluate(inputs) != run(netlist, inputs), axis=1)))


def _bits(words: list[str], width: int) -> "np.ndarray":
    import numpy as np

    for word in words:
        if len(word) != width or word.strip("01"):
            raise ValueError(
                f"the input {word[:60]!r} has {len(word)} characters: give {width} zeros and ones, "
                "the first input first"
            )
    return np.array([[int(bit) for bit in word] for word in words], int).reshape(-1, width)


def _words(rows: "np.ndarray") -> list[str]:
    return ["".join(str(int(bit)) for bit in row) for row in rows.tolist()]


def _print_proof(proof: "ExactnessProof") -> None:
    from widthwise.cli.output import line

    for bound in proof.gates[:_GATES]:
        line(str(bound))
    if len(proof.gates) > _GATES:
        line(f"... and {len(proof.gates) - _GATES} more gates (--json lists them)")
    line(f"Exact in {proof.format.name}, which holds whole numbers up to 2^{proof.format.bits}")
    line(f"Most is needed by {proof.tightest}")


def _print(netlist: "Netlist", size: "Size", path: Path) -> None:
    from widthwise.cli.output import table

    rows = [
        ("inputs, outputs", f"{size.inputs:,}, {size.outputs:,}"),
        ("gates of the circuit", f"{len(netlist.gates):,}"),
        ("neurons that compute", f"{size.gate_neurons:,}"),
        ("neurons that carry", f"{size.relay_neurons:,}"),
        ("layers", f"{size.depth:,}"),
        ("widest layer", f"{size.max_width:,}"),
        ("weights that are not zero", f"{size.nonzeros:,}"),
        ("parameters, sparse", f"{size.sparse_parameters:,}"),
        ("parameters, were it dense", f"{size.dense_parameters:,}"),
    ]
    table(("size", ">"), rows, title=f"{path.name} as a ReLU network")
