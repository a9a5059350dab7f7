"""Numbers that summarize a curve of loss against learning rate."""

import numpy as np
from jaxtyping import Float

Curves = Float[np.ndarray, "members rates"]


def flank(
    log_rates: Float[np.ndarray, " rates"], losses: Curves, target: float | int
) -> np.ndarray:
    """Logarithm to base 2 of the rate at which each loss first falls to a target.

    Parameters
    ----------
    log_rates
        Logarithms to base 2 of the learning rates, ascending.
    losses
        Positive; not finite where training diverged.
    target
        The loss to reach.

    Returns
    -------
    One number for each curve, interpolated in the logarithm of the loss; NaN where the target is
    not reached, or already at the smallest rate.
    """
    found = np.full(len(losses), np.nan)
    for i, loss in enumerate(losses):
        below = np.flatnonzero(loss <= target)
        if below.size and below[0] > 0 and np.isfinite(loss[below[0] - 1]):
            j = below[0]
            high, low = np.log(loss[j - 1]), np.log(loss[j])
            share = (high - np.log(target)) / (high - low)
            found[i] = log_rates[j - 1] + share * (log_rates[j] - log_rates[j - 1])
    return found


def optimum(log_rates: Float[np.ndarray, " rates"], losses: Curves) -> np.ndarray:
    """Logarithm to base 2 of the best rate: the vertex of the parabola through the least three.

    NaN where the least loss is at the end of the grid, or a neighbour diverged.
    """
    found = np.full(len(losses), np.nan)
    for i, loss in enumerate(losses):
        if not np.any(np.isfinite(loss)):
            continue
        j = int(np.nanargmin(np.where(np.isfinite(loss), loss, np.nan)))
        if 0 < j < len(loss) - 1 and np.all(np.isfinite(loss[j - 1 : j + 2])):
            a, b, _ = np.polyfit(log_rates[j - 1 : j + 2], np.log(loss[j - 1 : j + 2]), 2)
            found[i] = -b / (2 * a) if a > 0 else log_rates[j]
    return found


def largest_stable(log_rates: Float[np.ndarray, " rates"], losses: Curves) -> np.ndarray:
    """Logarithm to base 2 of the largest rate below all that diverged."""
    bad = ~np.isfinite(losses)
    first = np.where(bad.any(axis=1), bad.argmax(axis=1), losses.shape[1])
    return np.where(first > 0, log_rates[np.maximum(first - 1, 0)], np.nan)
