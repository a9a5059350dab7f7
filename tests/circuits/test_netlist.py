"""What a netlist refuses, and which place the message names."""

import numpy as np
import pytest

from widthwise.circuits import CircuitError, Draft, Kind, Netlist, simulate


def draft(*gates: tuple) -> Draft:
    found = Draft("adder.blif")
    found.input("a", 1)
    found.input("b", 1)
    for line, (kind, wire, reads) in enumerate(gates, 2):
        found.gate(kind, wire, reads, line)
    return found


def test_gates_in_any_order(corners) -> None:
    backwards = draft((Kind.AND, "y", ["x", "b"]), (Kind.NOT, "x", ["a"]))
    backwards.output("y")
    circuit = backwards.finish()
    assert circuit.gates == ("x", "y")
    assert circuit.lines is not None
    assert circuit.lines.tolist() == [3, 2]
    assert simulate(circuit, corners(2)).ravel().tolist() == [0, 0, 1, 0]


def test_a_cycle_is_named() -> None:
    cyclic = draft((Kind.AND, "x", ["a", "z"]), (Kind.NOT, "y", ["x"]), (Kind.OR, "z", ["y", "b"]))
    message = r"^adder.blif:\d: gate '[xyz]' depends on itself: . <- . <- . <- .$"
    with pytest.raises(CircuitError, match=message):
        cyclic.finish()


def test_a_long_cycle_is_found_and_shortened() -> None:
    count = 5000
    found = Draft()
    for place in range(count):
        found.gate(Kind.NOT, f"n{place}", [f"n{(place + 1) % count}"])
    with pytest.raises(CircuitError, match=r"depends on itself: .* <- \.\.\. <- ") as caught:
        found.finish()
    assert len(str(caught.value)) < 200


def test_wires_driven_twice_or_not_at_all() -> None:
    with pytest.raises(
        CircuitError, match=r"adder\.blif:3: wire 'x' is driven twice: .* on line 2"
    ):
        draft((Kind.NOT, "x", ["a"]), (Kind.NOT, "x", ["b"]))
    with pytest.raises(CircuitError, match="wire 'a' is driven twice: it was declared as an input"):
        draft((Kind.NOT, "a", ["b"]))
    loose = draft((Kind.AND, "x", ["a", "ghost"]))
    with pytest.raises(CircuitError, match=r"adder\.blif:2: gate 'x' reads wire 'ghost'"):
        loose.finish()
    loose = draft()
    loose.output("nowhere", 7)
    with pytest.raises(CircuitError, match=r"adder\.blif:7: output 'nowhere'"):
        loose.finish()


@pytest.mark.parametrize(
    ("kind", "reads", "said"),
    [
        (Kind.NOT, ["a", "b"], "exactly 1"),
        (Kind.MUX, ["a", "b"], "exactly 3"),
        (Kind.MAJ, ["a", "b"], "an odd number"),
        (Kind.AND, [], "reads no wire"),
        (Kind.TABLE, ["a"], "needs 2 entries"),
    ],
)
def test_wrong_numbers_of_wires(kind: Kind, reads: list[str], said: str) -> None:
    with pytest.raises(CircuitError, match=f"adder.blif:2: gate 'y': .*{said}"):
        draft((kind, "y", reads))


def test_a_netlist_made_by_hand_is_checked() -> None:
    def netlist(literal: int, kind: Kind = Kind.NOT) -> Netlist:
        return Netlist(
            inputs=("a",),
            outputs=("y",),
            gates=("y",),
            kinds=np.array([kind], np.uint8),
            indptr=np.array([0, 1]),
            literals=np.array([literal]),
            output_literals=np.array([2]),
        )

    assert simulate(netlist(0), np.array([[0]])).tolist() == [[True]]
    with pytest.raises(CircuitError, match="gate 'y' reads a wire that does not come before it"):
        netlist(2)
    with pytest.raises(CircuitError, match="MUX reads 1"):
        netlist(0, Kind.MUX)


def test_inputs_that_are_not_bits() -> None:
    circuit = draft((Kind.AND, "x", ["a", "b"]))
    circuit.output("x")
    netlist = circuit.finish()
    with pytest.raises(ValueError, match=r"an input is 0\.5"):
        simulate(netlist, np.array([[0.5, 1.0]]))
    with pytest.raises(ValueError, match="with 2 columns"):
        simulate(netlist, np.zeros((3, 4)))
    with pytest.raises(ValueError, match="an input is nan"):
        simulate(netlist, np.array([[np.nan, 1.0]]))
