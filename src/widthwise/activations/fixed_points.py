"""Fixed points of a correlation map, with their slopes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

_SCAN = 400
_ROUNDING = 1e-9  # slopes this close to one, and maps this close to the identity, count as equal


@dataclass(frozen=True)
class FixedPoint:
    """A correlation that a layer leaves as it is.

    Parameters
    ----------
    value
        The correlation, in [-1, 1].
    slope
        Derivative of the map there; may be infinite.
    stable
        Whether nearby correlations (inside [-1, 1]) approach it with depth.
    """

    value: float
    slope: float
    stable: bool


def find_fixed_points(
    correlation_map: Callable, slope: Callable, *, odd: bool
) -> tuple[FixedPoint, ...]:
    """Find every fixed point of a correlation map ``C`` on [-1, 1], in ascending order.

    One is always a fixed point; minus one is for an odd function, and zero where ``C(0) = 0``.
    The others are sign changes of ``C(rho) - rho`` on a grid that is finest near the ends, refined
    by Brent's method. Where ``C`` is the identity, only -1, 0 and 1 are returned.

    Parameters
    ----------
    correlation_map
        ``C`` on an array of correlations.
    slope
        ``C'`` at one correlation.
    odd
        Whether ``C(-rho) = -C(rho)``.
    """
    grid = -np.cos(np.pi * (np.arange(_SCAN) + 0.5) / _SCAN)
    excess = correlation_map(grid) - grid
    known = [-1.0] * odd + [0.0] * bool(abs(correlation_map(np.zeros(()))) < _ROUNDING) + [1.0]
    values = list(known)
    if np.max(np.abs(excess)) > _ROUNDING:
        for i in np.flatnonzero(np.sign(excess[:-1]) * np.sign(excess[1:]) < 0):
            root = _root(correlation_map, grid[i], grid[i + 1])
            if min(abs(root - k) for k in known) > _ROUNDING:
                values.append(root)
    return tuple(_classified(v, slope(v), float(excess[-1])) for v in sorted(values))


def _root(correlation_map: Callable, low: float, high: float) -> float:
    root = brentq(lambda r: float(correlation_map(np.float64(r))) - r, low, high, xtol=1e-15)
    return float(np.asarray(root))


def _classified(value: float, slope: float, excess_below_one: float) -> FixedPoint:
    if abs(abs(slope) - 1) > _ROUNDING:
        return FixedPoint(value, slope, abs(slope) < 1)
    # Marginal. At one, where C is convex, C(rho) > rho just below means that pairs still approach.
    return FixedPoint(value, slope, value == 1.0 and excess_below_one > 0)
