"""The points that are trained and those that are only watched."""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import ArrayLike, Float, Real, Shaped

from widthwise.dynamics.matrices import require_finite
from widthwise.networks.inputs import checked_inputs

Data = tuple[Shaped[ArrayLike, "..."], Real[ArrayLike, "..."]]


class Points(NamedTuple):
    """Training points, then test points, in float64.

    Parameters
    ----------
    kernel
        ``x x^T / features`` of all, (n, n).
    targets
        Of the training points, (p,).
    features
        Number of input features.
    """

    kernel: Float[np.ndarray, "n n"]
    targets: Float[np.ndarray, " p"]
    features: int


def checked_points(data: Data, x_test: Shaped[ArrayLike, "..."] | None) -> Points:
    """Check inputs (p, features) and (m, features), and targets (p,) or (p, 1).

    Raises
    ------
    TypeError
        If ``data`` is no pair.
    ValueError
        If shapes do not fit, a number is not finite, or all inputs are zero.
    """
    if not isinstance(data, tuple) or len(data) != 2:
        raise TypeError(f"data is a {type(data).__name__}: give a pair (inputs, targets)")
    with jax.enable_x64(True):
        first, second, _, _ = checked_inputs(data[0], x_test)
    x, y = np.asarray(first, np.float64), np.asarray(data[1], np.float64)
    if x.ndim != 2:
        raise ValueError(f"inputs have shape {x.shape}: give (points, features)")
    if y.shape not in ((len(x),), (len(x), 1)):
        raise ValueError(
            f"targets have shape {y.shape}: give ({len(x)},), one for each input; mean-field "
            "dynamics is implemented for one output"
        )
    require_finite("the targets", y)
    if not np.any(x):
        raise ValueError("all inputs are zero: nothing can be learned from them")
    both = x if second is None else np.concatenate([x, np.asarray(second, np.float64)])
    return Points(both @ both.T / x.shape[1], y.reshape(-1), x.shape[1])
