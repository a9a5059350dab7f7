"""Kernels of convolutional chains: image pair after image pair, on all cores.

Only one shift between the positions of a pair is looked at at a time, along all axes but the last:
a convolution keeps it. So nothing of the size of all pairs of positions is ever held, and an image
with itself needs only every other shift. Equal layers in a row are one compiled loop.
"""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import combinations_with_replacement, product
from operator import itemgetter
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from widthwise.networks.conv_chain import ConvChain, as_conv_chain
from widthwise.networks.conv_margins import Axes
from widthwise.networks.conv_steps import Maps, Numbers, Runs, Table, maps, through
from widthwise.networks.layer import Layer
from widthwise.networks.place import Features, Place
from widthwise.networks.spatial_state import State
from widthwise.networks.state import DenseState, Kernel, same_examples
from widthwise.numerics.devices import ONE_CORE, WIDE_VECTORS
from widthwise.numerics.memory import refuse_beyond_memory
from widthwise.numerics.threads import cores, one_thread_per_core

_ARRAYS = 24  # at once on a core, each of all positions times those along one axis; measured
LARGE = 2**20  # pairs of positions times convolutions below which programs shared by all are used
_IMAGES = 8  # images on each side of a tile, where positions stay with themselves


class Block(NamedTuple):
    """Some of the images, filled up with zeros, and what belongs to them."""

    where: slice
    maps: Maps


def conv_kernel(
    placed: Iterable[tuple[Layer, Place]],
    x1: Float[Array, "n *positions c"],
    x2: Float[Array, "m *positions c"] | None,
    *,
    diagonal: bool,
) -> Kernel | None:
    """Kernels of a network that begins as a convolutional chain.

    Parameters
    ----------
    placed
        Its layers.
    x1, x2
        Images; ``x2=None`` means x1 again.
    diagonal
        Only the pairs (x1[i], x2[i]).

    Returns
    -------
    None if the network does not, if there are too few pairs for it to pay, or if the images are not
    known but traced.
    """
    other = x1 if x2 is None else x2
    features = Features(x1.shape[1:], dtype=x1.dtype)
    chain = large_chain(placed, features, len(x1) * (1 if diagonal else len(other)))
    if chain is None:
        return None
    try:
        known1, known2 = np.asarray(x1), np.asarray(other)
    except jax.errors.TracerArrayConversionError:
        return None
    refuse_large_images(chain, x1.dtype)
    return _kernel(chain, known1, None if x2 is None else known2, diagonal)


def large_chain(
    placed: Iterable[tuple[Layer, Place]], features: Features, pairs: int
) -> ConvChain | None:
    """Read layers as a chain; None if they are none, or there are too few pairs for it to pay."""
    chain = as_conv_chain(placed, features)
    return None if chain is None or _work(chain, pairs) < LARGE else chain


def refuse_large_images(chain: ConvChain, dtype: np.dtype) -> None:
    """Raise ``ValueError`` if one pair of images needs more memory than there is."""
    if chain.together:
        positions = int(np.prod(chain.circles))
        refuse_beyond_memory(
            _ARRAYS * positions * max(chain.circles) * dtype.itemsize * cores(),
            f"kernels of images with {positions} positions",
            "give smaller images, or end the network with Flatten instead of a global pooling",
        )


def conv_tile(
    chain: ConvChain, dtype: np.dtype
) -> tuple[Callable[[np.ndarray], "Side"], Callable[["Side", "Side", bool], Kernel]]:
    """Return what prepares images, and the kernels of two sets of prepared ones, on one core.

    Parameters
    ----------
    chain
        The network.
    dtype
        That of the images.
    """
    images = Images(chain, dtype, alone=True)

    def side(x: np.ndarray) -> Side:
        blocks = images.cut(x)
        return Side(blocks, images.matching(blocks, blocks)[0] if chain.tail else None)

    def tile(first: Side, second: Side, same: bool) -> Kernel:
        kernels = images.crossed(first.blocks, second.blocks, symmetric=same)
        return _behind(chain, kernels, (first.own, second.own), same=same, diagonal=False)

    return side, tile


class Side(NamedTuple):
    """Prepared images, and their variances where the chain's tail begins, if it has one."""

    blocks: "list[Block]"
    own: Float[np.ndarray, " n"] | None


def _behind(
    chain: ConvChain,
    kernels: tuple[np.ndarray, np.ndarray],
    own: tuple[np.ndarray | None, np.ndarray | None],
    *,
    same: bool,
    diagonal: bool,
) -> Kernel:
    """Apply the layers of the chain's tail."""
    nngp, ntk = map(jnp.asarray, kernels)
    first, second = own
    if first is None or second is None:
        return Kernel(nngp, ntk)
    axes = (slice(None), slice(None)) if diagonal else (np.s_[:, None], np.s_[None])
    variances = (jnp.asarray(each[axis]) for each, axis in zip((first, second), axes, strict=True))
    pairs = same_examples(len(first), diagonal=diagonal) if same else None
    state: State = DenseState(nngp, ntk, *variances, features=chain.features, same=pairs)
    for layer, place in chain.tail:
        state = layer.propagate(state, place)
    return Kernel(state.nngp, state.ntk)


def _kernel(chain: ConvChain, x1: np.ndarray, x2: np.ndarray | None, diagonal: bool) -> Kernel:
    images = Images(chain, x1.dtype)
    blocks1 = images.cut(x1)
    blocks2 = blocks1 if x2 is None else images.cut(x2)
    if diagonal:
        kernels = images.matching(blocks1, blocks2)
    else:
        kernels = images.crossed(blocks1, blocks2, symmetric=x2 is None)
    if not chain.tail:
        own1 = own2 = None
    elif x2 is None:
        own1 = own2 = kernels[0] if diagonal else np.diagonal(kernels[0])
    else:
        own1, own2 = (images.matching(blocks, blocks)[0] for blocks in (blocks1, blocks2))
    return _behind(chain, kernels, (own1, own2), same=x2 is None, diagonal=diagonal)


def _work(chain: ConvChain, pairs: int) -> int:
    positions = int(np.prod(chain.circles))
    return pairs * len(chain.rows) * positions ** (2 if chain.together else 1)


class Images:
    """The programs of one chain, for images of one dtype; ``alone`` on one core."""

    def __init__(self, chain: ConvChain, dtype: np.dtype, *, alone: bool = False) -> None:
        self.chain, self.alone = chain, alone
        self.table = Table(chain.rows.astype(dtype), chain.inside().astype(dtype))
        self.size = 1 if chain.together else _IMAGES

    def cut(self, x: Float[np.ndarray, "n *positions c"]) -> list[Block]:
        """Follow the variances of all images."""
        edges = [(0, c - p) for c, p in zip(self.chain.circles, x.shape[1:-1], strict=True)]
        rest = -len(x) % self.size
        whole = maps(self.chain.runs, self.table, np.pad(x, [(0, rest), *edges, (0, 0)]))
        lengths = list(x.shape[1:-1])
        if self.chain.together:  # shifts wind these around, over the zeros at their edges
            lengths[:-1] = self.chain.circles[:-1]
        held = (..., *map(slice, lengths), slice(None))
        whole = jax.tree.map(itemgetter(held), whole)
        blocks = []
        for start in range(0, len(x), self.size):
            stop = start + self.size
            part = jax.tree.map(itemgetter((..., slice(start, stop))), whole)
            blocks.append(Block(slice(start, min(stop, len(x))), part))
        return blocks

    def crossed(
        self, first: list[Block], second: list[Block], *, symmetric: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """All pairs; each unordered one once if both sides are the same."""
        shape = first[-1].where.stop, second[-1].where.stop
        found = [np.empty(shape, self.table.rows.dtype) for _ in range(2)]
        tile = self.tile(crossed=True)

        def one(pair: tuple[Block, Block]) -> None:
            (a, maps1), (b, maps2) = pair
            same = symmetric and a == b
            for whole, values in zip(found, tile(maps1, maps2, same), strict=True):
                block = np.asarray(values)[: a.stop - a.start, : b.stop - b.start]
                whole[a, b] = np.triu(block) + np.triu(block, 1).T if same else block
                if symmetric and not same:
                    whole[b, a] = block.T

        pairs = combinations_with_replacement(first, 2) if symmetric else product(first, second)
        self.run(one, list(pairs))
        return self.closed(*found)

    def matching(self, first: list[Block], second: list[Block]) -> tuple[np.ndarray, np.ndarray]:
        """Only images of the same number."""
        found = [np.empty(first[-1].where.stop, self.table.rows.dtype) for _ in range(2)]
        tile = self.tile(crossed=False)

        def one(pair: tuple[Block, Block]) -> None:
            (a, maps1), (_, maps2) = pair
            for whole, values in zip(found, tile(maps1, maps2, first is second), strict=True):
                whole[a] = np.asarray(values).ravel()[: a.stop - a.start]

        self.run(one, list(zip(first, second, strict=True)))
        return self.closed(*found)

    def closed(self, nngp: np.ndarray, ntk: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Make kernels of sums over positions, up to where the chain's tail begins."""
        nngp, ntk = self.chain.factor * nngp, self.chain.factor * ntk
        for gains in self.chain.closing:
            nngp, ntk = gains.covariance(nngp), gains.tangent(nngp, ntk)
        return nngp, ntk

    def run(self, one: Callable, pairs: list) -> None:
        """Do the work of every pair of blocks."""
        if self.alone:
            for pair in pairs:
                one(pair)
            return
        with one_thread_per_core() as pool:
            list(pool.map(one, pairs))

    def tile(self, *, crossed: bool) -> Callable[..., tuple[Array, Array]]:
        """Return what gives both kernels of the images of two blocks."""
        chain, rows, wrapped = self.chain, self.table.rows, self.chain.wrapped
        shifts = _shifts(chain.circles) if chain.together else {}

        def tile(first: Maps, second: Maps, same: bool) -> tuple[Array, Array]:
            if chain.together:
                return _all_positions(chain.runs, rows, first, second, shifts[same], wrapped[-1])
            return _same_positions(chain.runs, rows, first, second, crossed, wrapped)

        return tile


@partial(jax.jit, static_argnums=(0, 4, 5), compiler_options=WIDE_VECTORS | ONE_CORE)
def _same_positions(
    runs: Runs,
    rows: Float[Numbers, "blocks 4"],
    first: Maps,
    second: Maps,
    crossed: bool,
    wrapped: tuple[bool, ...],
) -> tuple[Float[Array, "*pairs"], Float[Array, "*pairs"]]:
    """Sum over positions with themselves, of all pairs of images or of matching ones."""
    if crossed:
        first = jax.tree.map(lambda each: each[..., :, None], first)
        second = jax.tree.map(lambda each: each[..., None, :], second)
    kernels = through(runs, rows, first, second, Axes(wrapped))
    nngp, ntk = (jnp.sum(k, axis=tuple(range(len(wrapped)))) for k in kernels)
    return nngp, ntk


class Shifts(NamedTuple):
    """Shifts along all axes of positions but the last, with how often each counts."""

    number: Numbers
    shifts: Int[Numbers, "outer axes-1"]
    weights: Float[Numbers, " outer"]


def _shifts(circles: tuple[int, ...]) -> dict[bool, Shifts]:
    """Give those of two images and, under True, of an image with itself: opposites are equal."""
    outer = list(product(*(range(length) for length in circles[:-1])))
    opposite = {s: tuple(-a % b for a, b in zip(s, circles, strict=False)) for s in outer}
    half = [s for s in outer if s <= opposite[s]]
    weights = [1.0 if s == opposite[s] else 2.0 for s in half]

    def listed(chosen: list, weights: list[float]) -> Shifts:
        more = len(outer) - len(chosen)
        table = np.asarray(chosen + [outer[0]] * more, np.int32).reshape(len(outer), -1)
        return Shifts(np.asarray(len(chosen)), table, np.asarray(weights + [0.0] * more))

    return {False: listed(outer, [1.0] * len(outer)), True: listed(half, weights)}


@partial(jax.jit, static_argnums=(0, 5), compiler_options=WIDE_VECTORS | ONE_CORE)
def _all_positions(
    runs: Runs,
    rows: Float[Numbers, "blocks 4"],
    first: Maps,
    second: Maps,
    shifts: Shifts,
    periodic: bool,
) -> tuple[Float[Array, "1 1"], Float[Array, "1 1"]]:
    """Sum over all pairs of positions, of one pair of images."""
    *sizes, last = first.data.shape[1:-1]
    twice = jax.tree.map(lambda each: jnp.tile(each[..., 0], [2] * len(sizes) + [1]), second)
    axes = Axes((True,) * len(sizes), squared=True, periodic=periodic)

    def add(index: Array, total: tuple[Array, Array]) -> tuple[Array, Array]:
        def moved(each: Array) -> Array:
            levels = each.shape[: -1 - len(sizes)]
            starts = (*np.zeros(len(levels), np.int32), *shifts.shifts[index], np.int32(0))
            part = jax.lax.dynamic_slice(each, starts, (*levels, *sizes, last))
            return part[..., None, :]

        moving = jax.lax.optimization_barrier(jax.tree.map(moved, twice))
        kernels = through(runs, rows, first, moving, axes)
        weight = shifts.weights[index].astype(rows.dtype)
        nngp, ntk = (t + weight * k for t, k in zip(total, kernels, strict=True))
        return nngp, ntk

    zero = jnp.zeros((*sizes, last, last), rows.dtype)
    nngp, ntk = jax.lax.fori_loop(0, shifts.number, add, (zero, zero))
    return jnp.sum(nngp)[None, None], jnp.sum(ntk)[None, None]
