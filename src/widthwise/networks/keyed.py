"""Maps of one example that can use a random key."""

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float, Key


class Keyed(eqx.Module):
    """A map that uses a random key, or contains one that does; without a key nothing is random."""

    @abstractmethod
    def __call__(
        self, x: Float[Array, "..."], *, key: Key[Array, ""] | None = None
    ) -> Float[Array, "..."]:
        """Apply the map."""


def call(module: Any, x: Float[Array, "..."], key: Key[Array, ""] | None) -> Float[Array, "..."]:
    """Apply a map, and hand it the key if it can use one."""
    return module(x, key=key) if isinstance(module, Keyed) else module(x)


def split(key: Key[Array, ""] | None, number: int) -> list[Key[Array, ""] | None]:
    """Split a key, if there is one."""
    return [None] * number if key is None else list(jax.random.split(key, number))
