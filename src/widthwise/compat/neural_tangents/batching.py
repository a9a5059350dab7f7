"""The archived way to compute kernels in blocks."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import ArrayLike, Shaped

from widthwise.compat.neural_tangents.blocks import Blocks
from widthwise.compat.neural_tangents.triple import KernelFn


def batch(
    kernel_fn: Any,
    batch_size: int = 0,
    device_count: int = -1,
    store_on_device: bool = True,
) -> Callable[..., Any]:
    """Compute a kernel in blocks, to save memory.

    Fully connected networks do not need it: their kernels are computed in tiles in any case.

    Parameters
    ----------
    kernel_fn
        The kernel function of a network, or any ``kernel_fn(x1, x2, ...)`` that returns arrays
        (n, m, ...).
    batch_size
        Examples of x1 and of x2 at a time, which need not divide their number; 0 for all at once.
    device_count
        Not used: blocks are computed one after the other.
    store_on_device
        False collects the blocks in the host's memory, as NumPy arrays.

    Returns
    -------
    A function like ``kernel_fn``.

    Raises
    ------
    TypeError
        If ``kernel_fn`` cannot be called.
    ValueError
        If the size is negative.
    """
    del device_count
    if not callable(kernel_fn):
        raise TypeError(f"batch was given {kernel_fn!r}: give kernel_fn, the third of a triple")
    if batch_size < 0:
        raise ValueError(f"batch_size is {batch_size}: give a number of at least 0")
    blocks = Blocks(batch_size, store_on_device)
    if isinstance(kernel_fn, KernelFn):
        return KernelFn(kernel_fn.architecture, blocks)

    def batched(
        x1: Shaped[ArrayLike, "..."],
        x2: Shaped[ArrayLike, "..."] | None = None,
        *args: Any,
        **settings: Any,
    ) -> Any:
        second = None if x2 is None else jnp.asarray(x2)
        return blocks.run(
            lambda one, other: kernel_fn(one, other, *args, **settings), jnp.asarray(x1), second
        )

    return batched
