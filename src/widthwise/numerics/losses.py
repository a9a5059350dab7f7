"""The losses that have a name, each once, for all that predicts or measures a training.

They take JAX arrays, NumPy arrays and tracers alike, and return one number.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

Values = Float[Array | np.ndarray, "..."]


def half_mean_square(outputs: Any, targets: Any) -> Any:
    """Half the mean square of the errors, over samples and outputs."""
    return ((outputs - targets) ** 2).mean() / 2


def half_sum_of_squares(outputs: Values, targets: Values) -> Any:
    """Half the sum of the squared errors, over samples and outputs."""
    return ((outputs - targets) ** 2).sum() / 2


def cross_entropy(outputs: Float[Array, "n k"], targets: Int[Array, " n"]) -> Array:
    """Mean over samples of minus the logarithm of the probability given to the label."""
    logits = jax.nn.log_softmax(outputs)
    return -jnp.mean(jnp.take_along_axis(logits, targets[:, None], axis=1))


def soft_cross_entropy(outputs: Float[Array, "*n k"], targets: Float[Array, "*n k"]) -> Array:
    """Mean over samples of the cross-entropy with the probabilities that soft labels give."""
    logits = jax.nn.log_softmax(outputs)
    return -jnp.mean(jnp.sum(targets * logits, axis=-1))


SQUARED = {"mean": half_mean_square, "sum": half_sum_of_squares}
