"""What the layers of a convolutional chain do to images and to pairs of positions.

As in `chain_steps`, the state of a pair of positions is ``u = 1 - correlation`` and the tangent
kernel, so that equal patches stay exactly equal; the variances belong to the images. A convolution
averages squared distances ``m1 + m2 - 2 K = (sqrt(m1) - sqrt(m2))^2 + 2 sqrt(m1 m2) u`` as it does
kernels, and the distance does not depend on the bias. Derived.

Axes of positions are circles. Zeros at the edges are further positions on them, of variance zero,
which serve both ends; outputs that a VALID convolution has not are such positions too.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from widthwise.activations import Activation
from widthwise.numerics.safe import safe_sqrt

Numbers = Array | np.ndarray
Offsets = tuple[tuple[int, ...], ...]  # of the window's positions, for each axis
Runs = tuple[tuple[Activation, Offsets, int], ...]  # with how many such blocks follow each other


class Maps(NamedTuple):
    """What belongs to images, not to pairs: variances at every position and layer.

    Parameters
    ----------
    data
        The images themselves, divided by the root of their number of channels.
    entering, leaving
        Variances before each convolution and, last, of the outputs; and after each convolution.
    inside
        One at positions that each convolution has as outputs, zero at the others.
    """

    data: Float[Numbers, "channels *maps"]
    entering: Float[Numbers, "blocks+1 *maps"]
    leaving: Float[Numbers, "blocks *maps"]
    inside: Float[Numbers, "blocks *maps"]


class Table(NamedTuple):
    """How convolutions act on sums over their windows, and which positions they leave.

    Parameters
    ----------
    rows
        Gain and own, each over the positions of a window, shift and own shift; see `Gains`.
    inside
        See `Maps`.
    """

    rows: Float[np.ndarray, "blocks 4"]
    inside: Float[np.ndarray, "blocks *positions"]


def maps(runs: Runs, table: Table, x: Float[np.ndarray, "n *positions c"]) -> Maps:
    """Follow the variances of known images; the images come last.

    Layer after layer, so that networks of any depth share their programs.

    Parameters
    ----------
    runs
        Activations and windows, each with how many blocks in a row have them.
    table
        The convolutions.
    x
        Images, laid on the circles.
    """
    data = np.moveaxis(x, (0, -1), (-1, 0)) / np.sqrt(x.shape[-1]).astype(x.dtype)
    kinds = [(phi, offsets) for phi, offsets, count in runs for _ in range(count)]
    entering, leaving = [np.sum(data * data, axis=0)], []
    inside = np.broadcast_to(table.inside[..., None], (*table.inside.shape, len(x)))
    for (phi, offsets), (gain, _, shift, _), mask in zip(kinds, table.rows, inside, strict=True):
        q = entering[-1]
        for axis, along in enumerate(offsets):
            q = sum(np.roll(q, -offset, axis) for offset in along)
        leaving.append((gain * q + shift) * mask)
        entering.append(np.asarray(phi.second_moment(leaving[-1])) * mask)
    return Maps(data, np.stack(entering), np.stack(leaving), inside)


def through(
    runs: Runs, rows: Float[Numbers, "blocks 4"], first: Maps, second: Maps
) -> tuple[Float[Array, "*pairs"], Float[Array, "*pairs"]]:
    """Pass pairs of positions through the chain.

    Parameters
    ----------
    runs
        See `maps`.
    rows
        See `Table`.
    first, second
        Those of the first and of the second images, which broadcast to the pairs; the leading axes
        are those of the first image's positions, and the second image's are shifted along.

    Returns
    -------
    Covariance and tangent kernel of the outputs; zero where there is none.
    """
    sides = (first, second)

    def at(name: str, where: slice | int) -> tuple:
        return tuple(getattr(side, name)[where] for side in sides)

    distance = _squared_distance(first.data, second.data)
    gap = _gap(distance, *at("entering", 0))
    pair, start = (gap, jnp.zeros_like(gap)), 0
    for phi, offsets, count in runs:

        def block(pair: tuple, level: tuple, phi=phi, offsets=offsets) -> tuple:
            (gain, own, _, own_shift), before, inside, after, known = level
            gap, ntk = pair
            root1, root2 = (safe_sqrt(m) for m in before)
            scale = root1 * root2
            distance = gain * ((root1 - root2) ** 2 + 2 * scale * gap)
            ntk = gain * ntk + own * scale * (1.0 - gap)
            distance, ntk = _apart(partial(_both_sums, offsets), gain >= 0, distance, ntk)
            ends = zip(map(safe_sqrt, inside), map(safe_sqrt, after), strict=True)
            gap, slope = phi.gap_map(_gap(distance, *inside), *(phi.gap_side(*s) for s in ends))
            return (gap, (ntk + own_shift) * slope * (known[0] * known[1])), None

        here, there = slice(start, start + count), slice(start + 1, start + count + 1)
        levels = (rows[here], at("entering", here), at("leaving", here), at("entering", there))
        pair, _ = jax.lax.scan(block, pair, (*levels, at("inside", here)))
        start += count
    gap, ntk = pair
    root1, root2 = (safe_sqrt(m) for m in at("entering", -1))
    return root1 * root2 * (1.0 - gap), ntk


def _squared_distance(
    x1: Float[Numbers, "channels *first"], x2: Float[Numbers, "channels *second"]
) -> Float[Array, "*pairs"]:
    """By differences, channel after channel."""

    def add(total: Array, pair: tuple[Numbers, Numbers]) -> tuple[Array, None]:
        return total + (pair[0] - pair[1]) ** 2, None

    shape = jnp.broadcast_shapes(x1.shape[1:], x2.shape[1:])
    return jax.lax.scan(add, jnp.zeros(shape, x1.dtype), (x1, x2))[0]


def _gap(
    distance: Float[Array, "*pairs"], q1: Float[Array, "*first"], q2: Float[Array, "*second"]
) -> Float[Array, "*pairs"]:
    """``1 - correlation``; one at variance zero."""
    root1, root2 = safe_sqrt(q1), safe_sqrt(q2)
    scale = 2 * root1 * root2
    gap = (distance - (root1 - root2) ** 2) / jnp.where(scale > 0, scale, 1.0)
    return jnp.where(scale > 0, jnp.clip(gap, 0.0, 2.0), 1.0)


def _sums(x: Float[Array, "*positions_and_more"], offsets: Offsets) -> Float[Array, "*same"]:
    """Sum over windows on circles, one axis after the other."""
    for axis, along in enumerate(offsets):
        x = _axis_sums(x, axis, along)
    return x


def _axis_sums(x: Array, axis: int, along: tuple[int, ...]) -> Array:
    length = x.shape[axis]
    low, high = max(0, -min(along)), max(0, max(along))

    def part(start: int, stop: int) -> Array:
        return jax.lax.slice_in_dim(x, start, stop, axis=axis)

    ends = [part(length - low, length)] if low else []
    more = [part(0, high)] if high else []
    wide = jnp.concatenate([*ends, x, *more], axis) if ends or more else x

    def shifted(offset: int) -> Array:
        return jax.lax.slice_in_dim(wide, offset + low, offset + low + length, axis=axis)

    return sum((shifted(offset) for offset in along[1:]), shifted(along[0]))


def _both_sums(offsets: Offsets, one: Array, other: Array) -> tuple[Array, Array]:
    return _sums(one, offsets), _sums(other, offsets)


def _apart(f: Callable, always: Bool[Array, ""], *arrays: Array) -> tuple[Array, ...]:
    """Do what ``f`` does, as a branch that is always taken, which the compiler cannot know.

    Otherwise it evaluates the activation again for every position of a window.
    """
    return jax.lax.cond(always, f, lambda *same: same, *arrays)
