"""Every kind of gate: its simulator beside truth written here, its neurons beside the simulator."""

import math

import numpy as np
import pytest

from widthwise.circuits import (
    Draft,
    Kind,
    Netlist,
    evaluate,
    intervals,
    lower,
    merge,
    prune,
    share,
    simplify,
    simulate,
)

TRUTH = {
    Kind.BUF: lambda x: x[0],
    Kind.NOT: lambda x: 1 - x[0],
    Kind.AND: lambda x: min(x),
    Kind.OR: max,
    Kind.XOR: lambda x: sum(x) % 2,
    Kind.NAND: lambda x: 1 - min(x),
    Kind.NOR: lambda x: 1 - max(x),
    Kind.XNOR: lambda x: 1 - sum(x) % 2,
    Kind.MUX: lambda x: x[2] if x[0] else x[1],
    Kind.MAJ: lambda x: int(2 * sum(x) > len(x)),
    Kind.TABLE: lambda x: int(sum(bit << i for i, bit in enumerate(x)) in PRIMES),
}
PRIMES = {n for n in range(2, 64) if all(n % d for d in range(2, n))}
READS = {Kind.BUF: (1,), Kind.NOT: (1,), Kind.MUX: (3,), Kind.MAJ: (1, 3, 5), Kind.TABLE: (0, 1, 6)}


def gate(kind: Kind, reads: int) -> Netlist:
    draft = Draft()
    names = [f"x{place}" for place in range(reads)]
    for name in names:
        draft.input(name)
    table = [n in PRIMES for n in range(1 << reads)] if kind is Kind.TABLE else None
    draft.gate(kind, "y", names, table=table)
    draft.output("y")
    return draft.finish()


@pytest.mark.parametrize("kind", TRUTH)
def test_a_gate_is_what_its_name_says(kind: Kind, corners) -> None:
    for reads in READS.get(kind, (1, 2, 3, 5)):
        circuit, inputs = gate(kind, reads), corners(reads)
        expected = [[TRUTH[kind](row)] for row in inputs.tolist()]
        assert simulate(circuit, inputs).tolist() == expected
        assert evaluate(lower(circuit), inputs.astype(float))[0].tolist() == expected


@pytest.mark.parametrize(
    ("kind", "reads", "neurons"),
    [
        (Kind.NOT, 1, 0),
        (Kind.AND, 9, 1),
        (Kind.NOR, 9, 1),
        (Kind.XOR, 2, 2),
        (Kind.XNOR, 5, 8),
        (Kind.MUX, 3, 2),
        (Kind.MAJ, 7, 2),
        (Kind.TABLE, 6, 45),
    ],
)
def test_neurons_of_a_gate(kind: Kind, reads: int, neurons: int) -> None:
    assert lower(gate(kind, reads)).neurons == neurons


@pytest.mark.parametrize(
    ("table", "neurons"),
    [
        ([n.bit_count() % 2 for n in range(64)], 63),
        ([n.bit_count() > 2 for n in range(32)], 16),
        ([True] * 8, 0),
    ],
)
def test_neurons_of_a_truth_table(table: list[bool], neurons: int) -> None:
    draft = Draft()
    names = [f"x{place}" for place in range(int(math.log2(len(table))))]
    for name in names:
        draft.input(name)
    draft.gate(Kind.TABLE, "y", names, table=table)
    draft.output("y")
    assert lower(draft.finish()).neurons == neurons


def test_random_circuits_keep_what_they_compute(random_netlist, corners) -> None:
    inputs = corners(5)
    fewer = {"prune": 0, "share": 0, "simplify": 0, "merge": 0}
    for seed in range(15):
        circuit = random_netlist(seed)
        expected = simulate(circuit, inputs)
        program = lower(circuit)
        variants = {
            "plain": program,
            "prune": prune(program),
            "share": share(program),
            "simplify": lower(simplify(circuit)),
            "merge": lower(merge(circuit)),
        }
        for name, variant in variants.items():
            outputs, values = evaluate(variant, inputs.astype(float))
            assert np.array_equal(outputs, expected), (seed, name)
            low, high = intervals(variant)
            assert np.all((low <= values) & (values <= high)), (seed, name)
            if name in fewer:
                fewer[name] += program.neurons - variant.neurons
    assert all(count > 0 for count in fewer.values()), fewer


def test_simplification_folds_and_joins(corners) -> None:
    draft = Draft()
    for name in ("a", "b"):
        draft.input(name)
    draft.gate(Kind.CONST, "zero", [])
    draft.gate(Kind.AND, "p", ["a", "b"])
    draft.gate(Kind.NOR, "q", ["b", "a"], negated=[True, True])  # the same as p
    draft.gate(Kind.XOR, "r", ["p", "q"])  # always false
    draft.gate(Kind.MUX, "s", ["zero", "a", "r"])  # a
    draft.gate(Kind.TABLE, "t", ["a", "r", "b"], table=[0, 0, 1, 1, 1, 1, 0, 0])  # b, for r is 0
    for name in ("q", "r", "s", "t"):
        draft.output(name)
    circuit = draft.finish()
    small = simplify(circuit)
    assert small.gates == ("false", "p")
    assert np.array_equal(simulate(small, corners(2)), simulate(circuit, corners(2)))


def test_merged_trees_are_single_neurons(corners) -> None:
    draft = Draft()
    for place in range(8):
        draft.input(f"x{place}")
    level, name = [f"x{place}" for place in range(8)], 0
    while len(level) > 1:
        pairs, level = list(zip(level[::2], level[1::2], strict=True)), []
        for pair in pairs:
            level.append(f"g{(name := name + 1)}")
            draft.gate(Kind.OR, level[-1], pair)
    draft.output(level[0])
    tree = draft.finish()
    assert len(tree.gates) == 7
    flat = merge(tree)
    assert len(flat.gates) == lower(flat).neurons == 1
    assert np.array_equal(simulate(flat, corners(8)), corners(8).any(axis=1, keepdims=True))
