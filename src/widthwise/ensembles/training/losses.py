"""The loss of a batch, by name or as the user's own function, and targets that fit it."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, DTypeLike, Shaped

from widthwise.numerics.choices import check_choice
from widthwise.numerics.losses import SQUARED, cross_entropy

Loss = Callable[[Array, Array], Array]

LOSSES: dict[str, Loss] = {**SQUARED, "cross_entropy": cross_entropy}


def named_loss(loss: str | Loss) -> Loss:
    """Return the loss of a name, or the function that was given.

    Raises
    ------
    TypeError, ValueError
        If it is neither.
    """
    if callable(loss):
        return loss
    if not isinstance(loss, str):
        raise TypeError(f"loss is {loss!r}: give {', '.join(LOSSES)} or loss(outputs, targets)")
    check_choice("loss", loss, tuple(LOSSES))
    return LOSSES[loss]


def checked_targets(
    name: str,
    y: Shaped[ArrayLike, "..."],
    loss: Loss,
    *,
    examples: int,
    outputs: int,
    dtype: DTypeLike,
) -> Shaped[Array, "n *outputs"]:
    """Check targets against the loss, the inputs and the outputs of the network.

    Parameters
    ----------
    name
        What they are called in errors.
    y
        Numbers (n, outputs), or (n,) for one output; integer labels (n,) under cross-entropy.
        A loss of the user's own takes anything whose first axis counts the examples.
    loss
        The loss.
    examples, outputs
        Number of examples, and of the network's outputs.
    dtype
        That of the inputs, which targets that are not integers take.

    Raises
    ------
    ValueError
        If they do not fit, or are not finite.
    """
    given = np.asarray(y)
    if given.ndim == 0 or len(given) != examples:
        raise ValueError(
            f"{name} has shape {given.shape} for {examples} inputs: give one row for each input"
        )
    if given.dtype.kind not in "biuf" or not np.all(np.isfinite(given)):
        raise ValueError(
            f"{name} is {given.dtype} with {_not_finite(given)} entries that are not finite "
            "numbers: give real, finite numbers"
        )
    if loss is cross_entropy:
        if given.dtype.kind not in "iu" or given.ndim != 1:
            raise ValueError(
                f"{name} is {given.dtype} of shape {given.shape}, and cross_entropy needs integer "
                f"labels of shape ({examples},): give argmax(one_hot, axis=1) of one-hot rows"
            )
        if given.min() < 0 or given.max() >= outputs:
            raise ValueError(
                f"labels in {name} reach from {given.min()} to {given.max()}, and the network has "
                f"{outputs} outputs: give labels 0 to {outputs - 1}"
            )
        return jnp.asarray(given, jnp.int32)
    if loss in LOSSES.values():
        fits = given.shape == (examples, outputs) or (outputs == 1 and given.ndim == 1)
        if not fits:
            raise ValueError(
                f"{name} has shape {given.shape}, and the network has {outputs} outputs for "
                f"{examples} inputs: give shape ({examples}, {outputs})"
                + (f" or ({examples},)" if outputs == 1 else "")
            )
        return jnp.asarray(given, dtype)
    return jnp.asarray(given, dtype) if given.dtype.kind == "f" else jnp.asarray(given)


def _not_finite(given: np.ndarray) -> int:
    return int(np.sum(~np.isfinite(given))) if given.dtype.kind == "f" else given.size
