"""Representational similarity analysis: do the same pairs of samples lie far apart?"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import rankdata
from jaxtyping import Array, Float

from widthwise.numerics.choices import check_choice
from widthwise.observables.alignment.representations import centred, squared_distances


@dataclass(frozen=True)
class RSA:
    """Correlation of the distances between samples in one representation and in the other.

    Parameters
    ----------
    correlation
        ``"pearson"`` or ``"spearman"``.
    squared
        Whether Euclidean distances are squared (Spearman's correlation is the same for both).

    Raises
    ------
    ValueError
        If the correlation is another word.

    Notes
    -----
    Source: Kriegeskorte, Mur & Bandettini (2008). Holds all pairs of samples in memory.
    """

    correlation: str = "pearson"
    squared: bool = False

    larger_is_closer = True
    # Samples drawn twice have distance zero in both representations, which raises the correlation.
    resampling = ("jackknife",)
    least_samples = 3

    def __post_init__(self) -> None:
        check_choice("correlation of RSA", self.correlation, ["pearson", "spearman"])

    def check(self, a: Float[np.ndarray, "n m"], b: Float[np.ndarray, "n m2"]) -> None:
        """Accept all that is not constant."""
        del a, b

    def __call__(self, a: Float[Array, "n m"], b: Float[Array, "n m2"]) -> Float[Array, ""]:
        """Compare; a pure function for ``jit`` and ``vmap``."""
        one, other = (self._distances(x) for x in (a, b))
        one, other = one - jnp.mean(one), other - jnp.mean(other)
        return jnp.sum(one * other) / (jnp.linalg.norm(one) * jnp.linalg.norm(other))

    def _distances(self, x: Float[Array, "n m"]) -> Float[Array, " pairs"]:
        x = centred(x)
        square = squared_distances(x, x)[np.triu_indices(len(x), 1)]
        if self.correlation == "spearman":
            return rankdata(square).astype(square.dtype)
        return square if self.squared else jnp.sqrt(square)
