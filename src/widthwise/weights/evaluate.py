"""Values of invariants on many matrices: sums and products of vectors, products of matrices.

Connected parts are multiplied. In each, a vertex with one neighbour is summed over by a product of
a matrix and a vector, O(D^2); one with two neighbours by a product of two matrices, O(D^3), which
only graphs with a cycle of three or four different vertices need. Graphs of up to four edges have
no others.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from widthwise.weights.components import Matrices, checked_matrices
from widthwise.weights.graphs import Graph

_BLOCK = 2**20  # entries that are worked on at a time


def evaluate(graphs: Sequence[Graph], matrices: Matrices) -> Float[np.ndarray, "k g"]:
    """Evaluate invariants on matrices, in float64.

    Parameters
    ----------
    graphs
        The invariants.
    matrices
        Array (matrix, row, column), or one matrix. An edge from a to b is the entry in row a and
        column b.

    Returns
    -------
    Array (matrix, graph).

    Raises
    ------
    ValueError
        If matrices are rectangular and a graph is not bipartite, or an entry is not finite.

    Notes
    -----
    O(D^2) a matrix, except O(D^3) for graphs with a cycle of at least three vertices.

    Examples
    --------
    >>> import numpy as np
    >>> evaluate([Graph("aa"), Graph("ab ba"), Graph("ab bc ca")], 2 * np.eye(3)).tolist()
    [[6.0, 12.0, 24.0]]
    """
    w = checked_matrices(matrices)
    if w.shape[1] != w.shape[2]:
        for graph in graphs:
            if not graph.bipartite:
                raise ValueError(
                    f"matrices are {w.shape[1]} x {w.shape[2]}, and {graph} has a vertex that is "
                    "both row and column: give bipartite graphs, graphs(degree, bipartite=True)"
                )
    step = max(1, _BLOCK // (w.shape[1] * w.shape[2]))
    found = [_block(graphs, w[start : start + step]) for start in range(0, len(w), step)]
    values = np.concatenate(found)
    if not np.isfinite(values).all():
        raise ValueError(
            f"matrix {int(np.argmin(np.isfinite(values).all(axis=1)))} has entries that are not "
            "finite, or too large for the powers asked for: leave it out"
        )
    return values


def _block(graphs: Sequence[Graph], w: np.ndarray) -> np.ndarray:
    powers = _Powers(w.astype(np.float64, copy=False))
    known: dict[Graph, np.ndarray] = {}
    values = np.ones((len(w), len(graphs)))
    with np.errstate(over="ignore", invalid="ignore"):
        for index, graph in enumerate(graphs):
            for part in graph.components:
                if part not in known:
                    known[part] = _connected(part, powers)
                values[:, index] *= known[part]
    return values


class _Powers:
    """Entrywise products of powers of a matrix and of its transpose, each computed once."""

    def __init__(self, w: np.ndarray) -> None:
        self._known = {(1, 0): w, (0, 1): w.transpose(0, 2, 1)}
        self._sums: dict[tuple[int, int], np.ndarray] = {}

    def power(self, p: int, q: int) -> np.ndarray:
        """W^p (W^T)^q, entry by entry."""
        if (p, q) not in self._known:
            if (q, p) in self._known:
                self._known[p, q] = self._known[q, p].transpose(0, 2, 1)
            elif p:
                rest = self.power(p - 1, q) if (p, q) != (1, 1) else self._known[0, 1]
                self._known[p, q] = self._known[1, 0] * rest
            else:
                return self.power(q, 0).transpose(0, 2, 1)
        return self._known[p, q]

    def diagonal(self, p: int) -> np.ndarray:
        """Diagonal of W, to a power."""
        return np.einsum("kii->ki", self._known[1, 0]) ** p

    def sums(self, p: int, q: int) -> np.ndarray:
        """Sums over the second index."""
        if (p, q) not in self._sums:
            self._sums[p, q] = self.power(p, q).sum(axis=2)
        return self._sums[p, q]


def _connected(graph: Graph, powers: _Powers) -> np.ndarray:
    between: dict[tuple[int, int], tuple[int, int]] = {}
    loops: dict[int, int] = {}
    for s, t in graph.edges:
        if s == t:
            loops[s] = loops.get(s, 0) + 1
            continue
        p, q = between.get((min(s, t), max(s, t)), (0, 0))
        between[min(s, t), max(s, t)] = (p + 1, q) if s < t else (p, q + 1)
    vectors = {v: powers.diagonal(p) for v, p in loops.items()}
    matrices: dict[tuple[int, int], np.ndarray | tuple[int, int]] = dict(between)
    left = set(range(graph.vertices))

    def matrix(a: int, b: int) -> np.ndarray:
        found = matrices[min(a, b), max(a, b)]
        if isinstance(found, tuple):
            return powers.power(*(found if a < b else found[::-1]))
        return found if a < b else found.transpose(0, 2, 1)

    while len(left) > 1:
        near = {v: [u for u in left if (min(u, v), max(u, v)) in matrices] for v in left}
        v = min(left, key=lambda v: len(near[v]))
        if len(near[v]) == 1:
            (u,) = near[v]
            held = matrices[min(u, v), max(u, v)]
            if v in vectors:
                summed = np.matmul(matrix(u, v), vectors[v][:, :, None])[:, :, 0]
            elif isinstance(held, tuple):
                summed = powers.sums(*(held if u < v else held[::-1]))
            else:
                summed = matrix(u, v).sum(axis=2)
            vectors[u] = vectors[u] * summed if u in vectors else summed
        elif len(near[v]) == 2:
            a, b = sorted(near[v])
            first = matrix(a, v) * vectors[v][:, None, :] if v in vectors else matrix(a, v)
            product = np.matmul(first, matrix(v, b))
            matrices[a, b] = product * matrix(a, b) if (a, b) in matrices else product
        else:
            raise ValueError(f"{graph} has no vertex with fewer than three neighbours")
        left.remove(v)
        matrices = {pair: m for pair, m in matrices.items() if v not in pair}
    return vectors[left.pop()].sum(axis=1)
