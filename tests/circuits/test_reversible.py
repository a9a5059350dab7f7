import math
from fractions import Fraction
from itertools import permutations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widthwise.circuits import reversible


def all_inputs(wires):
    numbers = np.arange(2**wires)
    return jnp.asarray((numbers[:, None] >> np.arange(wires)[None, :]) & 1, bool)


def apply_gate_by_gate(circuit, bits):
    """The definition, in plain loops."""
    state = [int(b) for b in bits]
    for wires, tables in zip(circuit.wires.tolist(), circuit.tables.tolist(), strict=True):
        for (a, b, c), table in zip(wires, tables, strict=True):
            out = table[4 * state[a] + 2 * state[b] + state[c]]
            state[a], state[b], state[c] = out >> 2, (out >> 1) & 1, out & 1
    return state


@pytest.mark.parametrize("n", [1, 3])
@given(seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=10)
def test_circuit_is_a_permutation_and_agrees_with_plain_loops(n, seed):
    circuit = reversible.random_reversible(jax.random.key(seed), n, 3)
    inputs = all_inputs(3 * n)
    outputs = reversible.apply(circuit, inputs)
    assert len(np.unique(np.asarray(outputs), axis=0)) == 2 ** (3 * n)
    assert np.array_equal(reversible.apply(circuit.inverse(), outputs), inputs)
    for i in (0, 1, 2 ** (3 * n) - 2):
        assert apply_gate_by_gate(circuit, inputs[i]) == outputs[i].astype(int).tolist()


def test_every_layer_uses_each_wire_once_and_every_gate_is_a_permutation(key):
    circuit = reversible.random_reversible(key, 4, 30)
    assert np.array_equal(np.sort(circuit.wires.reshape(30, 12)), np.tile(np.arange(12), (30, 1)))
    assert np.array_equal(np.sort(circuit.tables), np.tile(np.arange(8), (30, 4, 1)))


def test_batch_axes_are_kept(key):
    circuit = reversible.random_reversible(key, 1, 2)
    inputs = all_inputs(3)
    batched = reversible.apply(circuit, inputs.reshape(2, 4, 3))
    assert np.array_equal(batched.reshape(8, 3), reversible.apply(circuit, inputs))


def test_special_inputs_are_all_inputs_that_end_in_zeros():
    special = np.asarray(reversible.special_inputs(2))
    assert special.shape == (16, 6)
    assert not special[:, 4:].any()
    assert len(np.unique(special, axis=0)) == 16


@pytest.mark.parametrize(
    ("n", "expected"), [(1, 1 / 70), (2, 0.00461560815280016), (3, 0.000104752505879)]
)
def test_random_permutation_reference_values(n, expected):
    exact = Fraction(math.comb(8**n - 4**n, 4**n), math.comb(8**n, 4**n))
    assert reversible.permutation_probability(n) == pytest.approx(expected, rel=1e-11)
    assert reversible.permutation_probability(n) == pytest.approx(float(exact), rel=1e-12)


def test_product_formula_reference_values():
    assert reversible.independent_probability(1) == pytest.approx(0.0625, abs=1e-15)
    assert reversible.independent_probability(2) == pytest.approx(0.0100225957576185, abs=1e-15)
    assert reversible.independent_probability(3) == pytest.approx((7 / 8) ** 64, rel=1e-13)


def test_count_agrees_with_enumeration_of_all_permutations():
    """One gate on three wires: property P for 1/70 of the 8! tables."""
    tables = jnp.asarray(list(permutations(range(8)))[::7])
    wires = jnp.arange(3).reshape(1, 1, 3)
    counts = jax.vmap(
        lambda table: reversible.count_violations(
            reversible.ReversibleCircuit(wires, table.reshape(1, 1, 8))
        )
    )(tables)
    by_hand = (np.asarray(tables)[:, ::2] % 2 == 0).sum(axis=1)
    assert np.array_equal(counts, by_hand)


def one_layer_probability():
    """Exact for n = 2: the two marked wires share a gate (2/5 of the deals) or they do not.

    Shared: two patterns must avoid two of eight. Apart: a violation needs both gates to hit.
    """
    return 0.4 * math.comb(6, 2) / math.comb(8, 2) + 0.6 * (1 - (69 / 70) ** 2)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [(1, one_layer_probability()), (2, 0.085), (4, 0.017), (8, 0.0054), (16, 0.0046156)],
)
def test_two_gates_approach_the_random_permutation(key, layers, expected):
    circuits = 20_000
    hits = reversible.measure_property(key, 2, layers, circuits=circuits)[-1]
    error = math.sqrt(expected * (1 - expected) / circuits)
    assert abs(hits / circuits - expected) < 4 * error


@pytest.mark.parametrize(
    ("n", "layers", "circuits"),
    [(1, 3, 20_000), pytest.param(3, 16, 10_000, marks=pytest.mark.slow)],
)
def test_other_sizes_agree_with_the_random_permutation(key, n, layers, circuits):
    expected = reversible.permutation_probability(n)
    hits = reversible.measure_property(key, n, layers, circuits=circuits)[-1]
    assert abs(hits - circuits * expected) < 4 * math.sqrt(circuits * expected) + 1


def test_result_does_not_depend_on_the_batch_size(key):
    few = reversible.measure_property(key, 2, 1, circuits=100, batch_size=7)
    assert few == reversible.measure_property(key, 2, 1, circuits=100)


def test_bad_input_is_refused(key):
    with pytest.raises(ValueError, match="n = 0 was given"):
        reversible.random_reversible(key, 0, 1)
    with pytest.raises(ValueError, match="layers = 0 was given"):
        reversible.measure_property(key, 2, 0, circuits=1)
    with pytest.raises(ValueError, match="n <= 10"):
        reversible.measure_property(key, 11, 1, circuits=1)
    with pytest.raises(ValueError, match="got 5 bits for a circuit of 6 wires"):
        reversible.apply(reversible.random_reversible(key, 2, 1), jnp.zeros(5, bool))
