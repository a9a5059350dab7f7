"""Invariants of matrices under permutations, as directed graphs.

A sum ``sum_{a, b, ...} W[a, b] W[b, c] ...`` over all values of all indices does not change when
rows and columns are permuted together. It is a graph: every index a vertex, every factor an edge.
Where no vertex is both begun and ended at, nothing changes either if rows and columns are permuted
on their own: the graph is bipartite.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

MOST_EDGES = 6
_LETTERS = "abcdefghijkl"

# In the order and numbering of Hirst & Ramgoolam (2025): 2 linear, 11 quadratic, 15 cubic, 24
# quartic ones; the last two kinds are those of 1, 2, 2k - 1 and 2k vertices.
_PUBLISHED = (
    "aa|ab|ab ab|ab ba|aa ab|aa ba|ab ac|ab cb|ab ca|ab cd|aa aa|aa bb|aa bc|"
    "aa aa aa|aa aa bb|aa ab bb|aa aa ab|aa aa ba|aa ab ab|ba aa ab|ba ba aa|ab ab ab|ab ab ba|"
    "aa bc de|ab bc de|ab cb de|ba bc de|ab cd ef|"
    "aa aa aa aa|aa aa aa bb|aa aa bb bb|aa aa aa ab|aa aa aa ba|aa aa ab bb|aa aa ba bb|"
    "aa aa ab ab|aa aa ab ba|aa aa ba ba|aa ab ab bb|aa ab ba bb|aa ab ab ab|aa ba ab ab|"
    "aa ba ba ab|aa ba ba ba|ab ab ab ab|ab ab ab ba|ab ab ba ba|"
    "aa bc de fg|ab bc de fg|ab cb de fg|ba bc de fg|ab cd ef gh"
)

Edges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, order=True, init=False)
class Graph:
    """An invariant polynomial of the entries of a matrix, as a directed multigraph.

    Graphs that differ only by the names of vertices and the order of edges are equal.

    Parameters
    ----------
    edges
        Pairs of vertices, or words of two letters: ``"ab bc ca"`` is ``sum W_ab W_bc W_ca``, the
        trace of the third power; ``"aa"`` is the trace.

    Raises
    ------
    ValueError
        If there are no edges, more than six, or one is no pair.

    Examples
    --------
    >>> Graph("ab bc ca") == Graph("xy yz zx"), Graph("ab cb").bipartite
    (True, True)
    """

    edges: Edges

    def __init__(self, edges: str | Edges) -> None:
        given = edges.split() if isinstance(edges, str) else list(edges)
        if not 1 <= len(given) <= MOST_EDGES or any(len(edge) != 2 for edge in given):
            raise ValueError(
                f"edges are {edges!r}: give 1 to {MOST_EDGES} pairs of vertices, such as 'ab bc ca'"
            )
        orders = itertools.permutations([(edge[0], edge[1]) for edge in given])
        object.__setattr__(self, "edges", min(_named(order) for order in orders))

    def __str__(self) -> str:
        return " ".join(_LETTERS[s] + _LETTERS[t] for s, t in self.edges)

    def __repr__(self) -> str:
        return f"Graph({str(self)!r})"

    @property
    def degree(self) -> int:
        """Number of edges: the degree of the polynomial."""
        return len(self.edges)

    @property
    def vertices(self) -> int:
        """Number of vertices: of indices that are summed over."""
        return 1 + max(itertools.chain.from_iterable(self.edges))

    @property
    def bipartite(self) -> bool:
        """Whether rows and columns may be permuted on their own, and be different in number."""
        return not {s for s, _ in self.edges} & {t for _, t in self.edges}

    @cached_property
    def components(self) -> tuple["Graph", ...]:
        """The connected parts, whose values are multiplied."""
        groups: list[set[int]] = []
        for edge in self.edges:
            touched = [group for group in groups if group & set(edge)]
            groups = [group for group in groups if group not in touched]
            groups.append(set(edge).union(*touched))
        parts = [tuple(edge for edge in self.edges if edge[0] in group) for group in groups]
        return tuple(sorted(Graph(part) for part in parts))


def _named(edges: tuple) -> Edges:
    """Number the vertices by their first appearance."""
    numbers: dict = {}
    return tuple(
        (numbers.setdefault(s, len(numbers)), numbers.setdefault(t, len(numbers))) for s, t in edges
    )


@lru_cache
def graphs(degree: int, *, bipartite: bool = False) -> tuple[Graph, ...]:
    """List all invariants of one degree.

    Parameters
    ----------
    degree
        Number of edges, 1 to 4: there are 2, 11, 52 and 296 graphs.
    bipartite
        Only those that are invariant under permuting rows and columns on their own, as rectangular
        matrices need: 1, 4, 10 and 33.

    Raises
    ------
    ValueError
        If the degree is another one.

    Examples
    --------
    >>> [str(graph) for graph in graphs(2, bipartite=True)]
    ['ab ab', 'ab ac', 'ab cb', 'ab cd']
    """
    if not 1 <= degree <= 4:
        raise ValueError(f"degree is {degree}: give 1, 2, 3 or 4")
    if bipartite:
        return tuple(graph for graph in graphs(degree) if graph.bipartite)
    if degree == 1:
        return Graph("aa"), Graph("ab")
    return tuple(sorted({new for graph in graphs(degree - 1) for new in _extended(graph)}))


def _extended(graph: Graph) -> Iterator[Graph]:
    """Add one edge in every way, between old vertices, a new one, or two new ones."""
    n = graph.vertices
    for s, t in itertools.product(range(n + 1), repeat=2):
        yield Graph((*graph.edges, (s, t)))
    yield Graph((*graph.edges, (n, n + 1)))


@lru_cache
def published_graphs() -> tuple[Graph, ...]:
    """Return the 52 invariants of Hirst & Ramgoolam (2025) in their order.

    The first 13, linear and quadratic, are those that the 13 parameters are fitted to; the others,
    15 cubic and 24 quartic ones, test the fit.
    """
    return tuple(Graph(words) for words in _PUBLISHED.split("|"))
