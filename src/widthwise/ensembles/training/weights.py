"""The weights themselves, recorded while a network trains."""

from collections.abc import Collection
from dataclasses import dataclass

import jax
from jaxtyping import Array, Float, Shaped

from widthwise.ensembles.training.trained import Recorded, Trained
from widthwise.networks.linear import Linear


@dataclass(frozen=True)
class weights:
    """Record the bare matrices of weights, ``weight_0 (row_0, column_0)``, ``weight_1``, ...

    In the order of the layers. Rows are what a layer puts out; what acts is the matrix times the
    parametrization's multiplier. Kernels of convolutions are left out.

    Parameters
    ----------
    roles
        Only matrices with these roles in the parametrization: of ``"input"``, ``"hidden"`` and
        ``"output"``; all if None.
    """

    roles: Collection[str] | None = None

    def __call__(
        self, model: Trained, x: Float[Array, "n *shape"], y: Shaped[Array, "n *outputs"]
    ) -> Recorded:
        """Read them."""
        del x, y
        nodes = jax.tree.leaves(model.network, is_leaf=lambda m: isinstance(m, Linear))
        found = [
            m.weight
            for m in nodes
            if isinstance(m, Linear)
            and m.weight.ndim == 2
            and (self.roles is None or m.weight_scale.role in self.roles)
        ]
        return {
            f"weight_{i}": ((f"row_{i}", f"column_{i}"), matrix) for i, matrix in enumerate(found)
        }
