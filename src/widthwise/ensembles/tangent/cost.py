"""Which way to compute a tangent kernel, from shapes alone."""

import math
from typing import Literal, NamedTuple

from widthwise.ensembles.tangent.factors import Sizes, Work, gram_work, written_work

Method = Literal["jacobian", "products", "layers"]
MEMORY = 2**27  # numbers held at once: 1 GiB in float64
_MOVE = 64  # operations in the time of writing and reading a number, on CPUs and GPUs alike


class Shape(NamedTuple):
    """Sizes of a kernel.

    Parameters
    ----------
    n, m
        Numbers of examples.
    outputs
        Outputs of the function.
    trace, diagonal
        Whether only equal outputs, and only pairs of matching examples, are wanted.
    """

    n: int
    m: int
    outputs: int
    trace: bool
    diagonal: bool


class Plan(NamedTuple):
    """A method, and how many examples it takes at a time."""

    method: Method
    batch_size: int


def work(method: Method, shape: Shape, sites: list[Sizes], others: int) -> Work:
    """Estimate the work for one pair of batches.

    Parameters
    ----------
    method
        The method.
    shape
        Sizes of the kernel.
    sites
        Linear layers that can be watched.
    others
        Number of parameters outside of those, taken to be used once per example.

    Returns
    -------
    Operations, and numbers held: leading terms, for comparing methods, not for predicting times.
    """
    n, m, o, trace, diagonal = shape
    pairs, examples = (n if diagonal else n * m), n + m
    weights = others + sum(site.fan_in * site.fan_out for site in sites)
    forward = 2 * (others + sum(site.positions * site.fan_in * site.fan_out for site in sites))
    passing = sum(site.positions * (site.fan_in + o * site.fan_out) for site in sites)
    contraction = 2 * pairs * o * (1 if trace else o)
    result = pairs * (1 if trace else o * o)
    if method == "products":
        # A column at a time: one backward pass, then a forward derivative on all of x1.
        return Work(3 * o * forward * (m + pairs), 2 * o * weights + (n + m) * passing + result)
    if method == "jacobian":
        return Work(
            3 * o * forward * examples + contraction * weights,
            examples * (o * weights + passing) + result,
        )
    backward = (1 + 2 * o) * forward * examples
    left, right = (1, 1) if diagonal else (n, m)
    repeats = n if diagonal else 1
    best = [
        min(gram_work(site, left, right, trace=trace), written_work(site, left, right, trace=trace))
        for site in sites
    ]
    return Work(
        backward + contraction * others + repeats * sum(part.flops for part in best),
        examples * (o * others + passing)
        + result
        + repeats * max((part.numbers for part in best), default=0),
    )


def plan(
    methods: tuple[Method, ...],
    shape: Shape,
    sites: list[Sizes],
    others: int,
    batch_size: int | None,
) -> Plan:
    """Choose the method with the least work, each at the largest batch that fits.

    A number held counts as some operations: what does not fit in a cache has to be moved.

    Parameters
    ----------
    methods
        Methods to choose from.
    shape, sites, others
        As in :func:`work`.
    batch_size
        Examples at a time; None halves their number until the memory suffices.
    """
    best, least = None, math.inf
    for method in methods:
        size = batch_size or _fitting(method, shape, sites, others)
        tile = shape._replace(n=min(size, shape.n), m=min(size, shape.m))
        tiles = -(-shape.n // tile.n) * (1 if shape.diagonal else -(-shape.m // tile.m))
        part = work(method, tile, sites, others)
        total = tiles * (part.flops + _MOVE * part.numbers)
        if total < least:
            best, least = Plan(method, size), total
    assert best is not None
    return best


def _fitting(method: Method, shape: Shape, sites: list[Sizes], others: int) -> int:
    size = max(shape.n, shape.m)
    while size > 1:
        tile = shape._replace(n=min(size, shape.n), m=min(size, shape.m))
        if work(method, tile, sites, others).numbers <= MEMORY:
            break
        size = -(-size // 2)
    return size
