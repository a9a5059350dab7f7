"""Circuits of other tools beside those tools' simulators; skipped where they are missing."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from widthwise.circuits import (
    CircuitError,
    compile_circuit,
    read_circuit,
    simulate,
    write_circuit,
)
from widthwise.circuits.formats.yosys import has_yosys


def numbers(rng: np.random.Generator, bits: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Random numbers, and their bits, the lowest first."""
    values = rng.integers(0, 1 << bits, count)
    return values, values[:, None] >> np.arange(bits) & 1


def value(bits: np.ndarray) -> np.ndarray:
    return bits.astype(int) @ (1 << np.arange(bits.shape[1]))


def test_generated_arithmetic(tmp_path: Path) -> None:
    pytest.importorskip("aigverse")
    from aigverse import generators, io

    rng = np.random.default_rng(0)
    (a, a_bits), (b, b_bits) = numbers(rng, 8, 100), numbers(rng, 8, 100)
    both = np.stack([a_bits, b_bits], axis=2).reshape(100, 16)  # a0, b0, a1, b1, ...
    for generate, expected in (
        (generators.ripple_carry_adder, a + b),
        (generators.carry_lookahead_adder, a + b),
        (generators.ripple_carry_multiplier, a * b),
    ):
        io.write_aiger(generate(8), str(tmp_path / "circuit.aig"))
        circuit = read_circuit(tmp_path / "circuit.aig")
        assert np.array_equal(value(simulate(circuit, both)), expected)
        assert np.array_equal(value(compile_circuit(circuit).evaluate(both)), expected)


def test_random_graphs_beside_truth_tables(tmp_path: Path, corners) -> None:
    pytest.importorskip("aigverse")
    from aigverse import algorithms, generators, io

    for seed in range(10):
        graph = generators.random_aig(num_pis=6, num_gates=40, seed=seed)
        io.write_aiger(graph, str(tmp_path / "graph.aig"))
        circuit = read_circuit(tmp_path / "graph.aig")
        columns = [[table.get_bit(n) for n in range(64)] for table in algorithms.simulate(graph)]
        expected = np.array(columns, bool).T
        assert np.array_equal(simulate(circuit, corners(6)), expected)
        assert np.array_equal(compile_circuit(circuit).evaluate(corners(6)), expected)


def test_what_is_written_is_read_elsewhere(tmp_path: Path, random_netlist, corners) -> None:
    pytest.importorskip("aigverse")
    from aigverse import algorithms, io

    for seed in range(10):
        circuit = random_netlist(seed)
        readers = {"aig": io.read_aiger_into_aig, "aag": io.read_ascii_aiger_into_aig}
        for suffix, read in readers.items():
            graph = read(str(write_circuit(circuit, tmp_path / f"circuit.{suffix}")))
            columns = [[t.get_bit(n) for n in range(32)] for t in algorithms.simulate(graph)]
            assert np.array_equal(np.array(columns, bool).T, simulate(circuit, corners(5)))


def published(name: str) -> Path:
    found = importlib.util.find_spec("circuitgraph")
    if found is None or not found.submodule_search_locations:
        pytest.skip("circuitgraph, which holds the ISCAS circuits, is not installed")
    return Path(found.submodule_search_locations[0], "netlists", name)


def test_published_circuits() -> None:
    """Gate, relay and all neurons, depth, width, weights, parameters of ISCAS-85 c432 and c6288."""
    size = compile_circuit(read_circuit(published("c432.v"), "verilog")).size()
    assert (size.gate_neurons, size.relay_neurons, size.depth) == (154, 557, 16)
    assert (size.max_width, size.nonzeros, size.sparse_parameters) == (73, 939, 996)
    circuit = read_circuit(published("c6288.v"), "verilog")
    network = compile_circuit(circuit)
    size = network.size()
    assert (size.gate_neurons, size.relay_neurons, size.depth) == (2337, 13196, 120)
    assert (size.max_width, size.nonzeros, size.sparse_parameters) == (271, 17902, 20209)
    rng = np.random.default_rng(0)
    (a, a_bits), (b, b_bits) = numbers(rng, 16, 50), numbers(rng, 16, 50)
    outputs = network.evaluate(np.concatenate([a_bits, b_bits], axis=1))
    assert np.array_equal(outputs, simulate(circuit, np.concatenate([a_bits, b_bits], axis=1)))
    product = outputs[:, [*range(30), 31, 30]]  # the file lists the last two outputs exchanged
    assert np.array_equal(value(product), a * b)


VERILOG = """
module mac (input [5:0] a, input [5:0] b, input signed [7:0] c, output reg [12:0] y);
  always @* begin
    y = a * b + c;
    if (a == b) y = y ^ 13'h155;
  end
endmodule
"""


@pytest.mark.slow
def test_verilog_through_yosys(tmp_path: Path) -> None:
    if not has_yosys():
        pytest.skip("yosys is not installed")
    (tmp_path / "mac.v").write_text(VERILOG)
    circuit = read_circuit(tmp_path / "mac.v")
    assert circuit.inputs[0] == "a[0]"
    rng = np.random.default_rng(0)
    (a, a_bits), (b, b_bits), (c, c_bits) = (numbers(rng, bits, 300) for bits in (6, 6, 8))
    b[:50], b_bits[:50] = a[:50], a_bits[:50]
    outputs = compile_circuit(circuit).evaluate(np.concatenate([a_bits, b_bits, c_bits], axis=1))
    # An unsigned operand makes the whole sum unsigned in Verilog: c is extended with zeros.
    expected = (a * b + c) % (1 << 13) ^ np.where(a == b, 0x155, 0)
    assert np.array_equal(value(outputs), expected)
    (tmp_path / "counter.v").write_text(
        "module c(input k, output reg q); always @(posedge k) q <= ~q; endmodule"
    )
    with pytest.raises(CircuitError, match="latches: only combinational"):
        read_circuit(tmp_path / "counter.v")
    (tmp_path / "cyclic.v").write_text(
        "module c(input k, output q); wire p; and (q, k, p); not (p, q); endmodule"
    )
    with pytest.raises(CircuitError, match="gate 'q' depends on itself"):
        read_circuit(tmp_path / "cyclic.v")  # of gates alone: yosys is not asked
    (tmp_path / "broken.v").write_text("module c(input k, output q); assign q = k +; endmodule")
    with pytest.raises(CircuitError, match=r"yosys refuses it: .*syntax error"):
        read_circuit(tmp_path / "broken.v")
