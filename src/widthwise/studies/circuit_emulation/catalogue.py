"""The circuits of the study, by name: those checked for exactness, and families of sizes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from widthwise.circuits import TuringMachine, stopped_machine
from widthwise.circuits.program import ReluProgram
from widthwise.circuits.typed import (
    Bool,
    Grid,
    TypedCircuit,
    Word,
    absolute,
    add_bits,
    array_multiplier,
    emulate,
    equal,
    floor,
    floyd_warshall,
    fredkin,
    full_adder,
    lookup,
    majority,
    multiply_bits,
    mux,
    nor,
    ripple_adder,
    sha256_circuit,
    sort,
    square,
    table,
    toffoli,
    trace,
)

BUSY_BEAVER = "1RB1LB_1LA0LC_1RH1LD_1RD0RA"
"""Four states; it halts after 107 steps with 13 ones on the tape."""


def bits(*counts: int) -> list[list[Bool]]:
    """Return the types of numbers given by their bits."""
    return [[Bool()] * count for count in counts]


def _gates(a: Any, b: Any, c: Any) -> list[Any]:
    return [
        a & b, a | b, a ^ b, ~a, nor(a, b, c), mux(a, b, c), majority(a, b, c), toffoli(a, b, c),
        fredkin(a, b, c), full_adder(a, b, c), lookup([0, 1, 1, 1, 0, 1, 0, 0], a, b, c),
    ]  # fmt: skip


def _words(x: Any, y: Any) -> list[Any]:
    return [
        x + y, x - y, x * y, -x, x & y, x | y, x ^ y, x << 2, x >> 1, x < y, x >= y,
        equal(x, y), mux(x < y, x, y),
    ]  # fmt: skip


def _fixed(x: Any, y: Any) -> list[Any]:
    return [x + y, x - y, -x, x & y, x > y, x.number() * y.number()]


def _analytic(x: Any, y: Any) -> list[Any]:
    result = Grid(-4, 4, unit=2**-6)
    return [
        table(np.sin, result, x), table(lambda x, y: np.exp(x) * y, result, x, y),
        square(x - y), floor(x + y), absolute(x * y),
    ]  # fmt: skip


CIRCUITS: dict[str, Callable[[], TypedCircuit]] = {
    "gates": lambda: trace(_gates, Bool(), Bool(), Bool()),
    "adder": lambda: trace(add_bits, *bits(8, 8)),
    "ripple-adder": lambda: trace(ripple_adder, *bits(8, 8)),
    "multiplier": lambda: trace(multiply_bits, *bits(6, 6)),
    "array-multiplier": lambda: trace(array_multiplier, *bits(8, 8)),
    "words": lambda: trace(_words, Word(5), Word(5)),
    "fixed-point": lambda: trace(_fixed, *[Word(6, signed=True, fraction=3)] * 2),
    "analytic": lambda: trace(_analytic, *[Grid(-1, 1, unit=2**-4)] * 2),
    "sorting": lambda: trace(sort, [Grid(0, 255)] * 8),
    "shortest-paths": lambda: floyd_warshall(6),
    "sha-256": sha256_circuit,
}
"""Circuits of one size, each of which `prove_exact` finds exact in float32."""


@dataclass(frozen=True)
class Family:
    """Circuits of growing size.

    Attributes
    ----------
    make
        The program of size ``n``.
    neurons
        Its neurons in a network of layers, as a formula.
    exponent
        The leading power of ``n``.
    words
        What ``n`` counts.
    """

    make: Callable[[int], ReluProgram]
    neurons: Callable[[int], int]
    exponent: int
    words: str


def _machine(steps: int) -> ReluProgram:
    return stopped_machine(TuringMachine.from_text(BUSY_BEAVER), steps)


FAMILIES: dict[str, Family] = {
    "one-layer adder": Family(
        lambda n: emulate(trace(add_bits, *bits(n, n))), lambda n: 3 * n, 1, "bits"
    ),
    "ripple adder": Family(
        lambda n: emulate(trace(ripple_adder, *bits(n, n))),
        lambda n: 3 * n**2 + 2 * n - 2,
        2,
        "bits",
    ),
    "multiplier": Family(
        lambda n: emulate(trace(multiply_bits, *bits(n, n))),
        lambda n: 7 * n - 3 + (2 * n - 1) * (n - 1),
        2,
        "bits",
    ),
    "Turing machine": Family(_machine, lambda n: n * (2 * n + 1) * 2 * 6, 2, "steps"),
    "shortest paths": Family(
        lambda n: emulate(floyd_warshall(n)), lambda n: 2 * n * (n - 1) ** 2, 3, "nodes"
    ),
}
"""Families with a size law."""
