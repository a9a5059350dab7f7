"""Axes of outputs in empirical kernels: averaged over their diagonal, only that, or in pairs."""

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float


def output_axes(
    ndim: int, trace_axes: int | Sequence[int], diagonal_axes: int | Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Count axes of a batch of outputs from the front.

    Parameters
    ----------
    ndim
        Number of axes of a batch of outputs.
    trace_axes, diagonal_axes
        Axes, possibly counted from the end.

    Raises
    ------
    ValueError
        If there is no such axis, or one is in both.
    NotImplementedError
        For a trace over the examples.
    """
    both = []
    for name, axes in (("trace_axes", trace_axes), ("diagonal_axes", diagonal_axes)):
        given = (axes,) if isinstance(axes, int) else tuple(axes)
        if any(not -ndim <= axis < ndim for axis in given):
            raise ValueError(f"{name} is {given}, but outputs have {ndim} axes: give some of them")
        both.append(tuple(sorted({axis % ndim for axis in given})))
    traced, diagonal = both
    if set(traced) & set(diagonal):
        raise ValueError(f"trace_axes {traced} and diagonal_axes {diagonal} have an axis in common")
    if 0 in traced:
        raise NotImplementedError(
            "trace_axes has axis 0, the examples: give diagonal_axes=(0,) and take the mean"
        )
    return traced, diagonal


def contracted(
    kernel: Float[Array, "..."], ndim: int, traced: tuple[int, ...], diagonal: tuple[int, ...]
) -> Float[Array, "..."]:
    """Bring a kernel of all pairs of outputs to the axes wanted.

    Parameters
    ----------
    kernel
        (n, m, *outputs, *outputs), without m if axis 0 is in ``diagonal``.
    ndim
        Number of axes of a batch of outputs.
    traced, diagonal
        Axes to average, and axes to keep once; of all others both copies stay, side by side.
    """
    lead = 1 if 0 in diagonal else 2
    own = ndim - 1
    labels, kept = list(range(lead)), list(range(lead))
    second, size = [], 1
    for axis in range(1, ndim):
        first = lead + axis - 1
        labels.append(first)
        twice = axis not in traced and axis not in diagonal
        second.append(first + own if twice else first)
        if axis in traced:
            size *= kernel.shape[first]
        else:
            kept += [first, first + own] if twice else [first]
    return jnp.einsum(kernel, labels + second, kept) / size
