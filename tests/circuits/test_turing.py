"""Turing machines stopped after T steps: busy beavers, size law, machines with input."""

import numpy as np
import pytest

from widthwise.circuits.assembly import assemble
from widthwise.circuits.turing import (
    Configuration,
    TuringMachine,
    decode,
    encode,
    stopped_machine,
)

BB2 = TuringMachine.from_text("1RB1LB_1LA1RH")
BB4 = TuringMachine.from_text("1RB1LB_1LA0LC_1RH1LD_1RD0RA")


def result(machine, steps, start=None, cells=None):
    network = assemble(stopped_machine(machine, steps, cells))
    begin = start or machine.initial(steps)
    return network, decode(machine, network.evaluate(encode(machine, begin)[None])[0])


def test_the_busy_beaver_of_two_states():
    network, end = result(BB2, 6)
    assert (sum(end.tape), end.state) == (4, "H")
    assert end == BB2.run(6)
    size = network.size()
    assert (size.neurons, size.depth, size.relay_neurons) == (624, 6, 0)
    assert result(BB2, 5)[1].state != "H"
    gate = network.neurons_of("step[2].cell[3]")
    assert len(gate) == 2 * (3 + 1)


@pytest.mark.slow
def test_the_busy_beaver_of_four_states():
    """It halts at step 107 with 13 ones: 276060 neurons, 2580 wide."""
    network, end = result(BB4, 107)
    assert (sum(end.tape), end.state, BB4.run(106).state == "H") == (13, "H", False)
    assert (network.neurons, network.size().max_width) == (276060, 2580)
    assert BB4.neurons(107) == 276060


def test_a_machine_reads_its_tape():
    """It adds one to a number in unary, moving right over it, and comes back by staying."""
    rules = {("A", 1): (1, "R", "A"), ("A", 0): (1, "S", "B"), ("B", 1): (2, "L", "C")}
    machine = TuringMachine(rules, symbols=3)
    for count in range(3):
        start = machine.initial(6, [1] * count)
        _, end = result(machine, 6, start)
        assert end == machine.run(6, start)
        assert end.tape[6 : 6 + count + 1] == (1,) * count + (2,)


def test_the_size_law():
    for steps in (1, 3):
        network, _ = result(BB4, steps)
        assert network.neurons == BB4.neurons(steps) == steps * (2 * steps + 1) * 2 * 6


def test_a_lost_head_is_reported():
    program = assemble(stopped_machine(BB2, 3, cells=3))
    lost = program.evaluate(encode(BB2, Configuration((0, 0, 0), 2, "A"))[None])[0]
    with pytest.raises(ValueError, match="the head left the tape of 3 cells"):
        decode(BB2, lost)
    with pytest.raises(ValueError, match="leaves the tape"):
        BB2.run(6, Configuration((0, 0, 0), 2, "A"))


def test_bad_machines_are_refused():
    for text, message in (
        ("1RB1LB_1LA", "give 3 letters a symbol"),
        ("xRB1LB_1LA1RH", "is no rule"),
        ("1UB1LB_1LA1RH", "give L, R or S"),
        ("5RB1LB_1LA1RH", "symbols are 0 to 1"),
    ):
        with pytest.raises(ValueError, match=message):
            TuringMachine.from_text(text)
    with pytest.raises(ValueError, match="give at least 1 of each"):
        stopped_machine(BB2, 0)
    with pytest.raises(ValueError, match="state 'Z' is unknown"):
        encode(BB2, Configuration((0,), 0, "Z"))
    with pytest.raises(ValueError, match="6 symbols"):
        BB2.initial(4, np.ones(6, int).tolist())
