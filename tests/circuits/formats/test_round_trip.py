"""What is written is read back as the same function, in every format, from every kind of gate."""

from pathlib import Path

import numpy as np
import pytest

from widthwise.circuits import Kind, read_circuit, simulate, write_circuit


@pytest.mark.parametrize("suffix", ["aag", "aig", "blif", "txt", "bench", "v"])
def test_random_circuits(suffix: str, tmp_path: Path, random_netlist, corners) -> None:
    inputs = corners(5)
    for seed in range(5):
        circuit = random_netlist(seed)
        path = write_circuit(circuit, tmp_path / f"circuit.{suffix}")
        back = read_circuit(path, "verilog" if suffix == "v" else None)
        assert np.array_equal(simulate(back, inputs), simulate(circuit, inputs)), seed
        if suffix != "txt":  # Bristol files have no names
            assert (back.inputs, back.outputs) == (circuit.inputs, circuit.outputs)


def test_gates_keep_their_kinds_and_lines(tmp_path: Path, ripple_adder) -> None:
    adder = ripple_adder(4)
    back = read_circuit(write_circuit(adder, tmp_path / "adder.blif"))
    assert set(back.gates) == set(adder.gates)
    assert sorted(back.kinds) == sorted(
        Kind.NAND if kind == Kind.OR else kind for kind in adder.kinds
    )
    assert back.lines is not None
    assert back.lines.min() > 1


def test_names_that_need_care(tmp_path: Path) -> None:
    from widthwise.circuits import Draft

    draft = Draft()
    for wire in ("a[0]", "module"):
        draft.input(wire)
    draft.gate(Kind.MAJ, "m", ["a[0]", "module", "a[0]"])
    draft.output("m", name="out")
    circuit = draft.finish()
    back = read_circuit(write_circuit(circuit, tmp_path / "c.v"), "verilog")
    assert back.inputs == ("a[0]", "module")
    with pytest.raises(ValueError, match="the suffix must be"):
        write_circuit(circuit, tmp_path / "circuit.edif")
