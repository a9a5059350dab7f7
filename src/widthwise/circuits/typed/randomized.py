"""Randomized circuits: how often one accepts, and how a majority of copies errs less."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Num

from widthwise.circuits.typed.booleans import and_, majority, nor, parity, xor
from widthwise.circuits.typed.trace import TypedCircuit

_LARGEST_EXHAUSTIVE = 20

Run = Callable[[Float[np.ndarray, "batch inputs"]], Float[np.ndarray, "batch outputs"]]


def acceptance(
    circuit: TypedCircuit,
    inputs: Num[np.ndarray, "batch chosen"],
    *,
    run: Run | None = None,
    samples: int | None = None,
    seed: int = 0,
) -> Float[np.ndarray, "batch outputs"]:
    """Return how probable it is that each output is 1, over the random bits of a circuit.

    Parameters
    ----------
    circuit
        A circuit with inputs of type ``Bool(random=True)``.
    inputs
        The other inputs, one row for each case.
    run
        What computes the circuit, such as ``ReluNetwork.evaluate``; by default the circuit itself.
    samples
        Number of draws of the random bits for each row; by default all ``2^bits`` of them are run,
        up to 20 bits, and the probability is exact.
    seed
        Of the draws.

    Returns
    -------
    Float[np.ndarray, "batch outputs"]
        The mean of each output; of ``samples`` draws it has a standard error of
        ``sqrt(p (1 - p) / samples)``.

    Raises
    ------
    ValueError
        If there are too many random bits to run them all, or the inputs have the wrong number.
    """
    coins, width = list(circuit.random), len(circuit.inputs)
    chosen = [place for place in range(width) if place not in set(coins)]
    given = np.asarray(inputs, float)
    if given.ndim != 2 or given.shape[1] != len(chosen):
        raise ValueError(
            f"inputs of shape {given.shape}: {circuit.name} has {len(chosen)} inputs that are "
            "not random"
        )
    if samples is None and len(coins) > _LARGEST_EXHAUSTIVE:
        raise ValueError(
            f"{circuit.name} has {len(coins)} random bits, 2^{len(coins)} cases: give samples=..."
        )
    if samples is None:
        draws = (np.arange(2 ** len(coins))[:, None] >> np.arange(len(coins))) & 1
    else:
        draws = np.random.default_rng(seed).integers(0, 2, (samples, len(coins)))
    rows = np.empty((len(draws), width))
    rows[:, coins] = draws
    found = []
    for case in given:
        rows[:, chosen] = case
        found.append(np.mean((run or circuit.simulate)(rows), axis=0))
    return np.array(found)


def amplified(function: Callable[..., Any], copies: int) -> Callable[..., Any]:
    """Return a circuit that runs independent copies of another and takes the majority.

    Parameters
    ----------
    function
        A function on wires that returns one bit, with its random bits in an argument ``coins``.
    copies
        Number of copies, odd.

    Returns
    -------
    function
        Its argument ``coins`` takes a list of random bits for each copy. It has ``copies`` times as
        many neurons as the one, and two.

    Raises
    ------
    ValueError
        If the number of copies is not odd.
    """
    if copies < 1 or copies % 2 == 0:
        raise ValueError(f"{copies} copies were asked for: give an odd number")

    def amplified(*arguments: Any, coins: Sequence[Any], **named: Any) -> Any:
        return majority(*(function(*arguments, coins=own, **named) for own in coins))

    return amplified


def majority_error(error: float, copies: int) -> float:
    """Probability that most of an odd number of independent copies err.

    ``sum_(j > k/2) binomial(k, j) error^j (1 - error)^(k - j)``, at most
    ``exp(-2 k (1/2 - error)^2)``.

    Parameters
    ----------
    error
        Probability that one errs, 0 to 1.
    copies
        Number of copies ``k``, odd.

    Raises
    ------
    ValueError
        If the number of copies is not odd or the error no probability.

    Examples
    --------
    >>> round(majority_error(1 / 3, 11), 9)
    0.122085048
    """
    if copies < 1 or copies % 2 == 0 or not 0 <= error <= 1:
        raise ValueError(f"error {error} of {copies} copies: give a probability and an odd number")
    return math.fsum(
        math.comb(copies, j) * error**j * (1 - error) ** (copies - j)
        for j in range(copies // 2 + 1, copies + 1)
    )


def freivalds(a: Any, b: Any, c: Any, *, coins: Sequence[Any]) -> Any:
    """Test a product of matrices over two elements, ``A B = C``, as Freivalds does.

    It draws a vector ``r`` and accepts if ``A (B r) = C r``: always if the product is right, and
    with probability ``2^-rank(A B - C)`` otherwise.

    Parameters
    ----------
    a, b, c
        Matrices of bits, as lists of rows.
    coins
        Random bits, as many as the matrices have columns.

    Returns
    -------
    BoolWire
    """

    def times(matrix: Any, vector: Sequence[Any]) -> list[Any]:
        return [parity(*(and_(x, v) for x, v in zip(row, vector, strict=True))) for row in matrix]

    left, right = times(a, times(b, coins)), times(c, coins)
    return nor(*(xor(x, y) for x, y in zip(left, right, strict=True)))
