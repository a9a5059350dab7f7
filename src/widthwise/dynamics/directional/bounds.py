r"""What is proven about the angle and the norm at all times, beside the exact flow.

Bounds on the angle have the form ``cos(theta) >= 1 - 2 / (e^E + 1)`` with E a lower estimate of
``ln cot^2(theta / 2)``. They are those of Lin, Sun & Zhang (NeurIPS 2021), theorems 1 and 5, in the
form that their proofs give: the exponent of the early phase is ``2 / (pi (N - 2))``, and at N = 1
the factor of the square root ``4 c0 / (pi sqrt(0.6))``; some printed constants differ, and exceed
the exact solution.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from widthwise.dynamics.directional.flow import DirectionalFlow

_RISE = 0.6  # twice the largest r G(r, theta), W(1/e) = 0.278..., as the theorems round it


class DirectionalBounds(NamedTuple):
    """Bounds at the times of a flow; NaN where there is none.

    Parameters
    ----------
    cosine_low, cosine_high
        Of the cosine of the angle to the teacher.
    norm_low, norm_high
        Of the norm.
    valid
        Whether the flow lies within all of them.
    """

    cosine_low: Float[np.ndarray, " t"]
    cosine_high: Float[np.ndarray, " t"]
    norm_low: Float[np.ndarray, " t"]
    norm_high: Float[np.ndarray, " t"]
    valid: Bool[np.ndarray, " t"]


def directional_bounds(flow: DirectionalFlow) -> DirectionalBounds:
    """Evaluate the bounds along a flow that begins at time 0.

    Parameters
    ----------
    flow
        Its first time is 0. Where it ends before the norm has turned, bounds of the late phase
        are not needed.

    Raises
    ------
    ValueError
        If the flow does not begin at time 0.
    """
    if flow.times[0] != 0:
        raise ValueError(f"the flow begins at time {flow.times[0]:g}: give one that begins at 0")
    n, c0, t = flow.depth, flow.law.plane_norm, flow.times
    r0, log_cot = float(flow.norm[0]), -2 * float(flow.log_tangent[0])
    early = t <= flow.turn[0]
    low = np.where(early, _early(n, c0, r0, t) + log_cot, -math.inf)
    if not early.all():
        turn, r_turn, angle_turn = flow.turn
        after = np.maximum(t - turn, 0.0)
        late = _late(n, c0, r_turn, after) - 2 * math.log(math.tan(angle_turn / 2))
        low = np.where(early, low, late)
    d = r0 ** (2 / n)
    grown = (_RISE * t + d) ** (n / 2) - d ** (n / 2)
    high = 4 * c0 / (_RISE * n * math.pi) * grown + log_cot
    norm_low = np.full_like(t, np.nan)
    if n > 2:
        norm_low = (r0 ** (2 / n - 1) + (n - 2) * c0 * t) ** (-n / (n - 2))
    norm_high = (d + _RISE * t) ** (n / 2)
    slack = 1e-9
    exact = -2 * flow.log_tangent
    within = (low <= exact + slack) & (flow.norm <= norm_high * (1 + slack))
    if n >= 2:
        within &= exact <= high + slack
    if n > 2:
        within &= norm_low <= flow.norm * (1 + slack)
    upper = np.tanh(high / 2) if n >= 2 else np.full_like(t, np.nan)
    return DirectionalBounds(np.tanh(low / 2), upper, norm_low, norm_high, within)


def _early(n: int, c0: float, r0: float, t: np.ndarray) -> np.ndarray:
    """Growth of ln cot^2(theta / 2) at least, while the norm falls."""
    if n <= 2:
        return 2 * c0 * t / (math.pi * (r0 if n == 1 else 1.0))
    return 2 / (math.pi * (n - 2)) * np.log1p((n - 2) * c0 * t * r0 ** (1 - 2 / n))


def _late(n: int, c0: float, r: float, t: np.ndarray) -> np.ndarray:
    """Growth at least, since the norm turned at r."""
    if n == 1:
        root = np.sqrt(t + r**2 / _RISE)
        return 4 * c0 / (math.pi * math.sqrt(_RISE)) * root - 4 * c0 * r / (_RISE * math.pi)
    return 2 * c0 / math.pi * r ** (1 - 2 / n) * t
