"""Products of activations of a Gaussian pair: derivatives of their means, and their covariances.

Derivatives of ``F(K) = E_K[g(z)]`` are taken of the Gaussian density, never of ``g``: moments of g
with Hermite polynomials. They hold for kinks and jumps alike, and one pass over the nodes of a pair
gives them all. In the coordinates p, m of the sum and difference of the scaled pair,

    u = s1 (c p + t m),   v = s2 (c p - t m),      c^2 = (1 + rho) / 2,   t^2 = (1 - rho) / 2,

``d/du = (P + M) / (2 s1)`` and ``d/dv = (P - M) / (2 s2)`` with ``P = (1/c) d/dp``,
``M = (1/t) d/dm``, and integration by parts turns ``P^a M^b`` into ``He_a(p) He_b(m) / (c^a t^b)``.
Price's theorem (R. Price, 1958), ``d/dK12 = d/du d/dv`` and ``d/dK11 = (1/2) d^2/du^2``, does the
rest. Derived.
"""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from widthwise.activations import Activation
from widthwise.numerics.quadrature import KinkRule, gaussian_nodes, line_nodes

_DEGENERATE = 1e-12  # 1 - correlation^2 below which a pair counts as one input, up to scale

# (P + M)^2 / 8, (P^2 - M^2) / 4, (P - M)^2 / 8: derivatives in K11, K12, K22 of the scaled pair,
# as coefficients of P^2, P M, M^2.
_FORMS = np.array([[1 / 8, 1 / 4, 1 / 8], [1 / 4, 0, -1 / 4], [1 / 8, -1 / 4, 1 / 8]])
_PRODUCTS = np.array([[np.convolve(a, b) for b in _FORMS] for a in _FORMS])


def product_moments(
    phi: Activation, k: Float[Array, "p 3"], f: Float[Array, "p 3"]
) -> tuple[Float[Array, "p 3 3"], Float[Array, "p 3 3"], Float[Array, "p 3 3 3"]]:
    """Covariance of the products of a pair, and two derivatives of their means.

    A pair of correlation +-1 that stays so is one input up to scale: every network has
    ``s(v) = c s(u)``, the fluctuations follow the one variance K11, and ``F12 = c F11`` holds along
    them; derivatives across that line may be infinite and are met by none. (One that does not stay
    so occurs in the first layer only, where nothing fluctuates yet.) The same holds for an input
    that is zero.

    Parameters
    ----------
    phi
        The activation.
    k
        K11, K12, K22 of each pair.
    f
        ``F(K)``: means of ``s(u)^2``, ``s(u) s(v)``, ``s(v)^2``.

    Returns
    -------
    tuple
        ``Cov(s_a s_b, s_c s_d)`` under ``N(0, K)``, ``dF/dK`` and ``d^2F/dK dK``, all indexed by
        the entries 11, 12, 22.
    """
    at = _nodes(replace(phi.rule, kinks=phi.rule.centres), k)
    return _moments(at, *_values(phi, at.z, at.u, at.v), f)


class _Nodes(NamedTuple):
    """Nodes and weights for the pairs: on the line for each input, in the plane for both."""

    k: Array
    z: Array
    x: Array
    w: Array
    u: Array
    v: Array
    m: Array
    p: Array
    outer: Array
    inner: Array


# Three programs instead of one: the long ones know nothing of the activation and are compiled once
# for all of them.


@jax.jit
def _nodes(rule: KinkRule, k: Float[Array, "p 3"]) -> _Nodes:
    return jax.vmap(partial(_nodes_of_pair, rule))(k)


@partial(jax.jit, static_argnums=0)
def _values(phi: Activation, *points: Array) -> tuple[Array, ...]:
    return tuple(phi(z) for z in points)


@jax.jit
def _moments(
    at: _Nodes, s: Array, s1: Array, s2: Array, f: Float[Array, "p 3"]
) -> tuple[Float[Array, "p 3 3"], Float[Array, "p 3 3"], Float[Array, "p 3 3 3"]]:
    return jax.vmap(_moments_of_pair)(at, s, s1, s2, f)


def _scaled(k: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Deviations, the same with one for zero, the sign of the correlation, and c and t."""
    deviations = jnp.sqrt(k[::2])
    scales = jnp.where(deviations > 0, deviations, 1.0)
    sign = jnp.where(k[1] < 0, -1.0, 1.0)
    rho = jnp.clip(sign * k[1] / (scales[0] * scales[1]), 0.0, 1.0)
    return deviations, scales, sign, jnp.sqrt((1 + rho) / 2), jnp.sqrt((1 - rho) / 2)


def _nodes_of_pair(rule: KinkRule, k: Array) -> _Nodes:
    z, x, w = jax.vmap(partial(gaussian_nodes, rule=rule.refined()))(k[::2])
    deviations, scales, sign, c, t = _scaled(k)
    kinks = jnp.asarray(rule.centres, k.dtype)
    lines1, lines2 = kinks / scales[0], sign * kinks / scales[1]
    widths = rule.width / scales
    safe_t = jnp.where(t > 0, t, 1.0)
    crossings = (lines1[:, None] - lines2[None, :]).ravel() / (2 * safe_t)
    m, outer = line_nodes(crossings, jnp.sum(widths) / (2 * safe_t), rule)

    def cut(m: Array) -> tuple[Array, Array]:
        lines = jnp.concatenate([lines1 - t * m, lines2 + t * m]) / c
        return line_nodes(lines, jnp.min(widths) / c, rule)

    p, inner = jax.vmap(cut)(m)
    u = deviations[0] * (c * p + t * m[:, None])
    v = sign * deviations[1] * (c * p - t * m[:, None])
    return _Nodes(k, z, x, w, u, v, m, p, outer, inner)


def _moments_of_pair(
    at: _Nodes, s: Array, s1: Array, s2: Array, f: Array
) -> tuple[Array, Array, Array]:
    k = at.k
    (fourth1, fourth2), (slope1, slope2), (bend1, bend2) = jax.vmap(_moments_of_input)(
        s, at.x, at.w, k[::2]
    )
    (cubic1, squares, cubic2), cross1, cross2 = _cross_moments(at, s1, s2)
    product = k[0] * k[2]
    line = product - k[1] ** 2 <= _DEGENERATE * product
    ratio = jnp.where(product > 0, f[1] / jnp.where(f[0] > 0, f[0], 1.0), 0.0)
    first, last = jnp.eye(3, dtype=k.dtype)[::2]
    cross1 = jnp.where(line, ratio * slope1 * first, cross1)
    cross2 = jnp.where(line, ratio * bend1 * jnp.outer(first, first), cross2)
    fourths = jnp.stack(
        [fourth1, cubic1, squares, cubic1, squares, cubic2, squares, cubic2, fourth2]
    )
    return (
        fourths.reshape(3, 3) - jnp.outer(f, f),
        jnp.stack([slope1 * first, cross1, slope2 * last]),
        jnp.stack([bend1 * jnp.outer(first, first), cross2, bend2 * jnp.outer(last, last)]),
    )


@partial(jax.jit, static_argnums=0)
def input_moments(
    phi: Activation, q: Float[Array, ""]
) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]:
    """``E[s^4]``, and the first two derivatives of ``E[s^2]`` in the variance q (zero at zero)."""
    z, x, w = gaussian_nodes(q, phi.rule.refined())
    return _moments_of_input(phi(z), x, w, q)


def _moments_of_input(s: Array, x: Array, w: Array, q: Array) -> tuple[Array, Array, Array]:
    square = s**2
    safe = jnp.where(q > 0, q, 1.0)
    hermite = _hermite(x)
    slope = jnp.where(q > 0, jnp.sum(w * square * hermite[2]) / (2 * safe), 0.0)
    bend = jnp.where(q > 0, jnp.sum(w * square * hermite[4]) / (4 * safe**2), 0.0)
    return jnp.sum(w * square**2), slope, bend


def _cross_moments(at: _Nodes, s1: Array, s2: Array) -> tuple[Array, Array, Array]:
    """``E[s(u)^3 s(v)]`` and its two companions, and the derivatives of ``E[s(u) s(v)]``."""
    _, scales, sign, c, t = _scaled(at.k)
    safe_t = jnp.where(t > 0, t, 1.0)
    product = at.outer[:, None] * at.inner * s1 * s2
    fourths = jnp.stack([jnp.sum(product * g) for g in (s1**2, s1 * s2, s2**2)])
    rows = jnp.stack([jnp.sum(product * h, axis=1) for h in _hermite(at.p)])
    powers = jnp.arange(5)
    table = (rows @ _hermite(at.m).T) / (c ** powers[:, None] * safe_t ** powers[None, :])
    pure = jnp.stack([1 / scales[0] ** 2, sign / (scales[0] * scales[1]), 1 / scales[1] ** 2])
    gradient = _FORMS @ jnp.stack([table[2, 0], table[1, 1], table[0, 2]])
    hessian = _PRODUCTS @ jnp.stack([table[4 - b, b] for b in range(5)])
    return fourths, pure * gradient, jnp.outer(pure, pure) * hessian


def _hermite(x: Array) -> Array:
    """``He_0 .. He_4``, stacked first."""
    return jnp.stack([jnp.ones_like(x), x, x**2 - 1, x**3 - 3 * x, x**4 - 6 * x**2 + 3])
