"""How far apart two inputs are in angle, without loss where they nearly coincide."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from widthwise.numerics.gap import in_range
from widthwise.numerics.safe import safe_sqrt

NEAR = {"float64": 1e-5, "float32": 1e-3}  # gaps that cosines do not give
_FEW = 128  # near pairs that are gathered; beyond, all pairs are subtracted


def exact_gap(x1: Float[Array, "*pairs d"], x2: Float[Array, "*pairs d"]) -> Float[Array, "*pairs"]:
    """``1 - cos(x1, x2)`` from differences: zero for equal inputs, accurate for nearly equal ones.

    ``(|x - y|^2 - (|x| - |y|)^2) / (2 |x| |y|)``, ``|x| - |y| = (x - y).(x + y) / (|x| + |y|)``.
    One where an input is zero.
    """
    n1, n2 = (safe_sqrt(jnp.sum(x * x, axis=-1)) for x in (x1, x2))
    variable = (n1 > 0) & (n2 > 0)
    n1, n2 = jnp.where(variable, n1, 1.0), jnp.where(variable, n2, 1.0)
    difference = x1 - x2
    lengths = jnp.sum(difference * (x1 + x2), axis=-1) / (n1 + n2)
    gap = (jnp.sum(difference**2, axis=-1) - lengths**2) / (2 * n1 * n2)
    return jnp.where(variable, in_range(gap), 1.0)


def units(x: Float[Array, "n d"]) -> Float[Array, "n d"]:
    """Inputs of length one in the direction of each; zero stays zero."""
    length = safe_sqrt(jnp.sum(x * x, axis=-1, keepdims=True))
    return x / jnp.where(length > 0, length, 1.0)


def cosines(x1: Float[Array, "n d"], x2: Float[Array, "m d"]) -> Float[Array, "n m"]:
    """Scalar products of all pairs of `units`."""
    return jnp.matmul(units(x1), units(x2).T, precision=jax.lax.Precision.HIGHEST)


def rough_gaps(
    cosines: Float[Array, "n m"], same: Bool[Array, ""] | bool
) -> tuple[Float[Array, "n m"], Bool[Array, "n m"]]:
    """Return ``1 - cos`` of all pairs, and where that has cancelled.

    Parameters
    ----------
    cosines
        Of inputs of length one; of others after `units`.
    same
        Whether both are the same inputs: then the diagonal is known to be zero.
    """
    rough = in_range(1.0 - cosines)
    diagonal = same & jnp.eye(*rough.shape, dtype=bool)
    near = ~diagonal & (rough < NEAR.get(str(rough.dtype), NEAR["float32"]))
    return jnp.where(diagonal, 0.0, rough), near


def refined(
    gap: Float[Array, "n m"],
    near: Bool[Array, "n m"],
    x1: Float[Array, "n d"],
    x2: Float[Array, "m d"],
) -> Float[Array, "n m"]:
    """Compute the gaps of near pairs again, from differences."""
    few = min(_FEW, gap.size)

    def gathered() -> Array:
        row, column = jnp.nonzero(near, size=few, fill_value=0)
        exact = exact_gap(x1[row], x2[column])
        return gap.at[row, column].set(jnp.where(near[row, column], exact, gap[row, column]))

    def subtracted() -> Array:
        exact = jax.lax.map(lambda x: exact_gap(jnp.broadcast_to(x, x2.shape), x2), x1)
        return jnp.where(near, exact, gap)

    return jax.lax.cond(jnp.sum(near) <= few, gathered, subtracted)
