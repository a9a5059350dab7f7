"""Self-attention of one example, and attention weights."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from widthwise.networks.dense import Affine
from widthwise.networks.masks import Mask, Masking
from widthwise.networks.position_embedding import Embedding

MECHANISMS: dict[str, Callable[[Array], Array]] = {
    "softmax": jax.nn.softmax,
    "identity": lambda logits: logits,
    "relu": jax.nn.relu,
    "abs": jnp.abs,
}


class Attention(Masking):
    """Self-attention of one example: ``sum_q zeta(scale q_p . k_q) v_q`` in every head.

    The maps of all heads stand side by side: keys, values, the readout of the heads' values, and
    queries. Without these the keys are the queries too, and logits are divided by the width of
    the keys; with them, by its square root.
    """

    key: Affine
    value: Affine
    out: Affine
    query: Affine | None
    embedding: Embedding | None
    heads: int = eqx.field(static=True)
    mechanism: str = eqx.field(static=True)

    def __call__(self, x: Float[Array, "*positions c"]) -> Float[Array, "*positions k"]:
        """Apply the map."""
        return self._attend(x, None)

    def masked(
        self, x: Float[Array, "*positions c"], mask: Mask, key: Key[Array, ""] | None
    ) -> tuple[Float[Array, "*positions k"], Mask]:
        """See :class:`Masking`: only real positions are attended to."""
        del key
        return self._attend(x, mask), mask

    def _attend(self, x: Array, mask: Mask | None) -> Array:
        read = x if self.embedding is None else self.embedding(x)
        valued = read if self.embedding is not None and self.embedding.rule.values else x

        def tokens(f: Affine, inputs: Array) -> Array:
            lines = inputs.reshape(-1, inputs.shape[-1])
            return f(lines).reshape(len(lines), self.heads, -1)

        keys, values = tokens(self.key, read), tokens(self.value, valued)
        queries = keys if self.query is None else tokens(self.query, read)
        width = keys.shape[-1]
        logits = jnp.einsum("phd,qhd->hpq", queries, keys)
        logits = logits / (width if self.query is None else width**0.5)
        weights = attended(self.mechanism, logits, None if mask is None else mask.reshape(-1))
        mixed = jnp.einsum("hpq,qhd->phd", weights, values).reshape(len(keys), -1)
        return self.out(mixed).reshape(*x.shape[:-1], -1)


def attended(
    mechanism: str,
    logits: Float[Array, "*pairs p q"],
    mask: Bool[Array, "*examples q"] | None,
) -> Float[Array, "*pairs p q"]:
    """Attention weights, zero for padding; finite also where nothing is real."""
    if mask is None:
        return MECHANISMS[mechanism](logits)
    real = mask[..., None, :]
    weights = MECHANISMS[mechanism](jnp.where(real, logits, jnp.finfo(logits.dtype).min))
    return jnp.where(real, weights, 0.0)
