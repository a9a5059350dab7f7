"""A transformer like GPT-2, as a finite network alone: it has no kernel here."""

import math
from collections.abc import Sequence
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, DTypeLike, Float, Int, Key


class Attention(eqx.Module):
    """Causal self-attention in heads of one size, logits divided by its square root."""

    query: eqx.nn.Linear
    key: eqx.nn.Linear
    value: eqx.nn.Linear
    c_proj: eqx.nn.Linear
    head: int = eqx.field(static=True)

    def __call__(self, x: Float[Array, "length width"]) -> Float[Array, "length width"]:
        """Attend to oneself and to what comes before."""
        length, width = x.shape
        q, k, v = (
            jax.vmap(layer)(x).reshape(length, width // self.head, self.head)
            for layer in (self.query, self.key, self.value)
        )
        logits = jnp.einsum("ihd,jhd->hij", q, k) / math.sqrt(self.head)
        seen = jnp.tril(jnp.ones((length, length), bool))
        weights = jax.nn.softmax(jnp.where(seen, logits, -jnp.inf))
        return jax.vmap(self.c_proj)(jnp.einsum("hij,jhd->ihd", weights, v).reshape(length, width))


class Block(eqx.Module):
    """Attention and a network of two layers, each normalised before and added to the input."""

    ln_1: eqx.nn.LayerNorm
    attention: Attention
    ln_2: eqx.nn.LayerNorm
    c_fc: eqx.nn.Linear
    c_proj: eqx.nn.Linear

    def __call__(self, x: Float[Array, "length width"]) -> Float[Array, "length width"]:
        """Add both branches."""
        x = x + self.attention(jax.vmap(self.ln_1)(x))
        inner = jax.nn.gelu(jax.vmap(self.c_fc)(jax.vmap(self.ln_2)(x)))
        return x + jax.vmap(self.c_proj)(inner)


class GPT(eqx.Module):
    """A transformer like GPT-2 with its own readout, mapping one sequence of symbols to logits.

    Parameters
    ----------
    width, depth
        Of the stream, and number of blocks.
    symbols, length
        Size of the alphabet, and the longest sequence.
    head
        Size of the heads: their number grows with the width.
    weight_std
        Initial standard deviation of all matrices and embeddings; those that end a branch have
        this over sqrt(2 depth). Biases start at zero.
    use_bias
        Whether layers and normalisations have biases.
    dtype
        Of all arrays.
    key
        Random key.

    Raises
    ------
    ValueError
        If the head does not divide the width, or a number is too small.

    Notes
    -----
    Arrays of the blocks are stacked, so compiling takes as long at every depth. Radford et al.
    (2019), "Language models are unsupervised multitask learners".

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> model = GPT(16, 2, symbols=5, length=8, head=8, key=jax.random.key(0))
    >>> model(jnp.array([0, 1, 4])).shape
    (3, 5)
    """

    wte: eqx.nn.Embedding
    wpe: eqx.nn.Embedding
    blocks: Block
    ln_f: eqx.nn.LayerNorm
    lm_head: eqx.nn.Linear

    def __init__(
        self,
        width: int,
        depth: int = 12,
        *,
        symbols: int,
        length: int,
        head: int = 64,
        weight_std: float | int = 0.02,
        use_bias: bool = True,
        dtype: DTypeLike = jnp.float32,
        key: Key[Array, ""],
    ) -> None:
        if head < 1 or width < 1 or width % head:
            raise ValueError(f"width is {width}, head {head}: give a width that head divides")
        if depth < 1 or symbols < 2 or length < 1:
            raise ValueError(
                f"depth={depth}, symbols={symbols}, length={length} were given: give at least one "
                "block, two symbols and one place"
            )
        square = (depth, width, width)
        shapes = [(symbols, width), (length, width), (symbols, width), *[square] * 4]
        shapes += [(depth, 4 * width, width), (depth, width, 4 * width)]
        wte, wpe, readout, q, k, v, mixed, up, down = _gaussian(shapes, weight_std, key, dtype)
        ends = 1 / math.sqrt(2 * depth)
        self.wte, self.wpe = eqx.nn.Embedding(weight=wte), eqx.nn.Embedding(weight=wpe)
        layer = partial(_linear, use_bias=use_bias)
        norm = eqx.nn.LayerNorm(width, use_bias=use_bias, dtype=dtype)
        norms = jax.tree.map(lambda array: jnp.broadcast_to(array, (depth, width)), norm)
        attention = Attention(layer(q), layer(k), layer(v), layer(ends * mixed), head)
        self.blocks = Block(norms, attention, norms, layer(up), layer(ends * down))
        self.ln_f = norm
        self.lm_head = _linear(readout, use_bias=False)

    def __call__(self, tokens: Int[Array, " length"]) -> Float[Array, "length symbols"]:
        """Return the logits of the symbol after each one."""
        x = jax.vmap(self.wte)(tokens) + jax.vmap(self.wpe)(jnp.arange(len(tokens)))
        x, _ = jax.lax.scan(lambda x, block: (block(x), None), x, self.blocks)
        return jax.vmap(self.lm_head)(jax.vmap(self.ln_f)(x))


def _gaussian(
    shapes: Sequence[tuple[int, ...]], std: float | int, key: Key[Array, ""], dtype: DTypeLike
) -> list[Float[Array, "..."]]:
    """Draw arrays from one stream of numbers: one generator to compile instead of nine."""
    sizes = [math.prod(shape) for shape in shapes]
    stream, found = std * jax.random.normal(key, (sum(sizes),), dtype), []
    for shape, size in zip(shapes, sizes, strict=True):
        found.append(stream[:size].reshape(shape))
        stream = stream[size:]
    return found


def _linear(weight: Float[Array, "... outputs inputs"], *, use_bias: bool) -> eqx.nn.Linear:
    """Return a layer, or stacked ones, with these weights and biases of zero."""
    *stack, outputs, inputs = weight.shape
    empty = eqx.filter_eval_shape(
        lambda key: eqx.nn.Linear(inputs, outputs, use_bias=use_bias, key=key), jax.random.key(0)
    )
    layer = eqx.tree_at(lambda m: m.weight, empty, weight)
    zeros = jnp.zeros((*stack, outputs), weight.dtype)
    return eqx.tree_at(lambda m: m.bias, layer, zeros) if use_bias else layer
