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
        Of the training points, (p,), or (p, k) for several outputs.
    features
        Number of input features.
    """

    kernel: Float[np.ndarray, "n n"]
    targets: Float[np.ndarray, "p *outputs"]
    features: int


def checked_points(
    data: Data, x_test: Shaped[ArrayLike, "..."] | None, *, outputs: int = 1, labels: bool = False
) -> Points:
    """Check inputs (p, features) and (m, features), and targets (p,) or (p, outputs).

    Parameters
    ----------
    data
        Inputs and targets.
    x_test
        Further inputs, or None.
    outputs
        Number of outputs, k.
    labels
        Whether targets of several outputs may be labels, integers (p,) from 0 to k - 1, instead
        of probabilities (p, k).

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
    require_finite("the targets", y)
    y = _shaped(y, len(x), outputs, labels)
    if not np.any(x):
        raise ValueError("all inputs are zero: nothing can be learned from them")
    both = x if second is None else np.concatenate([x, np.asarray(second, np.float64)])
    return Points(both @ both.T / x.shape[1], y, x.shape[1])


def _shaped(
    y: Float[np.ndarray, "..."], points: int, outputs: int, labels: bool
) -> Float[np.ndarray, "p *outputs"]:
    """Return targets (p,) of one output, (p, k) of several."""
    if outputs == 1 and y.shape in ((points,), (points, 1)):
        return y.reshape(-1)
    if outputs > 1 and y.shape == (points, outputs):
        return y
    if outputs > 1 and labels and y.shape == (points,):
        if not np.isin(y, np.arange(outputs)).all():
            raise ValueError(f"targets are {y}: give labels 0 to {outputs - 1}, one of each input")
        return np.eye(outputs)[y.astype(int)]
    shape = f"({points},)" if outputs == 1 else f"({points}, {outputs})"
    also = f", or labels ({points},)" if outputs > 1 and labels else ""
    raise ValueError(
        f"targets have shape {y.shape}: give {shape}{also}, for {points} inputs and "
        + ("one output" if outputs == 1 else f"{outputs} outputs")
    )
