"""Signed correlation of outputs, unit by unit: no rotation is allowed for."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from widthwise.observables.alignment.representations import centred


@dataclass(frozen=True)
class Correlation:
    """Cosine ``<A, B> / (|A| |B|)`` of two representations with the same features, from -1 to 1.

    For the outputs of two networks: their correlation over samples.

    Parameters
    ----------
    center
        Whether the mean of each feature is subtracted.
    """

    center: bool = True

    larger_is_closer = True
    resampling = ("jackknife", "bootstrap")
    least_samples = 3

    def check(self, a: Float[np.ndarray, "n m"], b: Float[np.ndarray, "n m2"]) -> None:
        """Refuse other features.

        Raises
        ------
        ValueError
            If the numbers of features differ.
        """
        if a.shape != b.shape:
            raise ValueError(
                f"a has {a.shape[1]} features and b has {b.shape[1]}: correlation compares them "
                "one by one; use 'cka' or 'procrustes' for representations of different networks"
            )

    def __call__(self, a: Float[Array, "n m"], b: Float[Array, "n m"]) -> Float[Array, ""]:
        """Compare; a pure function for ``jit`` and ``vmap``."""
        if self.center:
            a, b = centred(a), centred(b)
        return jnp.sum(a * b) / (jnp.linalg.norm(a) * jnp.linalg.norm(b))
