"""Random circuits of all kinds of gates, and small published ones."""

from collections.abc import Callable

import numpy as np
import pytest

from widthwise.circuits import Draft, Kind, Netlist

C17 = (("10", "1", "3"), ("11", "3", "6"), ("16", "2", "11"))
C17 += (("19", "11", "7"), ("22", "10", "16"), ("23", "16", "19"))


def random_circuit(seed: int, *, inputs: int = 5, gates: int = 14) -> Netlist:
    """Gates of every kind, with repeated and negated reads; some are dead."""
    rng = np.random.default_rng(seed)
    draft = Draft()
    wires = [f"i{place}" for place in range(inputs)]
    for wire in wires:
        draft.input(wire)
    for gate in range(gates):
        kind = Kind(int(rng.integers(len(Kind))))
        exact = {Kind.CONST: 0, Kind.BUF: 1, Kind.NOT: 1, Kind.MUX: 3}
        odd, few, many = 1 + 2 * int(rng.integers(3)), int(rng.integers(4)), int(rng.integers(1, 5))
        reads = exact.get(kind, {Kind.MAJ: odd, Kind.TABLE: few}.get(kind, many))
        draft.gate(
            kind,
            f"g{gate}",
            [wires[place] for place in rng.integers(0, len(wires), reads)],
            negated=(rng.random(reads) < 0.4).tolist(),
            table=rng.random(2**reads) < 0.5 if kind is Kind.TABLE else None,
        )
        wires.append(f"g{gate}")
    for place in range(4):
        draft.output(wires[-1 - place], negated=bool(place % 2), name=f"o{place}")
    return draft.finish()


def c17_circuit() -> Netlist:
    """The six-gate circuit of the ISCAS-85 set."""
    draft = Draft()
    for wire in ("1", "2", "3", "6", "7"):
        draft.input(wire)
    for wire, a, b in C17:
        draft.gate(Kind.NAND, wire, [a, b])
    draft.output("22")
    draft.output("23")
    return draft.finish()


def ripple_adder_circuit(bits: int) -> Netlist:
    """A half adder and full adders of two exclusive ors, two ands and an or."""
    draft = Draft()
    for name in "ab":
        for place in range(bits):
            draft.input(f"{name}{place}")
    draft.gate(Kind.XOR, "s0", ["a0", "b0"])
    draft.gate(Kind.AND, "c1", ["a0", "b0"])
    for i in range(1, bits):
        draft.gate(Kind.XOR, f"p{i}", [f"a{i}", f"b{i}"])
        draft.gate(Kind.XOR, f"s{i}", [f"p{i}", f"c{i}"])
        draft.gate(Kind.AND, f"g{i}", [f"a{i}", f"b{i}"])
        draft.gate(Kind.AND, f"h{i}", [f"p{i}", f"c{i}"])
        draft.gate(Kind.OR, f"c{i + 1}", [f"g{i}", f"h{i}"])
    for place in range(bits):
        draft.output(f"s{place}")
    draft.output(f"c{bits}")
    return draft.finish()


def all_inputs(count: int) -> np.ndarray:
    return (np.arange(1 << count)[:, None] >> np.arange(count)) & 1


@pytest.fixture
def random_netlist() -> Callable[..., Netlist]:
    return random_circuit


@pytest.fixture
def c17() -> Netlist:
    return c17_circuit()


@pytest.fixture
def ripple_adder() -> Callable[[int], Netlist]:
    return ripple_adder_circuit


@pytest.fixture
def corners() -> Callable[[int], np.ndarray]:
    return all_inputs
