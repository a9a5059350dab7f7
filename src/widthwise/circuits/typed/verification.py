"""Is the network the circuit? Gate by gate on all their inputs, and both side by side."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from widthwise.circuits.typed.affine import Affine, Number
from widthwise.circuits.typed.gates import Gate
from widthwise.circuits.typed.trace import TypedCircuit

Run = Callable[[Float[np.ndarray, "batch inputs"]], Any]
_BATCH = 4096


@dataclass(frozen=True)
class Comparison:
    """What became of comparing a circuit and a network.

    Attributes
    ----------
    inputs
        How many inputs were run.
    mismatches
        On how many of them an output differed.
    exhaustive
        Whether these were all inputs there are.
    counterexample
        The first input on which they differ, if there is one.
    """

    inputs: int
    mismatches: int
    exhaustive: bool
    counterexample: np.ndarray | None


def compare(
    circuit: TypedCircuit, run: Run, *, limit: int = 2**16, samples: int = 1024, seed: int = 0
) -> Comparison:
    """Run a circuit and what should compute it on the same inputs, and count differences.

    Parameters
    ----------
    circuit
        The circuit, which counts in whole numbers.
    run
        For example ``ReluNetwork.evaluate``.
    limit
        All inputs are run if there are at most so many; otherwise as many *corners* as ``samples``
        (each input at an end of its range) and as many random inputs.
    samples
        Number of each.
    seed
        Of the random ones.

    Returns
    -------
    Comparison
        Any number that is not equal is a mismatch, NaN included.
    """
    ends = np.array([port.type.codes for port in circuit.inputs]).reshape(-1, 2)
    units = np.array([port.type.unit for port in circuit.inputs])
    total = int(np.prod(np.diff(ends, axis=1).astype(float) + 1))
    exhaustive = total <= limit
    count = mismatches = 0
    first = None
    for codes in _all(ends) if exhaustive else _some(ends, samples, seed):
        inputs = codes * units
        wrong = np.any(circuit.simulate(inputs) != np.asarray(run(inputs)), axis=1)
        if first is None and wrong.any():
            first = inputs[np.argmax(wrong)]
        count, mismatches = count + len(wrong), mismatches + int(np.sum(wrong))
    return Comparison(count, mismatches, exhaustive, first)


def _all(ends: np.ndarray) -> Iterator[np.ndarray]:
    ranges = [range(low, high + 1) for low, high in ends.tolist()]
    cases = itertools.product(*ranges)
    while batch := list(itertools.islice(cases, _BATCH)):
        yield np.array(batch).reshape(len(batch), len(ranges))


def _some(ends: np.ndarray, samples: int, seed: int) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(seed)
    shape = (min(samples, _BATCH), len(ends))
    for _ in range(-(-samples // _BATCH)):
        yield np.where(generator.integers(0, 2, shape), ends[:, 1], ends[:, 0])
        yield generator.integers(ends[:, 0], ends[:, 1] + 1, shape)


@dataclass(frozen=True)
class GateLemma:
    """That a gate's neurons compute the gate, checked on the numbers its operands can carry.

    Attributes
    ----------
    gate
        Its name.
    cases
        Number of operand values that were run.
    exhaustive
        Whether these are all; otherwise the corners and random ones.
    holds
        Whether neurons and gate agreed on all, and the results were within their ranges.
    """

    gate: str
    cases: int
    exhaustive: bool
    holds: bool

    def __str__(self) -> str:
        how = "all" if self.exhaustive else "corners and random ones among"
        verdict = "its neurons compute it" if self.holds else "ITS NEURONS DO NOT COMPUTE IT"
        return f"{self.gate}: {verdict} on {how} {self.cases} operands"


class _Arithmetic:
    """Computes neurons instead of making them."""

    def __init__(self, operands: list[np.ndarray]) -> None:
        self.values = [operand.astype(float) for operand in operands]
        self.neurons = 0
        self._made: dict[tuple, Affine] = {}

    def number(self, form: Affine) -> np.ndarray:
        found = np.full(len(self.values[0]), float(form.constant))
        for value, coefficient in form.terms.items():
            found = found + coefficient * self.values[value]
        return found

    def relu(self, form: Affine) -> Affine:
        key = (frozenset(form.terms.items()), form.constant)
        if key not in self._made:
            self.values.append(np.maximum(self.number(form), 0))
            self._made[key] = Affine.of(len(self.values) - 1)
        return self._made[key]

    def value(self, form: Affine, codes: tuple[Number, Number]) -> Affine:
        del codes
        return form


def check_gates(
    circuit: TypedCircuit, *, limit: int = 2**10, samples: int = 256
) -> list[GateLemma]:
    """Check for every gate by itself that its neurons compute it: why the network is exact.

    Operands are taken to be independent: whatever their wires can carry. Exactness of the whole
    circuit follows by composition, and of its arithmetic by `widthwise.circuits.prove_exact`.

    Parameters
    ----------
    circuit
        The circuit.
    limit
        All operands are run if there are at most so many, otherwise corners and random ones.
    samples
        Number of each of these.

    Returns
    -------
    list of GateLemma
        In the order of the gates.
    """
    ranges: list[tuple[float, float]] = [(0, 0)] * circuit.values
    ranges[: len(circuit.inputs)] = [port.type.codes for port in circuit.inputs]
    found = []
    for gate in circuit.gates:
        ends = np.array([form.interval(ranges) for form in gate.operands]).astype(int)
        found.append(_check(gate, ends, limit, samples))
        ranges[gate.results.start : gate.results.stop] = gate.ranges
    return found


def _check(gate: Gate, ends: np.ndarray, limit: int, samples: int) -> GateLemma:
    exhaustive = float(np.prod(np.diff(ends, axis=1).astype(float) + 1)) <= limit
    batches = list(_all(ends) if exhaustive else _some(ends, samples, seed=0))
    operands = list(np.concatenate(batches).T)
    net = _Arithmetic(operands)
    emulated = gate.emulate(net, *(Affine.of(place) for place in range(len(operands))))
    expected = gate.reference(*operands)
    pairs = zip(
        emulated if isinstance(emulated, tuple) else (emulated,),
        expected if isinstance(expected, tuple) else (expected,),
        gate.ranges,
        strict=True,
    )
    holds = True
    for form, codes, (low, high) in pairs:
        holds &= bool(np.all(net.number(form) == codes))
        holds &= bool(np.all((np.asarray(codes) >= low) & (np.asarray(codes) <= high)))
    return GateLemma(gate.name, len(operands[0]), exhaustive, holds)
