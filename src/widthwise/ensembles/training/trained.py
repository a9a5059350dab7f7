"""The function that is trained, and what a recorder makes of it."""

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from widthwise.ensembles.training.losses import Loss

Recorder = Callable[[Any, Array, Any], Mapping[str, tuple[tuple[str, ...], Array]]]
Recorded = dict[str, tuple[tuple[str, ...], Array]]


class Trained(eqx.Module):
    """The function that is trained: f(x) = (network(x) - network at step 0 (x)) / richness.

    Parameters
    ----------
    network
        The finite network, with the weights that it has at this step.
    initial
        The network at step 0, if its outputs are subtracted; otherwise None.
    richness
        The number gamma0 that divides the outputs.
    loss
        The loss of a batch, ``loss(outputs, targets)``.
    flat
        Whether the one output of the network has no axis.
    """

    network: Any
    initial: Any
    richness: Float[Array, ""]
    loss: Loss = eqx.field(static=True)
    flat: bool = eqx.field(static=True)

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*outputs"]:
        """Evaluate on one example."""
        raw = self.network(x)
        if self.initial is not None:
            raw = raw - self.initial(x)
        f = raw / self.richness
        return f[0] if self.flat else f
