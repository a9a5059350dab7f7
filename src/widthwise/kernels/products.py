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

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from widthwise.activations import Activation
from widthwise.numerics.quadrature import KinkRule, _line, gaussian_nodes

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
    return jax.lax.map(lambda pair: _one_pair(phi, *pair), (k, f))


def _one_pair(phi: Activation, k: Array, f: Array) -> tuple[Array, Array, Array]:
    (fourth1, fourth2), (slope1, slope2), (bend1, bend2) = jax.vmap(partial(input_moments, phi))(
        k[::2]
    )
    (cubic1, squares, cubic2), cross1, cross2 = _two_inputs(phi, k)
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


def input_moments(
    phi: Activation, q: Float[Array, ""]
) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]:
    """``E[s^4]``, and the first two derivatives of ``E[s^2]`` in the variance q (zero at zero)."""
    z, x, w = gaussian_nodes(q, phi.rule.refined())  # a fourth power turns faster than s
    square = phi(z) ** 2
    safe = jnp.where(q > 0, q, 1.0)
    hermite = _hermite(x)
    slope = jnp.where(q > 0, jnp.sum(w * square * hermite[2]) / (2 * safe), 0.0)
    bend = jnp.where(q > 0, jnp.sum(w * square * hermite[4]) / (4 * safe**2), 0.0)
    return jnp.sum(w * square**2), slope, bend


def _two_inputs(phi: Activation, k: Array) -> tuple[Array, Array, Array]:
    """``E[s(u)^3 s(v)]`` and its two companions, and the derivatives of ``E[s(u) s(v)]``."""
    deviations = jnp.sqrt(k[::2])
    scales = jnp.where(deviations > 0, deviations, 1.0)
    sign = jnp.where(k[1] < 0, -1.0, 1.0)
    rho = jnp.clip(sign * k[1] / (scales[0] * scales[1]), 0.0, 1.0)
    c, t = jnp.sqrt((1 + rho) / 2), jnp.sqrt((1 - rho) / 2)
    safe_t = jnp.where(t > 0, t, 1.0)
    (m, outer), (p, inner) = _pair_nodes(phi.rule, scales, sign, c, t)
    s1 = phi(deviations[0] * (c * p + t * m[:, None]))
    s2 = phi(sign * deviations[1] * (c * p - t * m[:, None]))
    w = outer[:, None] * inner
    product = s1 * s2
    fourths = jnp.stack([jnp.sum(w * product * g) for g in (s1**2, product, s2**2)])
    rows = jnp.stack([jnp.sum(w * product * h, axis=1) for h in _hermite(p)])
    powers = jnp.arange(5)
    table = (rows @ _hermite(m).T) / (c ** powers[:, None] * safe_t ** powers[None, :])
    pure = jnp.stack([1 / scales[0] ** 2, sign / (scales[0] * scales[1]), 1 / scales[1] ** 2])
    gradient = _FORMS @ jnp.stack([table[2, 0], table[1, 1], table[0, 2]])
    hessian = _PRODUCTS @ jnp.stack([table[4 - b, b] for b in range(5)])
    return fourths, pure * gradient, jnp.outer(pure, pure) * hessian


def _pair_nodes(
    rule: KinkRule, scales: Array, sign: Array, c: Array, t: Array
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Nodes and weights of m, and for each of them of p, cut where u or v meets a kink."""
    kinks = jnp.asarray(rule.centres, c.dtype)
    lines1, lines2 = kinks / scales[0], sign * kinks / scales[1]
    widths = rule.width / scales
    safe_t = jnp.where(t > 0, t, 1.0)
    crossings = (lines1[:, None] - lines2[None, :]).ravel() / (2 * safe_t)
    m, outer = _line(crossings, jnp.sum(widths) / (2 * safe_t), rule)

    def cut(m: Array) -> tuple[Array, Array]:
        lines = jnp.concatenate([lines1 - t * m, lines2 + t * m]) / c
        return _line(lines, jnp.min(widths) / c, rule)

    return (m, outer), jax.vmap(cut)(m)


def _hermite(x: Array) -> Array:
    """``He_0 .. He_4``, stacked first."""
    return jnp.stack([jnp.ones_like(x), x, x**2 - 1, x**3 - 3 * x, x**4 - 6 * x**2 + 3])
