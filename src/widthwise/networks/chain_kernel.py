"""Kernels of fully connected chains: in cache-sized tiles, and exact where inputs coincide.

Equal layers in a row are one compiled loop, so that neither the time to compile nor the memory
grows with depth. Few inputs go step by step instead: then networks of any depth share programs.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import combinations_with_replacement, groupby, product

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float

from widthwise.activations import Activation
from widthwise.networks.chain_steps import Levels, Numbers, Runs, in_steps, through, variances
from widthwise.networks.coincidence import exact_gap, refined, rough_gaps
from widthwise.networks.dense import Dense
from widthwise.networks.elementwise import Elementwise
from widthwise.networks.layer import Layer
from widthwise.networks.linear import Gains, gains
from widthwise.networks.place import Features, Place
from widthwise.numerics.safe import safe_sqrt

_SUBTRACTED = 2**18  # numbers up to which all differences are taken at once
_TILE = 256  # rows of a tile: with its temporaries it stays in a core's cache

_Side = tuple[Float[Array, "_ d"], Levels]  # inputs, and their variances in the chain


@dataclass(frozen=True)
class DenseChain:
    """A Dense layer, then blocks of an activation and a Dense layer, then maybe an activation.

    Parameters
    ----------
    activations
        That of each block.
    gains
        What the Dense layers do to kernels: one more than blocks.
    last
        An activation that ends the network.
    """

    activations: tuple[Activation, ...]
    gains: tuple[Gains, ...]
    last: Activation | None

    @property
    def runs(self) -> Runs:
        """Activations, each with how many blocks in a row have it."""
        return tuple((phi, len(list(same))) for phi, same in groupby(self.activations))


def as_chain(placed: Iterable[tuple[Layer, Place]], features: Features) -> DenseChain | None:
    """Read layers as a chain; None if they are not Dense and (continuous) Elementwise in turn."""
    activations: list[Activation] = []
    dense: list[Gains] = []
    for index, (layer, place) in enumerate(placed):
        if isinstance(layer, Dense) and index % 2 == 0:
            dense.append(gains(layer.scales(features, place), features.shape[-1]))
        elif isinstance(layer, Elementwise) and index % 2 == 1 and layer.phi.continuous:
            activations.append(layer.phi)
        else:
            return None
        features = layer.output(features, place)
    last = activations.pop() if len(activations) == len(dense) else None
    return DenseChain(tuple(activations), tuple(dense), last)


def chain_kernel(
    chain: DenseChain,
    x1: Float[Array, "n d"],
    x2: Float[Array, "m d"] | None,
    *,
    diagonal: bool,
) -> tuple[Float[Array, "*pairs"], Float[Array, "*pairs"]]:
    """NNGP and tangent kernel of a chain.

    Parameters
    ----------
    chain
        The network.
    x1, x2
        Inputs; ``x2=None`` means x1 again.
    diagonal
        Only the pairs (x1[i], x2[i]).
    """
    other = x1 if x2 is None else x2
    table = np.asarray([list(gains) for gains in chain.gains], x1.dtype)
    try:
        known1, known2 = np.asarray(x1), np.asarray(other)
    except jax.errors.TracerArrayConversionError:
        return _traced(chain, table, x1, other, x2 is None, diagonal)
    if diagonal or max(len(known1), len(known2)) <= _TILE:
        return _step_by_step(chain, table, known1, known2, x2 is None, diagonal)
    return _in_tiles(chain, table, known1, known2, x2 is None)


def _traced(
    chain: DenseChain, table: np.ndarray, x1: Array, x2: Array, same: bool, diagonal: bool
) -> tuple[Array, Array]:
    """As part of a function that is differentiated or compiled as a whole."""
    levels1 = _levels(chain.runs, chain.last, table, x1)
    levels2 = levels1 if same else _levels(chain.runs, chain.last, table, x2)
    if diagonal:
        pair = through(chain.runs, chain.last, table, exact_gap(x1, x2), (levels1, levels2))
        return _kernels(*pair, levels1.ends[0], levels2.ends[0])
    first, second = (x1, levels1), (x2, levels2)
    nngp, ntk, _ = _tile(chain.runs, chain.last, table, first, second, np.asarray(same))
    return nngp, ntk


def _step_by_step(
    chain: DenseChain, table: np.ndarray, x1: np.ndarray, x2: np.ndarray, same: bool, diagonal: bool
) -> tuple[Array, Array]:
    of = partial(variances, chain.runs, chain.last, table, loop=in_steps)
    squares1 = np.sum(x1 * x1, axis=-1) / x1.shape[-1]
    squares2 = squares1 if same else np.sum(x2 * x2, axis=-1) / x2.shape[-1]
    levels1 = of(squares1)
    levels2 = levels1 if same else of(squares2)
    if diagonal:
        gap = _exact(x1, x2)
    else:
        gap, _ = _gaps(x1, x2, squares1, squares2, same)
        levels1, levels2 = _crossed(levels1, levels2)
    pair = through(chain.runs, chain.last, table, gap, (levels1, levels2), loop=in_steps)
    return _kernels(*pair, levels1.ends[0], levels2.ends[0], same=same and not diagonal)


def _in_tiles(
    chain: DenseChain, table: np.ndarray, x1: np.ndarray, x2: np.ndarray, symmetric: bool
) -> tuple[Array, Array]:
    """Compute tile after tile on all cores, each unordered pair of inputs once."""
    tile = partial(_tile, chain.runs, chain.last, table)
    levels = partial(_levels, chain.runs, chain.last, table)
    rows = _tiles(levels, x1)
    columns = rows if symmetric else _tiles(levels, x2)
    found = [np.empty((len(x1), len(x2)), x1.dtype) for _ in range(2)]

    def one(where: tuple) -> None:
        (a, first), (b, second) = where
        given = (first, second, np.asarray(symmetric and a == b))
        *values, near = tile(*given, exact=False)
        if near:  # seldom, and then all of the tile once more
            *values, _ = tile(*given)
        for whole, part in zip(found, values, strict=True):
            block = np.asarray(part)[: a.stop - a.start, : b.stop - b.start]
            whole[a, b] = block
            if symmetric and a != b:
                whole[b, a] = block.T

    pairs = combinations_with_replacement(rows, 2) if symmetric else product(rows, columns)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(one, pairs))
    nngp, ntk = (jnp.asarray(whole) for whole in found)
    return nngp, ntk


def _tiles(
    levels: Callable[[np.ndarray], Levels], x: np.ndarray
) -> list[tuple[slice, tuple[np.ndarray, Levels]]]:
    """Cut inputs into pieces of one size, the last filled up with zeros."""
    padded = np.pad(x, ((0, -len(x) % _TILE), (0, 0)))
    whole = jax.tree.map(np.asarray, levels(padded))

    def side(piece: slice) -> tuple[np.ndarray, Levels]:
        return padded[piece], Levels(*(level[:, piece] for level in whole))

    starts = range(0, len(x), _TILE)
    return [(slice(s, min(s + _TILE, len(x))), side(slice(s, s + _TILE))) for s in starts]


@partial(jax.jit, static_argnums=(0, 1), inline=True)
def _levels(
    runs: Runs, last: Activation | None, table: Float[Numbers, "layers 4"], x: Float[Array, "n d"]
) -> Levels:
    return variances(runs, last, table, jnp.sum(x * x, axis=-1) / x.shape[-1])


@partial(jax.jit, static_argnums=(0, 1), static_argnames="exact")
def _tile(
    runs: Runs,
    last: Activation | None,
    table: Float[Numbers, "layers 4"],
    first: _Side,
    second: _Side,
    same: Bool[Array, ""],
    *,
    exact: bool = True,
) -> tuple[Float[Array, "n m"], Float[Array, "n m"], Bool[Array, ""]]:
    """All pairs of two sets of inputs, maybe the same; and whether some should be done exactly."""
    (x1, levels1), (x2, levels2) = first, second
    gap, near = _gaps(x1, x2, levels1.entering[0], levels2.entering[0], same, exact=exact)
    levels1, levels2 = _crossed(levels1, levels2)
    pair = through(runs, last, table, gap, (levels1, levels2))
    return *_kernels(*pair, levels1.ends[0], levels2.ends[0], same=same), jnp.any(near)


def _crossed(levels1: Levels, levels2: Levels) -> tuple[Levels, Levels]:
    """Make rows of the first and columns of the second."""
    return (
        Levels(*(level[:, :, None] for level in levels1)),
        Levels(*(level[:, None, :] for level in levels2)),
    )


@partial(jax.jit, static_argnames="exact", inline=True)
def _gaps(
    x1: Float[Array, "n d"],
    x2: Float[Array, "m d"],
    squares1: Float[Array, " n"],
    squares2: Float[Array, " m"],
    same: Bool[Array, ""],
    *,
    exact: bool = True,
) -> tuple[Float[Array, "n m"], Bool[Array, "*pairs"]]:
    """``1 - cos`` of all pairs, and which are inexact unless ``exact``."""
    if exact and len(x1) * len(x2) * x1.shape[-1] <= _SUBTRACTED:
        return _exact(*jnp.broadcast_arrays(x1[:, None], x2[None])), jnp.zeros((), bool)
    products = jnp.matmul(x1, x2.T, precision=jax.lax.Precision.HIGHEST) / x1.shape[-1]
    gap, near = rough_gaps(products, squares1, squares2, same)
    return (refined(gap, near, x1, x2) if exact else gap), near


_exact = jax.jit(exact_gap, inline=True)


@partial(jax.jit, inline=True)
def _kernels(
    gap: Float[Array, "*pairs"],
    ntk: Float[Array, "*pairs"],
    end1: Float[Array, "*first"],
    end2: Float[Array, "*second"],
    *,
    same: Bool[ArrayLike, ""] = False,
) -> tuple[Float[Array, "*pairs"], Float[Array, "*pairs"]]:
    """NNGP and tangent kernel; symmetric to the last digit if inputs are the same."""
    nngp = (1.0 - gap) * safe_sqrt(end1) * safe_sqrt(end2)
    if gap.ndim < 2 or gap.shape[0] != gap.shape[1]:
        return nngp, ntk
    lower = same & jnp.tri(len(gap), k=-1, dtype=bool)
    return jnp.where(lower, nngp.T, nngp), jnp.where(lower, ntk.T, ntk)
