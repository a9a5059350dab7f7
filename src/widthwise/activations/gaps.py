"""How an activation maps ``1 - correlation`` of pairs, given standard deviations of inputs."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

Two = tuple[Float[Array | np.ndarray, "..."], Float[Array | np.ndarray, "..."]]


@partial(jax.jit, static_argnums=0, inline=True)
def gap_by_form(
    form: Callable, gain: Float[ArrayLike, ""], gap: Array, before: Two, after: Two
) -> tuple[Array, Array]:
    """Map a gap by the closed form of a function, times the square of a gain."""
    scale = after[0] * after[1]
    found, slope = form(gap, *before, jnp.where(scale > 0, scale, 1.0) / gain)
    return _kept(found, gap, before, scale), gain * slope


@partial(jax.jit, inline=True)
def gap_by_dual(dual: Array, gap: Array, before: Two, after: Two) -> Array:
    """Map a gap, given ``E[s(u) s(v)]`` of every pair."""
    scale = after[0] * after[1]
    return _kept(1.0 - dual / jnp.where(scale > 0, scale, 1.0), gap, before, scale)


@partial(jax.jit, inline=True)
def covariances_of(gap: Array, deviations: Two) -> tuple[Array, Array, Array]:
    """Give the covariance and both variances of every pair."""
    gap, first, second = jnp.broadcast_arrays(gap, *deviations)
    return (1.0 - gap) * (first * second), first**2, second**2


def _kept(found: Array, gap: Array, before: Two, scale: Array | np.ndarray) -> Array:
    """Keep a gap in its range, and equal inputs equal."""
    found = jnp.where(scale > 0, jnp.clip(found, 0.0, 2.0), 0.0)
    return jnp.where((gap == 0.0) & (before[0] == before[1]), 0.0, found)
