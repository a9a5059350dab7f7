"""Compiled networks: published sizes, predicted sizes, values and ranges of every kind."""

import numpy as np
import pytest
import scipy.sparse as sp

from widthwise.circuits import (
    Names,
    Netlist,
    ReluProgram,
    assemble,
    compile_circuit,
    evaluate,
    load_network,
    lower,
    predict_size,
    simulate,
    size_of,
    timetable,
    to_program,
)
from widthwise.circuits.bounds import bound_rows
from widthwise.circuits.timetable import Mode

MODES: tuple[Mode, ...] = ("layered", "skip")


def numbers(circuit: Netlist) -> tuple[int, ...]:
    size = compile_circuit(circuit).size()
    return (
        size.gate_neurons,
        size.relay_neurons,
        size.neurons,
        size.depth,
        size.max_width,
        size.nonzeros,
        size.sparse_parameters,
    )


def test_c17(c17) -> None:
    assert numbers(c17) == (6, 3, 9, 3, 4, 17, 23)
    assert compile_circuit(c17).neuron_names()[:4] == ["10.0", "11.0", "(2)", "(7)"]
    assert compile_circuit(c17, mode="skip").size().neurons == 6


def test_ripple_adders(ripple_adder) -> None:
    assert numbers(ripple_adder(8)) == (52, 154, 206, 15, 24, 284, 313)
    assert size_of(ripple_adder(8)).dense_parameters == 3322
    assert numbers(ripple_adder(32))[:4] == (220, 2914, 3134, 63)
    for bits in (2, 5, 13):
        gates, _, total, depth, *_ = numbers(ripple_adder(bits))
        assert (gates, total, depth) == (7 * bits - 4, 3 * bits**2 + 2 * bits - 2, 2 * bits - 1)


def test_an_adder_adds(ripple_adder) -> None:
    network = compile_circuit(ripple_adder(10))
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 1 << 10, (2, 200))
    bits = np.arange(10)
    inputs = np.concatenate([a[:, None] >> bits & 1, b[:, None] >> bits & 1], axis=1)
    outputs = network.evaluate(inputs)
    assert np.array_equal(outputs @ (1 << np.arange(11)), a + b)


@pytest.mark.parametrize("mode", MODES)
def test_random_circuits(mode: Mode, random_netlist, corners) -> None:
    inputs = corners(5)
    for seed in range(6):
        circuit = random_netlist(seed)
        for smaller, prune in ((False, True), (False, False), (True, True)):
            network = compile_circuit(circuit, mode=mode, prune=prune, share=smaller)
            assert np.array_equal(network.evaluate(inputs), simulate(circuit, inputs)), seed
            assert network.size() == size_of(circuit, mode=mode, prune=prune, share=smaller), seed


def test_the_last_layer_is_read_and_nothing_is_carried_too_far(c17) -> None:
    network = compile_circuit(c17)
    for layer in range(1, network.depth + 1):
        read = np.unique(network.layer(layer)[0].indices)
        assert read.tolist() == list(range(network.columns(layer)))  # every neuron is read


def test_neurons_of_a_gate(ripple_adder) -> None:
    network = compile_circuit(ripple_adder(3))
    names = network.neuron_names()
    assert [names[neuron] for neuron in network.neurons_of("p2")] == ["p2.0", "p2.1"]
    with pytest.raises(KeyError, match="no gate is called 'p9'"):
        network.neurons_of("p9")


def words(bounds: tuple[float, float] = (-8, 7)) -> ReluProgram:
    """Values of signed words, nested and read late: abs, a maximum and a sum of both."""
    low, high = (
        np.array([bound] * 3 + [side] * 7)
        for bound, side in zip(bounds, (-np.inf, np.inf), strict=True)
    )
    x, y, z, up, down, size, excess, most, late, total = range(10)
    rows = np.zeros((7, 10))
    rows[0, x], rows[1, x] = 1, -1  # up, down
    rows[2, [up, down]] = 1  # size = |x|
    rows[3, [size, y]] = 1, -1  # excess = relu(|x| - y)
    rows[4, [excess, y]] = 1  # most = max(|x|, y)
    rows[5, [most, z]] = 1, -1  # late = relu(max - z - 1)
    rows[6, [most, size, z]] = 1, 2, -3  # total, a value of values
    outputs = np.zeros((4, 10))
    outputs[0, total], outputs[1, late], outputs[2, x], outputs[3, [size, x]] = 1, 2, 1, 1
    return ReluProgram.from_rows(
        sp.csr_array(rows),
        sp.csr_array(outputs),
        relu=np.array([True, True, False, True, False, True, False]),
        bias=np.array([0, 0, 0, 0, 0, -1.0, 4]),
        output_bias=np.array([0, 5.0, 0, 0]),
        ranges=(low, high),
        names=Names(
            ("x", "y", "z"),
            ("total", "late", "x", "sum"),
            ("abs", "max", "rest"),
            np.array([3, 6, 8, 10]),
        ),
    )


@pytest.mark.parametrize("mode", MODES)
def test_signed_values_are_carried(mode: Mode) -> None:
    program = words()
    grid = np.stack(np.meshgrid(*[np.arange(-8, 8)] * 3), axis=-1).reshape(-1, 3).astype(float)
    x, y, z = grid.T
    most = np.maximum(abs(x), y)
    late = 2 * np.maximum(most - z - 1, 0) + 5
    expected = np.stack([most + 2 * abs(x) - 3 * z + 4, late, x, abs(x) + x], axis=1)
    assert np.array_equal(evaluate(program, grid)[0], expected)
    network = assemble(program, mode)
    # total: at most |x| + excess + y + 2 |x| + 3 z + 4 in magnitude, with what relays have added.
    assert 8 + 16 + 16 + 8 <= bound_rows(network).largest.max() < 200
    assert np.array_equal(network.evaluate(grid), expected)
    assert network.size() == predict_size(timetable(program, mode))
    if mode == "layered":
        # x is carried in layers 1 to 3, y and z in 1 and 2, |x| in 2 and 3, the total in 3.
        assert network.size().relay_neurons == 3 + 2 + 2 + 2 + 1
        assert np.any(network.bias == 8)  # a shifted relay


def test_later_levels(c17, corners) -> None:
    program = to_program(c17)
    times = timetable(program)
    later = np.where(times.level > 0, 2 * times.level + 1, 0)
    network = assemble(program, level=later)
    assert network.depth == 7
    assert np.array_equal(network.evaluate(corners(5)), simulate(c17, corners(5)))
    assert network.size() == predict_size(timetable(program, level=later))
    early = times.level.copy()
    early[-1] -= 1
    with pytest.raises(ValueError, match="has level 2: inputs have level 0, a neuron a higher"):
        assemble(program, level=early)


def test_programs_are_checked() -> None:
    good = words()
    with pytest.raises(ValueError, match=r"node 0 \('x'\) has the range"):
        words((-np.inf, 7))
    rows = good.rows().toarray()
    rows[0, 9] = 1.0  # the first row reads the last node
    with pytest.raises(ValueError, match=r"gate 'abs' .* reads a node that does not come before"):
        ReluProgram.from_rows(
            sp.csr_array(rows),
            good.output_rows(),
            relu=good.relu,
            bias=good.bias,
            output_bias=good.output_bias,
            ranges=(good.lower, good.upper),
            names=good.names,
        )
    with pytest.raises((ValueError, TypeError), match="deep"):
        timetable(good, "deep")  # pyright: ignore[reportArgumentType]


def test_inputs_outside_the_range(c17) -> None:
    network = compile_circuit(c17)
    with pytest.raises(
        ValueError, match=r"input '3' of example 1 is 2.0: .* multiples of 1 from 0"
    ):
        network.evaluate(np.array([[0, 0, 0, 0, 0], [0, 0, 2.0, 0, 0]]))
    with pytest.raises(ValueError, match="is nan"):
        network.evaluate(np.full((1, 5), np.nan))
    with pytest.raises(ValueError, match=r"is 0\.5"):
        network.evaluate(np.full((1, 5), 0.5))
    with pytest.raises(ValueError, match="with 5 columns"):
        network.evaluate(np.zeros((1, 4)))


def test_files_come_back(tmp_path, random_netlist, corners) -> None:
    from widthwise.circuits import save_network

    for mode in MODES:
        network = compile_circuit(random_netlist(3), mode=mode)
        for suffix in (".npz", ".safetensors"):
            if suffix == ".safetensors":
                pytest.importorskip("safetensors")
            back = load_network(save_network(network, tmp_path / f"net{suffix}"))
            assert back.size() == network.size()
            assert np.array_equal(bound_rows(back).largest, bound_rows(network).largest)
            assert back.neuron_names() == network.neuron_names()
            assert np.array_equal(back.evaluate(corners(5)), network.evaluate(corners(5)))
    (tmp_path / "bad.npz").write_bytes(b"no zip file")
    with pytest.raises(ValueError, match=r"'bad\.npz' holds no network"):
        load_network(tmp_path / "bad.npz")
    with pytest.raises(ValueError, match="the suffix must be"):
        save_network(compile_circuit(random_netlist(3)), tmp_path / "net.pt")


def test_gateless_circuits(corners) -> None:
    """Outputs that are inputs, constants, negations, and twice the same: no layer at all."""
    from widthwise.circuits import Draft, Kind

    draft = Draft()
    draft.input("a")
    draft.input("unused")
    draft.gate(Kind.CONST, "zero", [])
    for wire, negated in (("a", False), ("a", True), ("a", False), ("zero", True)):
        draft.output(wire, negated=negated)
    network = compile_circuit(draft.finish())
    assert network.depth == network.neurons == 0
    assert network.evaluate(corners(2))[:2].tolist() == [[0, 1, 0, 1], [1, 0, 1, 1]]
    assert lower(draft.finish()).nodes == 2
