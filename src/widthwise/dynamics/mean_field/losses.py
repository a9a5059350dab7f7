"""The losses under which the outputs are pushed."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from widthwise.numerics.choices import check_choice
from widthwise.numerics.losses import SQUARED

Loss = str | Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Force:
    """Minus the derivative of the loss in the outputs at the training points.

    Parameters
    ----------
    loss
        ``"sum"`` or ``"mean"`` of half the squared errors; ``"cross_entropy"``, the mean over
        samples of ``log(1 + exp(f)) - y f`` for labels 0 and 1; or a function of outputs (p,) and
        targets (p,), differentiated by JAX, whose values are summed.
    targets
        Shape (p,).
    sample_weight
        Factor of each sample's force in each update, (t, p).
    """

    loss: Loss
    targets: Float[np.ndarray, " p"]
    sample_weight: Float[np.ndarray, "t p"] | None = None

    def __call__(
        self, outputs: Float[np.ndarray, " p"], step: int
    ) -> tuple[Float[np.ndarray, " p"], float]:
        """Return the force on each output in update number ``step``, and the unweighted loss."""
        if callable(self.loss):
            with jax.enable_x64(True):
                value, slope = _slope(self.loss, outputs, self.targets)
                force, loss = -np.asarray(slope), float(value)
        elif self.loss == "cross_entropy":
            size = len(outputs)
            force = (self.targets - 0.5 - 0.5 * np.tanh(outputs / 2)) / size
            loss = float(np.mean(np.logaddexp(0.0, outputs) - self.targets * outputs))
        else:
            force = (self.targets - outputs) / (len(outputs) if self.loss == "mean" else 1)
            loss = float(SQUARED[self.loss](outputs, self.targets))
        if self.sample_weight is not None and step < len(self.sample_weight):
            force = force * self.sample_weight[step]
        return force, loss


def _slope(
    loss: Callable[[Array, Array], Array],
    outputs: Float[np.ndarray, " p"],
    targets: Float[np.ndarray, " p"],
) -> tuple[Array, Array]:
    given = jnp.asarray(targets)
    return jax.value_and_grad(lambda f: jnp.sum(loss(f, given)))(jnp.asarray(outputs))


def checked_force(
    loss: Loss,
    targets: Float[np.ndarray, " p"],
    sample_weight: Float[np.ndarray, "..."] | None,
    steps: int,
) -> Force:
    """Check a loss against targets and weights.

    Raises
    ------
    ValueError
        If the loss is unknown, labels are not 0 and 1, or weights do not fit or are negative.
    """
    if not callable(loss):
        check_choice("loss", loss, [*SQUARED, "cross_entropy"])
    if loss == "cross_entropy" and not np.isin(targets, (0, 1)).all():
        raise ValueError(
            "cross_entropy of one output takes labels 0 and 1: give those, or another loss"
        )
    if callable(loss):
        with jax.enable_x64(True):
            shape = jax.eval_shape(loss, jnp.asarray(targets), jnp.asarray(targets)).shape
        if shape not in ((), targets.shape):
            raise ValueError(
                f"the loss returns shape {shape} for {len(targets)} outputs: give a function of "
                "(outputs, targets) that returns one number, or one for each sample"
            )
    if sample_weight is None:
        return Force(loss, targets)
    weights = np.asarray(sample_weight, np.float64)
    accepted = (targets.shape, (steps, *targets.shape))
    if weights.shape not in accepted or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(
            f"sample_weight has shape {weights.shape}: give finite numbers of at least 0, of shape "
            f"{accepted[0]} or, for each update, {accepted[1]}"
        )
    return Force(loss, targets, np.broadcast_to(weights, accepted[1]))
