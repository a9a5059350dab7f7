"""The Hessian of a loss of a PyTorch model; the only file of curvature that imports torch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import torch
from jaxtyping import Array


@dataclass(frozen=True, eq=False)
class TorchCurvature:
    """A loss at the parameters of a PyTorch model.

    Parameters
    ----------
    arrays
        The parameters that require gradients.
    gradients
        Of the loss, with the graph that their own derivatives need.
    """

    arrays: tuple[torch.Tensor, ...]
    gradients: tuple[torch.Tensor, ...]

    @classmethod
    def of(
        cls, loss: Callable[..., Any], model: torch.nn.Module, args: tuple[Any, ...]
    ) -> "TorchCurvature":
        """Evaluate the loss and its gradient.

        Raises
        ------
        TypeError, ValueError
            If the model has no parameters, some are not finite or not of one kind, or the loss is
            no real number that depends on them.
        """
        arrays = tuple(p for p in model.parameters() if p.requires_grad)
        if not arrays or {p.dtype for p in arrays} - {torch.float32, torch.float64}:
            raise TypeError(
                f"the model has parameters of {sorted({str(p.dtype) for p in arrays})}: give some "
                "of float32 or float64 that require gradients"
            )
        if len({p.dtype for p in arrays}) > 1:
            raise TypeError("the model mixes float32 and float64: give parameters of one type")
        if not all(bool(torch.isfinite(p).all()) for p in arrays):
            raise ValueError("the model has parameters that are not finite: give finite ones")
        value = loss(model, *args)
        if not isinstance(value, torch.Tensor) or value.shape != () or not value.requires_grad:
            raise ValueError(
                f"loss(model, *args) returns {value}: return one real number, a tensor of shape () "
                "that depends on the parameters"
            )
        gradients = torch.autograd.grad(value, arrays, create_graph=True, allow_unused=True)
        known = tuple(
            torch.zeros_like(p) if g is None else g for p, g in zip(arrays, gradients, strict=True)
        )
        return cls(arrays, known)

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(p.numel() for p in self.arrays)

    @property
    def dtype(self) -> Any:
        """Type of the vector of all of them."""
        return np.dtype(str(self.arrays[0].dtype).removeprefix("torch."))

    def product(self) -> Callable[[Array], Array]:
        """Return the map; PyTorch is called from the traced program."""
        shape = jax.ShapeDtypeStruct((self.size,), self.dtype)
        return lambda v: jax.pure_callback(self._multiply, shape, v)

    def _multiply(self, vector: Any) -> np.ndarray:
        pieces = torch.from_numpy(np.array(vector)).split([p.numel() for p in self.arrays])
        directions = [v.view_as(p).to(p.device) for v, p in zip(pieces, self.arrays, strict=True)]
        linked = [
            (g, v) for g, v in zip(self.gradients, directions, strict=True) if g.requires_grad
        ]
        if not linked:  # a loss that is linear in its parameters
            return np.zeros(self.size, self.dtype)
        found = torch.autograd.grad(
            [g for g, _ in linked],
            self.arrays,
            grad_outputs=[v for _, v in linked],
            retain_graph=True,
            allow_unused=True,
        )
        flat = [
            torch.zeros_like(p) if h is None else h for p, h in zip(self.arrays, found, strict=True)
        ]
        return torch.cat([h.detach().reshape(-1).cpu() for h in flat]).numpy()
