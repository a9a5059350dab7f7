"""Mean and covariance of the entries of a model, as sums of products of Kronecker deltas.

Every covariance of entries W_ij and W_kl that is invariant under permutations is a combination of
15 functions, one for each way to set some of i, j, k, l equal: each a partition of the four.
"""

import itertools
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from widthwise.weights.families import Gaussian, as_bipartite
from widthwise.weights.tied import TiedGaussian

Partition = tuple[int, int, int, int]
Sum = dict[Partition, float]

I, J, K, L = range(4)  # noqa: E741


def _joined(*labels: int) -> Partition:
    """Name the classes of a partition by their first appearance."""
    names: dict[int, int] = {}
    a, b, c, d = (names.setdefault(label, len(names)) for label in labels)
    return a, b, c, d


PARTITIONS: tuple[Partition, ...] = tuple(
    sorted({_joined(*labels) for labels in itertools.product(range(4), repeat=4)})
)
"""All 15, each as the class of i, j, k and l."""

ALL_DIFFERENT = _joined(0, 1, 2, 3)
SAME_ROW, SAME_COLUMN, SAME_ENTRY = _joined(0, 1, 0, 2), _joined(0, 1, 2, 1), _joined(0, 1, 0, 1)


def entry_moments(model: Gaussian) -> Float[np.ndarray, "17"]:
    """Return the coefficients of the mean in (1, delta_ij) and of the covariance in PARTITIONS.

    Raises
    ------
    ValueError
        If the covariance of the first part is not known.
    """
    if model.law.covariances[0] is None:
        raise ValueError(
            f"the covariance of part {model.law.names[0]!r} is not known: one matrix does not tell "
            "it; fit at least two independent ones"
        )
    if isinstance(model, TiedGaussian):
        d, (one, two) = model.size, model.mean
        extra = two / (d - 1) ** 0.5
        numbers = list(model.parameters.values())[2:]
        covariance = np.asarray(numbers) @ _basis(d)
        return np.concatenate([[(one - extra) / d, extra], covariance])
    small, (m, n) = as_bipartite(model), model.shape
    covariance = dict.fromkeys(PARTITIONS, 0.0)
    total = small.law.covariances[0]
    assert total is not None
    rest = small.entries
    covariance[ALL_DIFFERENT] = (total.item() - small.rows - small.columns + rest) / (m * n)
    covariance[SAME_ROW] = (small.rows - rest) / n
    covariance[SAME_COLUMN] = (small.columns - rest) / m
    covariance[SAME_ENTRY] = rest
    return np.array([small.mean / (m * n) ** 0.5, 0.0, *covariance.values()])


@lru_cache(maxsize=64)
def _basis(d: int) -> Float[np.ndarray, "11 15"]:
    """Covariance of entries that each of the 11 second moments gives, were it one."""

    def same(a: int, b: int) -> Sum:
        """E_ab, the projector on vectors of sum zero: delta_ab - 1/D."""
        labels = list(range(4))
        labels[b] = a
        return _sum((1.0, {_joined(*labels): 1.0}), (-1 / d, {ALL_DIFFERENT: 1.0}))

    def equal(a: int, b: int) -> Sum:
        return _sum((1.0, same(a, b)), (1 / d, {ALL_DIFFERENT: 1.0}))

    def beyond(p: int, a: int, b: int) -> Sum:
        """What the diagonal entry (a, b) has at p beyond its row and its column."""
        edges = _sum((1.0, same(p, a)), (1.0, same(p, b)))
        return _sum((1.0, _times(same(p, a), equal(a, b))), (-1 / d, edges))

    corners = _sum(*((1.0, same(a, b)) for a, b in ((I, K), (I, L), (J, K), (J, L))))
    both = _times(_times(same(I, K), equal(I, J)), equal(K, L))
    left = _times(equal(I, J), _sum((1.0, same(I, K)), (1.0, same(I, L))))
    right = _times(equal(K, L), _sum((1.0, same(I, K)), (1.0, same(J, K))))
    diagonal = _sum((1.0, both), (-1 / d, left), (-1 / d, right), (1 / d**2, corners))
    straight, crossed = _times(same(I, K), same(J, L)), _times(same(I, L), same(J, K))
    traces = _times(same(I, J), same(K, L))
    root = (d - 2) ** 0.5
    functions = [
        _sum((1 / d**2, {ALL_DIFFERENT: 1.0})),
        _sum(*((1 / (d * (d - 1) ** 0.5), same(a, b)) for a, b in ((I, J), (K, L)))),
        _sum((1 / (d - 1), traces)),
        _sum((1 / d, same(J, L))),
        _sum((1 / d, same(J, K)), (1 / d, same(I, L))),
        _sum((1 / root, beyond(J, K, L)), (1 / root, beyond(L, I, J))),
        _sum((1 / d, same(I, K))),
        _sum((1 / root, beyond(I, K, L)), (1 / root, beyond(K, I, J))),
        _sum((d / (d - 2), diagonal)),
        _sum((0.5, straight), (0.5, crossed), (-1 / (d - 1), traces), (-d / (d - 2), diagonal)),
        _sum((0.5, straight), (-0.5, crossed)),
    ]
    return np.array([[f.get(p, 0.0) for p in PARTITIONS] for f in functions])


def _sum(*terms: tuple[float, Sum]) -> Sum:
    found: Sum = {}
    for factor, term in terms:
        for partition, value in term.items():
            found[partition] = found.get(partition, 0.0) + factor * value
    return found


def _times(first: Sum, second: Sum) -> Sum:
    """Multiply: what either sets equal is equal."""
    found: Sum = {}
    for (p, x), (q, y) in itertools.product(first.items(), second.items()):
        labels = list(p)
        for a, b in itertools.combinations(range(4), 2):
            if q[a] == q[b]:
                labels = [labels[a] if label == labels[b] else label for label in labels]
        joined = _joined(*labels)
        found[joined] = found.get(joined, 0.0) + x * y
    return found
