"""How an activation maps ``1 - correlation`` of pairs, given variances and moments of inputs."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from widthwise.numerics.safe import safe_sqrt

Two = tuple[Float[Array | np.ndarray, "..."], Float[Array | np.ndarray, "..."]]


@partial(jax.jit, static_argnums=0, inline=True)
def gap_by_form(
    form: Callable, gain: Float[ArrayLike, ""], gap: Array, variances: Two, moments: Two
) -> tuple[Array, Array]:
    """Map a gap by the closed form of a function, times the square of a gain."""
    scale = _scale(moments)
    after, slope = form(gap, *variances, jnp.where(scale > 0, scale, 1.0) / gain)
    return _kept(after, gap, variances, scale), gain * slope


@partial(jax.jit, inline=True)
def gap_by_dual(dual: Array, gap: Array, variances: Two, moments: Two) -> Array:
    """Map a gap, given ``E[s(u) s(v)]`` of every pair."""
    scale = _scale(moments)
    return _kept(1.0 - dual / jnp.where(scale > 0, scale, 1.0), gap, variances, scale)


@partial(jax.jit, inline=True)
def covariances_of(gap: Array, variances: Two) -> tuple[Array, Array, Array]:
    """Give the covariance and both variances of every pair."""
    gap, k11, k22 = jnp.broadcast_arrays(gap, *variances)
    return (1.0 - gap) * _scale((k11, k22)), k11, k22


def _scale(variances: Two) -> Array:
    return safe_sqrt(variances[0]) * safe_sqrt(variances[1])


def _kept(after: Array, gap: Array, variances: Two, scale: Array) -> Array:
    """Keep a gap in its range, and equal inputs equal."""
    after = jnp.where(scale > 0, jnp.clip(after, 0.0, 2.0), 0.0)
    equal = safe_sqrt(variances[0]) == safe_sqrt(variances[1])
    return jnp.where((gap == 0.0) & equal, 0.0, after)
