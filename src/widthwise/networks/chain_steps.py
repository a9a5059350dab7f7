"""What the layers of a fully connected chain do to inputs and to pairs of them.

The state of a pair is ``u = 1 - correlation`` and the tangent kernel; the variances belong to the
inputs. Near coincidence the tangent kernel of a ReLU network depends on ``sqrt(u)``, which the
covariance no longer knows. With pre-activation variances q, second moments m of the activation,
``s = sqrt(m1 m2)``, and a Dense layer ``K -> g K + b`` of new variances v, ``s' = sqrt(v1 v2)``,

    u'     = [g b (sqrt(m1) - sqrt(m2))^2 / (s' + g s + b) + g s u_phi(u)] / s',
    Theta' = own s (1 - u_phi(u)) + own_shift + g E[phi' phi'] Theta,

all terms of u' being non-negative. Derived.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from widthwise.activations import Activation
from widthwise.numerics.safe import safe_sqrt

Numbers = Array | np.ndarray  # NumPy where step follows step
Runs = tuple[tuple[Activation, int], ...]
Loop = Callable[..., tuple[Any, Any]]


class Levels(NamedTuple):
    """The variances of inputs at every layer, for which pairs need not be looked at.

    Parameters
    ----------
    entering, leaving
        Before and after each Dense layer: of the activations, and of the pre-activations.
    ends
        Of the outputs, in one row.
    """

    entering: Float[Numbers, "layers *n"]
    leaving: Float[Numbers, "layers *n"]
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


def variances(
    runs: Runs,
    last: Activation | None,
    table: Float[Numbers, "layers 4"],
    squares: Float[Numbers, " n"],
    *,
    loop: Loop = jax.lax.scan,
) -> Levels:
    """Follow the variances of each input.

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
    entering, leaving = [squares[None]], [q[None]]
    start = 1
    for phi, count in runs:

        def block(q: Array, row: Numbers, phi=phi) -> tuple[Array, tuple[Array, Array]]:
            moment = phi.second_moment(q)
            q = _leaving(row, moment)
            return q, (moment, q)

        q, (before, after) = loop(block, q, table[start : start + count])
        entering.append(before)
        leaving.append(after)
        start += count
    ends = q if last is None else last.second_moment(q)
    return Levels(join(entering), join(leaving), join([ends[None]]))


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
    enter, leave, ends = zip(*levels, strict=True)

    def at(sides: tuple, where: slice | int) -> tuple:
        return tuple(side[where] for side in sides)

    # Carrying what enters a Dense layer lets the compiler evaluate each activation once.
    pair, start = (gap, jnp.zeros_like(gap)), 0
    for phi, count in runs:

        def block(pair: tuple[Array, Array], level: tuple, phi=phi) -> tuple:
            row, before, inside, after = level
            gap, ntk = _dense(row, *pair, (before, inside))
            gap, slope = phi.gap_map(gap, inside, after)
            return (gap, ntk * slope), None

        here, there = slice(start, start + count), slice(start + 1, start + count + 1)
        rows = (table[here], at(enter, here), at(leave, here), at(enter, there))
        pair, _ = loop(block, pair, rows)
        start += count
    gap, ntk = _dense(table[-1], *pair, (at(enter, -1), at(leave, -1)))
    if last is not None:
        gap, slope = last.gap_map(gap, at(leave, -1), at(ends, 0))
        ntk = ntk * slope
    return gap, ntk


@partial(jax.jit, inline=True)
def _leaving(row: Float[Numbers, "4"], variance: Float[Numbers, " n"]) -> Float[Array, " n"]:
    return row[0] * variance + row[2]


@partial(jax.jit, inline=True)
def _dense(
    row: Float[Numbers, "4"],
    gap: Array,
    ntk: Array,
    variances: tuple[tuple[Array, Array], tuple[Array, Array]],
) -> tuple[Array, Array]:
    """Apply a Dense layer, given the variances of both inputs before and after it."""
    gain, own, shift, own_shift = row[0], row[1], row[2], row[3]
    before, after = variances
    root1, root2 = (safe_sqrt(variance) for variance in before)
    scale = root1 * root2
    new_scale = safe_sqrt(after[0]) * safe_sqrt(after[1])
    apart = gain * shift * (root1 - root2) ** 2
    safe = jnp.where(new_scale > 0, new_scale, 1.0)
    new_gap = (apart / (safe + gain * scale + shift) + gain * scale * gap) / safe
    new_gap = jnp.where(new_scale > 0, new_gap, 1.0)
    return new_gap, own * scale * (1.0 - gap) + own_shift + gain * ntk
