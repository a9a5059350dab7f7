"""Maps of one example, one after the other: a finite network."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Key, Shaped

from widthwise.networks.keyed import Keyed, split
from widthwise.networks.masks import Mask, Masking, input_masks, run, zeroed


class Chain(Keyed, Masking):
    """The composition of the maps in ``layers``, of one example.

    A ``key`` is needed by :class:`Dropout` only, which without one is the identity. A ``mask`` is
    needed by examples of unequal length: it has the shape of the positions, True where one is
    real; see :meth:`Sequential.kernel`.
    """

    layers: tuple[Any, ...]

    def __call__(
        self,
        x: Float[Array, "*shape"],
        *,
        key: Key[Array, ""] | None = None,
        mask: Shaped[ArrayLike, "..."] | None = None,
    ) -> Float[Array, "*outputs"]:
        """Apply the maps in order."""
        if mask is None:
            return self._in_order(x, None, key)[0]
        batch, _ = input_masks(x[None], None, jnp.asarray(mask)[None], None)
        real = jnp.asarray(mask) if batch is None else batch[0]
        return self._in_order(zeroed(x, real), real, key)[0]

    def masked(
        self, x: Float[Array, "*shape"], mask: Mask, key: Key[Array, ""] | None
    ) -> tuple[Float[Array, "*outputs"], Mask | None]:
        """See :class:`Masking`."""
        return self._in_order(x, mask, key)

    def _in_order(
        self, x: Array, mask: Mask | None, key: Key[Array, ""] | None
    ) -> tuple[Array, Mask | None]:
        for layer, own in zip(self.layers, split(key, len(self.layers)), strict=True):
            x, mask = run(layer, x, mask, own)
        return x, mask
