"""Kernels of fully connected chains: in cache-sized tiles, and exact where inputs coincide.

Equal layers in a row are one compiled loop, so that neither the time to compile nor the memory
grows with depth. Few inputs go step by step instead: then networks of any depth share programs.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import combinations_with_replacement, groupby, product
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, DTypeLike, Float

from widthwise.activations import Activation
from widthwise.networks.chain_steps import (
    Levels,
    Loop,
    Numbers,
    Runs,
    in_one_loop,
    in_steps,
    through,
    variances,
)
from widthwise.networks.coincidence import NEAR, cosines, exact_gap, refined, rough_gaps, units
from widthwise.networks.dense import Dense
from widthwise.networks.elementwise import Elementwise
from widthwise.networks.layer import Layer
from widthwise.networks.linear import Gains, gains
from widthwise.networks.place import Features, Place
from widthwise.numerics.devices import ONE_CORE, WIDE_VECTORS
from widthwise.numerics.gap import in_range
from widthwise.numerics.memory import aligned
from widthwise.numerics.threads import one_thread_per_core

_SUBTRACTED = 2**18  # numbers up to which all differences are taken at once
TILE = 384  # rows of a tile: calls cost little, and its temporaries stay in the caches


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
    table = _table(chain, x1.dtype)
    try:
        known1, known2, table = np.asarray(x1), np.asarray(other), np.asarray(table)
    except jax.errors.TracerArrayConversionError:
        return _traced(chain, table, x1, other, x2 is None, diagonal)
    with jax.ensure_compile_time_eval():  # also inside a program that is being traced
        if diagonal or max(len(known1), len(known2)) <= TILE:
            return _step_by_step(chain, table, known1, known2, x2 is None, diagonal)
        return _in_tiles(chain, known1, known2, x2 is None)


def _traced(
    chain: DenseChain, table: Numbers, x1: Array, x2: Array, same: bool, diagonal: bool
) -> tuple[Array, Array]:
    """As part of a function that is differentiated or compiled as a whole."""
    levels1 = _levels(chain.runs, chain.last, table, x1)
    levels2 = levels1 if same else _levels(chain.runs, chain.last, table, x2)
    if diagonal:
        pair = through(chain.runs, chain.last, table, exact_gap(x1, x2), (levels1, levels2))
        return _kernels(*pair, levels1.ends[0], levels2.ends[0])
    kernels = _tile(chain.runs, chain.last, table, _gaps(x1, x2, same), (levels1, levels2))
    return _mirrored(*kernels) if same else kernels


def _step_by_step(
    chain: DenseChain, table: np.ndarray, x1: np.ndarray, x2: np.ndarray, same: bool, diagonal: bool
) -> tuple[Array, Array]:
    of = partial(variances, chain.runs, chain.last, table, loop=in_steps)
    levels1 = of(np.sum(x1 * x1, axis=-1) / x1.shape[-1])
    levels2 = levels1 if same else of(np.sum(x2 * x2, axis=-1) / x2.shape[-1])
    if diagonal:
        gap = _exact(x1, x2)
    else:
        gap = _gaps(x1, x2, same)
        levels1, levels2 = _crossed(levels1, levels2)
    pair = through(chain.runs, chain.last, table, gap, (levels1, levels2), loop=in_steps)
    kernels = _kernels(*pair, levels1.ends[0], levels2.ends[0])
    return _mirrored(*kernels) if same and not diagonal else kernels


def _in_tiles(
    chain: DenseChain, x1: np.ndarray, x2: np.ndarray, symmetric: bool
) -> tuple[Array, Array]:
    """Compute tile after tile on all cores, each unordered pair of inputs once."""
    size = _fitting(len(x1), len(x2), x1.dtype)
    side, tile = host_tile(chain, x1.dtype, size)

    def cut(x: np.ndarray, pool: ThreadPoolExecutor) -> list[tuple[slice, Side]]:
        pieces = [slice(s, min(s + size, len(x))) for s in range(0, len(x), size)]
        return list(zip(pieces, pool.map(lambda piece: side(x[piece]), pieces), strict=True))

    found = [aligned((len(x1), len(x2)), x1.dtype) for _ in range(2)]

    def one(where: tuple[tuple[slice, Side], tuple[slice, Side]]) -> None:
        (a, first), (b, second) = where
        for whole, block in zip(found, tile(first, second, symmetric and a == b), strict=True):
            whole[a, b] = block
            if symmetric and a != b:
                whole[b, a] = block.T

    with one_thread_per_core() as pool:
        rows = cut(x1, pool)
        pairs = (
            combinations_with_replacement(rows, 2) if symmetric else product(rows, cut(x2, pool))
        )
        list(pool.map(one, pairs))
    nngp, ntk = (jax.device_put(whole, may_alias=True) for whole in found)
    return nngp, ntk


def _fitting(n: int, m: int, dtype: np.dtype) -> int:
    """Choose the size of tiles, of the few that are compiled, that fills up least; the larger."""
    unit = TILE if dtype.itemsize > 4 else TILE * 5 // 4  # of shorter numbers caches hold more
    sizes = [unit * k // 24 for k in (20, 24, 25, 28)]
    return min(reversed(sizes), key=lambda size: -(-n // size) * -(-m // size) * size**2)


class Side(NamedTuple):
    """Inputs of a tile, filled up with zeros to its size, with what belongs to each."""

    size: int
    x: np.ndarray
    units: np.ndarray
    levels: Levels


SideProgram = Callable[[np.ndarray], Side]
TileProgram = Callable[[Side, Side, bool], tuple[np.ndarray, np.ndarray]]


def host_tile(
    chain: DenseChain, dtype: DTypeLike, size: int = TILE
) -> tuple[SideProgram, TileProgram]:
    """Return what prepares inputs, and what gives both kernels of two prepared sets.

    One compiled program serves all numbers of inputs up to the size; kernels of the same inputs are
    symmetric to the last digit.
    """
    net = (chain.runs, chain.last, _table(chain, dtype))
    far = 1.0 - NEAR[np.dtype(dtype).name]
    lower = np.tri(size, k=-1, dtype=bool)

    def side(x: np.ndarray) -> Side:
        padded = np.pad(x, ((0, size - len(x)), (0, 0))) if len(x) < size else x
        units, levels = _prepared(*net, padded)
        return Side(len(x), padded, np.asarray(units), levels)

    def tile(first: Side, second: Side, same: bool) -> tuple[np.ndarray, np.ndarray]:
        cosines = first.units @ second.units.T
        levels = (first.levels, second.levels)
        if same:
            np.fill_diagonal(cosines, 0.0)
        if cosines.max() > far:  # seldom
            kernels = _tile(*net, _gaps(first.x, second.x, same), levels)
        else:
            if same:
                np.fill_diagonal(cosines, 1.0)
            kernels = _far_tile(*net, cosines, levels)
        nngp, ntk = (np.asarray(k) for k in kernels)
        if same:
            nngp, ntk = (_mirrored_below(k, lower) for k in (nngp, ntk))
        return nngp[: first.size, : second.size], ntk[: first.size, : second.size]

    return side, tile


def _mirrored_below(block: np.ndarray, lower: np.ndarray) -> np.ndarray:
    found = block.copy()
    np.copyto(found, block.T, where=lower)
    return found


def chain_tile(chain: DenseChain, dtype: DTypeLike) -> Callable[..., tuple[Array, Array]]:
    """Return the map of two sets of inputs, and whether they are the same, to both kernels.

    It can be traced by JAX, with any numbers of inputs.
    """
    table = _table(chain, dtype)

    def tile(x1: Array, x2: Array, same: Bool[Array, ""]) -> tuple[Array, Array]:
        levels = tuple(_levels(chain.runs, chain.last, table, x) for x in (x1, x2))
        return _tile(chain.runs, chain.last, table, _gaps(x1, x2, same), levels)

    return tile


def _table(chain: DenseChain, dtype: DTypeLike) -> Float[Numbers, "layers 4"]:
    gains = [list(layer) for layer in chain.gains]
    try:
        return np.asarray(gains, dtype)
    except jax.errors.TracerArrayConversionError:  # gains may be differentiated
        return jnp.asarray(gains, dtype)


@partial(jax.jit, static_argnums=(0, 1), inline=True)
def _levels(
    runs: Runs, last: Activation | None, table: Float[Numbers, "layers 4"], x: Float[Array, "n d"]
) -> Levels:
    return variances(runs, last, table, jnp.sum(x * x, axis=-1) / x.shape[-1])


@partial(jax.jit, static_argnums=(0, 1), compiler_options=WIDE_VECTORS | ONE_CORE)
def _prepared(
    runs: Runs, last: Activation | None, table: Float[Numbers, "layers 4"], x: Float[Array, "n d"]
) -> tuple[Float[Array, "n d"], Levels]:
    return units(x), _levels(runs, last, table, x)


@partial(jax.jit, static_argnums=(0, 1, 5), inline=True)
def _tile(
    runs: Runs,
    last: Activation | None,
    table: Float[Numbers, "layers 4"],
    gap: Float[Array, "n m"],
    levels: tuple[Levels, Levels],
    loop: Loop = jax.lax.scan,
) -> tuple[Float[Array, "n m"], Float[Array, "n m"]]:
    """All pairs of two sets of inputs."""
    levels1, levels2 = _crossed(*levels)
    pair = through(runs, last, table, gap, (levels1, levels2), loop=loop)
    return _kernels(*pair, levels1.ends[0], levels2.ends[0])


@partial(jax.jit, static_argnums=(0, 1), compiler_options=WIDE_VECTORS | ONE_CORE)
def _far_tile(
    runs: Runs,
    last: Activation | None,
    table: Float[Numbers, "layers 4"],
    cosines: Float[Array, "n m"],
    levels: tuple[Levels, Levels],
) -> tuple[Float[Array, "n m"], Float[Array, "n m"]]:
    """All pairs from their cosines, of which none is near one without being one."""
    gap = in_range(1.0 - cosines)
    both = jax.lax.complex(*_tile(runs, last, table, gap, levels, in_one_loop))
    both = jax.lax.optimization_barrier(both)  # after one loop that gives both
    return both.real, both.imag


def _crossed(levels1: Levels, levels2: Levels) -> tuple[Levels, Levels]:
    """Make rows of the first and columns of the second."""
    return (
        jax.tree.map(lambda level: level[:, :, None], levels1),
        jax.tree.map(lambda level: level[:, None, :], levels2),
    )


@partial(jax.jit, inline=True)
def _gaps(
    x1: Float[Array, "n d"], x2: Float[Array, "m d"], same: Bool[Array, ""] | bool
) -> Float[Array, "n m"]:
    """``1 - cos`` of all pairs, exactly."""
    if len(x1) * len(x2) * x1.shape[-1] <= _SUBTRACTED:
        return exact_gap(*jnp.broadcast_arrays(x1[:, None], x2[None]))
    return refined(*rough_gaps(cosines(x1, x2), same), x1, x2)


_exact = jax.jit(exact_gap, inline=True)


@partial(jax.jit, inline=True)
def _kernels(
    gap: Float[Array, "*pairs"],
    ntk: Float[Array, "*pairs"],
    end1: Float[Array, "*first"],
    end2: Float[Array, "*second"],
) -> tuple[Float[Array, "*pairs"], Float[Array, "*pairs"]]:
    return (1.0 - gap) * (end1 * end2), ntk


@partial(jax.jit, inline=True)
def _mirrored(
    nngp: Float[Array, "n n"], ntk: Float[Array, "n n"]
) -> tuple[Float[Array, "n n"], Float[Array, "n n"]]:
    """Make kernels symmetric to the last digit."""
    lower = jnp.tri(len(nngp), k=-1, dtype=bool)
    return jnp.where(lower, nngp.T, nngp), jnp.where(lower, ntk.T, ntk)
