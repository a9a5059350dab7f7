"""Where a continuous function changes sign."""

from collections.abc import Callable

from scipy.optimize import brentq


def root(function: Callable[[float], float], low: float, high: float, tolerance: float) -> float:
    """Find the zero of a function that has opposite signs at the bounds.

    Parameters
    ----------
    function
        Continuous.
    low, high
        Bounds.
    tolerance
        Absolute error of the result.
    """
    return brentq(function, low, high, xtol=tolerance, rtol=1e-14)  # pyright: ignore
