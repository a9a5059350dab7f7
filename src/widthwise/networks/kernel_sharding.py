"""A kernel matrix on accelerators, or on several devices at once: products with it, and itself.

Each device has all inputs and vectors, n d + n k numbers, and computes its share of the tiles, one
at a time: the pairs of tiles are what is sharded. The sums of the devices are then added.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from itertools import combinations_with_replacement, product

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Float, Shaped

from widthwise.numerics.devices import Device, spread

TracedTile = Callable[[Array, Array, Array], Array]
_HELD = 2**25  # numbers of finished tiles on each device


def sharded_product(
    tile: TracedTile,
    x1: Shaped[np.ndarray, "n ..."],
    x2: Shaped[np.ndarray, "m ..."] | None,
    v: Float[np.ndarray, "m k"],
    *,
    size: int,
    devices: Sequence[Device],
) -> Float[np.ndarray, "n k"]:
    """Multiply a kernel matrix by vectors on devices.

    Parameters
    ----------
    tile
        Kernel of two sets of inputs, and whether they are the same; traced by JAX. It should be
        one object for all products of an operator: programs are kept for it.
    x1, x2
        Inputs; ``x2=None`` means x1 again, and then each unordered pair of tiles is computed once.
    v
        Vectors.
    size
        Inputs on each side of a tile.
    devices
        Where to compute.

    Returns
    -------
    The product in float64, in which sums are taken.
    """
    rows, columns = (-(-len(x) // size) for x in (x1, x1 if x2 is None else x2))
    work = np.array([(i, j, 1) for i, j in _pairs(rows, columns, x2 is None)], np.int32)
    idle = np.zeros((-len(work) % len(devices), 3), np.int32)
    # dealt out in turn: the devices then have equal shares of every row
    shares = np.concatenate([work, idle]).reshape(-1, len(devices), 3).swapaxes(0, 1)
    given = [_whole(x, count, size) for x, count in ((x1, rows), (x2, columns)) if x is not None]
    vectors = np.zeros((columns * size, v.shape[1]))
    vectors[: len(v)] = v
    with jax.enable_x64(True):
        summed = _program(tile, size, tuple(devices))(shares, tuple(given), vectors)
        return np.asarray(summed)[: len(x1)]


def sharded_dense(
    tile: TracedTile,
    x1: Shaped[np.ndarray, "n ..."],
    x2: Shaped[np.ndarray, "m ..."] | None,
    out: Float[np.ndarray, "n m"],
    *,
    size: int,
    devices: Sequence[Device],
) -> Float[np.ndarray, "n m"]:
    """Write a kernel matrix into an array, in the dtype of that.

    Parameters
    ----------
    tile, x1, x2, size, devices
        As for :func:`sharded_product`.
    out
        The array.
    """
    rows, columns = (-(-len(x) // size) for x in (x1, x1 if x2 is None else x2))
    work = np.array(list(_pairs(rows, columns, x2 is None)), np.int32)
    each = max(1, min(_HELD // size**2, -(-len(work) // len(devices))))
    given = tuple(_whole(x, n, size) for x, n in ((x1, rows), (x2, columns)) if x is not None)
    program = _tiles(tile, size, tuple(devices))
    for start in range(0, len(work), each * len(devices)):
        some = work[np.arange(start, start + each * len(devices)) % len(work)]
        with jax.enable_x64(True):
            found = np.asarray(program(some, given))
        for (i, j), block in zip(some, found, strict=True):
            a, b = (slice(k * size, (k + 1) * size) for k in (i, j))
            whole = block[: out[a].shape[0], : out[:, b].shape[1]]
            out[a, b] = whole
            if x2 is None and i != j:
                out[b, a] = whole.T
    return out


@cache
def _tiles(tile: TracedTile, size: int, devices: tuple[Device, ...]) -> Callable[..., Array]:
    def program(pairs: Shaped[Array, "count 2"], inputs: tuple[Array, ...]) -> Array:
        def one(pair: Array) -> Array:
            first, second = (
                jax.lax.dynamic_slice_in_dim(x, index * size, size)
                for x, index in zip((inputs[0], inputs[-1]), pair, strict=True)
            )
            return tile(first, second, jnp.asarray(len(inputs) == 1) & (pair[0] == pair[1]))

        return spread(partial(jax.lax.map, one), devices)(pairs)

    return jax.jit(program)


def _pairs(rows: int, columns: int, symmetric: bool) -> Iterable[tuple[int, int]]:
    """Number the tiles; of a symmetric matrix those on and above the diagonal."""
    if symmetric:
        return combinations_with_replacement(range(rows), 2)
    return product(range(rows), range(columns))


@cache
def _program(tile: TracedTile, size: int, devices: tuple[Device, ...]) -> Callable[..., Array]:
    mesh = Mesh(np.array(devices), ("devices",))
    everywhere = PartitionSpec()
    shared = jax.shard_map(
        partial(_share, tile, size),
        mesh=mesh,
        in_specs=(PartitionSpec("devices"), everywhere, everywhere),
        out_specs=everywhere,
        check_vma=False,
    )
    return jax.jit(shared)


def _share(
    tile: TracedTile,
    size: int,
    pairs: Shaped[Array, "1 count 3"],
    inputs: tuple[Array, ...],
    v: Float[Array, "m k"],
) -> Float[Array, "n k"]:
    """Sum one device's tiles, then those of all devices."""
    symmetric = len(inputs) == 1
    x1, x2 = inputs[0], inputs[-1]

    def part(x: Array, index: Array) -> Array:
        return jax.lax.dynamic_slice_in_dim(x, index * size, size)

    def added(total: Array, index: Array, more: Array) -> Array:
        return jax.lax.dynamic_update_slice_in_dim(
            total, part(total, index) + more, index * size, axis=0
        )

    def step(total: Array, pair: Array) -> tuple[Array, None]:
        i, j, live = pair[0], pair[1], pair[2].astype(bool)
        same = jnp.asarray(symmetric) & (i == j)
        block = jnp.where(live, tile(part(x1, i), part(x2, j), same), 0).astype(v.dtype)
        multiply = partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST)
        total = added(total, i, multiply(block, part(v, j)))
        if symmetric:
            mirrored = multiply(block.T, part(v, i))
            total = added(total, j, jnp.where(same, 0.0, mirrored))
        return total, None

    start = jnp.zeros((len(x1), v.shape[1]), v.dtype)
    total, _ = jax.lax.scan(step, start, pairs[0])
    return jax.lax.psum(total, "devices")


def _whole(x: np.ndarray, tiles: int, size: int) -> np.ndarray:
    """Repeat the last input until all tiles are whole; the vectors are zero there."""
    return np.pad(x, [(0, tiles * size - len(x))] + [(0, 0)] * (x.ndim - 1), mode="edge")
