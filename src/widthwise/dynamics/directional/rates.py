r"""How fast the direction converges: early while the norm falls, and late while it rises."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from widthwise.data.spherical import SphericalLaw
from widthwise.numerics.statistics import Numbers


class LateRate(NamedTuple):
    """``-ln tan(theta / 2) ~ coefficient * t ** exponent``, with norm ``~ growth * t ** power``.

    Parameters
    ----------
    exponent, coefficient
        Of the angle's logarithm.
    power, growth
        Of the norm.
    """

    exponent: float
    coefficient: float
    power: float
    growth: float


def late_rate(law: SphericalLaw, depth: int) -> LateRate:
    r"""Return the law of late times at any depth N.

    The pull outwards falls as ``pi^2 p0 / (6 r^2)`` with p0 the density of a coordinate at zero, so
    the norm grows as ``t^(N/(N+2))`` and the logarithm of the angle as ``t^(2N/(N+2))``: exponent
    2/3 for one layer, 1 for two, more for deeper networks.

    Examples
    --------
    >>> from widthwise.data import sphere_inputs
    >>> [round(late_rate(sphere_inputs(2), n).exponent, 3) for n in (1, 2, 3, 4)]
    [0.667, 1.0, 1.2, 1.333]
    """
    n = depth
    pull = math.pi**2 * law.density_at_zero / 6
    growth = ((n + 2) * pull) ** (n / (n + 2))
    exponent = 2 * n / (n + 2)
    coefficient = law.plane_norm / math.pi * growth ** (1 - 2 / n) / exponent
    return LateRate(exponent, coefficient, n / (n + 2), growth)


def early_exponent(depth: int) -> float:
    r"""Exponent of the polynomial phase of three and more layers, ``2 / (N - 2)``.

    From a small norm r0 nearly opposite to the teacher, ``cot^2(theta / 2)`` grows as
    ``(1 + (N-2) (c0/pi) r0^(1-2/N) t)`` to this power while the norm falls; the theorem of Lin, Sun
    & Zhang guarantees ``2 / (pi (N - 2))``.

    Raises
    ------
    ValueError
        If there are fewer than three layers: their early phase is exponential.
    """
    if depth < 3:
        raise ValueError(f"depth is {depth}: the early phase is polynomial from 3 layers on")
    return 2 / (depth - 2)


def early_clock(
    law: SphericalLaw, depth: int, norm: float | int, times: Numbers
) -> Float[np.ndarray, "..."]:
    """Return ``1 + (N-2) (c0/pi) r0^(1-2/N) t``, of which the early phase is a power."""
    share = law.plane_norm / math.pi
    return np.asarray(1 + (depth - 2) * share * float(norm) ** (1 - 2 / depth) * np.asarray(times))
