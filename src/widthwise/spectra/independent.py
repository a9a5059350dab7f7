"""One spike that knows nothing of the noise it is added to."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from widthwise.numerics.ranges import check_positive
from widthwise.numerics.statistics import Numbers


class IndependentSpike(NamedTuple):
    """What one independent spike does to a large random matrix.

    Attributes
    ----------
    singular_value
        Where the outlier lies; not-a-number where the spike is too weak to leave the bulk.
    left_overlap, right_overlap
        Squared overlap of the outlier's singular vectors with those of the spike; zero where it is
        too weak.
    """

    singular_value: Float[np.ndarray, "*s"]
    left_overlap: Float[np.ndarray, "*s"]
    right_overlap: Float[np.ndarray, "*s"]


def independent_spike(
    strength: Numbers, *, sigma: float = 1.0, ratio: float = 1.0
) -> IndependentSpike:
    """Outlier of a random matrix plus ``strength u v^T`` with unit vectors independent of it.

    Parameters
    ----------
    strength
        Singular value of the spike alone, not negative.
    sigma
        The entries of the N x D matrix have variance ``sigma^2 / N``.
    ratio
        Shape ratio ``N / D``.

    Returns
    -------
    IndependentSpike

    Raises
    ------
    ValueError
        If a number is negative or not finite.

    Notes
    -----
    The threshold is ``sigma ratio^(-1/4)``. Source: Benaych-Georges & Nadakuditi (2012,
    arXiv:1103.2221), section 3.1; for square matrices ``strength + sigma^2 / strength``.

    Examples
    --------
    >>> round(float(independent_spike(1.5).singular_value), 7)
    2.1666667
    """
    check_positive(sigma=sigma, ratio=ratio)
    theta = np.asarray(strength, np.float64) / sigma
    if not np.all(np.isfinite(theta) & (theta >= 0)):
        raise ValueError(f"strength is {strength}: give finite numbers that are not negative")
    c = 1 / ratio
    strong = theta > c**0.25
    square = np.where(strong, theta, 2.0 * max(1.0, c)) ** 2
    value = sigma * np.sqrt((square + 1) * (square + c) / square)
    left = 1 - (c + square) / (square * (square + 1))
    right = 1 - c * (1 + square) / (square * (square + c))
    return IndependentSpike(
        np.where(strong, value, np.nan), np.where(strong, left, 0.0), np.where(strong, right, 0.0)
    )
