"""An activation and its derivative on NumPy arrays, in float64."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from widthwise.activations import Activation


class Pointwise:
    """Maps pre-activations to ``phi`` and ``phi'``; compiled once for each activation and shape."""

    def __init__(self, phi: Activation) -> None:
        self._both = _compiled(phi)

    def __call__(
        self, h: Float[np.ndarray, "s n"]
    ) -> tuple[Float[np.ndarray, "s n"], Float[np.ndarray, "s n"]]:
        """Evaluate both."""
        with jax.enable_x64(True):
            value, slope = self._both(h)
            return np.asarray(value), np.asarray(slope)


@cache
def _compiled(phi: Activation):
    def both(h: Array) -> tuple[Array, Array]:
        return jax.jvp(phi, (h,), (jnp.ones_like(h),))

    return jax.jit(both)
