"""Sums over windows of pairs of positions, on circles and on axes that end in zeros."""

import math
from functools import reduce
from itertools import product
from operator import add
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

Offsets = tuple[tuple[int, ...], ...]  # of the window's positions, for each axis of an image
_AT_ONCE = 9  # positions of a window up to which one pass over pairs is best; measured
_fixed = jax.lax.optimization_barrier  # written once, not computed again for every use


class Axes(NamedTuple):
    """What the axes of pairs of positions are; more may follow.

    Parameters
    ----------
    circles
        For each axis on which both of a pair move together: whether it is a circle; otherwise zeros
        follow.
    squared
        Whether two more follow: the last axis of the first and that of the second image.
    periodic
        Whether those two are circles.
    """

    circles: tuple[bool, ...]
    squared: bool = False
    periodic: bool = False

    def moving(self) -> list[tuple[int, ...]]:
        """Give the axes along which each axis of a window moves."""
        count = len(self.circles)
        pair = [(count, count + 1)] if self.squared else []
        return [*((axis,) for axis in range(count)), *pair]


def window_sums(
    pairs: Complex[Array, "*pairs"],
    axes: Axes,
    offsets: Offsets,
    alone: tuple[Float[Array, "*first"], Float[Array, "*second"]],
) -> Complex[Array, "*pairs"]:
    """Sum over the windows around pairs of positions.

    Parameters
    ----------
    pairs
        What is summed.
    axes
        Those of the pairs.
    offsets
        The window's positions.
    alone
        Roots of what is summed, of the first and the second image, where the other has ended; they
        broadcast to the pairs.
    """
    moving = list(zip(axes.moving(), offsets, strict=True))
    widths = [(0, 0)] * pairs.ndim
    for places, along in moving:
        for axis in places:
            widths[axis] = (max(0, -min(along)), max(0, max(along)))
    wide = _with_margins(pairs, axes, widths, alone)
    at_once = math.prod(len(along) for along in offsets) <= _AT_ONCE
    for index, part in enumerate([moving] if at_once else [[each] for each in moving]):
        wide = _slices(_fixed(wide) if index else wide, pairs.shape, widths, part)
    return wide


def _with_margins(
    pairs: Array, axes: Axes, widths: list[tuple[int, int]], alone: tuple[Array, Array]
) -> Array:
    """Write pairs into an array with margins, and fill those: in place, each number once."""
    first, second = (_padded(each, pairs.shape, widths) for each in alone)
    wide = (first - second) ** 2
    wide = _fixed(jax.lax.complex(wide, jnp.zeros_like(wide)))
    wide = _fixed(jax.lax.dynamic_update_slice(wide, pairs, [np.int32(low) for low, _ in widths]))
    closed = (*axes.circles, axes.periodic, axes.periodic)
    for axis in (axis for axis, circle in enumerate(closed) if circle):
        (low, high), length = widths[axis], pairs.shape[axis]
        ends = [(s, t, n) for s, t, n in ((length, 0, low), (low, low + length, high)) if n]
        parts = [jax.lax.slice_in_dim(wide, s, s + n, axis=axis) for s, _, n in ends]
        wide, *parts = _fixed((wide, *parts))
        for (_, target, _), part in zip(ends, parts, strict=True):
            wide = jax.lax.dynamic_update_slice_in_dim(wide, part, target, axis)
    return _fixed(wide)


def _padded(each: Array, shape: tuple[int, ...], widths: list[tuple[int, int]]) -> Array:
    """Put zeros where the margins are, on axes that are not broadcast."""
    lengths = zip(each.shape, shape, widths, strict=True)
    return jnp.pad(each, [width if n == m else (0, 0) for n, m, width in lengths])


def _slices(
    wide: Array,
    shape: tuple[int, ...],
    widths: list[tuple[int, int]],
    moving: list[tuple[tuple[int, ...], tuple[int, ...]]],
) -> Array:
    """Sum over the positions of a window along some axes, whose margins then are gone."""
    parts = []
    for chosen in product(*(along for _, along in moving)):
        starts, stops = [0] * wide.ndim, list(wide.shape)
        for (places, _), offset in zip(moving, chosen, strict=True):
            for axis in places:
                starts[axis] = widths[axis][0] + offset
                stops[axis] = starts[axis] + shape[axis]
        parts.append(jax.lax.slice(wide, starts, stops))
    return reduce(add, parts)
