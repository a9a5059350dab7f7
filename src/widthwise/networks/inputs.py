"""What is fed to a network: shapes, types and values are checked before anything is computed."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, DTypeLike, Float, Shaped

from widthwise.networks.masks import Mask, input_masks, zeroed
from widthwise.networks.place import Features
from widthwise.networks.state import Kernel


def features_of(shape: tuple[int, ...], dtype: DTypeLike | None) -> Features:
    """Check the shape and floating type of one example."""
    if not isinstance(shape, tuple) or not all(isinstance(s, int) for s in shape):
        raise TypeError(f"shape is {shape!r}: give the shape of one example, such as (784,)")
    if not shape or min(shape) < 1:
        raise ValueError(f"shape is {shape}: give at least one axis, each of at least 1")
    if dtype is not None and not jnp.issubdtype(dtype, jnp.floating):
        raise TypeError(f"dtype is {dtype}: give a floating type")
    return Features(shape, dtype=jnp.zeros((), dtype).dtype)


def checked_inputs(
    x1: Shaped[ArrayLike, "..."],
    x2: Shaped[ArrayLike, "..."] | None,
    *,
    mask1: Shaped[ArrayLike, "..."] | None = None,
    mask2: Shaped[ArrayLike, "..."] | None = None,
) -> tuple[Float[Array, "n *shape"], Float[Array, "m *shape"] | None, Mask | None, Mask | None]:
    """Check two batches of inputs and their masks, and set padding to zero.

    Raises
    ------
    ValueError
        If they are not real floating numbers, all finite, of one shape; see :func:`input_masks`.
    """
    first, second = _batch("x1", x1), None if x2 is None else _batch("x2", x2)
    if second is not None and first.shape[1:] != second.shape[1:]:
        raise ValueError(
            f"examples of x1 have shape {first.shape[1:]} and those of x2 {second.shape[1:]}: give "
            "inputs of one shape"
        )
    real1, real2 = input_masks(first, second, mask1, mask2)
    first = _finite("x1", first, real1)
    second = None if second is None else _finite("x2", second, real2)
    return first, second, real1, real2


def spoiled(
    kernel: Kernel,
    x1: Float[Array, "n *shape"],
    x2: Float[Array, "m *shape"] | None,
    *,
    diagonal: bool,
) -> Kernel:
    """Make kernels NaN where inputs are traced and turn out not to be finite.

    A compiled program cannot refuse them, and layers may lose a NaN in a comparison.
    """
    if all(x is None or concrete(x) for x in (x1, x2)):
        return kernel
    bad1, bad2 = (
        ~jnp.all(jnp.isfinite(x), axis=tuple(range(1, x.ndim)))
        for x in (x1, x1 if x2 is None else x2)
    )
    bad = bad1 | bad2 if diagonal else bad1[:, None] | bad2[None]

    def where(k: Float[Array, "*pairs"]) -> Float[Array, "*pairs"]:
        return jnp.where(bad.reshape(bad.shape + (1,) * (k.ndim - bad.ndim)), jnp.nan, k)

    return Kernel(*map(where, kernel))


def concrete(x: Shaped[Array, "..."]) -> bool:
    """Whether the values of an array are known, and not to be computed by a program."""
    try:
        np.asarray(x)
    except jax.errors.TracerArrayConversionError:
        return False
    return True


def _batch(name: str, x: Shaped[ArrayLike, "..."]) -> Float[Array, "n *shape"]:
    """Check a batch of inputs."""
    array = jnp.asarray(x)
    if array.ndim < 2 or not jnp.issubdtype(array.dtype, jnp.floating):
        raise ValueError(
            f"{name} is {array.dtype} of shape {array.shape}: give real floating numbers of "
            "shape (examples, features) or (examples, positions..., channels)"
        )
    return array


def _finite(name: str, x: Float[Array, "n *shape"], mask: Mask | None) -> Float[Array, "n *shape"]:
    """Set padding to zero and refuse what is not finite, unless it is still to be known."""
    x = x if mask is None else zeroed(x, mask)
    try:
        bad = np.count_nonzero(~np.isfinite(np.asarray(x)))
    except jax.errors.TracerArrayConversionError:
        return x
    if bad:
        raise ValueError(
            f"{name} has {bad} numbers that are not finite among {x.size}: leave those examples "
            "out, or mask the positions"
        )
    return x
