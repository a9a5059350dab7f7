"""Kernels of many inputs, one block of them at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Shaped


@dataclass(frozen=True)
class Blocks:
    """How to cut the computation of a kernel.

    Parameters
    ----------
    size
        Examples of x1 and of x2 at a time; 0 for all at once.
    on_device
        False collects the blocks in the host's memory, as NumPy arrays.
    """

    size: int = 0
    on_device: bool = True

    def run(
        self,
        kernel: Callable[[Array, Array | None], Any],
        x1: Shaped[Array, "n ..."],
        x2: Shaped[Array, "m ..."] | None,
    ) -> Any:
        """Evaluate a kernel, a function of two batches to arrays (n, m, ...)."""
        if not self.size:
            return kernel(x1, x2) if self.on_device else jax.device_get(kernel(x1, x2))
        second = x1 if x2 is None else x2
        rows = []
        for i in range(0, len(x1), self.size):
            row = []
            for j in range(0, len(second), self.size):
                other = None if x2 is None and i == j else second[j : j + self.size]
                block = kernel(x1[i : i + self.size], other)
                row.append(block if self.on_device else jax.device_get(block))
            rows.append(self._joined(row, axis=1))
        return self._joined(rows, axis=0)

    def _joined(self, parts: list[Any], *, axis: int) -> Any:
        concatenate = jnp.concatenate if self.on_device else np.concatenate
        return jax.tree.map(lambda *arrays: concatenate(arrays, axis=axis), *parts)
