"""Angles and arc-cosine kernels as functions of the gap ``u = 1 - correlation``.

Near coincident inputs ``1 - r`` cannot be had from the correlation ``r``: it is the gap that must
be kept, and then no function here loses a digit at either end. ``arccos(1 - u) / sqrt(u)`` and the
like are smooth on [0, 1] and their first singularity lies at ``u = 2``: short polynomials give them
to rounding, which takes a fraction of the time of an arc cosine. Larger gaps follow by
``arccos(-r) = pi - arccos(r)``.
"""

import math
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float
from numpy.polynomial import chebyshev

from widthwise.numerics.safe import safe_sqrt

_DEGREES = {
    "float64": {"angle": 18, "area": 16, "sine": 14},
    "float32": {"angle": 7, "area": 6, "sine": 6},
}


def turn(gap: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """``arccos(1 - gap) / pi``, relatively accurate down to zero; its slope there is given as zero.

    Examples
    --------
    >>> [round(float(t), 6) for t in turn(jnp.asarray([0.0, 1.0, 2.0]))]
    [0.0, 0.5, 1.0]
    """
    return turn_and_sine(gap, 2.0 - gap)[0]


@jax.custom_jvp
def turn_and_sine(
    gap: Float[Array, "*s"], rest: Float[Array, "*s"]
) -> tuple[Float[Array, "*s"], Float[Array, "*s"]]:
    """`turn` and the sine of that angle, given ``2 - gap`` as exactly as the gap."""
    near = _nearer(gap, rest)
    root = jnp.sqrt(near)
    part = root * _polynomial("angle", near)
    return jnp.where(gap <= 1.0, part, 1.0 - part), root * jnp.sqrt(2.0 - near)


@turn_and_sine.defjvp
def _turn_and_sine_jvp(
    primals: tuple[Array, Array], tangents: tuple[Array, Array]
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    turned, sine = turn_and_sine(*primals)
    change = jnp.where(sine > 0, tangents[0] / jnp.where(sine > 0, sine, 1.0), 0.0)
    return (turned, sine), (change / math.pi, (1.0 - primals[0]) * change)


@jax.custom_jvp
def arc_cosine_gap(gap: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """``1 - kappa_1(1 - gap)``, what a ReLU layer without bias makes of a gap.

    ``kappa_1(r) = (sqrt(1 - r^2) + (pi - arccos r) r) / pi`` (Cho & Saul, 2009). Its derivative is
    ``kappa_0 = 1 - arccos(r) / pi``.
    """
    near = _nearer(gap, 2.0 - gap)
    curve = near * jnp.sqrt(near) * _polynomial("area", near)
    return at_most(gap, 1.0) - curve


@arc_cosine_gap.defjvp
def _arc_cosine_gap_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (gap,), (change,) = primals, tangents
    return arc_cosine_gap(gap), (1.0 - turn(gap)) * change


def gap_of(
    k12: Float[Array, "*s"], k11: Float[Array, "*s"], k22: Float[Array, "*s"]
) -> Float[Array, "*s"]:
    """``1 - K12 / sqrt(K11 K22)``, within [0, 2]; one at zero variance.

    As a difference it is good to rounding of one, no better: keep the gap itself if it matters. Of
    a point with itself, or with its opposite, it is exact.
    """
    scale = jnp.where(k11 == k22, k11 / 2 + k22 / 2, safe_sqrt(k11) * safe_sqrt(k22))
    variable = scale > 0
    correlation = jnp.where(variable, k12 / jnp.where(variable, scale, 1.0), 0.0)
    return jnp.clip(1.0 - correlation, 0.0, 2.0)


@jax.custom_jvp
def arcsine(t: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """``arcsin(t)``; its slope is given as zero at plus and minus one."""
    size = jnp.minimum(jnp.abs(t), 1.0)
    small = size <= 0.5
    inner = size * _polynomial("sine", jnp.where(small, size, 0.0) ** 2)
    outer = math.pi * (0.5 - turn(jnp.where(small, 1.0, 1.0 - size)))
    return jnp.sign(t) * jnp.where(small, inner, outer)


@arcsine.defjvp
def _arcsine_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (t,), (change,) = primals, tangents
    root = safe_sqrt((1.0 - t) * (1.0 + t))
    slope = jnp.where(root > 0, 1 / jnp.where(root > 0, root, 1.0), 0.0)
    return arcsine(t), slope * change


class HalfAngle(NamedTuple):
    """Of half an angle up to a right one: its cosine, and its sine times the root of two."""

    cosine: Float[Array, "*s"]
    sine: Float[Array, "*s"]


def half_angle(cosine: Float[Array, "*s"], sine: Float[Array, "*s"]) -> HalfAngle:
    """Halve an angle."""
    half = jnp.sqrt((1.0 + cosine) / 2)
    return HalfAngle(half, sine / (math.sqrt(2) * half))


def turned(first: HalfAngle, second: HalfAngle) -> Float[Array, "*s"]:
    """``1 - cos(a1 - a2)`` of two angles, without loss where they nearly agree."""
    return (first.sine * second.cosine - first.cosine * second.sine) ** 2


def _nearer(gap: Array, rest: Array) -> Array:
    return jnp.abs(at_most(gap, rest))  # beyond an end by rounding is as far before it


def in_range(gap: Float[Array, "..."]) -> Float[Array, "..."]:
    """Clip a gap to [0, 2]."""
    return at_most(at_least(gap, 0.0), 2.0)


def at_least(
    x: Float[Array | np.ndarray, "..."], low: Float[ArrayLike, "..."]
) -> Float[Array, "..."]:
    """Maximum in one instruction of a CPU: ``jnp.maximum`` takes four, to order zeros too."""
    return jnp.where(x < low, low, x)


def at_most(
    x: Float[Array | np.ndarray, "..."], high: Float[ArrayLike, "..."]
) -> Float[Array, "..."]:
    """Minimum in one instruction of a CPU."""
    return jnp.where(x > high, high, x)


def _polynomial(name: str, u: Array) -> Array:
    """Even and odd powers apart, in the dtype of ``u``: two short sums beat a long one."""
    coefficients = _coefficients(name, "float64" if u.dtype == np.float64 else "float32")
    square = u * u
    even, odd = (_horner(coefficients[start::2], square) for start in (0, 1))
    return even + u * odd


def _horner(coefficients: tuple[float, ...], u: Array) -> Array:
    """From the lowest coefficient to the highest."""
    value = jnp.full_like(u, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value = value * u + jnp.asarray(coefficient, u.dtype)
    return value


@cache
def _coefficients(name: str, dtype: str) -> tuple[float, ...]:
    """Lowest power first, from interpolation at the Chebyshev points of an interval from zero."""
    degree = _DEGREES[dtype][name]
    smooth, end = {"angle": (_angle, 1.0), "area": (_area, 1.0), "sine": (_sine, 0.25)}[name]
    points = end * (np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1)) + 1) / 2
    fitted = chebyshev.Chebyshev.fit(points, smooth(points), degree, domain=[0.0, end])
    return tuple(fitted.convert(kind=np.polynomial.Polynomial).coef.tolist())


def _angle(u: np.ndarray) -> np.ndarray:
    """``arccos(1 - u) / (pi sqrt(u))``, by half the angle: ``u = 2 sin(angle / 2)^2``."""
    return 2 * np.arcsin(np.sqrt(u / 2)) / (np.pi * np.sqrt(u))


def _sine(square: np.ndarray) -> np.ndarray:
    """``arcsin(t) / t`` as a function of ``t^2``."""
    return np.arcsin(np.sqrt(square)) / np.sqrt(square)


def _area(u: np.ndarray) -> np.ndarray:
    """``(kappa_1(1 - u) - (1 - u)) / u^(3/2) = (sin t - t cos t) / (pi u^(3/2))``, ``cos t = 1-u``.

    By its power series in t where the difference cancels.
    """
    t = 2 * np.arcsin(np.sqrt(u / 2))
    series = sum(
        (-1) ** k * (2 * k + 2) / math.factorial(2 * k + 3) * t ** (2 * k + 3) for k in range(10)
    )
    difference = np.where(t < 1.0, series, np.sin(t) - t * np.cos(t))
    return difference / (np.pi * u**1.5)
