"""Hermite polynomials that are orthonormal under the standard normal, and expansions in them."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Real

from widthwise.numerics.quadrature import KinkRule, floating, gaussian_nodes


def hermite_functions(x: Float[Array, " n"], order: int) -> Float[Array, "k n"]:
    """Orthonormal Hermite polynomials ``h_0 .. h_order`` at ``x``, by their three-term recursion.

    ``h_k = He_k / sqrt(k!)``; the recursion ``sqrt(k+1) h_{k+1} = x h_k - sqrt(k) h_{k-1}`` never
    forms a factorial, so it does not overflow before the values do.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> [round(h, 6) for h in hermite_functions(jnp.asarray([0.0, 1.0]), 2)[2].tolist()]
    [-0.707107, 0.0]
    """

    def step(pair: tuple[Array, Array], k: Array) -> tuple[tuple[Array, Array], Array]:
        below, here = pair
        above = (x * here - jnp.sqrt(k) * below) / jnp.sqrt(k + 1)
        return (here, above), here

    ks = jnp.arange(order + 1, dtype=x.dtype)
    return jax.lax.scan(step, (jnp.zeros_like(x), jnp.ones_like(x)), ks)[1]


@partial(jax.jit, static_argnums=(0, 1, 2))
def _coefficients(f: Callable, order: int, rule: KinkRule, variance: Array) -> Array:
    z, x, weights = gaussian_nodes(variance, rule)
    return hermite_functions(x, order) @ (weights * f(z))


def hermite_coefficients(
    f: Callable, order: int, variance: Real[ArrayLike, ""] = 1.0, *, rule: KinkRule
) -> Float[Array, " k"]:
    """Return ``a_k = E[f(sqrt(variance) x) h_k(x)]`` for ``k = 0 .. order``.

    Nodes and reach grow with ``order``: ``h_k`` has ``k`` zeros and keeps its size up to
    ``2 sqrt(k)``, of which the normal weight leaves ``exp(-x^2 / 4)``.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> a = hermite_coefficients(lambda z: z**2, 4, rule=KinkRule())
    >>> [abs(round(float(x), 9)) for x in a]
    [1.0, 0.0, 1.414213562, 0.0, 0.0]
    """
    (variance,) = floating(variance)
    fine = replace(rule, nodes=rule.nodes + 16 + order, reach=rule.reach + 5.0)
    return _coefficients(f, order, fine, variance)
