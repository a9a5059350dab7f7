"""A network of any depth and shape as tiles of one shape, so that one loop runs it.

All numbers of one example stand in a memory: a zero, which padding reads; partial sums; inputs and
neurons; outputs. In layered networks two stretches of it take turns, for a layer reads only the one
before. A tile computes a fixed number of rows, each a sum of a fixed number of products, and writes
them side by side. Rows with more products are sums of partial sums, which tiles before have made.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from widthwise.circuits.network import ReluNetwork

_HEIGHTS = tuple(2**power for power in range(3, 15))
_FAN_INS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256)
_OVERHEAD = 64  # what starting a tile costs, in rows


@dataclass(frozen=True, eq=False)
class Tiles:
    """Tiles in the order in which they run.

    Attributes
    ----------
    read, weight
        Addresses that each row reads, and its weights; padding reads address 0.
    bias, linear
        Bias of each row, and whether it is passed on without the ReLU.
    write
        Address of the first row of each tile.
    memory
        Addresses in all.
    first_input, first_output
        Where the inputs are put, and the outputs found.
    """

    read: Int[np.ndarray, "tiles rows terms"]
    weight: Float[np.ndarray, "tiles rows terms"]
    bias: Float[np.ndarray, "tiles rows"]
    linear: Bool[np.ndarray, "tiles rows"]
    write: Int[np.ndarray, " tiles"]
    memory: int
    first_input: int
    first_output: int


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of all layers; `step` orders the rows of one layer."""

    layer: np.ndarray
    indptr: np.ndarray
    read: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    linear: np.ndarray
    write: np.ndarray


def tiles(network: ReluNetwork) -> Tiles:
    """Cut a network into tiles."""
    counts = np.diff(network.indptr)
    terms = _terms(counts)
    layer = np.repeat(np.arange(network.depth + 1), np.diff([*network.starts, len(network.bias)]))
    room = int(np.bincount(layer, _partial_rows(counts, terms), network.depth + 1).max())
    height = _height(np.bincount(layer, minlength=network.depth + 1))
    places = _Places(network, first=1 + room + height, spare=height)
    rows = _Rows(
        layer=layer,
        indptr=network.indptr,
        read=places.of_reads(layer, counts),
        weight=network.weights,
        bias=network.bias,
        linear=np.arange(len(network.bias)) >= network.neurons,
        write=places.of_rows(layer),
    )
    steps = _split(rows, terms)
    return _cut(steps, height, terms, places)


def _terms(counts: np.ndarray) -> int:
    """Products of a row, so that the least is padded or summed in parts."""
    most = int(counts.max(initial=1))
    return min(
        (terms for terms in _FAN_INS if terms > 1 or most <= 1),
        key=lambda terms: ((1 + _partial_rows(counts, terms)).sum() * (terms + 1), terms),
    )


def _partial_rows(counts: np.ndarray, terms: int) -> np.ndarray:
    """How many partial sums rows of so many products need."""
    found = np.zeros(len(counts), np.int64)
    while (counts > terms).any():
        counts = np.where(counts > terms, -(-counts // terms), 0)
        found += counts
    return found


def _height(widths: np.ndarray) -> int:
    """Rows of a tile: few tiles, and little padding."""
    cost = {rows: int((-(-widths // rows)).sum()) * (rows + _OVERHEAD) for rows in _HEIGHTS}
    return min(cost, key=lambda rows: cost[rows])


class _Places:
    """Addresses of inputs, neurons and outputs."""

    def __init__(self, network: ReluNetwork, *, first: int, spare: int) -> None:
        self.network, self.first_input = network, first
        if network.mode == "skip":
            base = first + network.inputs + network.starts
            self.end = int(base[-1])
        else:
            widest = max(network.inputs, int(network.widths.max(initial=0))) + spare
            base = first + widest * ((np.arange(network.depth + 1) + 1) % 2)
            self.end = first + 2 * widest
        self.base = base  # of what each layer writes
        self.base[-1] = self.first_output = self.end + spare
        self.memory = self.first_output + network.outputs + spare

    def of_rows(self, layer: np.ndarray) -> np.ndarray:
        starts = self.network.starts
        return self.base[layer] + np.arange(len(layer)) - starts[layer]

    def of_reads(self, layer: np.ndarray, counts: np.ndarray) -> np.ndarray:
        if self.network.mode == "skip":
            return self.first_input + self.network.indices
        before = np.concatenate([[self.first_input], self.base[:-1]])
        return before[np.repeat(layer, counts)] + self.network.indices


def _split(rows: _Rows, terms: int) -> list[_Rows]:
    """Replace long sums by sums of partial sums; partial sums come first."""
    steps = []
    used = np.zeros(int(rows.layer.max(initial=0)) + 1, np.int64)
    while True:
        counts = np.diff(rows.indptr)
        long = counts > terms
        if not long.any():
            return [*steps, rows]
        parts = np.where(long, -(-counts // terms), 0)
        row = np.repeat(np.arange(len(counts)), parts)
        place = np.arange(len(row)) - np.repeat(np.cumsum(parts) - parts, parts)
        size = np.minimum(terms, counts[row] - place * terms)
        layer = rows.layer[row]
        within = np.arange(len(row)) - np.searchsorted(layer, layer)
        write = 1 + used[layer] + within
        used += np.bincount(layer, minlength=len(used))
        taken = np.repeat(long, counts)
        steps.append(
            _Rows(
                layer=layer,
                indptr=np.concatenate([[0], np.cumsum(size)]),
                read=rows.read[taken],
                weight=rows.weight[taken],
                bias=np.zeros(len(row)),
                linear=np.ones(len(row), bool),
                write=write,
            )
        )
        rows = _shortened(rows, long, parts, write)


def _shortened(rows: _Rows, long: np.ndarray, parts: np.ndarray, sums: np.ndarray) -> _Rows:
    """Return the rows with long ones reading their partial sums."""
    counts = np.diff(rows.indptr)
    new = np.where(long, parts, counts)
    indptr = np.concatenate([[0], np.cumsum(new)])
    is_sum = np.repeat(long, new)
    read, weight = np.empty(indptr[-1], np.int64), np.ones(indptr[-1])
    kept = ~np.repeat(long, counts)
    read[is_sum], read[~is_sum] = sums, rows.read[kept]
    weight[~is_sum] = rows.weight[kept]
    return _Rows(rows.layer, indptr, read, weight, rows.bias, rows.linear, rows.write)


def _cut(steps: list[_Rows], height: int, terms: int, places: _Places) -> Tiles:
    """Deal the rows of each layer and step to tiles."""
    depth = len(places.base)
    width = np.stack([np.bincount(rows.layer, minlength=depth) for rows in steps], axis=1)
    number = -(-width // height)
    first = (np.cumsum(number) - number.ravel()).reshape(number.shape)
    total = int(number.sum())
    read = np.zeros((total, height, terms), np.int32)
    weight = np.zeros((total, height, terms))
    bias = np.zeros((total, height))
    linear = np.zeros((total, height), bool)
    write = np.zeros(total, np.int32)
    for step, rows in enumerate(steps):
        within = np.arange(len(rows.layer)) - np.searchsorted(rows.layer, rows.layer)
        tile, slot = first[rows.layer, step] + within // height, within % height
        bias[tile, slot], linear[tile, slot] = rows.bias, rows.linear
        write[tile[slot == 0]] = rows.write[slot == 0]
        counts = np.diff(rows.indptr)
        owner = np.repeat(np.arange(len(counts)), counts)
        term = np.arange(len(owner)) - rows.indptr[owner]
        read[tile[owner], slot[owner], term] = rows.read
        weight[tile[owner], slot[owner], term] = rows.weight
    return Tiles(
        read=read,
        weight=weight,
        bias=bias,
        linear=linear,
        write=write,
        memory=places.memory,
        first_input=places.first_input,
        first_output=places.first_output,
    )
