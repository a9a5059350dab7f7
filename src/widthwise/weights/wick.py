"""Exact means of invariants under a Gaussian model, at a cost that does not depend on width.

By Isserlis' theorem the mean of a product of k entries is a sum over all ways to pair some of them,
each pair giving its covariance and every other entry its mean. Mean and covariance are sums of
Kronecker deltas; a product of deltas, summed over all indices, is D to the number of indices that
remain different.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from widthwise.weights.entry_moments import (
    ALL_DIFFERENT,
    PARTITIONS,
    SAME_COLUMN,
    SAME_ENTRY,
    SAME_ROW,
    entry_moments,
)
from widthwise.weights.families import Gaussian
from widthwise.weights.graphs import Edges, Graph

_ONE = 2 + len(PARTITIONS)  # index of a factor one, that fills up products
_BIPARTITE = (ALL_DIFFERENT, SAME_ROW, SAME_COLUMN, SAME_ENTRY)


def expected(graphs: Sequence[Graph], model: Gaussian) -> Float[np.ndarray, " g"]:
    """Mean of invariants under a model, exactly.

    Parameters
    ----------
    graphs
        The invariants; bipartite ones if matrices are rectangular.
    model
        A model of any family.

    Returns
    -------
    Array (graph), in float64.

    Raises
    ------
    ValueError
        If a graph is not bipartite and matrices are rectangular, or the model is not known
        completely.

    Notes
    -----
    At most 1051 terms for four edges, whatever the width; they are found once for each graph.

    Examples
    --------
    >>> from widthwise.weights import IsotropicGaussian
    >>> model = IsotropicGaussian((10, 10), 0.0, 0.1)
    >>> expected([Graph("ab ab ab ab"), Graph("ab bc cd da")], model).round(10).tolist()
    [3.0, 1.2]
    """
    return expected_by_each(graphs, [model])[0]


def expected_by_each(
    graphs: Sequence[Graph], models: Sequence[Gaussian]
) -> Float[np.ndarray, "b g"]:
    """Means of invariants under several models of matrices of one shape."""
    numbers = np.stack([entry_moments(model) for model in models])
    columns = [_summed(graph.edges, numbers, models[0].shape) for graph in graphs]
    return np.stack(columns, axis=1)


def standard_deviation(graphs: Sequence[Graph], model: Gaussian) -> Float[np.ndarray, " g"]:
    """Standard deviation of invariants over matrices drawn from a model, exactly.

    Parameters
    ----------
    graphs
        The invariants; at once for one or two edges, a second each for three, minutes for four.
    model
        A model of any family.

    Raises
    ------
    ValueError
        As in `expected`.

    Notes
    -----
    The square of an invariant is the invariant of two copies of its graph.
    """
    numbers, means = entry_moments(model)[None], expected(graphs, model)
    squares = [_summed(_twice(graph.edges), numbers, model.shape).item() for graph in graphs]
    return np.sqrt(np.maximum(np.array(squares) - means**2, 0.0))


def _twice(edges: Edges) -> Edges:
    n = 1 + max(itertools.chain.from_iterable(edges))
    return (*edges, *((s + n, t + n) for s, t in edges))


def _summed(edges: Edges, numbers: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Sum all terms for each row of numbers."""
    rectangular = shape[0] != shape[1]
    if rectangular and {s for s, _ in edges} & {t for _, t in edges}:
        raise ValueError(
            f"the model is of {shape[0]} x {shape[1]} matrices, and {Graph(edges)} has a vertex "
            "that is both row and column: give bipartite graphs, graphs(degree, bipartite=True)"
        )
    factors, counts, classes = _terms(edges, rectangular)
    sizes = counts * np.prod(np.asarray(shape, np.float64) ** classes, axis=1)
    padded = np.concatenate([numbers, np.ones((len(numbers), 1))], axis=1)
    return np.prod(padded[:, factors], axis=2) @ sizes


@lru_cache(maxsize=1024)
def _terms(edges: Edges, rectangular: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Terms of the mean: indices of their factors, how often each occurs, classes of indices left.

    The classes are counted for rows and columns apart if matrices are rectangular; otherwise all
    stand in the first column.
    """
    sources = {s for s, _ in edges}
    vertices = 1 + max(itertools.chain.from_iterable(edges))
    found: dict[tuple, int] = defaultdict(int)
    for pairing in _pairings(tuple(range(len(edges)))):
        states: dict[tuple, int] = {(tuple(range(vertices)), ()): 1}
        for part in pairing:
            following: dict[tuple, int] = defaultdict(int)
            ends = tuple(vertex for edge in part for vertex in edges[edge])
            options = _single() if len(part) == 1 else _pair(rectangular)
            for (labels, factors), count in states.items():
                for factor, partition in options:
                    merged = _merged(labels, ends, partition)
                    following[merged, tuple(sorted((*factors, factor)))] += count
            states = following
        for (labels, factors), count in states.items():
            rows = len({labels[v] for v in range(vertices) if v in sources or not rectangular})
            columns = len({labels[v] for v in range(vertices) if v not in sources and rectangular})
            padded = factors + (_ONE,) * (len(edges) - len(factors))
            found[padded, (rows, columns)] += count
    factors = np.array([factors for factors, _ in found])
    classes = np.array([classes for _, classes in found])
    return factors, np.array(list(found.values()), np.float64), classes


def _single() -> tuple[tuple[int, tuple[int, ...]], ...]:
    return (0, (0, 1)), (1, (0, 0))


@lru_cache
def _pair(rectangular: bool) -> tuple[tuple[int, tuple[int, ...]], ...]:
    chosen = _BIPARTITE if rectangular else PARTITIONS
    return tuple((2 + PARTITIONS.index(partition), partition) for partition in chosen)


def _merged(labels: tuple, ends: tuple, partition: tuple) -> tuple:
    """Set equal what a product of deltas sets equal: labels become the least of their class."""
    first: dict[int, int] = {}
    for end, name in zip(ends, partition, strict=True):
        a, b = first.setdefault(name, labels[end]), labels[end]
        if a != b:
            low, high = min(a, b), max(a, b)
            labels = tuple(low if label == high else label for label in labels)
            first = {n: low if label == high else label for n, label in first.items()}
    return labels


def _pairings(items: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], ...]]:
    """Partition into single items and pairs, in every way."""
    if not items:
        yield ()
        return
    first, *rest = items
    for others in _pairings(tuple(rest)):
        yield ((first,), *others)
    for partner in rest:
        left = tuple(item for item in rest if item != partner)
        for others in _pairings(left):
            yield ((first, partner), *others)
