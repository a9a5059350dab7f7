"""Functions made of the normal distribution: error function, GELU, Gaussian.

Sources: C. Williams, "Computing with infinite networks" (1997) for erf; the others derived: erf and
Phi by ``P(x < u, y < v)`` of an enlarged Gaussian vector, GELU by Stein's lemma used twice.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from widthwise.activations.averages import ClosedForms
from widthwise.numerics.gap import arcsine, turn


def _erf_dual(k12: Array, k11: Array, k22: Array) -> Array:
    return 2 / np.pi * arcsine(2 * k12 / jnp.sqrt((1 + 2 * k11) * (1 + 2 * k22)))


def _erf_slope(k12: Array, k11: Array, k22: Array) -> Array:
    return 4 / np.pi / jnp.sqrt((1 + 2 * k11) * (1 + 2 * k22) - 4 * k12**2)


def _erf_hermite(order: int, q: Float[Array, ""]) -> Float[Array, " k"]:
    # a_k^2 are the Taylor coefficients of (2/pi) arcsin(x r), x = 2q/(1+2q); signs alternate.
    a = np.zeros(order + 2)
    a[1] = np.sqrt(2 / np.pi)
    for k in range(3, order + 1, 2):
        a[k] = -a[k - 2] * (k - 2) / np.sqrt(k * (k - 1))
    return jnp.asarray(a[: order + 1], q.dtype) * _powers(2 * q / (1 + 2 * q), order)


def _powers(x: Float[Array, ""], order: int) -> Float[Array, " k"]:
    """``x^(k/2)``, exact and with finite gradient at ``x = 0`` for even ``k``."""
    k = np.arange(order + 1)
    even = x ** (k // 2)
    return even * jnp.where(k % 2 == 1, jnp.sqrt(jnp.where(x > 0, x, 1.0)) * (x > 0), 1.0)


def _erf_gap(gap: Array, s1: Array, s2: Array, scale: Array) -> tuple[Array, Array]:
    root, rest = _enlarged(gap, 2**0.5 * s1, 2**0.5 * s2)
    slope = 4 / np.pi / (root * jnp.sqrt(rest * (2.0 - rest)))
    return 1.0 - (1.0 - 2.0 * turn(rest)) / scale, slope


def _enlarged(gap: Array, s1: Array, s2: Array) -> tuple[Array, Array]:
    """``sqrt((1 + K11) (1 + K22))``, and ``1 - K12`` over it as a sum of positive terms."""
    k11, k22, scale = s1**2, s2**2, s1 * s2
    root = jnp.sqrt(1 + k11) * jnp.sqrt(1 + k22)
    return root, ((1 + k11 + k22) / (root + scale) + scale * gap) / root


def _gelu_dual(k12: Array, k11: Array, k22: Array) -> Array:
    return _gelu(k12, k11, k22, *_normals(k12, k11, k22))[0]


def _gelu_slope(k12: Array, k11: Array, k22: Array) -> Array:
    return _gelu(k12, k11, k22, *_normals(k12, k11, k22))[1]


def _gelu_gap(gap: Array, s1: Array, s2: Array, scale: Array) -> tuple[Array, Array]:
    root, rest = _enlarged(gap, s1, s2)
    k12 = (1.0 - gap) * (s1 * s2)
    dual, slope = _gelu(k12, s1**2, s2**2, (1.0 - turn(rest)) / 2, root**2 * rest * (2.0 - rest))
    return 1.0 - dual / scale, slope


def _normals(k12: Array, k11: Array, k22: Array) -> tuple[Array, Array]:
    """``E[Phi(u) Phi(v)]`` and the determinant of the enlarged covariance."""
    squared = (1 + k11) * (1 + k22)
    return 0.25 + arcsine(k12 / jnp.sqrt(squared)) / (2 * np.pi), squared - k12**2


def _gelu(
    k12: Array, k11: Array, k22: Array, both: Array, determinant: Array
) -> tuple[Array, Array]:
    # E[u Phi(u) v Phi(v)] = K12 E[Phi(u) Phi(v)] + D (K11 K22 - K12^2 (1 - 1/(1+K11) - 1/(1+K22))),
    # D = E[phi(u) phi(v)] = 1 / (2 pi sqrt((1+K11)(1+K22) - K12^2)); the derivative of E[Phi Phi]
    # is D, and that of D is D K12 / determinant.
    share = 1 - 1 / (1 + k11) - 1 / (1 + k22)
    density = 1 / (2 * np.pi * jnp.sqrt(determinant))
    rest = k11 * k22 - share * k12**2
    slope = both + k12 * density * (1 - 2 * share + rest / determinant)
    return k12 * both + density * rest, slope


erf = ClosedForms(
    mean=jnp.zeros_like,
    second_moment=lambda q: _erf_dual(q, q, q),
    dual=_erf_dual,
    dual_derivative=_erf_slope,
    hermite=_erf_hermite,
    gap=_erf_gap,
)
gelu = ClosedForms(
    mean=lambda q: q / jnp.sqrt(2 * np.pi * (1 + q)),
    second_moment=lambda q: _gelu_dual(q, q, q),
    dual=_gelu_dual,
    dual_derivative=_gelu_slope,
    gap=_gelu_gap,
)
gaussian = ClosedForms(
    mean=lambda q: (1 + q) ** -0.5,
    second_moment=lambda q: (1 + 2 * q) ** -0.5,
    dual=lambda k12, k11, k22: ((1 + k11) * (1 + k22) - k12**2) ** -0.5,
)
