"""Square roots of covariances, without NaN where a derivative is infinite."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def safe_sqrt(x: Float[Array | np.ndarray, "*s"], at_zero: float = 0.0) -> Float[Array, "*s"]:
    """Square root; ``at_zero`` where ``x <= 0``, and gradient zero there.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> float(jax.grad(lambda x: safe_sqrt(x))(jnp.asarray(0.0)))
    0.0
    """
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1.0)), at_zero)


def area(
    k12: Float[Array, "*s"], k11: Float[Array, "*s"], k22: Float[Array, "*s"]
) -> Float[Array, "*s"]:
    """``sqrt(K11 K22 - K12^2)``; gradient zero where the pair is degenerate."""
    return safe_sqrt(k11 * k22 - k12**2)
