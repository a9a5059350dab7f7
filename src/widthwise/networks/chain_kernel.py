"""Kernels of fully connected chains: in cache-sized tiles, and exact where inputs coincide.

The state of a pair is ``u = 1 - correlation`` and the tangent kernel; the variances belong to the
inputs. Near coincidence the tangent kernel of a ReLU network depends on ``sqrt(u)``, which the
covariance no longer knows. With pre-activation variances q, second moments m of the activation,
``s = sqrt(m1 m2)``, and a Dense layer ``K -> g K + b`` of new variances v, ``s' = sqrt(v1 v2)``,

    u'     = [g b (sqrt(m1) - sqrt(m2))^2 / (s' + g s + b) + g s u_phi(u)] / s',
    Theta' = own s (1 - u_phi(u)) + own_shift + g E[phi' phi'] Theta,

all terms of u' being non-negative. Equal layers in a row are one compiled loop, so that neither the
time to compile nor the memory grows with depth. Derived.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import combinations_with_replacement, groupby, product

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, DTypeLike, Float

from widthwise.activations import Activation
from widthwise.networks.coincidence import exact_gap, refined, rough_gaps
from widthwise.networks.dense import Dense
from widthwise.networks.elementwise import Elementwise
from widthwise.networks.layer import Layer
from widthwise.networks.linear import Gains, gains
from widthwise.networks.place import Features, Place
from widthwise.numerics.safe import safe_sqrt

_SUBTRACTED = 2**18  # numbers up to which all differences are taken at once
TILE = 256  # rows of a tile: with its temporaries it stays in a core's cache


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
    def runs(self) -> tuple[tuple[Activation, int], ...]:
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
    other, same = (x1, jnp.asarray(True)) if x2 is None else (x2, jnp.asarray(False))
    if diagonal:
        return _diagonal(chain.runs, chain.last, _table(chain, x1.dtype), x1, other)
    whole = partial(_tile, chain.runs, chain.last)
    table = _table(chain, x1.dtype)
    try:
        known1, known2, numbers = (np.asarray(a) for a in (x1, other, table))
    except jax.errors.TracerArrayConversionError:
        known1 = known2 = numbers = None
    if known1 is None or known2 is None or max(len(known1), len(known2)) <= TILE:
        *kernels, _ = whole(table, x1, other, same)
        nngp, ntk = (_mirrored(k) if x2 is None else k for k in kernels)
        return nngp, ntk
    return _in_tiles(partial(_host_tile, partial(whole, numbers)), known1, known2, x2 is None)


def chain_tile(chain: DenseChain, dtype: DTypeLike) -> Callable[..., tuple[Array, Array]]:
    """Return the map of two sets of inputs, and whether they are the same, to both kernels.

    It can be traced by JAX, with any numbers of inputs.
    """
    table = np.asarray(_table(chain, dtype))

    def tile(x1: Array, x2: Array, same: Bool[Array, ""]) -> tuple[Array, Array]:
        nngp, ntk, _ = _tile(chain.runs, chain.last, table, x1, x2, same)
        return nngp, ntk

    return tile


def host_tile(chain: DenseChain, dtype: DTypeLike) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Return the same map for at most ``TILE`` inputs each, from and to NumPy arrays.

    One compiled program serves all numbers of inputs; kernels of the same inputs are symmetric to
    the last digit.
    """
    numbers = np.asarray(_table(chain, dtype))
    return partial(_host_tile, partial(_tile, chain.runs, chain.last, numbers))


def _mirrored(k: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """Make a matrix symmetric to the last digit."""
    return jnp.where(jnp.tri(len(k), dtype=bool), k.T, k)


def _host_tile(
    tile: Callable[..., tuple[Array, Array, Array]], x1: np.ndarray, x2: np.ndarray, same: bool
) -> tuple[np.ndarray, np.ndarray]:
    given = (_padded(x1), _padded(x2), np.asarray(same))
    *values, near = tile(*given, exact=False)
    if near:  # seldom, and then all of the tile once more
        *values, _ = tile(*given)
    nngp, ntk = (np.asarray(value)[: len(x1), : len(x2)] for value in values)
    return (_symmetric(nngp), _symmetric(ntk)) if same else (nngp, ntk)


def _symmetric(block: np.ndarray) -> np.ndarray:
    return np.triu(block) + np.triu(block, 1).T


def _in_tiles(
    tile: Callable[..., tuple[np.ndarray, np.ndarray]],
    x1: np.ndarray,
    x2: np.ndarray,
    symmetric: bool,
) -> tuple[Array, Array]:
    """Compute tile after tile on all cores, each unordered pair of inputs once."""
    rows, columns = (_tiles(len(x)) for x in (x1, x2))
    found = [np.empty((len(x1), len(x2)), x1.dtype) for _ in range(2)]

    def one(where: tuple[slice, slice]) -> None:
        a, b = where
        blocks = tile(x1[a], x2[b], symmetric and a == b)
        for whole, block in zip(found, blocks, strict=True):
            whole[a, b] = block
            if symmetric and a != b:
                whole[b, a] = block.T

    pairs = combinations_with_replacement(rows, 2) if symmetric else product(rows, columns)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(one, pairs))
    nngp, ntk = (jnp.asarray(whole) for whole in found)
    return nngp, ntk


def _tiles(count: int) -> list[slice]:
    return [slice(start, min(start + TILE, count)) for start in range(0, count, TILE)]


def _padded(x: np.ndarray) -> np.ndarray:
    return x if len(x) == TILE else np.pad(x, ((0, TILE - len(x)), (0, 0)))


def _table(chain: DenseChain, dtype: DTypeLike) -> Float[Array, "layers 4"]:
    return jnp.asarray([list(gains) for gains in chain.gains], dtype)


@partial(jax.jit, static_argnums=(0, 1), static_argnames="exact")
def _tile(
    runs: tuple[tuple[Activation, int], ...],
    last: Activation | None,
    table: Float[Array, "layers 4"],
    x1: Float[Array, "n d"],
    x2: Float[Array, "m d"],
    same: Bool[Array, ""],
    *,
    exact: bool = True,
) -> tuple[Float[Array, "n m"], Float[Array, "n m"], Bool[Array, ""]]:
    """All pairs of two sets of inputs, maybe the same; and whether some should be done exactly."""
    d = x1.shape[-1]
    squares1, squares2 = (jnp.sum(x * x, axis=-1) / d for x in (x1, x2))
    if exact and len(x1) * len(x2) * d <= _SUBTRACTED:
        gap, near = exact_gap(*jnp.broadcast_arrays(x1[:, None], x2[None])), jnp.zeros((), bool)
    else:
        products = jnp.matmul(x1, x2.T, precision=jax.lax.Precision.HIGHEST) / d
        gap, near = rough_gaps(products, squares1, squares2, same)
        gap = refined(gap, near, x1, x2) if exact else gap
    kernels = _through(runs, last, table, gap, squares1[:, None], squares2[None, :])
    return *kernels, jnp.any(near)


@partial(jax.jit, static_argnums=(0, 1))
def _diagonal(
    runs: tuple[tuple[Activation, int], ...],
    last: Activation | None,
    table: Float[Array, "layers 4"],
    x1: Float[Array, "n d"],
    x2: Float[Array, "n d"],
) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    d = x1.shape[-1]
    squares1, squares2 = (jnp.sum(x * x, axis=-1) / d for x in (x1, x2))
    return _through(runs, last, table, exact_gap(x1, x2), squares1, squares2)


def _through(
    runs: tuple[tuple[Activation, int], ...],
    last: Activation | None,
    table: Float[Array, "layers 4"],
    gap: Array,
    variance1: Array,
    variance2: Array,
) -> tuple[Array, Array]:
    """Pass the pairs through the chain."""
    state = _dense(table[0], gap, jnp.zeros_like(gap), variance1, variance2)
    for phi, rows in _rows(runs, table):

        def block(state: tuple[Array, ...], row: Array, phi=phi) -> tuple[tuple[Array, ...], None]:
            return _dense(row, *_activated(phi, *state)), None

        state, _ = jax.lax.scan(block, state, rows)
    gap, ntk, variance1, variance2 = state if last is None else _activated(last, *state)
    return (1.0 - gap) * safe_sqrt(variance1) * safe_sqrt(variance2), ntk


def _rows(
    runs: tuple[tuple[Activation, int], ...], table: Array
) -> Iterator[tuple[Activation, Array]]:
    start = 1
    for phi, count in runs:
        yield phi, table[start : start + count]
        start += count


def _activated(
    phi: Activation, gap: Array, ntk: Array, variance1: Array, variance2: Array
) -> tuple[Array, Array, Array, Array]:
    after, slope = phi.gap_map(*jnp.broadcast_arrays(gap, variance1, variance2))
    return after, ntk * slope, phi.second_moment(variance1), phi.second_moment(variance2)


def _dense(
    row: Float[Array, "4"], gap: Array, ntk: Array, variance1: Array, variance2: Array
) -> tuple[Array, Array, Array, Array]:
    gain, own, shift, own_shift = row[0], row[1], row[2], row[3]
    root1, root2 = safe_sqrt(variance1), safe_sqrt(variance2)
    scale = root1 * root2
    after1, after2 = gain * variance1 + shift, gain * variance2 + shift
    after = safe_sqrt(after1) * safe_sqrt(after2)
    apart = gain * shift * (root1 - root2) ** 2
    safe = jnp.where(after > 0, after, 1.0)
    new_gap = (apart / (safe + gain * scale + shift) + gain * scale * gap) / safe
    new_gap = jnp.where(after > 0, new_gap, 1.0)
    new_ntk = own * scale * (1.0 - gap) + own_shift + gain * ntk
    return new_gap, new_ntk, after1, after2
