"""Targets and kernels with any number of axes of outputs, as matrices and back."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float, Real


@dataclass(frozen=True)
class OutputAxes:
    """How the kernel of outputs is to be read.

    Targets (n, *outputs) have a kernel (n, n, *pairs of outputs), which lacks the axes over which
    it is the same number times the identity. The others belong to the points: a matrix of the
    kernel has a row for each point and each output that remains.

    Parameters
    ----------
    shape
        Shape of the targets.
    trace_axes
        Axes of the targets that the kernel lacks.
    """

    shape: tuple[int, ...]
    trace_axes: tuple[int, ...]

    @classmethod
    def of(cls, y: Real[Array, "n ..."], trace_axes: int | Sequence[int]) -> "OutputAxes":
        """Read the axes of targets.

        Raises
        ------
        ValueError
            If there is no such axis, or it is the first.
        """
        given = (trace_axes,) if isinstance(trace_axes, int) else tuple(trace_axes)
        if any(not -y.ndim <= axis < y.ndim or axis % y.ndim == 0 for axis in given):
            raise ValueError(
                f"trace_axes is {given}, but y_train has shape {y.shape}: give targets of "
                "shape (points, outputs) and axes of their outputs, such as -1, or ()"
            )
        return cls(y.shape, tuple(sorted({axis % y.ndim for axis in given})))

    @property
    def kept(self) -> tuple[int, ...]:
        """Axes of the targets that the kernel has."""
        return tuple(axis for axis in range(len(self.shape)) if axis not in self.trace_axes)

    def matrix(self, name: str, kernel: Float[Array, "..."]) -> Float[Array, "rows columns"]:
        """Write a kernel as a matrix.

        Raises
        ------
        ValueError
            If it has another number of axes than targets with these axes ask for.
        """
        axes = len(self.kept)
        if kernel.ndim != 2 * axes:
            raise ValueError(
                f"{name} has shape {kernel.shape}: targets of shape {self.shape} with trace_axes="
                f"{self.trace_axes} need {2 * axes} axes, those of both outputs in pairs"
            )
        order = (*range(0, 2 * axes, 2), *range(1, 2 * axes, 2))
        rows = math.prod(kernel.shape[::2])
        return jnp.transpose(kernel, order).reshape(rows, -1)

    def columns(self, outputs: Float[Array, "..."]) -> Float[Array, "rows k"]:
        """Write outputs like the targets with a row for each row of a kernel."""
        rows = math.prod(outputs.shape[axis] for axis in self.kept)
        return jnp.transpose(outputs, self.kept + self.trace_axes).reshape(rows, -1)

    def outputs(self, columns: Float[Array, "*times rows k"]) -> Float[Array, "..."]:
        """Undo :meth:`columns`, for any number of points, after axes of times."""
        lead = columns.ndim - 2
        rest = [self.shape[axis] for axis in self.kept[1:]]
        traced = [self.shape[axis] for axis in self.trace_axes]
        split = columns.reshape(*columns.shape[:lead], -1, *rest, *traced)
        back = sorted(range(len(self.shape)), key=(self.kept + self.trace_axes).__getitem__)
        return jnp.transpose(split, (*range(lead), *(lead + axis for axis in back)))

    def covariance(self, matrix: Float[Array, "*times rows rows"]) -> Float[Array, "..."]:
        """Undo :meth:`matrix` for a covariance of outputs, after axes of times."""
        lead, axes = matrix.ndim - 2, len(self.kept)
        rest = tuple(self.shape[axis] for axis in self.kept[1:])
        side = (matrix.shape[-1] // math.prod(rest), *rest)
        split = matrix.reshape(*matrix.shape[:lead], *side, *side)
        order = [lead + axis + half * axes for axis in range(axes) for half in (0, 1)]
        return jnp.transpose(split, (*range(lead), *order))
