"""Softmax regression on soft labels by a gradient method: many students at once."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from widthwise.numerics.losses import soft_cross_entropy
from widthwise.numerics.ranges import check_positive


def descend(
    x: Float[np.ndarray, "m n d"],
    targets: Float[np.ndarray, "m n c"],
    *,
    steps: int,
    learning_rate: float | int,
) -> Float[np.ndarray, "m d c"]:
    """Train linear students on soft labels, from zero on all samples.

    By gradient descent with momentum, whose limit has the smallest norm of all that fit. In
    float32, as networks are trained: probabilities that round to zero say nothing any more.

    Parameters
    ----------
    x
        Inputs of each student.
    targets
        Soft or hard labels: rows of probabilities.
    steps, learning_rate
        Of the descent; momentum is 0.9.

    Returns
    -------
    Float[np.ndarray, "m d c"]
        Weights.

    Raises
    ------
    ValueError
        If steps or learning rate are not positive.
    """
    check_positive(steps=steps, learning_rate=learning_rate)
    inputs, labels = (jnp.asarray(a, jnp.float32) for a in (x, targets))
    return np.asarray(_descend(_momentum(learning_rate), inputs, labels, jnp.asarray(steps)))


@cache
def _momentum(learning_rate: float | int) -> optax.GradientTransformation:
    return optax.sgd(learning_rate, momentum=0.9, nesterov=True)


@cache
def adam(learning_rate: float | int, steps: int) -> optax.GradientTransformation:
    """Return Adam whose rate falls along half a cosine: the same object for the same numbers."""
    return optax.adam(optax.cosine_decay_schedule(learning_rate, steps))


@partial(jax.jit, static_argnums=0)
def _descend(
    optimizer: optax.GradientTransformation, x: Array, targets: Array, steps: Array
) -> Array:
    def total(weights: Array) -> Array:
        # The gradient of a sum over students is that of each for its own weights.
        losses = jax.vmap(lambda w, a, b: soft_cross_entropy(a @ w, b))(weights, x, targets)
        return jnp.sum(losses)

    def step(_: Array, carry: tuple) -> tuple:
        weights, state = carry
        updates, state = optimizer.update(jax.grad(total)(weights), state, weights)
        return optax.apply_updates(weights, updates), state

    start = jnp.zeros((len(x), x.shape[2], targets.shape[2]), x.dtype)
    return jax.lax.fori_loop(0, steps, step, (start, optimizer.init(start)))[0]
