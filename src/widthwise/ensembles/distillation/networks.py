"""Networks as teachers and students: outputs after training on hard or on soft labels."""

import jax
import numpy as np
from jaxtyping import Float, Key

from widthwise.ensembles.distillation.descent import adam
from widthwise.ensembles.training import train
from widthwise.networks import Sequential
from widthwise.numerics.losses import soft_cross_entropy


def fitted_outputs(
    net: Sequential,
    x: Float[np.ndarray, "n d"],
    labels: Float[np.ndarray, "n c"],
    *,
    at: Float[np.ndarray, "m d"],
    key: Key[jax.Array, ""],
    steps: int,
    learning_rate: float | int,
) -> Float[np.ndarray, "m c"]:
    """Train one network on labels, and return its outputs elsewhere.

    Full batches, Adam, a learning rate that falls to zero along half a cosine.

    Parameters
    ----------
    net
        Architecture with c outputs.
    x
        Inputs, whose precision the network takes.
    labels
        Probabilities; a row of zeros leaves a sample out of the training.
    at
        Inputs on which outputs are wanted.
    key
        Of the initial weights.
    steps, learning_rate
        Of Adam.

    Raises
    ------
    ValueError
        If arguments do not fit each other, or training diverges.
    """
    found = train(
        net,
        (x, labels.astype(x.dtype)),
        key=key,
        members=1,
        steps=steps,
        optimizer=adam(learning_rate, steps),
        rates="adam",
        loss=soft_cross_entropy,
        test=at.astype(x.dtype),
        record="output",
        at=[steps],
    )
    outputs = found.test_output.values.reshape(len(at), -1)
    if not np.all(np.isfinite(outputs)):
        raise ValueError(f"training diverged: give a learning rate below {learning_rate:g}")
    return outputs
