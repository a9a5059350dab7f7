"""The study's own arithmetic: what it predicts, and that its measurements can find errors."""

import numpy as np
import pytest

from widthwise.circuits.assembly import assemble
from widthwise.circuits.typed import Bool, add_bits, emulate, ripple_adder, trace
from widthwise.studies import CircuitEmulation
from widthwise.studies.circuit_emulation import (
    bridge,
    catalogue,
    chance,
    exactness,
    perturbation,
    rounding,
    sizes,
)

STUDY = CircuitEmulation(circuits=("gates", "words"), smallest=3, doublings=2, noise_bits=2)


def adder(block, n):
    program = emulate(trace(block, [Bool()] * n, [Bool()] * n))
    return program, assemble(program)


def test_every_named_circuit_can_be_proved_in_float32():
    """All but SHA-256, which takes long."""
    names = tuple(
        name for name in catalogue.CIRCUITS if name not in ("sha-256", "array-multiplier")
    )
    bits = exactness.predict(CircuitEmulation(circuits=names)).bits
    assert float(bits.max()) <= 24
    assert float(bits.sel(circuit="gates")) <= 4


def test_size_laws_are_the_reference_values():
    laws = catalogue.FAMILIES
    assert laws["ripple adder"].neurons(8) == 206
    assert laws["multiplier"].neurons(8) == 158
    assert laws["shortest paths"].neurons(16) == 7200
    assert laws["Turing machine"].neurons(107) == 276060
    prediction = sizes.predict(STUDY)
    neurons = prediction.account.sel(quantity="neurons").values
    assert np.array_equal(neurons, prediction.law.values)


def test_exponents_may_differ_by_what_lower_powers_do():
    numbers = [4, 8, 16]
    assert sizes.exponent_tolerance(numbers, 3.0 * np.array(numbers), 1) == 0.01
    cubic = np.array([2.0 * n * (n - 1) ** 2 for n in numbers])
    assert sizes.exponent_tolerance(numbers, cubic, 3) == pytest.approx(2 * np.log2(784 / 72) - 6)


def test_the_proof_refuses_two_bits_before_the_format_must_fail():
    prediction = rounding.predict(STUDY)
    assert prediction.refused.values.tolist() == [7, 10, 23]
    assert prediction.certain.values.tolist() == [9, 12, 25]


def test_rounding_is_found_where_it_must_happen_and_nowhere_else():
    generator = np.random.default_rng(0)
    for n, wrong in ((5, False), (9, True)):
        _, network = adder(add_bits, n)
        inputs = rounding._inputs(n, generator)
        found = rounding.rounded(network, inputs, rounding.DTYPES["bfloat16"], generator)
        assert np.any(found != network.evaluate(inputs)) == wrong


def test_the_guarantee_is_tight_on_one_neuron():
    """A conjunction: relu(a + b - 1), read out with weight one. With every weight moved by e its
    number moves by 3 e and the output by 3 e + e (1 + 3 e) + e."""
    found = perturbation.guarantee(assemble(emulate(trace(lambda a, b: a & b, Bool(), Bool()))))
    assert 3 * found**2 + 5 * found == pytest.approx(0.5, rel=1e-5)


def test_first_order_mean_square_is_that_of_small_noise():
    _, network = adder(add_bits, 2)
    inputs = perturbation.all_inputs(4)
    generator = np.random.default_rng(1)
    right, sigma, draws = network.evaluate(inputs), 1e-4, 800
    squares = []
    for _ in range(draws):
        noise = (
            generator.standard_normal(len(network.weights)),
            generator.standard_normal(len(network.bias)),
        )
        moved = perturbation._moved(network, inputs, sigma, noise)
        squares.append(np.mean((moved - right) ** 2) / sigma**2)
    expected = perturbation.mean_square(network, inputs)
    error = np.std(squares) / draws**0.5
    assert np.mean(squares) == pytest.approx(expected, abs=4 * error)
    assert error < 0.05 * expected


def test_the_ripple_adder_bears_its_guarantee():
    _, network = adder(ripple_adder, 2)
    safe = perturbation.guarantee(network)
    assert 0 < safe < 0.1
    inputs = perturbation.all_inputs(4)
    ones = np.ones(len(network.weights)), np.ones(len(network.bias))
    right = network.evaluate(inputs)
    assert not np.any(perturbation._wrong(network, inputs, right, safe, ones))
    assert np.any(perturbation._wrong(network, inputs, right, 1.0, ones))


def test_wrong_products_have_the_rank_they_are_drawn_with():
    generator = np.random.default_rng(2)
    for rank in chance.RANKS:
        rows = chance._matrices(rank, generator).reshape(3, 3, 3)
        difference = (rows[0] @ rows[1] - rows[2]) % 2
        vectors = (np.arange(8)[:, None] >> np.arange(3)) & 1
        kernel = np.sum(~np.any(difference @ vectors.T % 2, axis=0))
        assert kernel == 2 ** (3 - rank)


def test_the_bridge_predicts_drawing_without_replacement():
    """16 special inputs of 64: hypergeometric moments."""
    prediction = bridge.predict(CircuitEmulation(layers=2))
    assert prediction["mean"].values.tolist() == [4, 4]
    assert float(prediction.variance[0]) == pytest.approx(16 / 4 * 0.75 * 48 / 63)
    assert float(prediction.independent) == 3
    assert prediction.property.values[1] == 0.75
    assert bridge._hypergeometric(np.arange(17)).sum() == pytest.approx(1)


def test_impossible_parameters_are_refused():
    with pytest.raises(ValueError, match="give sizes up to 64"):
        CircuitEmulation(smallest=16, doublings=3)
    with pytest.raises(ValueError, match="circuits"):
        CircuitEmulation.from_parameters({"circuits": ["addre"]})
