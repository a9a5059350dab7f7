"""A power of the size, fitted to means over few members, with its interval."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import stats


class Slope(NamedTuple):
    """Exponent of a power law with its standard error and the interval of 95 %."""

    value: float | int
    standard_error: float | int
    lower: float | int
    upper: float | int


def slope_of(sizes: Float[np.ndarray, " s"], samples: Float[np.ndarray, "s m"]) -> Slope:
    """Fit ``mean over members = c * size ** slope``.

    Parameters
    ----------
    sizes
        Widths or depths.
    samples
        Positive numbers: one row for each size, one column for each independent member.

    Notes
    -----
    All sizes have the same weight: errors estimated from few members are too rough to weigh by.
    The error follows from the spread over members to first order, the interval from Student's t
    with one degree of freedom less than there are members, at each size.
    """
    members = samples.shape[1]
    mean = samples.mean(axis=1)
    x = np.log(sizes)
    pull = (x - x.mean()) / np.sum((x - x.mean()) ** 2)
    relative = samples.std(axis=1, ddof=1) / np.sqrt(members) / mean
    value = float(pull @ np.log(mean))
    error = float(np.sqrt(np.sum((pull * relative) ** 2)))
    reach = float(stats.t.ppf(0.975, len(sizes) * (members - 1))) * error
    return Slope(value, error, value - reach, value + reach)
