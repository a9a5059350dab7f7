"""Gates of bits and numbers: what they compute on all their inputs, and how many neurons they are.

References are Python's own operators; sizes are those of published constructions, written out.
"""

# ruff: noqa: ARG005  (gates of three bits, some of which read fewer)

import itertools

import numpy as np
import pytest

from widthwise.circuits.assembly import assemble
from widthwise.circuits.levels import evaluate
from widthwise.circuits.typed import (
    Bool,
    Grid,
    Tropical,
    Word,
    absolute,
    and_,
    and_not,
    check_gates,
    compare,
    counter,
    emulate,
    equal,
    floor,
    fredkin,
    full_adder,
    half_adder,
    lookup,
    majority,
    maximum,
    minimum,
    mux,
    nand,
    nor,
    or_,
    parity,
    relay,
    sort,
    square,
    table,
    threshold,
    times_bit,
    toffoli,
    tournament,
    trace,
    xnor,
    xor,
)
from widthwise.circuits.typed.words import from_bits

B = Bool()


def outputs(circuit, *columns):
    """Outputs of the network's neurons, after checking that their number is as said."""
    program = emulate(circuit)
    assert program.neurons == circuit.neurons
    found, _ = evaluate(program, np.stack(columns, axis=1).astype(float))
    return found


BITS = {  # gate, number of bits, what Python says, neurons
    "and": (lambda a, b, c: and_(a, b, c), lambda a, b, c: a & b & c, 1),
    "or": (lambda a, b, c: or_(a, b, c), lambda a, b, c: a | b | c, 1),
    "nand": (lambda a, b, c: nand(a, b), lambda a, b, c: not (a and b), 1),
    "nor": (lambda a, b, c: nor(a, b, c), lambda a, b, c: not (a or b or c), 1),
    "and not": (lambda a, b, c: and_not(a, b), lambda a, b, c: a and not b, 1),
    "xor": (lambda a, b, c: a ^ b, lambda a, b, c: a ^ b, 2),
    "xnor": (lambda a, b, c: xnor(a, b), lambda a, b, c: a == b, 2),
    "not": (lambda a, b, c: ~a, lambda a, b, c: not a, 0),
    "chain": (lambda a, b, c: xor(a, b, c), lambda a, b, c: a ^ b ^ c, 4),
    "mux": (lambda a, b, c: mux(a, b, c), lambda a, b, c: c if a else b, 2),
    "majority": (lambda a, b, c: majority(a, b, c), lambda a, b, c: a + b + c >= 2, 2),
    "threshold": (lambda a, b, c: threshold([a, b, c], 3), lambda a, b, c: a and b and c, 1),
    "parity": (lambda a, b, c: parity(a, b, c), lambda a, b, c: a ^ b ^ c, 3),
    "half adder": (lambda a, b, c: half_adder(a, b)[0], lambda a, b, c: a ^ b, 2),
    "full adder": (lambda a, b, c: full_adder(a, b, c)[1], lambda a, b, c: a + b + c > 1, 3),
    "toffoli": (lambda a, b, c: toffoli(a, b, c), lambda a, b, c: a ^ (b & c), 3),
    "fredkin": (lambda a, b, c: fredkin(a, b, c)[0], lambda a, b, c: c if a else b, 2),
    "lookup": (lambda a, b, c: lookup([0, 0, 0, 1, 0, 1, 1, 1], a, b, c),
               lambda a, b, c: a + b + c >= 2, 4),
    "constants": (lambda a, b, c: (a & 1) ^ (b & 0) ^ (c | 1), lambda a, b, c: not a, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", BITS)
def test_boolean_gates(name):
    gate, truth, neurons = BITS[name]
    circuit = trace(lambda a, b, c: gate(a, b, c), B, B, B)
    cases = list(itertools.product((0, 1), repeat=3))
    found = outputs(circuit, *np.array(cases).T)
    assert found[:, 0].tolist() == [float(truth(*case)) for case in cases]
    assert circuit.neurons == neurons
    assert np.array_equal(circuit.simulate(np.array(cases)), found)


def test_tables_by_second_differences():
    """Six-input parity 63 neurons, five-input majority 16, six-bit primes 45."""
    codes = range(64)
    six = [[f"{m:b}".count("1") % 2 for m in codes]]
    six += [[int(m > 1 and all(m % d for d in range(2, m))) for m in codes]]
    five = [int(f"{m:b}".count("1") > 2) for m in range(32)]
    sizes = [trace(lambda *x, t=t: lookup(t, *x), *[B] * 6).neurons for t in six]
    sizes.append(trace(lambda *x: lookup(five, *x), *[B] * 5).neurons)
    assert sizes == [63, 45, 16]


def test_words_wrap_around():
    def operations(x, y):
        return [
            x + y, x - y, -x, x & y, x | y, x ^ y, ~x, x << 1, x >> 2, x < y, x >= y,
            equal(x, y), mux(x < y, x, y), x + 3,
        ]  # fmt: skip

    def signed(code):
        return (code + 8) % 16 - 8

    unsigned = trace(lambda x, y: [*operations(x, y), x * y, x.rotate_right(1)], Word(4), Word(4))
    both = trace(operations, Word(4, signed=True), Word(4, signed=True))
    cases = np.array(list(itertools.product(range(16), repeat=2)))
    for row, (x, y) in zip(outputs(unsigned, *cases.T), cases.tolist(), strict=True):
        expected = [
            x + y, x - y, -x, x & y, x | y, x ^ y, ~x, x << 1, x >> 2, x < y, x >= y, x == y,
            y if x < y else x, x + 3, x * y, x >> 1 | x << 3,
        ]  # fmt: skip
        assert row.tolist() == [float(number % 16) for number in expected]
    for row, (x, y) in zip(outputs(both, *(cases - 8).T), (cases - 8).tolist(), strict=True):
        expected = [
            x + y, x - y, -x, x & y, x | y, x ^ y, ~x, x << 1, x >> 2, x < y, x >= y, x == y,
            y if x < y else x, x + 3,
        ]  # fmt: skip
        assert row.tolist() == [float(signed(int(number))) for number in expected]


def test_sizes_of_word_gates():
    """Sum modulo M: 3; signed: 5; a square on 0..N: N; floor on [0, N): 2 (N - 1)."""
    assert trace(lambda x, y: x + y, Word(4), Word(4)).neurons == 3
    assert trace(lambda x, y: x + y, *[Word(4, signed=True)] * 2).neurons == 5
    assert trace(square, Grid(0, 9)).neurons == 9
    assert trace(floor, Grid(0, 5.75, unit=0.25)).neurons == 10
    assert trace(lambda c, y: times_bit(c, y), B, Grid(0, 9)).neurons == 1
    assert trace(absolute, Grid(-3, 3)).neurons == 2
    assert trace(lambda x: x >= 0, Grid(-3, 3)).neurons == 2


def test_fixed_point_keeps_its_grid():
    word = Word(6, signed=True, fraction=3)
    circuit = trace(lambda x, y: [x + y, x.number() * y.number()], word, word)
    x = np.arange(-32, 32) / 8
    grid = np.array(list(itertools.product(x, x)))
    found = outputs(circuit, *grid.T)
    assert np.array_equal(found[:, 0], (grid.sum(axis=1) + 4) % 8 - 4)
    assert np.array_equal(found[:, 1], grid.prod(axis=1))


def test_numbers_on_a_grid():
    half = Grid(-1, 1, unit=0.5)

    def operations(x, y):
        return [
            maximum(x, y), minimum(x, 0.5), absolute(x), x * y, 0.25 * x - y, x > y, x <= 0,
            relay(x), tournament(maximum, [x, y, 0]),
            table(lambda a, b: np.exp(a - b), Grid(0, 8, unit=2**-7), x, y), relay(y, pair=True),
        ]  # fmt: skip

    circuit = trace(operations, half, half)
    cases = np.array(list(itertools.product(np.arange(-1, 1.5, 0.5), repeat=2)))
    x, y = cases.T
    expected = [
        np.maximum(x, y), np.minimum(x, 0.5), abs(x), x * y, 0.25 * x - y, x > y, x <= 0, x,
        np.maximum(np.maximum(x, y), 0), np.rint(np.exp(x - y) * 128) / 128, y,
    ]  # fmt: skip
    assert np.array_equal(outputs(circuit, x, y), np.stack(expected, axis=1))


@pytest.mark.parametrize("kind", ["min", "max"])
def test_tropical_numbers(kind):
    type_ = Tropical(3, 40, kind)
    sign = 1 if kind == "min" else -1
    better = min if kind == "min" else max
    circuit = trace(lambda x, y: [x + y, x * y, x * y * y + y * 2], type_, type_)
    numbers = [0, 1, 2, 3, sign * np.inf]
    cases = list(itertools.product(numbers, repeat=2))
    given = np.nan_to_num(np.array(cases), posinf=40, neginf=-40)
    found = outputs(circuit, *given.T)
    found = np.where(found == sign * 40, sign * np.inf, found)
    expected = [[better(x, y), x + y, better(x + y + y, y + 2)] for x, y in cases]
    assert found.tolist() == np.array(expected, float).tolist()


def test_sorting_network_and_carried_numbers():
    circuit = trace(sort, [Grid(-4, 4)] * 5)
    network = assemble(emulate(circuit))
    numbers = np.random.default_rng(0).integers(-4, 5, (200, 5)).astype(float)
    assert np.array_equal(network.evaluate(numbers), np.sort(numbers, axis=1))
    zeros_and_ones = np.array(list(itertools.product((0, 1), repeat=5)))
    found = outputs(trace(sort, [B] * 5), *zeros_and_ones.T)
    assert np.array_equal(found, np.sort(zeros_and_ones, axis=1))


def test_every_gate_is_proved_on_its_operands():
    def mixed(x, y, b):
        return [x + y, x & y, mux(b, x, y), from_bits(counter(*x.bits())), x * y]

    circuit = trace(mixed, Word(3), Word(3), B)
    lemmas = check_gates(circuit)
    assert all(lemma.holds and lemma.exhaustive for lemma in lemmas)
    assert len(lemmas) == len(circuit.gates)
    assert compare(circuit, assemble(emulate(circuit)).evaluate).mismatches == 0


def test_a_wrong_emulator_is_found():
    from widthwise.circuits.typed import gate

    def wrong(a, b):
        (out,) = gate(
            "xor", (a, b), (B,), reference=lambda a, b: a ^ b,
            emulate=lambda net, a, b: net.relu(a + b), neurons=1,
        )  # fmt: skip
        return out

    circuit = trace(wrong, B, B)
    (lemma,) = check_gates(circuit)
    found = compare(circuit, assemble(emulate(circuit)).evaluate)
    assert not lemma.holds
    assert "DO NOT" in str(lemma)
    assert (found.inputs, found.mismatches, found.exhaustive) == (4, 1, True)
    assert found.counterexample is not None
    assert found.counterexample.tolist() == [1, 1]


REFUSED = {
    "gate add_0 of circuit '<lambda>': it takes words of one type": (
        lambda x, y, b: x + y,
        TypeError,
    ),
    "gate xor_0 of circuit '<lambda>': it takes wires of Bool()": (
        lambda x, y, b: b ^ x,
        TypeError,
    ),
    "choose between wires with mux": (lambda x, y, b: x if b else y, TypeError),
    "a table of 1 bits has 2 entries": (lambda x, y, b: lookup([0, 1, 1], b), TypeError),
    "outside Grid(0, 1)": (lambda x, y, b: table(np.exp, Grid(0, 1), x), TypeError),
    "return wires made from its arguments": (lambda x, y, b: [b, 1], TypeError),
    "more than 65536": (lambda x, y, b: y.number() * y.number(), TypeError),
    "it takes 8 wires of Bool() for Word(8)": (lambda x, y, b: from_bits([b], Word(8)), TypeError),
}


@pytest.mark.parametrize("message", REFUSED)
def test_type_errors_name_the_gate(message):
    function, error = REFUSED[message]
    with pytest.raises(error) as caught:
        trace(function, Word(8), Word(20), B)
    assert message in str(caught.value)


def test_bad_types_and_inputs_are_refused():
    for make, message in (
        (lambda: Word(0), "give 1 to 50 bits"),
        (lambda: Grid(0, 1, unit=0.3), "power of two"),
        (lambda: Grid(0, 0.7, unit=0.5), "multiples of the unit"),
        (lambda: Tropical(5, 5), "0 <= largest < infinity"),
        (lambda: Tropical(5, 9, "avg"), "'min' or 'max'"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
    circuit = trace(lambda x: x + 1, Word(4))
    with pytest.raises(ValueError, match=r"input 'x0' of <lambda> is 16.0 in row 1"):
        circuit.simulate(np.array([[0.0], [16.0]]))
    with pytest.raises(ValueError, match=r"takes an array \(batch, 1\)"):
        circuit.simulate(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="is nan"):
        circuit.simulate(np.array([[np.nan]]))
    with pytest.raises(TypeError, match="infinity must be larger than 6"):
        trace(lambda x: x * x, Tropical(4, 6))
    with pytest.raises(TypeError, match="give Bool"):
        trace(lambda x: x, int)


def test_a_wire_of_another_circuit_is_refused():
    kept = []
    trace(lambda a: kept.append(a) or a, B)
    with pytest.raises(TypeError, match="different circuits"):
        trace(lambda a: a & kept[0], B)
    with pytest.raises(TypeError, match="is finished"):
        and_(kept[0], kept[0])
