"""Circuits of many gates: sizes of published constructions, and values from elsewhere."""

import hashlib
import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse.csgraph import shortest_path

from widthwise.circuits import (
    ReversibleCircuit,
    apply,
    compile_circuit,
    read_circuit,
    write_circuit,
)
from widthwise.circuits.simulation import simulate
from widthwise.circuits.typed import (
    Bool,
    Word,
    acceptance,
    add_bits,
    add_many,
    amplified,
    array_multiplier,
    bellman_ford,
    compact_ripple_adder,
    edges,
    floyd_warshall,
    freivalds,
    graph,
    majority_error,
    multiply_bits,
    reversible_circuit,
    ripple_adder,
    sha256_circuit,
    sha256_digest,
    to_netlist,
    toffoli_circuit,
    trace,
)
from widthwise.circuits.typed.sha256 import CONSTANTS, INITIAL

B = Bool()
COIN = Bool(random=True)


def network(circuit):
    return compile_circuit(circuit, prune=False)


def two(block, n):
    return trace(block, [B] * n, [B] * n)


def whole(bits):
    return bits @ 2.0 ** np.arange(bits.shape[1])


def test_adders_add_and_have_their_sizes():
    """Ripple: 7 n - 4 gate neurons, 3 n^2 + 2 n - 2 in layers; one layer: 3 n."""
    size = network(two(ripple_adder, 8)).size()
    found = [size.gate_neurons, size.relay_neurons, size.neurons, size.depth, size.max_width]
    assert found == [52, 154, 206, 15, 24]
    assert [size.nonzeros, size.sparse_parameters, size.dense_parameters] == [284, 313, 3322]
    large = network(two(ripple_adder, 32)).size()
    assert (large.gate_neurons, large.relay_neurons, large.depth) == (220, 2914, 63)
    one = network(two(add_bits, 8)).size()
    assert (one.neurons, one.gate_neurons, one.depth) == (24, 24, 1)
    assert network(two(compact_ripple_adder, 8)).size().gate_neurons == 23
    cases = np.array(list(itertools.product((0, 1), repeat=8)))
    total = whole(cases[:, :4]) + whole(cases[:, 4:])
    for block in (ripple_adder, add_bits, compact_ripple_adder):
        found = network(two(block, 4)).evaluate(cases)
        assert np.array_equal(whole(found), total)


def test_multipliers_multiply_and_have_their_sizes():
    """By words: 53 neurons and 105 that carry bits, depth 16; by gates: an array."""
    words, gates = network(two(multiply_bits, 8)).size(), network(two(array_multiplier, 8)).size()
    assert (words.gate_neurons, words.relay_neurons, words.neurons, words.depth) == (
        53,
        105,
        158,
        16,
    )
    found = [gates.gate_neurons, gates.relay_neurons, gates.neurons, gates.depth, gates.max_width]
    assert found == [424, 1334, 1758, 40, 71]
    numbers = np.random.default_rng(0).integers(0, 2, (300, 16))
    for block in (multiply_bits, array_multiplier):
        found = network(two(block, 8)).evaluate(numbers)
        assert np.array_equal(whole(found), whole(numbers[:, :8]) * whole(numbers[:, 8:]))


def test_many_numbers_are_added_in_chunks():
    circuit = trace(lambda *x: add_many(*x, bits=6, chunk=3), *[[B] * 6] * 5)
    numbers = np.random.default_rng(1).integers(0, 2, (200, 30))
    total = sum(whole(numbers[:, i : i + 6]) for i in range(0, 30, 6)) % 64
    assert np.array_equal(whole(network(circuit).evaluate(numbers)), total)


def test_shortest_paths_have_cubic_size():
    for n, neurons, width in ((8, 784, 98), (5, 160, 32)):
        size = network(floyd_warshall(n)).size()
        assert (size.neurons, size.depth, size.max_width) == (neurons, n, width)
    place = np.arange(8)
    lengths = (7.0 * place[:, None] + 13 * place + 5) % 31 + 1
    np.fill_diagonal(lengths, 0)
    circuit = floyd_warshall(8)
    (found,) = graph(network(circuit).evaluate(edges(circuit, lengths)), circuit)
    assert (found.sum(), found.max(), found[0].tolist()) == (445, 18, [0, 3, 1, 5, 6, 9, 6, 4])


def test_shortest_paths_of_sparse_graphs_as_scipy_finds_them():
    generator = np.random.default_rng(2)
    lengths = np.where(
        generator.random((20, 6, 6)) < 0.7, np.inf, generator.integers(1, 32, (20, 6, 6))
    )
    lengths[:, range(6), range(6)] = 0
    circuit, source = floyd_warshall(6), bellman_ford(6)
    expected = np.array([shortest_path(np.where(np.isinf(one), 0, one)) for one in lengths])
    for compiled in (network(circuit), compile_circuit(circuit, mode="skip")):
        found = graph(compiled.evaluate(edges(circuit, lengths)), circuit)
        assert np.array_equal(found, expected)
    first = network(source).evaluate(edges(source, lengths))
    beyond = source.inputs[0].type.infinity
    assert np.array_equal(np.where(first >= beyond, np.inf, first), expected[:, 0, 1:])


def test_a_published_graph():
    """Nine edges between five nodes."""
    lengths = np.full((5, 5), np.inf)
    np.fill_diagonal(lengths, 0)
    for i, j, length in (
        (0, 1, 3), (0, 2, 8), (0, 4, 7), (1, 3, 1), (1, 4, 7), (2, 1, 4), (3, 0, 2), (3, 2, 5),
        (4, 3, 6),
    ):  # fmt: skip
        lengths[i, j] = length
    circuit = floyd_warshall(5, 8, infinity=1000)
    (found,) = graph(network(circuit).evaluate(edges(circuit, lengths)), circuit)
    assert found.tolist() == [
        [0, 3, 8, 4, 7], [3, 0, 6, 1, 7], [7, 4, 0, 5, 11], [2, 5, 5, 0, 9], [8, 11, 11, 6, 0],
    ]  # fmt: skip


def test_bad_graphs_are_refused():
    circuit = floyd_warshall(3)
    with pytest.raises(ValueError, match="give at least 2 nodes"):
        floyd_warshall(1)
    with pytest.raises(ValueError, match="more than \\(n - 1\\) times"):
        floyd_warshall(4, 10, infinity=30)
    with pytest.raises(ValueError, match="a length is negative"):
        edges(circuit, -np.ones((3, 3)))
    with pytest.raises(ValueError, match="give n x n lengths"):
        edges(circuit, np.zeros((4, 4)))


def test_freivalds_accepts_by_rank():
    matrix = [[B] * 2] * 2
    circuit = trace(freivalds, matrix, matrix, matrix, coins=[COIN] * 2)
    assert circuit.random == (12, 13)
    a, b = np.array([1, 1, 0, 1]), np.array([1, 0, 1, 1])
    product = [0, 1, 1, 1]
    cases = np.array(
        [[*a, *b, *(product ^ np.array(e))] for e in ([0] * 4, [1, 1, 1, 1], [1, 0, 0, 1])]
    )
    found = acceptance(circuit, cases, run=network(circuit).evaluate)
    assert found[:, 0].tolist() == [1, 0.5, 0.25]


def test_a_majority_errs_as_the_binomial_distribution_says():
    assert majority_error(1 / 3, 11) == pytest.approx(0.122085048, abs=1e-9)
    assert majority_error(1 / 3, 51) == pytest.approx(0.006887744, abs=1e-9)

    def unsure(x, *, coins):
        return x ^ (coins[0] & coins[1])

    single = trace(unsure, B, coins=[COIN] * 2)
    three = trace(amplified(unsure, 3), B, coins=[[COIN] * 2] * 3)
    assert three.neurons == 3 * single.neurons + 2
    wrong = acceptance(three, np.zeros((1, 1)), run=network(three).evaluate)
    assert wrong.item() == pytest.approx(majority_error(0.25, 3), abs=1e-12)
    drawn = acceptance(three, np.zeros((1, 1)), samples=4000)
    assert drawn.item() == pytest.approx(wrong.item(), abs=5 * (0.16 * 0.84 / 4000) ** 0.5)
    with pytest.raises(ValueError, match="give an odd number"):
        amplified(unsure, 2)
    with pytest.raises(ValueError, match="give samples"):
        acceptance(trace(amplified(unsure, 11), B, coins=[[COIN] * 2] * 11), np.zeros((1, 1)))


def test_toffoli_chains_are_the_reference_family():
    """Gate k flips wire k mod 9; N + 2 neurons a gate."""
    gates = []
    for k in range(144):
        t = k % 9
        gates.append((t, (t + 1 + k // 9 % 4) % 9, (t + 5 + k // 36 % 4) % 9))
    chain = network(toffoli_circuit(gates, 9))
    assert (chain.neurons, chain.depth) == (1584, 144)
    inputs = np.array(list(itertools.product((0, 1), repeat=9)))
    outputs = chain.evaluate(inputs)
    place = int("101100101", 2)
    assert outputs[place].tolist() == [1, 0, 0, 0, 1, 0, 0, 1, 0]
    assert np.sum(np.all(inputs == outputs, axis=1)) == 11
    special = np.all(inputs[:, 6:] == 0, axis=1)
    assert np.sum(np.all(outputs[special][:, 6:] == 0, axis=1)) == 13
    with pytest.raises(ValueError, match="give three different ones"):
        toffoli_circuit([(0, 1, 1)], 3)


def test_reversible_circuits_are_compiled_layer_by_layer():
    generator = np.random.default_rng(5)
    wires = np.array([generator.permutation(6).reshape(2, 3) for _ in range(3)])
    tables = generator.permuted(np.tile(np.arange(8), (3, 2, 1)), axis=2)
    circuit = ReversibleCircuit(jnp.asarray(wires), jnp.asarray(tables))
    compiled = network(reversible_circuit(circuit))
    assert (compiled.depth, compiled.size().relay_neurons) == (3, 0)
    inputs = np.array(list(itertools.product((0, 1), repeat=6)))
    assert np.array_equal(compiled.evaluate(inputs), apply(circuit, jnp.asarray(inputs, bool)))


def test_circuits_of_bits_become_netlists():
    def mixed(a, b):
        return [*ripple_adder(a, b), *compact_ripple_adder(a, b)]

    circuit = two(mixed, 3)
    netlist = to_netlist(circuit)
    inputs = np.array(list(itertools.product((0, 1), repeat=6)))
    assert np.array_equal(simulate(netlist, inputs.astype(bool)), circuit.simulate(inputs))
    with pytest.raises(TypeError, match="not Bool"):
        to_netlist(trace(lambda x: x + 1, Word(4)))
    with pytest.raises(TypeError, match="gate add_bits_0 of add_bits reads a sum of bits"):
        to_netlist(two(add_bits, 3))


def test_sha256_constants_are_the_published_ones():
    assert [f"{c:08x}" for c in (*CONSTANTS[:2], CONSTANTS[63])] == [
        "428a2f98",
        "71374491",
        "c67178f2",
    ]
    assert [f"{c:08x}" for c in (INITIAL[0], INITIAL[7])] == ["6a09e667", "5be0cd19"]


@pytest.mark.slow
def test_few_rounds_of_sha256_agree_between_gates_words_and_files(tmp_path):
    words, gates = (sha256_circuit(style, rounds=2) for style in ("words", "gates"))
    bits = np.random.default_rng(3).integers(0, 2, (4, 768))
    write_circuit(to_netlist(gates), tmp_path / "rounds.bristol")
    netlist = read_circuit(tmp_path / "rounds.bristol")
    assert np.array_equal(simulate(netlist, bits.astype(bool)), words.simulate(bits))
    with pytest.raises(ValueError, match="1 to 64 rounds"):
        sha256_circuit(rounds=65)


@pytest.mark.slow
def test_sha256_networks_give_the_digests_of_hashlib():
    circuit = sha256_circuit()
    compiled = network(circuit)
    for message in (b"abc", bytes(100)):
        digest = hashlib.sha256(message).digest()
        assert sha256_digest(compiled.evaluate, message) == digest
