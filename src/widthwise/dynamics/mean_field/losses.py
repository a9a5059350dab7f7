"""The losses under which the outputs are pushed."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import log_softmax

from widthwise.numerics.choices import check_choice
from widthwise.numerics.losses import SQUARED

_ROUNDING = 1e-6  # of probabilities, which may come in float32

Loss = str | Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Force:
    """Minus the derivative of the loss in the outputs at the training points.

    Parameters
    ----------
    loss
        ``"sum"`` or ``"mean"`` of half the squared errors; ``"cross_entropy"``, the mean over
        samples of ``log(1 + exp(f)) - y f`` for labels 0 and 1 of one output, of ``-y . log
        softmax(f)`` for probabilities of several; or a function of outputs and targets,
        differentiated by JAX, whose values are summed.
    targets
        Shape (p,), or (p, k) for several outputs.
    sample_weight
        Factor of each sample's force in each update, (t, p).
    """

    loss: Loss
    targets: Float[np.ndarray, "p *outputs"]
    sample_weight: Float[np.ndarray, "t p"] | None = None

    def __call__(
        self, outputs: Float[np.ndarray, "p *outputs"], step: int
    ) -> tuple[Float[np.ndarray, "p *outputs"], float]:
        """Return the force on each output in update number ``step``, and the unweighted loss."""
        if callable(self.loss):
            with jax.enable_x64(True):
                value, slope = _slope(self.loss, outputs, self.targets)
                force, loss = -np.asarray(slope), float(value)
        elif self.loss == "cross_entropy" and outputs.ndim > 1:
            logits = log_softmax(outputs, axis=1)
            size, total = len(outputs), self.targets.sum(axis=1, keepdims=True)
            force = (self.targets - total * np.exp(logits)) / size
            loss = -float(np.sum(self.targets * logits)) / size
        elif self.loss == "cross_entropy":
            size = len(outputs)
            force = (self.targets - 0.5 - 0.5 * np.tanh(outputs / 2)) / size
            loss = float(np.mean(np.logaddexp(0.0, outputs) - self.targets * outputs))
        else:
            force = (self.targets - outputs) / (outputs.size if self.loss == "mean" else 1)
            loss = float(SQUARED[self.loss](outputs, self.targets))
        if self.sample_weight is not None and step < len(self.sample_weight):
            weight = self.sample_weight[step]
            force = force * weight.reshape(-1, *(1,) * (force.ndim - 1))
        return force, loss


def _slope(
    loss: Callable[[Array, Array], Array],
    outputs: Float[np.ndarray, "p *outputs"],
    targets: Float[np.ndarray, "p *outputs"],
) -> tuple[Array, Array]:
    given = jnp.asarray(targets)
    return jax.value_and_grad(lambda f: jnp.sum(loss(f, given)))(jnp.asarray(outputs))


def checked_force(
    loss: Loss,
    targets: Float[np.ndarray, "p *outputs"],
    sample_weight: Float[np.ndarray, "..."] | None,
    steps: int,
) -> Force:
    """Check a loss against targets and weights.

    Raises
    ------
    ValueError
        If the loss is unknown, labels are not 0 and 1 nor rows probabilities, or weights do not
        fit or are negative.
    """
    if not callable(loss):
        check_choice("loss", loss, [*SQUARED, "cross_entropy"])
    if loss == "cross_entropy" and targets.ndim > 1:
        if (targets < 0).any() or np.abs(targets.sum(axis=1) - 1).max() > _ROUNDING:
            raise ValueError(
                "cross_entropy of several outputs takes labels, or rows of probabilities that sum "
                "to one: give those, or another loss"
            )
    elif loss == "cross_entropy" and not np.isin(targets, (0, 1)).all():
        raise ValueError(
            "cross_entropy of one output takes labels 0 and 1: give those, or another loss"
        )
    if callable(loss):
        with jax.enable_x64(True):
            shape = jax.eval_shape(loss, jnp.asarray(targets), jnp.asarray(targets)).shape
        if shape not in ((), targets.shape, targets.shape[:1]):
            raise ValueError(
                f"the loss returns shape {shape} for outputs {targets.shape}: give a function of "
                "(outputs, targets) that returns one number, or one for each sample"
            )
    if sample_weight is None:
        return Force(loss, targets)
    weights = np.asarray(sample_weight, np.float64)
    accepted = (targets.shape[:1], (steps, *targets.shape[:1]))
    if weights.shape not in accepted or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(
            f"sample_weight has shape {weights.shape}: give finite numbers of at least 0, of shape "
            f"{accepted[0]} or, for each update, {accepted[1]}"
        )
    return Force(loss, targets, np.broadcast_to(weights, accepted[1]))
