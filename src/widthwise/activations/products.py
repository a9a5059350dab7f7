"""Means of the products of a pair of units: ``F(K) = E[s_a s_b]`` for entries 11, 12, 22."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from widthwise.activations.activation import Activation
from widthwise.numerics.hermite import hermite_functions
from widthwise.numerics.quadrature import gaussian_nodes
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


class MehlerProducts:
    """``F(K)`` by Mehler's formula: much cheaper for many pairs than an integral for each.

    ``E[s(u) s(v)] = sum_k a_k(K11) a_k(K22) rho^k`` with the Hermite coefficients ``a_k``, which
    are sums over the same standardised nodes for every variance.

    Parameters
    ----------
    phi
        The activation, smooth except at zero, where kinks stay as the variance changes.
    order
        The last ``k``. What is left out is at most ``|rho|^(order + 1)`` times the share of
        ``E[s^2]`` that the coefficients up to ``order`` do not have.

    Raises
    ------
    ValueError
        If the activation has a kink elsewhere.
    """

    def __init__(self, phi: Activation, order: int) -> None:
        if any(phi.kinks):
            raise ValueError(f"{phi.name} has kinks at {phi.kinks}; only zero is accepted")
        rule = phi.rule.refined(phi.rule.nodes + 16 + order)
        with jax.enable_x64(True), jax.ensure_compile_time_eval():
            _, x, weights = gaussian_nodes(jnp.ones(()), rule)
            table = hermite_functions(x, order) * weights[None]
        self._phi = phi
        self._x, self._weights, self._table = (np.asarray(a) for a in (x, weights, table))

    def __call__(self, pairs: Float[Array, "p 3"]) -> Float[Array, "p 3"]:
        """Return the means for rows of K11, K12, K22."""
        x, weights, table = (
            jnp.asarray(a, pairs.dtype) for a in (self._x, self._weights, self._table)
        )
        deviations = safe_sqrt(pairs[:, ::2])
        s = self._phi(deviations[:, :, None] * x[None, None])
        own = s**2 @ weights
        a = s @ table.T
        scale = deviations[:, 0] * deviations[:, 1]
        positive = scale > 0
        rho = jnp.where(positive, pairs[:, 1] / jnp.where(positive, scale, 1.0), 0.0)
        powers = jnp.clip(rho, -1.0, 1.0)[:, None] ** np.arange(a.shape[-1])[None]
        cross = jnp.sum(a[:, 0] * a[:, 1] * powers, axis=1)
        return jnp.stack([own[:, 0], cross, own[:, 1]], axis=1)
