"""What the layers of a fully connected chain do to inputs and to pairs of them.

The state of a pair is ``u = 1 - correlation`` and the tangent kernel; the variances belong to the
inputs. Near coincidence the tangent kernel of a ReLU network depends on ``sqrt(u)``, which the
covariance no longer knows. With second moments m of the activation, a Dense layer
``K -> g K + b`` of new variances v = g m + b, and ``s = sqrt(m1 m2)``,

    u'     = 1 - cos(a1 - a2) + g s u / sqrt(v1 v2),   cos a = sqrt(g m / v), sin a = sqrt(b / v),
    Theta' = own s (1 - u_phi(u)) + own_shift + g E[phi' phi'] Theta,

all terms of u' being non-negative, and ``1 - cos(a1 - a2)`` the square of
``sqrt(2) sin(a1 / 2 - a2 / 2)``: of products of numbers that belong to one input each. Pairs then
need no division and no root. Derived.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from widthwise.activations import Activation
from widthwise.numerics.gap import HalfAngle, at_least, half_angle, turned
from widthwise.numerics.safe import safe_sqrt

Numbers = Array | np.ndarray  # NumPy where step follows step
Runs = tuple[tuple[Activation, int], ...]
Loop = Callable[..., tuple[Any, Any]]
_UNROLLED = 3  # layers up to which all are one loop over pairs: then registers run out; measured


class Layers(NamedTuple):
    """What belongs to inputs at every Dense layer.

    Parameters
    ----------
    entering
        Standard deviations of what goes into each Dense layer.
    kept
        Those by the standard deviations of what leaves it; zero where that is.
    angle
        ``a`` of the module's formula.
    least
        The least gap to another input: one where nothing leaves, zero elsewhere.
    """

    entering: Float[Numbers, "layers *n"]
    kept: Float[Numbers, "layers *n"]
    angle: HalfAngle
    least: Float[Numbers, "layers *n"]


class Levels(NamedTuple):
    """What belongs to inputs, for which pairs need not be looked at.

    Parameters
    ----------
    layers
        At every Dense layer.
    sides
        `Activation.gap_side` for each run, at every layer of it, and for an activation that ends
        the network.
    ends
        Standard deviations of the outputs, in one row.
    """

    layers: Layers
    sides: tuple[PyTree[Numbers], ...]
    ends: Float[Numbers, "1 *n"]


def in_steps(step: Callable, state: Any, rows: Any) -> tuple[Any, Any]:
    """Do what ``jax.lax.scan`` does, with known numbers: steps of any depth share their programs.

    ``rows`` are NumPy arrays, as their parts then are had without a program for each.
    """
    results = []
    for index in range(len(jax.tree.leaves(rows)[0])):
        state, result = step(state, jax.tree.map(lambda row: row[index], rows))  # noqa: B023
        results.append(jax.tree.map(np.asarray, result))
    return state, jax.tree.map(lambda *parts: np.stack(parts), *results)


def in_one_loop(step: Callable, state: tuple[Array, Array], rows: Any) -> tuple[Any, Any]:
    """Do what ``jax.lax.scan`` does with a pair of real arrays and no results, for XLA on a CPU.

    There a loop over numbers gives one array, and a pair takes two that both compute all that they
    share. Real and imaginary parts are one array.
    """

    def packed(state: Array, row: Any) -> tuple[Array, None]:
        return jax.lax.complex(*step((state.real, state.imag), row)[0]), None

    count = len(jax.tree.leaves(rows)[0])
    unroll = count if count <= _UNROLLED else 1
    whole, _ = jax.lax.scan(packed, jax.lax.complex(*state), rows, unroll=unroll)
    return (whole.real, whole.imag), None


def variances(
    runs: Runs,
    last: Activation | None,
    table: Float[Numbers, "layers 4"],
    squares: Float[Numbers, " n"],
    *,
    loop: Loop = jax.lax.scan,
) -> Levels:
    """Follow the variances of each input, and return what pairs need of them.

    Parameters
    ----------
    runs
        Activations, each with how many blocks in a row have it.
    last
        An activation that ends the network.
    table
        What each Dense layer does to kernels: gain, own, shift, own shift.
    squares
        ``|x|^2 / d`` of the inputs.
    loop
        ``jax.lax.scan``: compiled once for equal layers in a row; or `in_steps`.
    """
    join = np.concatenate if loop is in_steps else jnp.concatenate
    q = _leaving(table[0], squares)
    entering, leaving, sides = [squares[None]], [q[None]], []
    start = 1
    for phi, count in runs:

        def block(q: Array, row: Numbers, phi=phi) -> tuple[Array, tuple[Array, Array]]:
            moment = phi.second_moment(q)
            q = _leaving(row, moment)
            return q, (moment, q)

        q, (before, after) = loop(block, q, table[start : start + count])
        sides.append(_sides(phi, join([leaving[-1][-1:], after[:-1]]), before))
        entering.append(before)
        leaving.append(after)
        start += count
    ends = q[None]
    if last is not None:
        ends = last.second_moment(ends)
        sides.append(_sides(last, q[None], ends))
    layers, ends = _layers(table, join(entering), join(leaving), ends)
    levels = Levels(layers, tuple(sides), ends)
    return jax.tree.map(np.asarray, levels) if loop is in_steps else levels


def through(
    runs: Runs,
    last: Activation | None,
    table: Float[Numbers, "layers 4"],
    gap: Float[Array, "*pairs"],
    levels: tuple[Levels, Levels],
    *,
    loop: Loop = jax.lax.scan,
) -> tuple[Array, Array]:
    """Pass pairs through the chain.

    Parameters
    ----------
    runs, last, table, loop
        See `variances`.
    gap
        ``1 - cos`` of each pair of inputs.
    levels
        Those of the first and of the second inputs, to be broadcast against the pairs.

    Returns
    -------
    The angle's gap and the tangent kernel of the outputs.
    """

    def at(where: slice | int) -> tuple[Layers, Layers]:
        first, second = (jax.tree.map(lambda part: part[where], side.layers) for side in levels)
        return first, second

    # Carrying what enters a Dense layer lets the compiler evaluate each activation once.
    pair, start = (gap, jnp.zeros_like(gap)), 0
    for (phi, count), *sides in zip(runs, *(side.sides for side in levels), strict=False):

        def block(pair: tuple[Array, Array], level: tuple, phi=phi) -> tuple:
            row, layers, sides = level
            gap, ntk = _dense(row, *pair, layers)
            gap, slope = phi.gap_map(gap, *sides)
            return (gap, ntk * slope), None

        here = slice(start, start + count)
        pair, _ = loop(block, pair, (table[here], at(here), sides))
        start += count
    gap, ntk = _dense(table[-1], *pair, at(-1))
    if last is not None:
        sides = (jax.tree.map(lambda part: part[0], side.sides[-1]) for side in levels)
        gap, slope = last.gap_map(gap, *sides)
        ntk = ntk * slope
    return gap, ntk


@partial(jax.jit, inline=True)
def _leaving(row: Float[Numbers, "4"], variance: Float[Numbers, " n"]) -> Float[Array, " n"]:
    return row[0] * variance + row[2]


@partial(jax.jit, static_argnums=0, inline=True)
def _sides(
    phi: Activation, before: Float[Numbers, "layers *n"], after: Float[Numbers, "layers *n"]
) -> PyTree[Numbers]:
    return phi.gap_side(safe_sqrt(before), safe_sqrt(after))


@partial(jax.jit, inline=True)
def _layers(
    table: Float[Numbers, "layers 4"],
    entering: Float[Numbers, "layers *n"],
    leaving: Float[Numbers, "layers *n"],
    ends: Float[Numbers, "1 *n"],
) -> tuple[Layers, Float[Array, "1 *n"]]:
    gain, shift = (table[:, column].reshape(-1, *[1] * (entering.ndim - 1)) for column in (0, 2))
    before, after, ends = (safe_sqrt(variance) for variance in (entering, leaving, ends))
    positive = after > 0
    safe = jnp.where(positive, after, 1.0)
    kept = jnp.where(positive, before / safe, 0.0)
    sine = jnp.where(positive, safe_sqrt(shift) / safe, 0.0)
    angle = half_angle(safe_sqrt(gain) * kept, sine)
    return Layers(before, kept, angle, jnp.where(positive, 0.0, jnp.ones_like(after))), ends


@partial(jax.jit, inline=True)
def _dense(
    row: Float[Numbers, "4"], gap: Array, ntk: Array, layers: tuple[Layers, Layers]
) -> tuple[Array, Array]:
    """Apply a Dense layer, given what belongs to both inputs."""
    gain, own, own_shift = row[0], row[1], row[3]
    first, second = layers
    # Numbers of the layer and of the first inputs come first: a loop over the second keeps them.
    new_gap = turned(first.angle, second.angle) + (gain * first.kept) * second.kept * gap
    new_gap = at_least(new_gap, at_least(first.least, second.least))
    scale = (own * first.entering) * second.entering
    return new_gap, gain * ntk + (scale * (1.0 - gap) + own_shift)
