"""Shortest paths as min-plus circuits: Floyd and Warshall's, and Bellman and Ford's."""

import numpy as np
from jaxtyping import Float

from widthwise.circuits.typed.grids import tournament
from widthwise.circuits.typed.trace import TypedCircuit, trace
from widthwise.circuits.typed.tropical import Tropical, TropicalWire


def floyd_warshall(n: int, largest: int = 31, *, infinity: int | None = None) -> TypedCircuit:
    """Lengths of the shortest paths between all pairs of ``n`` nodes.

    ``D_ij <- min(D_ij, D_ik + D_kj)`` for ``k`` = 0, 1, ...: one layer each. A network of layers
    has exactly ``2 n (n - 1)^2`` neurons, depth ``n`` and width ``2 (n - 1)^2`` (n at least 3; two
    nodes need none).

    Parameters
    ----------
    n
        Number of nodes, at least 2.
    largest
        Largest length of an edge; lengths are whole numbers from 0.
    infinity
        What stands for a missing edge and for an unreachable pair: more than ``(n - 1) largest``,
        which is one less than the default.

    Returns
    -------
    TypedCircuit
        Inputs and outputs are the entries of a matrix of lengths without its diagonal, row by row:
        see `edges` and `graph`.

    Raises
    ------
    ValueError
        If there are fewer than two nodes or infinity is too small.

    Examples
    --------
    >>> circuit = floyd_warshall(3)
    >>> lengths = np.array([[0, 3, np.inf], [np.inf, 0, 4], [1, np.inf, 0]])
    >>> graph(circuit.simulate(edges(circuit, lengths)), circuit)[0].tolist()
    [[0.0, 3.0, 7.0], [5.0, 0.0, 4.0], [1.0, 4.0, 0.0]]
    """
    type_ = _lengths(n, largest, infinity)
    # A walk of more than n - 1 edges visits a node twice, so that a path as short exists.
    longest = (n - 1) * largest

    def floyd_warshall(d: list[list[TropicalWire]]) -> list[list[TropicalWire]]:
        square = [[*row[:i], None, *row[i:]] for i, row in enumerate(d)]
        for k in range(n):
            others = [i for i in range(n) if i != k]
            for i in others:
                for j in others:
                    if i != j:
                        through = square[i][k].times(square[k][j], at_most=longest)  # pyright: ignore
                        square[i][j] = square[i][j] + through
        return [row[:i] + row[i + 1 :] for i, row in enumerate(square)]  # pyright: ignore

    return trace(floyd_warshall, [[type_] * (n - 1)] * n)


def bellman_ford(n: int, largest: int = 31, *, infinity: int | None = None) -> TypedCircuit:
    """Lengths of the shortest paths from node 0 to the others: ``n - 1`` rounds over all edges.

    Parameters
    ----------
    n, largest, infinity
        As in `floyd_warshall`.

    Returns
    -------
    TypedCircuit
        Inputs as in `floyd_warshall`; the outputs are the lengths to nodes 1, 2, ...

    Raises
    ------
    ValueError
        If there are fewer than two nodes or infinity is too small.
    """
    type_ = _lengths(n, largest, infinity)
    longest = (n - 1) * largest

    def bellman_ford(d: list[list[TropicalWire]]) -> list[TropicalWire]:
        square = [[*row[:i], None, *row[i:]] for i, row in enumerate(d)]
        found = square[0][1:]
        for _ in range(n - 2):
            found = [
                tournament(
                    lambda a, b: a + b,
                    [found[j - 1]]
                    + [
                        found[i - 1].times(square[i][j], at_most=longest)  # pyright: ignore
                        for i in range(1, n)
                        if i != j
                    ],
                )
                for j in range(1, n)
            ]
        return found  # pyright: ignore

    return trace(bellman_ford, [[type_] * (n - 1)] * n)


def edges(
    circuit: TypedCircuit, lengths: Float[np.ndarray, "*batch n n"]
) -> Float[np.ndarray, "graphs edges"]:
    """Return matrices of lengths as inputs of a circuit; infinite lengths are missing edges.

    Raises
    ------
    ValueError
        If the matrices have another size than the circuit, or a length is negative.
    """
    n = lengths.shape[-1]
    if lengths.shape[-2] != n or n * (n - 1) != len(circuit.inputs):
        raise ValueError(
            f"matrices of shape {lengths.shape} for {circuit.name} on {len(circuit.inputs)} edges: "
            "give n x n lengths for n (n - 1) edges"
        )
    if np.any(lengths < 0):
        raise ValueError("a length is negative: shortest paths take lengths from 0")
    infinity = circuit.inputs[0].type.infinity
    off = np.broadcast_to(~np.eye(n, dtype=bool), lengths.shape)
    return np.where(np.isinf(lengths), infinity, lengths)[off].reshape(-1, n * (n - 1))


def graph(
    outputs: Float[np.ndarray, "graphs edges"], circuit: TypedCircuit
) -> Float[np.ndarray, "graphs n n"]:
    """Return outputs of `floyd_warshall` as matrices, infinite where there is no path."""
    n = round((1 + (1 + 4 * outputs.shape[1]) ** 0.5) / 2)
    found = np.zeros((len(outputs), n, n))
    found[:, ~np.eye(n, dtype=bool)] = outputs
    return np.where(found >= circuit.inputs[0].type.infinity, np.inf, found)


def _lengths(n: int, largest: int, infinity: int | None) -> Tropical:
    """Return the type of a length."""
    if n < 2:
        raise ValueError(f"n = {n} was given; give at least 2 nodes")
    least = (n - 1) * largest + 1
    if infinity is not None and infinity < least:
        raise ValueError(
            f"infinity is {infinity}: give more than (n - 1) times the largest length, {least - 1}"
        )
    return Tropical(largest, infinity or least)
