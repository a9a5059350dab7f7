"""NumPy's random numbers from a JAX key: in float64 whatever JAX's own precision is."""

import jax
import numpy as np
from jaxtyping import Array, Key


def numpy_generator(key: Key[Array, ""]) -> np.random.Generator:
    """Return the generator that a key determines.

    Examples
    --------
    >>> import jax
    >>> numpy_generator(jax.random.key(0)).standard_normal(1).dtype
    dtype('float64')
    """
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel().tolist())
