"""Functions that are linear on each side of zero: the arc-cosine family.

Source: Y. Cho, L. Saul, "Kernel methods for deep learning" (2009), order one, and by
``z = relu(z) - relu(-z)`` every ``a relu(z) + b relu(-z)``.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from widthwise.activations.averages import ClosedForms, GapForm
from widthwise.numerics.gap import arc_cosine_gap, gap_of, in_range, turn
from widthwise.numerics.safe import area, safe_sqrt


@jax.custom_jvp
def _relu_dual(k12: Array, k11: Array, k22: Array) -> Array:
    """``E[relu(u) relu(v)]``."""
    scale = safe_sqrt(k11) * safe_sqrt(k22)
    return scale * (1.0 - arc_cosine_gap(gap_of(k12, k11, k22))) / 2


@_relu_dual.defjvp
def _relu_dual_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    # Each derivative is finite up to correlation one; those of the arc cosine and root are not.
    k12, k11, k22 = primals
    slope = _relu_slope(k12, k11, k22) * tangents[0]
    half = area(k12, k11, k22) / (4 * np.pi)
    for k, tangent in ((k11, tangents[1]), (k22, tangents[2])):
        slope = slope + jnp.where(k > 0, half / jnp.where(k > 0, k, 1.0), 0.0) * tangent
    return _relu_dual(*primals), slope


def _relu_slope(k12: Array, k11: Array, k22: Array) -> Array:
    return (1.0 - turn(gap_of(k12, k11, k22))) / 2


def _relu_hermite(order: int) -> np.ndarray:
    """``a_k`` of relu: ``a_0 = 1/sqrt(2 pi)``, ``a_1 = 1/2``, then even ``k`` only."""
    a = np.zeros(max(order, 2) + 1)
    a[:3] = 1 / math.sqrt(2 * math.pi), 0.5, 1 / np.sqrt(4 * np.pi)
    for k in range(4, order + 1, 2):
        # (-1)^(k/2-1) (k-3)!! / sqrt(2 pi k!), by the ratio of neighbours
        a[k] = -a[k - 2] * (k - 3) / np.sqrt(k * (k - 1))
    return a[: order + 1]


def two_sided(right: float, left: float) -> ClosedForms:
    """Give the closed forms of ``right * relu(z) + left * relu(-z)``.

    With ``A = E[relu(u) relu(v)]``, ``E[relu(u) relu(-v)] = A - K12 / 2``, hence
    ``E[s(u) s(v)] = (right + left)^2 A - right left K12``.
    """
    both, product = (right + left) ** 2, right * left

    def hermite(order: int, q: Float[Array, ""]) -> Float[Array, " k"]:
        mirrored = (-1.0) ** np.arange(order + 1)
        a = (right + left * mirrored) * _relu_hermite(order)
        return safe_sqrt(q) * jnp.asarray(a, q.dtype)

    def pair(u: Array, *_: PyTree) -> tuple[Array, Array]:
        bent, slope = arc_cosine_gap(u), (both / 2) * (1.0 - turn(u))
        if product == 0.0:
            return bent, slope
        found = (both * bent - 2 * product * u) / (right**2 + left**2)
        return in_range(found), slope - product

    return ClosedForms(
        mean=lambda q: (right + left) * safe_sqrt(q) / math.sqrt(2 * math.pi),
        second_moment=lambda q: (right**2 + left**2) * q / 2,
        dual=lambda k12, k11, k22: both * _relu_dual(k12, k11, k22) - product * k12,
        dual_derivative=lambda k12, k11, k22: both * _relu_slope(k12, k11, k22) - product,
        hermite=hermite,
        gap=GapForm(side=lambda *_: (), pair=pair),
    )


def jump(low: float, high: float) -> ClosedForms:
    """Give the closed forms of the step from ``low`` (left of zero) to ``high``.

    ``E[sign(u) sign(v)] = (2/pi) arcsin r``; its slope is infinite at correlation plus or minus
    one. At zero variance, where the function is not defined, the mean of the two values is taken.
    """
    centre, half = (low + high) / 2, (high - low) / 2

    def slope(k12: Array, k11: Array, k22: Array) -> Array:
        root = area(k12, k11, k22)
        variable = (k11 > 0) & (k22 > 0)
        finite = jnp.where(root > 0, 2 / np.pi / jnp.where(root > 0, root, 1.0), jnp.inf)
        return half**2 * jnp.where(variable, finite, 0.0)

    @jax.custom_jvp
    def dual(k12: Array, k11: Array, k22: Array) -> Array:
        return centre**2 + half**2 * (1 - 2 * turn(gap_of(k12, k11, k22)))

    def dual_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
        k12, k11, k22 = primals
        variable = (k11 > 0) & (k22 > 0)
        safe11, safe22 = jnp.where(variable, k11, 1.0), jnp.where(variable, k22, 1.0)
        radial = k12 * (tangents[1] / safe11 + tangents[2] / safe22) / 2
        change = jnp.where(variable, tangents[0] - radial, 0.0)
        return dual(*primals), slope(*primals) * change

    dual.defjvp(dual_jvp)

    def hermite(order: int, q: Float[Array, ""]) -> Float[Array, " k"]:
        a = np.zeros(order + 2)
        a[1] = np.sqrt(2 / np.pi)
        for k in range(3, order + 1, 2):
            a[k] = -a[k - 2] * (k - 2) / np.sqrt(k * (k - 1))
        a[0], a[1:] = centre, half * a[1:]
        return jnp.asarray(a[: order + 1], q.dtype)

    return ClosedForms(
        mean=lambda q: jnp.full_like(q, centre),
        second_moment=lambda q: jnp.full_like(q, centre**2 + half**2),
        dual=dual,
        dual_derivative=slope,
        hermite=hermite,
    )
