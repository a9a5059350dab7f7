"""How an activation maps ``1 - correlation`` of pairs, by what belongs to each of both inputs."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, PyTree

from widthwise.activations.averages import GapForm
from widthwise.numerics.gap import in_range

Numbers = Float[Array | np.ndarray, "..."]


class Deviations(NamedTuple):
    """What belongs to an input where no closed form says more.

    Parameters
    ----------
    before
        Its standard deviation before the function.
    inverse
        One over that after it; zero where that is.
    """

    before: Numbers
    inverse: Array


@partial(jax.jit, static_argnums=0, inline=True)
def side_by_form(
    form: GapForm | None, gain: Float[ArrayLike, ""], before: Numbers, after: Numbers
) -> PyTree:
    """Prepare inputs, given standard deviations before the function and after it times a gain."""
    positive = after > 0
    inverse = jnp.where(positive, gain / jnp.where(positive, after, 1.0), 0.0)
    return Deviations(before, inverse) if form is None else form.side(before, inverse)


@partial(jax.jit, static_argnums=0, inline=True)
def gap_by_form(
    form: GapForm, square: Float[ArrayLike, ""], gap: Array, first: PyTree, second: PyTree
) -> tuple[Array, Array]:
    """Map a gap by the closed form of a function, times a gain of this square."""
    found, slope = form.pair(gap, first, second)
    return found, square * slope


@partial(jax.jit, inline=True)
def gap_by_dual(dual: Array, gap: Array, first: Deviations, second: Deviations) -> Array:
    """Map a gap, given ``E[s(u) s(v)]`` of every pair."""
    found = 1.0 - dual * (first.inverse * second.inverse)
    return kept(found, gap, first.before == second.before)


@partial(jax.jit, inline=True)
def covariances_of(gap: Array, first: Deviations, second: Deviations) -> tuple[Array, Array, Array]:
    """Give the covariance and both variances of every pair."""
    gap, one, other = jnp.broadcast_arrays(gap, first.before, second.before)
    return (1.0 - gap) * (one * other), one**2, other**2


def kept(found: Array, gap: Array, alike: Bool[Array, "..."]) -> Array:
    """Keep a gap in its range, and equal inputs equal: those alike in length, without a gap."""
    return jnp.where((gap == 0.0) & alike, 0.0, in_range(found))
