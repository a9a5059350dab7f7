"""Polynomials: ``E[p(u) p(v)] = sum_k A_k(K11) A_k(K22) K12^k``, with polynomials ``A_k``."""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from widthwise.activations.averages import ClosedForms
from widthwise.numerics.safe import safe_sqrt


def _reduced(coefficients: tuple[float, ...]) -> list[np.ndarray]:
    """Coefficients in ``q`` of ``A_k(q) = a_k(q) / q^(k/2)``.

    ``E[(sqrt(q) x)^i h_k(x)] = q^(i/2) i! / (2^j j! sqrt(k!))`` with ``j = (i - k) / 2`` whole.
    """
    top = len(coefficients) - 1
    table = [np.zeros((top - k) // 2 + 1) for k in range(top + 1)]
    for i, c in enumerate(coefficients):
        for k in range(i % 2, i + 1, 2):
            j = (i - k) // 2
            table[k][j] = (
                c * math.factorial(i) / (2**j * math.factorial(j) * math.factorial(k) ** 0.5)
            )
    return table


def polynomial(coefficients: tuple[float, ...]) -> ClosedForms:
    """Give the closed forms of ``sum_i coefficients[i] z^i``."""
    table = _reduced(coefficients)

    def at(k: int, q: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.polyval(jnp.asarray(table[k][::-1], q.dtype), q)

    def dual(k12: Array, k11: Array, k22: Array) -> Array:
        # Horner's rule in K12: no power of zero, so derivatives are exact there.
        total = jnp.zeros_like(k12)
        for k in reversed(range(len(table))):
            total = total * k12 + at(k, k11) * at(k, k22)
        return total

    def hermite(order: int, q: Float[Array, ""]) -> Float[Array, " k"]:
        known = [at(k, q) * safe_sqrt(q) ** k for k in range(min(order + 1, len(table)))]
        return jnp.stack(known + [jnp.zeros_like(q)] * (order + 1 - len(known)))

    return ClosedForms(
        mean=lambda q: at(0, q),
        second_moment=lambda q: dual(q, q, q),
        dual=dual,
        hermite=hermite,
    )
