"""Means of the products of a pair of units: ``F(K) = E[s_a s_b]`` for entries 11, 12, 22."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from widthwise.activations.activation import Activation
from widthwise.numerics.safe import safe_sqrt


def mean_products(phi: Activation, pairs: Float[Array, "p 3"]) -> Float[Array, "p 3"]:
    """``F(K)``: E[s(u)s(u)], E[s(u)s(v)], E[s(v)s(v)] for ``(u, v)`` of covariance K11, K12, K22.

    Coincident inputs keep exactly equal entries.
    """
    k11, k12, k22 = pairs[:, 0], pairs[:, 1], pairs[:, 2]
    own = phi.second_moment(pairs[:, ::2])
    same = (k11 == k12) & (k12 == k22)
    cross = jnp.where(same, own[:, 0], phi.dual(k12, k11, k22))
    return jnp.stack([own[:, 0], cross, own[:, 1]], axis=1)


@partial(jax.jit, static_argnums=(0, 2))
def mehler_products(phi: Activation, pairs: Float[Array, "p 3"], order: int) -> Float[Array, "p 3"]:
    """``F(K)`` by Mehler's formula, for many pairs of an activation without closed forms.

    ``E[s(u) s(v)] = sum_k a_k(K11) a_k(K22) rho^k`` with the Hermite coefficients ``a_k``: one
    integral for each input instead of one for each pair.

    Parameters
    ----------
    phi
        The activation.
    pairs
        K11, K12, K22 of each pair.
    order
        The last ``k``. What is left out is at most ``|rho|^(order + 1)`` times the share of
        ``E[s^2]`` that the coefficients up to ``order`` do not have.
    """
    coefficients = jax.vmap(jax.vmap(partial(phi.hermite, order)))(pairs[:, ::2])
    scale = safe_sqrt(pairs[:, 0]) * safe_sqrt(pairs[:, 2])
    rho = jnp.clip(jnp.where(scale > 0, pairs[:, 1] / jnp.where(scale > 0, scale, 1.0), 0.0), -1, 1)
    first, second = coefficients[:, 0], coefficients[:, 1]
    cross = jnp.zeros_like(rho)
    for k in range(order, -1, -1):  # Horner's scheme
        cross = cross * rho + first[:, k] * second[:, k]
    own = phi.second_moment(pairs[:, ::2])
    return jnp.stack([own[:, 0], cross, own[:, 1]], axis=1)
