"""The tail of a sample as a power law, by maximum likelihood."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class PowerTail:
    """A density proportional to ``x^(-exponent)`` from some value on.

    Attributes
    ----------
    exponent
        Of the density.
    smallest
        Where the tail begins.
    distance
        Largest difference of the distribution functions of the tail and of the law.
    count
        Values in the tail.
    """

    exponent: float
    smallest: float
    distance: float
    count: int


def fit_power_tail(values: ArrayLike, *, smallest: float | int | None = None) -> PowerTail:
    """Fit a power law to the largest of some positive values.

    Parameters
    ----------
    values
        Two different positive numbers or more; zeros are left out.
    smallest
        Where the tail begins. By default at the value for which the law comes closest to the
        values beyond it (Kolmogorov-Smirnov distance).

    Returns
    -------
    PowerTail

    Raises
    ------
    ValueError
        If a value is negative or not finite, or fewer than two different ones lie in the tail.

    Notes
    -----
    Source: Clauset, Shalizi & Newman (2009), equations 3.1 and 3.9. Every sample has such an
    exponent, noise too: compare it with the exponents of noise of the same size.

    Examples
    --------
    >>> fit = fit_power_tail([1, 2, 4, 8, 16, 32, 64, 128], smallest=1)
    >>> round(fit.exponent, 9), round(fit.distance, 9)
    (1.412198583, 0.200627154)
    """
    x = np.sort(np.asarray(values, np.float64).ravel())
    if not (np.all(np.isfinite(x)) and np.all(x >= 0)):
        raise ValueError("a power law was asked for values that are negative or not finite")
    x = x[x > 0] if smallest is None else x[x >= smallest]
    if len(x) < 2 or x[0] == x[-1]:
        raise ValueError("a power law needs two different positive values or more in its tail")
    # equal values begin the same tail: its first one counts them all
    starts = np.flatnonzero(np.diff(x, prepend=0.0) > 0) if smallest is None else np.zeros(1, int)
    starts = starts[x[starts] < x[-1]]
    counts = np.arange(len(x), 0, -1)  # in the tail from each value on
    steps = np.log1p(np.diff(x) / x[:-1])
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    # sum of ln(x_j / x_i) over the tail from x_i on: of terms that are not negative, so that
    # values next to one another lose no digits
    spread = np.cumsum((counts[1:] * steps)[::-1])[::-1]
    exponents = 1 + counts[starts] / spread[starts]
    distances = [_distance(logs[i:], alpha) for i, alpha in zip(starts, exponents, strict=True)]
    best = int(np.argmin(distances))
    start = int(starts[best])
    return PowerTail(float(exponents[best]), float(x[start]), distances[best], len(x) - start)


def _distance(logs: np.ndarray, exponent: float) -> float:
    """Distance of a tail, whose first value is its smallest, from the law."""
    law = -np.expm1((1 - exponent) * (logs - logs[0]))
    return float(np.max(np.abs(law - np.arange(len(logs)) / len(logs))))
