"""Gradient descent on few points, by one program for readouts that start at random and at zero.

Of two hundred small networks compiling takes longer than training: how large a readout starts is a
number here, where it is a property of the architecture in `widthwise.train`.
"""

from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from widthwise.networks import Sequential
from widthwise.numerics.losses import half_sum_of_squares


class Trained(NamedTuple):
    """Half the sum of squared errors at the end, and functions before and after training."""

    loss: Float[Array, " s"]
    start: Float[Array, "s m"]
    end: Float[Array, "s m"]
    start_points: Float[Array, "s p"]


@partial(jax.jit, static_argnums=0)
def descended(
    net: Sequential,
    x: Float[Array, "p 2"],
    y: Float[Array, " p"],
    *,
    places: Float[Array, "m 2"],
    keys: Key[Array, " s"],
    readout: Float[Array, ""],
    learning_rate: Float[Array, ""],
    steps: Array,
) -> Trained:
    """Train one network for each key, all weights at one rate.

    Parameters
    ----------
    net
        With one output, no bias there, and the parametrization `Standard`.
    x, y
        Training points.
    places
        Where functions are wanted.
    keys
        Of the initial weights.
    readout
        What the readout is multiplied by at the start.
    learning_rate, steps
        Of gradient descent on half the sum of squared errors.
    """

    def outputs(model: Any, at: Array) -> Array:
        return jax.vmap(model)(at)[:, 0]

    def loss(model: Any) -> Array:
        return half_sum_of_squares(outputs(model, x), y)

    def step(_: Any, model: Any) -> Any:
        return jax.tree.map(lambda w, g: w - learning_rate * g, model, jax.grad(loss)(model))

    def one(key: Array) -> Trained:
        drawn = net.init(key, (2,), dtype=x.dtype)
        last = drawn.layers[-1]
        start = eqx.tree_at(lambda m: m.layers[-1].weight, drawn, readout * last.weight)
        end = jax.lax.fori_loop(0, steps, step, start)
        return Trained(loss(end), outputs(start, places), outputs(end, places), outputs(start, x))

    return jax.lax.map(one, keys)


def as_float32(*values: Any) -> tuple[Array, ...]:
    """Return arrays in the precision in which networks are trained."""
    return tuple(jnp.asarray(value, jnp.float32) for value in values)
