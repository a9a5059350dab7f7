"""Means over many draws, with standard errors, in one pass and constant memory."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Key, PyTree

from widthwise.numerics.statistics import Estimate


class _Moments(NamedTuple):
    """Number of draws, their mean, and the sum of their squared distances from it."""

    members: Array
    mean: PyTree
    squares: PyTree


def running_mean(
    draw: Callable[[jax.Array], Any], key: Key[Array, ""], members: int, *, batch_size: int = 1
) -> PyTree[Estimate]:
    """Average what is drawn from many keys.

    Compiled once whatever the number of members, and only the moments are kept.

    Parameters
    ----------
    draw
        Function from a key to arrays; an Equinox module is compiled once for all that differ in
        their arrays only.
    key
        Member i draws from ``jax.random.fold_in(key, i)``.
    members
        Number of draws, at least 2.
    batch_size
        Draws side by side.

    Returns
    -------
    What ``draw`` returns, with an Estimate in the place of every array.

    Raises
    ------
    ValueError
        If there are fewer than two members, or an empty batch.

    Notes
    -----
    The update of count, mean and squares by a batch is that of Chan, Golub & LeVeque (1979).
    """
    if members < 2:
        raise ValueError(f"members is {members}: give at least 2, a standard error needs them")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}: give a number of at least 1")
    moments = _moments(draw, key, jnp.asarray(members), batch_size)

    def estimate(mean: Array, squares: Array) -> Estimate:
        error = np.sqrt(np.asarray(squares, np.float64) / (members - 1) / members)
        return Estimate(np.asarray(mean, np.float64), np.asarray(error), members)

    return jax.tree.map(estimate, moments.mean, moments.squares)


@eqx.filter_jit
def _moments(
    draw: Callable[[jax.Array], Any], key: jax.Array, members: Array, batch_size: int
) -> _Moments:
    def update(batch: Array, old: _Moments) -> _Moments:
        index = batch * batch_size + jnp.arange(batch_size)
        values = jax.vmap(draw)(jax.vmap(jax.random.fold_in, (None, 0))(key, index))
        present = index < members
        fresh = jnp.sum(present)
        total = old.members + fresh

        def merged(mean: Array, squares: Array, value: Array) -> tuple[Array, Array]:
            here = jnp.reshape(present, (-1,) + (1,) * mean.ndim)
            count, share = fresh.astype(mean.dtype), (fresh / total).astype(mean.dtype)
            average = jnp.sum(jnp.where(here, value, 0), axis=0) / count
            spread = jnp.sum(jnp.where(here, (value - average[None]) ** 2, 0), axis=0)
            step = average - mean
            before = old.members.astype(mean.dtype)
            return mean + share * step, squares + spread + step**2 * before * share

        pairs = jax.tree.map(merged, old.mean, old.squares, values)
        outer = jax.tree.structure(values)
        mean, squares = jax.tree.transpose(outer, jax.tree.structure((0, 0)), pairs)
        return _Moments(total, mean, squares)

    shapes = jax.eval_shape(draw, key)
    zeros = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
    start = _Moments(jnp.zeros((), members.dtype), zeros, zeros)
    return lax.fori_loop(0, -(-members // batch_size), update, start)
