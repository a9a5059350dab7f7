"""A small GPT learns text under AdamW: how large its attention weights are on the way."""

from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int, Key, PyTree

from widthwise.networks import GPT
from widthwise.numerics.losses import cross_entropy

TENSORS = ("query", "key", "value")


class Setting(NamedTuple):
    """What is compiled."""

    width: int
    depth: int
    head: int
    length: int
    symbols: int
    weight_std: float
    beta1: float
    beta2: float


class Schedule(NamedTuple):
    """AdamW's numbers.

    Attributes
    ----------
    rates
        Learning rate of every step, grouped by the records that follow them.
    weight_decay
        Of all matrices and embeddings, multiplied by the learning rate.
    """

    rates: Float[Array, "records every"] | Float[np.ndarray, "records every"]
    weight_decay: float | Array


def is_decayed(path: tuple, leaf: Array) -> Float[Array, "..."]:
    """Ones for matrices and embeddings, zeros for biases and normalisations."""
    name = jax.tree_util.keystr(path)
    return jnp.full(leaf.shape, float(name.endswith("weight") and "ln_" not in name))


def mean_squares(model: GPT) -> Float[Array, "depth tensors"]:
    """Mean square of the entries of each block's query, key and value matrices."""
    attention = model.blocks.attention
    found = [getattr(attention, name).weight for name in TENSORS]
    return jnp.stack([jnp.mean(weight**2, axis=(1, 2)) for weight in found], axis=1)


@partial(jax.jit, static_argnames="setting")
def trained(
    setting: Setting,
    codes: Int[Array, " n"],
    starts: Int[Array, "members records every batch"],
    schedule: Schedule,
    keys: Key[Array, " members"],
) -> tuple[Float[Array, "members records depth tensors"], Float[Array, "members records"]]:
    """Train models one after the other.

    Parameters
    ----------
    setting
        Sizes and memories.
    codes
        The text.
    starts
        Where in the text each sequence of each step begins.
    schedule
        AdamW's numbers.
    keys
        Of the initial weights.

    Returns
    -------
    Mean squares of the weights after each record, and the mean cross entropy before it.
    """
    adam = optax.scale_by_adam(setting.beta1, setting.beta2)

    def loss(params: PyTree, rest: PyTree, batch: Int[Array, "batch next"]) -> Array:
        logits = jax.vmap(eqx.combine(params, rest))(batch[:, :-1])
        return cross_entropy(logits.reshape(-1, setting.symbols), batch[:, 1:].reshape(-1))

    def member(given: tuple[Array, Array]) -> tuple[Array, Array]:
        key, begins = given
        model = GPT(
            setting.width, setting.depth, symbols=setting.symbols, length=setting.length,
            head=setting.head, weight_std=setting.weight_std, use_bias=False, key=key,
        )  # fmt: skip
        params, rest = eqx.partition(model, eqx.is_inexact_array)
        weights, unravel = ravel_pytree(params)  # one array: few programs to compile
        decayed, _ = ravel_pytree(jax.tree_util.tree_map_with_path(is_decayed, params))

        def step(carry: tuple, now: tuple) -> tuple:
            weights, state = carry
            begin, rate = now
            batch = codes[begin[:, None] + jnp.arange(setting.length + 1)[None]]
            error, gradient = jax.value_and_grad(lambda w: loss(unravel(w), rest, batch))(weights)
            update, state = adam.update(gradient, state)
            weights -= rate * (update + schedule.weight_decay * decayed * weights)
            return (weights, state), error

        def record(carry: tuple, now: tuple) -> tuple:
            carry, errors = jax.lax.scan(step, carry, now)
            return carry, (mean_squares(eqx.combine(unravel(carry[0]), rest)), jnp.mean(errors))

        start = weights, adam.init(weights)
        return jax.lax.scan(record, start, (begins, schedule.rates))[1]

    return jax.lax.map(member, (keys, starts))


def learning_rates(peak: float, warmup: int, steps: int) -> Float[np.ndarray, " steps"]:
    """Learning rate of every step: linear to the peak, then constant."""
    return peak * np.minimum(1.0, np.arange(1, steps + 1) / max(warmup, 1))
