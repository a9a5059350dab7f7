"""What the layers of a convolutional chain do to images and to pairs of positions.

As in `chain_steps`, the state of a pair of positions is ``u = 1 - correlation`` and the tangent
kernel, so that equal patches stay exactly equal; standard deviations belong to the images. As it
does kernels, a convolution averages half squared distances ``(m1 + m2) / 2 - K``, which are
``(sqrt(m1) - sqrt(m2))^2 / 2 + sqrt(m1 m2) u`` and do not depend on the bias. Derived.

Images are laid on circles. Zeros at the edges are further positions on them, of variance zero,
which serve both ends; outputs that a VALID convolution has not are such positions too. Pairs keep
those zeros where a shift winds an axis around; elsewhere their axes end where the images do.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from widthwise.activations import Activation
from widthwise.networks.conv_margins import Axes, Offsets, window_sums
from widthwise.numerics.gap import at_least, in_range

Numbers = Array | np.ndarray
Runs = tuple[tuple[Activation, Offsets, int], ...]  # with how many such blocks follow each other


class Maps(NamedTuple):
    """What belongs to images, not to pairs, at every position and layer.

    Parameters
    ----------
    data
        The images themselves, divided by the root of their number of channels.
    start, end
        Standard deviations of the images and of the outputs.
    levels
        `Level` of each convolution: one array, as each takes time to compile.
    sides
        `Activation.gap_side` for each run, at every block of it.
    """

    data: Float[Numbers, "channels *maps"]
    start: Float[Numbers, "*maps"]
    end: Float[Numbers, "*maps"]
    levels: Float[Numbers, "blocks 5 *maps"]
    sides: tuple[PyTree[Numbers], ...]


class Level(NamedTuple):
    """What belongs to images at one convolution.

    Parameters
    ----------
    entering, leaving
        Standard deviations before and behind it.
    inverse
        One over what leaves; zero where nothing does.
    least
        The least gap to another position: one where nothing leaves, zero elsewhere.
    inside
        One at positions that the convolution has as outputs, zero at the others.
    """

    entering: Float[Numbers, "*maps"]
    leaving: Float[Numbers, "*maps"]
    inverse: Float[Numbers, "*maps"]
    least: Float[Numbers, "*maps"]
    inside: Float[Numbers, "*maps"]


class Table(NamedTuple):
    """How convolutions act on sums over their windows, and which positions they leave.

    Parameters
    ----------
    rows
        Gain and own, each over the positions of a window, shift and own shift; see `Gains`.
    inside
        See `Level`.
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
    squares = np.sum(data * data, axis=0)
    start = entering = np.sqrt(squares)
    levels, sides = [], []
    for (phi, offsets), (gain, _, shift, _), mask in zip(
        kinds, table.rows, table.inside[..., None], strict=True
    ):
        for axis, along in enumerate(offsets):
            squares = sum(np.roll(squares, -offset, axis) for offset in along)
        variance = (gain * squares + shift) * mask
        leaving, least = np.sqrt(variance), (variance == 0).astype(x.dtype)
        inverse = (1 - least) / (leaving + least)
        level = Level(entering, leaving, inverse, least, np.broadcast_to(mask, variance.shape))
        squares = np.asarray(phi.second_moment(variance)) * mask
        entering = np.sqrt(squares)
        levels.append(np.stack(level))
        sides.append(phi.gap_side(leaving, entering))
    ends = np.cumsum([count for *_, count in runs])
    stacked = tuple(
        jax.tree.map(lambda *each: np.stack(each), *sides[end - count : end])
        for end, (*_, count) in zip(ends, runs, strict=True)
    )
    return Maps(data, start, entering, np.stack(levels), stacked)


def through(
    runs: Runs, rows: Float[Numbers, "blocks 4"], first: Maps, second: Maps, axes: Axes
) -> tuple[Float[Array, "*pairs"], Float[Array, "*pairs"]]:
    """Pass pairs of positions through the chain.

    Parameters
    ----------
    runs
        See `maps`.
    rows
        See `Table`.
    first, second
        Those of the first and of the second images, which broadcast to the pairs.
    axes
        Those of the pairs.

    Returns
    -------
    Covariance and tangent kernel of the outputs; zero where there is none.
    """
    gap = _input_gap(first, second)
    both, start = jax.lax.complex(gap, jnp.zeros_like(gap)), 0
    for (phi, offsets, count), *sides in zip(runs, first.sides, second.sides, strict=True):

        def block(both: Array, level: tuple, phi=phi, offsets=offsets) -> tuple[Array, None]:
            # A pair of arrays would be computed in two loops, each from the beginning: so real and
            # imaginary part; and numbers of one position are cut out before the loop over pairs.
            row, *levels, sides = jax.lax.optimization_barrier(level)
            entering, leaving, inverse, least, inside = zip(*levels, strict=True)
            gain, own, _, own_shift = row
            gap, ntk = both.real, both.imag
            half = jnp.sqrt(gain / 2)
            alone = (half * entering[0], half * entering[1])
            scale = entering[0] * entering[1]
            distance = (alone[0] - alone[1]) ** 2 + gain * scale * gap
            ntk = gain * ntk + own * scale * (1.0 - gap)
            sums = window_sums(jax.lax.complex(distance, ntk), axes, offsets, alone)
            gap = (sums.real - 0.5 * (leaving[0] - leaving[1]) ** 2) * (inverse[0] * inverse[1])
            gap = at_least(in_range(gap), at_least(*least))
            gap, slope = phi.gap_map(gap, *sides)
            ntk = (sums.imag + own_shift) * slope * (inside[0] * inside[1])
            return jax.lax.complex(gap, ntk), None

        here = slice(start, start + count)
        levels = (rows[here], first.levels[here], second.levels[here], tuple(sides))
        both, _ = jax.lax.scan(block, both, levels)
        both = jax.lax.optimization_barrier(both)
        start += count
    return (1.0 - both.real) * (first.end * second.end), both.imag


def _input_gap(first: Maps, second: Maps) -> Float[Array, "*pairs"]:
    """``1 - correlation``, by differences channel after channel; one at variance zero."""

    def add(total: Array, pair: tuple[Numbers, Numbers]) -> tuple[Array, None]:
        return total + (pair[0] - pair[1]) ** 2, None

    channels = (first.data, second.data)
    zero = jnp.zeros(jnp.broadcast_shapes(first.start.shape, second.start.shape), first.data.dtype)
    distance, _ = jax.lax.scan(add, zero, channels, unroll=min(len(first.data), 4))
    scale = 2 * first.start * second.start
    gap = (distance - (first.start - second.start) ** 2) / jnp.where(scale > 0, scale, 1.0)
    return jnp.where(scale > 0, in_range(gap), 1.0)
