"""Functions made of the normal distribution: error function, GELU, Gaussian.

Sources: C. Williams, "Computing with infinite networks" (1997) for erf; the others derived: erf and
Phi by ``P(x < u, y < v)`` of an enlarged Gaussian vector, GELU by Stein's lemma used twice.

For gaps every input has an angle a with ``tan(a) = s``, its standard deviation. Of the enlarged
vectors, of variances ``1 + s^2``, the correlation is ``(1 - u) sin(a1) sin(a2)``, and its distance
to one and to minus one are sums of positive terms: with ``t = 1 - sin(a)``,

    t1 + t2 sin(a1) + u sin(a1) sin(a2),   and with 2 - u in place of u.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from widthwise.activations.averages import ClosedForms, GapForm
from widthwise.activations.gaps import kept
from widthwise.numerics.gap import arcsine, turn_and_sine


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


class _Side(NamedTuple):
    """The angle of an input, one minus its sine, and what a pair's average is multiplied by."""

    cosine: Array
    sine: Array
    lack: Array
    factor: Array


def _side(deviation: Array, factor: Array) -> _Side:
    cosine = 1 / jnp.sqrt(1 + deviation**2)
    sine = deviation * cosine
    return _Side(cosine, sine, cosine**2 / (1 + sine), factor)


def _enlarged(gap: Array, first: _Side, second: _Side) -> tuple[Array, Array, Array]:
    """The angle between enlarged vectors by pi, its sine, and what `1 - gap` is multiplied by."""
    along = first.sine * second.sine
    least = first.lack + second.lack * first.sine
    return *turn_and_sine(least + gap * along, least + (2.0 - gap) * along), along


def _erf_gap(gap: Array, first: _Side, second: _Side) -> tuple[Array, Array]:
    turned, sine, _ = _enlarged(gap, first, second)
    slope = (4 / np.pi * first.cosine) * second.cosine / sine
    found = 1.0 - (1.0 - 2.0 * turned) * (first.factor * second.factor)
    return kept(found, gap, first.sine == second.sine), slope


def _gelu_dual(k12: Array, k11: Array, k22: Array) -> Array:
    return _gelu(k12, k11, k22, *_normals(k12, k11, k22))[0]


def _gelu_slope(k12: Array, k11: Array, k22: Array) -> Array:
    return _gelu(k12, k11, k22, *_normals(k12, k11, k22))[1]


def _gelu_gap(gap: Array, first: _Side, second: _Side) -> tuple[Array, Array]:
    # As in `_gelu`, divided by s1 s2.
    turned, sine, along = _enlarged(gap, first, second)
    r, both = 1.0 - gap, (1.0 - turned) / 2
    density = along * (1.0 / sine)  # with a plain quotient XLA makes several loops of this
    share = first.sine**2 - second.cosine**2
    rest = 1.0 - share * r**2
    slope = both + r * (density / (2 * np.pi)) * (1.0 - 2.0 * share + density**2 * rest)
    dual = r * both + (density / (2 * np.pi)) * rest
    found = 1.0 - dual * (first.factor * second.factor)
    return kept(found, gap, first.sine == second.sine), slope


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
    gap=GapForm(side=lambda s, inverse: _side(2**0.5 * s, inverse), pair=_erf_gap),
)
gelu = ClosedForms(
    mean=lambda q: q / jnp.sqrt(2 * np.pi * (1 + q)),
    second_moment=lambda q: _gelu_dual(q, q, q),
    dual=_gelu_dual,
    dual_derivative=_gelu_slope,
    gap=GapForm(side=lambda s, inverse: _side(s, s * inverse), pair=_gelu_gap),
)
gaussian = ClosedForms(
    mean=lambda q: (1 + q) ** -0.5,
    second_moment=lambda q: (1 + 2 * q) ** -0.5,
    dual=lambda k12, k11, k22: ((1 + k11) * (1 + k22) - k12**2) ** -0.5,
)
