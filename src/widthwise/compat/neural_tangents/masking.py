"""Padding as the archived library marks it: by a constant that stands in the inputs."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Real, Shaped


def split_mask(
    x: Shaped[Array, "n ..."], mask_constant: Real[Any, ""] | float | int | None
) -> tuple[Shaped[Array, "n ..."], Bool[Array, "n *positions"] | None]:
    """Read a mask from the inputs.

    Parameters
    ----------
    x
        Examples along the first axis, channels last.
    mask_constant
        What stands in the padding, possibly NaN; None if there is none.

    Returns
    -------
    The inputs with zeros where the constant stood, and which positions are real: those with any
    other number among their channels. None for inputs without positions, and without a constant.
    """
    if mask_constant is None:
        return x, None
    constant = jnp.asarray(mask_constant, x.dtype)
    absent = (x == constant) | (jnp.isnan(x) & jnp.isnan(constant))
    real = None if x.ndim < 3 else ~jnp.all(absent, axis=-1)
    return jnp.where(absent, jnp.zeros((), x.dtype), x), real


def unmask_fn(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function itself: outputs are plain arrays here, zero in the padding."""
    return fn
