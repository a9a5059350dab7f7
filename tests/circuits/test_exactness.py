"""Proofs of exactness: bounds on partial sums, and refusals that name the gate."""

import numpy as np
import pytest

from widthwise.circuits import ExactnessError, prove_exact
from widthwise.circuits.assembly import assemble
from widthwise.circuits.bounds import bound_rows
from widthwise.circuits.exactness import FORMATS, smallest_format
from widthwise.circuits.typed import Bool, Grid, Word, add_bits, emulate, multiply_bits, trace


def built(function, *types):
    return assemble(emulate(trace(function, *types)))


def adder(n):
    return built(add_bits, [Bool()] * n, [Bool()] * n)


@pytest.mark.parametrize(("name", "longest"), [("float16", 9), ("float32", 22), ("float64", 51)])
def test_one_layer_adders_are_exact_up_to_two_bits_less_than_the_format(name, longest):
    """Partial sums reach 5/2 2^n: with p significant bits, n <= p - 2."""
    proof = prove_exact(adder(longest), name)
    assert proof.format.bits == longest + 2
    with pytest.raises(ExactnessError, match=rf"needs 2\^{longest + 3} > 2\^{longest + 2}"):
        prove_exact(adder(longest + 1), name)


def test_bounds_are_reached():
    """Every subset of the terms of a row, over all inputs: its largest sum is the bound."""
    network = adder(2)
    bounds = {bound.gate: bound for bound in bound_rows(network).of_gates()}
    inputs = ((np.arange(16)[:, None] >> np.arange(4)) & 1).astype(float)
    (first, bias), (last, last_bias) = network.layers()
    hidden = np.maximum(inputs @ first.T + bias, 0)
    terms = hidden[:, None, :] * last.toarray()
    positive = np.maximum(terms, 0).sum(2) + np.maximum(last_bias, 0)
    # Terms reach their largest at once, for all words are then full.
    assert bounds["output y[2]"].largest == positive[:, 2].max()
    assert all(bound.largest >= 1 for bound in bounds.values())


def test_the_refusal_names_gate_and_format():
    network = built(multiply_bits, [Bool()] * 8, [Bool()] * 8)
    with pytest.raises(ExactnessError) as caught:
        prove_exact(network, "float32")
    assert "gate 'bit_9'" in str(caught.value)
    assert "needs 2^30 > 2^24: use float64" in str(caught.value)


def test_the_proof_says_why_for_every_gate():
    network = built(lambda x, y: [x + y, x > y], Word(4), Word(4))
    proof = prove_exact(network, "float16")
    assert {bound.gate for bound in proof.gates} >= {"add_0", "step_1", "output y[0]"}
    assert "at most 254 <= 2^8 x 1, and float16 holds 2^11" in str(proof)
    assert proof.tightest.largest == 254  # 30 and 16 relu(30 - 16)


def test_units_of_fixed_point_numbers_are_found():
    network = built(lambda x: x * 0.5 + 1, Grid(-1, 1, unit=0.25))
    (bound,) = bound_rows(network).of_gates()
    assert bound.unit == 0.125
    with pytest.raises(ExactnessError, match="int8 has none below 1"):
        prove_exact(network, "int8")
    assert smallest_format(network) == "float16"


def test_integers_and_carried_numbers():
    program = emulate(trace(lambda x, y: [(x & y) * 1, x], Word(3), Word(3)))
    network = assemble(program)
    assert prove_exact(network, "int8").format.name == "int8"
    wide = built(lambda x: x + 1, Word(7))
    with pytest.raises(ExactnessError, match="int8"):
        prove_exact(wide, "int8")
    assert prove_exact(assemble(program, "skip"), "float16")


def test_unknown_formats_are_refused():
    with pytest.raises(ValueError, match="give one of int8, bfloat16, float16"):
        prove_exact(adder(2), "float8")
    assert [one.bits for one in FORMATS] == sorted(one.bits for one in FORMATS)


def test_numpy_holds_what_the_table_of_formats_says():
    for one in FORMATS:
        if one.name.startswith("float"):
            info = np.finfo(one.name)
            assert (one.bits, one.largest) == (info.nmant + 1, float(info.max))
            assert 2.0**one.smallest == float(info.smallest_subnormal)
