"""Two-layer linear networks of any widths, at any time, in closed form: from rich to lazy.

On whitened inputs, from a start with ``W2^T W2 - W1 W1^T = imbalance I``, the matrix
``Q = [W1^T; W2]`` obeys ``dQ/dt = F Q - Q Q^T Q / 2``, whose solution for ``Q Q^T`` needs one
eigendecomposition of F. Sources: Fukumizu (1998); Braun, Dominé, Fitzgerald & Saxe (2022); Dominé
et al. (2025, arXiv:2409.14623).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.linalg import qr

from widthwise.networks.deep_linear import checked_weights

_BALANCED = 1e-8  # how far from a multiple of the identity, relative to the weights squared
_GAP = 37.0  # exp(-37) is rounding: modes that grew apart further are as if infinitely far apart
_LARGEST = 600.0  # exponents that float64 holds


class TwoLayer(NamedTuple):
    """A two-layer linear network ``W2 W1 x`` at several times.

    Parameters
    ----------
    hidden
        ``W1^T W1``, (*t, d, d): the Gram matrix of the hidden layer, as a form on inputs.
    product
        ``W2 W1``, (*t, outputs, d).
    readout
        ``W2 W2^T``, (*t, outputs, outputs).
    imbalance
        The conserved number.
    """

    hidden: Float[np.ndarray, "*t d d"]
    product: Float[np.ndarray, "*t o d"]
    readout: Float[np.ndarray, "*t o o"]
    imbalance: float


def two_layer(
    first: ArrayLike,
    second: ArrayLike,
    correlation: ArrayLike,
    time: ArrayLike | float | int,
) -> TwoLayer:
    """Train a two-layer linear network on whitened inputs by gradient flow, exactly.

    The loss is half the mean squared error; time is learning rate times steps.

    Parameters
    ----------
    first, second
        W1 and W2 at time zero, with ``W2^T W2 - W1 W1^T`` a multiple of the identity: zero is the
        rich start, a large multiple a lazy one.
    correlation
        ``Y^T X / n`` for inputs with ``X^T X / n = 1``, to which the product is trained.
    time
        Finite times, not negative.

    Returns
    -------
    TwoLayer
        Arrays in the shape of ``time``, and the imbalance.

    Raises
    ------
    ValueError
        If shapes do not fit, numbers are not finite, or the start is not balanced so.

    Examples
    --------
    >>> found = two_layer(0.1 * np.eye(2), 0.1 * np.eye(2), np.diag([2.0, 1.0]), [0.0, 1.0])
    >>> found.product[1].round(10).tolist()
    [[0.4305879205, 0.0], [0.0, 0.0694531597]]
    """
    (w1, w2), _ = checked_weights((first, second))
    target = np.asarray(correlation, np.float64)
    if w1.ndim != 2 or target.shape != (len(w2), w1.shape[1]) or not np.isfinite(target).all():
        raise ValueError(
            f"correlation of shape {target.shape} was given for a map from {w1.shape[-1]} inputs "
            f"to {len(w2)} outputs: give finite numbers (outputs, inputs)"
        )
    times = np.asarray(time, np.float64)
    if not np.all((times >= 0) & np.isfinite(times)):
        raise ValueError(f"time is {time}: give finite times of at least 0")
    imbalance = _imbalance(w1, w2)
    inputs, outputs = w1.shape[1], len(w2)
    diagonal = np.concatenate([np.full(inputs, -imbalance / 2), np.full(outputs, imbalance / 2)])
    generator = np.diag(diagonal)
    generator[:inputs, inputs:], generator[inputs:, :inputs] = target.T, target
    rates, modes = np.linalg.eigh(generator)
    start = modes.T @ np.concatenate([w1.T, w2])
    grams = [modes @ _gram(rates, start, t) @ modes.T for t in times.ravel()]
    gram = np.array(grams).reshape(*times.shape, inputs + outputs, inputs + outputs)
    return TwoLayer(
        gram[..., :inputs, :inputs],
        gram[..., inputs:, :inputs],
        gram[..., inputs:, inputs:],
        imbalance,
    )


def _imbalance(w1: np.ndarray, w2: np.ndarray) -> float:
    difference = w2.T @ w2 - w1 @ w1.T
    found = float(np.trace(difference)) / len(difference)
    size = np.sum(w1**2) + np.sum(w2**2)
    off = np.max(np.abs(difference - found * np.eye(len(difference))))
    if not off <= _BALANCED * size:
        raise ValueError(
            "W2^T W2 - W1 W1^T is no multiple of the identity (it is off by "
            f"{off:.2g}): give such a start, or integrate any start with gradient_flow"
        )
    return found


def _gram(rates: np.ndarray, start: np.ndarray, time: float) -> np.ndarray:
    """``Q Q^T`` in the eigenbasis of F.

    With ``g = sqrt((e^(2 f t) - 1) / 2 f)`` and ``B = g Q0`` it is ``h B (1 + B^T B)^-1 B^T h``,
    where ``h = e^(f t) / g`` is bounded; the middle is ``Q1 Q1^T`` of a QR decomposition of
    [B; 1], which with rows in order of size is accurate for each row, however far apart they are.
    """
    if time == 0:
        return start @ start.T
    log_g, h = _growth(rates, time)
    sizes = np.max(np.abs(start), axis=1)
    sizes[sizes == 0] = 1.0
    height = _closed_up(log_g + np.log(sizes))
    width = start.shape[1]
    stacked = np.concatenate([np.exp(height)[:, None] * (start / sizes[:, None]), np.eye(width)])
    order = np.argsort(-np.max(np.abs(stacked), axis=1), kind="stable")
    factor = np.asarray(qr(stacked[order], mode="economic", pivoting=True)[0])
    q = np.empty_like(factor)
    q[order] = factor
    q = h[:, None] * q[: len(rates)]
    return q @ q.T


def _growth(rates: np.ndarray, time: float) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of g, and h."""
    x = rates * time
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(x == 0, 1.0, -np.expm1(-2 * np.abs(x)) / (2 * np.abs(x)))
    log_g = 0.5 * np.log(time * relative) + np.maximum(x, 0.0)
    return log_g, np.exp(x - log_g)


def _closed_up(heights: np.ndarray) -> np.ndarray:
    """Logarithms of the sizes of rows, those too large brought closer together without loss."""
    order = np.argsort(heights)
    above = np.maximum(heights[order], 0.0)
    if above[-1] <= _LARGEST:
        return heights
    gaps = np.diff(above, prepend=0.0)
    levels = int(np.sum(gaps > 1.0))
    above = np.cumsum(np.minimum(gaps, max(1.0, min(_GAP, _LARGEST / (levels + 1)))))
    found = np.empty_like(heights)
    found[order] = np.where(heights[order] > 0, above, heights[order])
    return found
