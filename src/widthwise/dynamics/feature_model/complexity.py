"""How many samples a feature of given complexity needs to be found."""

import numpy as np
from jaxtyping import ArrayLike, Float, Real

from widthwise.dynamics.feature_model.contribution import (
    Contribution,
    least_squares,
    minimum_norm,
    posterior_odds,
)

Norm = float | int | str
_MOST = 2**60


def contribution_of(
    bits: float | int, samples: Real[ArrayLike, "..."], *, norm: Norm = 2
) -> Contribution:
    """Contribution of features of complexity C, which are a proportion ``2^-C`` of all.

    Parameters
    ----------
    bits
        Complexity C, positive.
    samples
        Number of training samples.
    norm
        The exponent q of the ``L_q`` norm that is smallest, or ``"bayes"`` for the posterior.

    Raises
    ------
    ValueError
        If a number is out of range.
    """
    if not 0 < bits <= 1000:
        raise ValueError(f"bits is {bits}: give a complexity above 0, of at most 1000 bits")
    if isinstance(norm, str):
        if norm != "bayes":
            raise ValueError(f"norm is {norm!r}: give a number of at least 1, or 'bayes'")
        return posterior_odds(2.0**-bits, samples)
    if norm == 2:
        return least_squares(2.0**-bits, samples)
    return minimum_norm(2.0**-bits, samples, norm=norm)


def samples_needed(bits: float | int, *, norm: Norm = 2) -> int:
    """Least number of samples at which perfect features contribute at least half.

    Parameters
    ----------
    bits, norm
        As for ``contribution_of``.

    Returns
    -------
    int
        ``2^C - 1`` for least squares; about C for Bayes and the smallest ``L_1`` norm.

    Raises
    ------
    ValueError
        If a number is out of range, or more than ``2^60`` samples are needed.

    Examples
    --------
    >>> [samples_needed(6, norm=q) for q in (2, 1.5, 1.25, 1.1, 1, "bayes")]
    [63, 22, 11, 8, 7, 6]
    """
    rounding = 1e-12  # of the logarithm: at 2^C - 1 samples both contribute the same

    def enough(samples: int) -> bool:
        return bool(contribution_of(bits, samples, norm=norm).log_ratio >= -rounding * bits)

    high = 1
    while not enough(high):
        high *= 2
        if high > _MOST:
            raise ValueError(f"bits is {bits}: features of this complexity need over 2^60 samples")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def bits_in_reach(samples: Real[ArrayLike, "..."]) -> Float[np.ndarray, "..."]:
    """Complexity up to which perfect features contribute at least half under least squares.

    Parameters
    ----------
    samples
        Number of samples, or effective samples: for a kernel ``y^T K^{-1} y``, the complexity up
        to which a network of that kernel finds what fits these labels.

    Returns
    -------
    numpy.ndarray
        ``log2(1 + d)``.

    Raises
    ------
    ValueError
        If a number is not positive.

    Examples
    --------
    >>> float(bits_in_reach(1e12).round(3))
    39.863
    """
    d = np.asarray(samples, np.float64)
    if not np.all(d > 0):
        raise ValueError(f"samples is {samples}: give positive numbers")
    return np.asarray(np.log2(1 + d))
