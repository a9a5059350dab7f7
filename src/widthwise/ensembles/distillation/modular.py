"""Networks that add modulo a number: outputs on all pairs at once, and their training.

Pair ``modulus * a + b`` has the label ``(a + b) % modulus``. Networks that have seen few pairs, or
trained shortly, memorize them; others find the rule (Power et al. 2022, arXiv:2201.02177).
"""

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Key, PyTree

from widthwise.numerics.losses import soft_cross_entropy
from widthwise.numerics.ranges import check_positive

HEADS, SPREAD = 4, 4
"""Heads of the attention, and hidden neurons of the transformer over its width."""


def modular_sums(modulus: int) -> Int[np.ndarray, " pairs"]:
    """Return the labels of all pairs."""
    return np.add.outer(np.arange(modulus), np.arange(modulus)).ravel() % modulus


class PairNetwork(eqx.Module):
    """One hidden ReLU layer on two one-hot inputs, one for each summand.

    Weights have variance one over their inputs, of which two are not zero; biases start at zero.
    """

    first: Float[Array, "p n"]
    second: Float[Array, "p n"]
    bias: Float[Array, " n"]
    readout: Float[Array, "n p"]

    def __init__(self, modulus: int, width: int, *, key: Key[Array, ""]) -> None:
        a, b, c = jax.random.split(key, 3)
        self.first = _normal(a, (modulus, width), 2)
        self.second = _normal(b, (modulus, width), 2)
        self.bias = jnp.zeros(width, jnp.float32)
        self.readout = _normal(c, (width, modulus), width)

    def __call__(self) -> Float[Array, "pairs p"]:
        """Return logits on all pairs."""
        z = self.first[:, None] + self.second[None] + self.bias[None, None]
        return jax.nn.relu(z).reshape(-1, z.shape[-1]) @ self.readout


class PairTransformer(eqx.Module):
    """One block without normalisation on the tokens a, b, "=", read out at the last one.

    Attention of four heads and a ReLU layer of four times the width, both beside a skip. Weights
    have variance one over the width they come from.
    """

    tokens: Float[Array, "q n"]
    places: Float[Array, "3 n"]
    maps: Float[Array, "4 n n"]
    expand: Float[Array, "n m"]
    bias: Float[Array, " m"]
    contract: Float[Array, "m n"]
    readout: Float[Array, "n p"]

    def __init__(self, modulus: int, width: int, *, key: Key[Array, ""]) -> None:
        if width % HEADS:
            raise ValueError(f"width is {width}: give a multiple of {HEADS}, the number of heads")
        keys = jax.random.split(key, 6)
        self.tokens = _normal(keys[0], (modulus + 1, width), width)
        self.places = _normal(keys[1], (3, width), width)
        self.maps = _normal(keys[2], (4, width, width), width)
        self.expand = _normal(keys[3], (width, SPREAD * width), width)
        self.bias = jnp.zeros(SPREAD * width, jnp.float32)
        self.contract = _normal(keys[4], (SPREAD * width, width), SPREAD * width)
        self.readout = _normal(keys[5], (width, modulus), width)

    def __call__(self) -> Float[Array, "pairs p"]:
        """Return logits on all pairs.

        The last token is the same in all of them: its query meets each number once at each place.
        """
        p, n = len(self.tokens) - 1, self.tokens.shape[1]
        last = self.tokens[p] + self.places[2]
        seen = jnp.concatenate(
            [self.tokens[:p] + self.places[None, i] for i in (0, 1)] + [last[None]]
        )
        query, key, value, out = self.maps
        heads = ((seen @ key) * (last @ query)[None]).reshape(-1, HEADS, n // HEADS)
        weight = jnp.exp(heads.sum(axis=-1, keepdims=True) / (n // HEADS) ** 0.5)
        mixed = weight * (seen @ value).reshape(heads.shape)
        top, total = (_over_pairs(one, p) for one in (mixed, weight))
        x = last[None] + (top / total).reshape(p * p, n) @ out
        hidden = jax.nn.relu(x @ self.expand + self.bias[None])
        return (x + hidden @ self.contract) @ self.readout


def _normal(key: Key[Array, ""], shape: tuple[int, ...], inputs: int) -> Array:
    return jax.random.normal(key, shape, jnp.float32) / inputs**0.5


def _over_pairs(values: Array, modulus: int) -> Array:
    """Sum over the three tokens of every pair."""
    first, second, last = values[:modulus], values[modulus:-1], values[-1]
    return first[:, None] + second[None] + last[None, None]


def fitted_pairs(
    kind: type[PairNetwork] | type[PairTransformer],
    targets: Float[np.ndarray, "m pairs p"],
    *,
    width: int,
    keys: Key[Array, " m"],
    steps: int,
    learning_rate: float | int = 0.01,
    weight_decay: float | int = 1.0,
) -> Float[np.ndarray, "m pairs p"]:
    """Train networks on labels of some pairs, and return their logits on all.

    Full batches, AdamW with ``b2 = 0.98``, a learning rate that falls to zero along half a cosine.

    Parameters
    ----------
    kind
        The architecture.
    targets
        Labels of each network, as probabilities; a row of zeros leaves a pair out.
    width
        Of the networks.
    keys
        Of the initial weights of each.
    steps, learning_rate, weight_decay
        Of AdamW.

    Raises
    ------
    ValueError
        If targets are not of all pairs, numbers are not positive, or training diverges.
    """
    check_positive(width=width, steps=steps, learning_rate=learning_rate)
    modulus = targets.shape[-1]
    if targets.shape[1] != modulus**2:
        raise ValueError(
            f"targets have {targets.shape[1]} rows of {modulus} probabilities: give all "
            f"{modulus**2} pairs, zeros for those that are left out"
        )
    numbers = (jnp.asarray(float(n), jnp.float32) for n in (learning_rate, weight_decay))
    labels = jnp.asarray(targets, jnp.float32)
    found = np.asarray(_fitted(kind, width, keys, labels, jnp.asarray(steps), *numbers))
    if not np.all(np.isfinite(found)):
        raise ValueError(f"training diverged: give a learning rate below {learning_rate:g}")
    return found


@partial(jax.jit, static_argnums=(0, 1))
def _fitted(
    kind: type, width: int, keys: Array, targets: Array, steps: Array, *numbers: Array
) -> Array:
    rate, decay = numbers

    def falling(count: Any) -> Any:
        return rate * (1 + jnp.cos(jnp.pi * count / steps)) / 2

    optimizer = optax.adamw(falling, b2=0.98, weight_decay=decay)

    def one(member: tuple[Array, Array]) -> Array:
        key, labels = member
        weighted = labels * (len(labels) / jnp.sum(labels))

        def step(_: Any, carry: tuple[PyTree, PyTree]) -> tuple[PyTree, PyTree]:
            model, state = carry
            slope = jax.grad(lambda net: soft_cross_entropy(net(), weighted))(model)
            updates, state = optimizer.update(slope, state, model)
            return optax.apply_updates(model, updates), state

        start = kind(targets.shape[-1], width, key=key)
        return jax.lax.fori_loop(0, steps, step, (start, optimizer.init(start)))[0]()

    return jax.lax.map(one, (keys, targets))
