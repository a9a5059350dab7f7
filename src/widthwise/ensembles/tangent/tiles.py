"""Kernels of long batches, tile by tile."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

Kernels = dict[str, Array]


def tiled(
    tile: Callable[[Array, Array | None], Kernels], size: int, *, diagonal: bool
) -> Callable[[Array, Array | None], Kernels]:
    """Compute tile by tile; where x2 is x1, a tile above the diagonal gives that below.

    Parameters
    ----------
    tile
        Kernels of two batches, or of one with itself, by name.
    size
        Examples of a batch.
    diagonal
        Whether the tile pairs the i-th with the i-th example.

    Returns
    -------
    The same function for batches of any length; its memory is that of one tile and the result.
    """

    def blocks(x: Array) -> Array:
        """Cut into blocks, the last one filled up with its last example."""
        count = -(-len(x) // size)
        index = np.minimum(np.arange(count * size), len(x) - 1)
        return x[index].reshape(count, size, *x.shape[1:])

    def run(x1: Array, x2: Array | None) -> Kernels:
        n, m = len(x1), len(x1 if x2 is None else x2)
        first = blocks(x1)
        second = first if x2 is None else blocks(x2)
        if diagonal:
            parts = lax.map(lambda pair: tile(*pair), (first, second))
            return jax.tree.map(lambda k: k.reshape(-1, *k.shape[2:])[:n], parts)
        rows, columns = len(first), len(second)
        pairs = [(i, j) for i in range(rows) for j in range(columns) if x2 is not None or i <= j]
        left, right = np.asarray(pairs).T
        parts = lax.map(lambda ij: tile(first[ij[0]], second[ij[1]]), (left, right))

        def joined(k: Array) -> Array:
            grid = jnp.zeros((rows, columns, *k.shape[1:]), k.dtype)
            if x2 is None:  # k_ij(x, x') = k_ji(x', x)
                mirrored = jnp.swapaxes(k, 1, 2)
                mirrored = mirrored if k.ndim == 3 else jnp.swapaxes(mirrored, 3, 4)
                grid = grid.at[right, left].set(mirrored)
            grid = grid.at[left, right].set(k)
            return jnp.swapaxes(grid, 1, 2).reshape(rows * size, columns * size, *k.shape[3:])[
                :n, :m
            ]

        return jax.tree.map(joined, parts)

    return run
