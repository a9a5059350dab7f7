"""Independent entries, all of one mean and one variance."""

from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Float

from widthwise.numerics.generators import numpy_generator
from widthwise.weights.bipartite import BipartiteGaussian
from widthwise.weights.components import Matrices
from widthwise.weights.law import Law, checked_covariance


@dataclass(frozen=True)
class IsotropicGaussian:
    """Matrices of independent, identically distributed Gaussian entries: weights at the start.

    Parameters
    ----------
    shape
        Rows and columns, both at least 2.
    mean, variance
        Of every entry.

    Raises
    ------
    ValueError
        If an axis is shorter than two, or the variance is negative.

    Examples
    --------
    >>> round(IsotropicGaussian((10, 10), 0.0, 0.1).entropy(), 3)
    26.765
    """

    shape: tuple[int, int]
    mean: float | int
    variance: float | int

    def __post_init__(self) -> None:
        checked_covariance("variance", np.asarray(self.variance), 1)
        object.__setattr__(self, "shape", self.bipartite.shape)
        for name in ("mean", "variance"):
            object.__setattr__(self, name, float(getattr(self, name)))

    @property
    def bipartite(self) -> BipartiteGaussian:
        """The same law as one of the larger family."""
        m, n = self.shape
        v = self.variance
        return BipartiteGaussian((m, n), self.mean * (m * n) ** 0.5, v, v, v, v)

    @property
    def law(self) -> Law:
        """The law in the irreducible parts of the larger family."""
        return self.bipartite.law

    @property
    def parameters(self) -> dict[str, float]:
        """The two numbers by name."""
        return {"mean": self.mean, "variance": self.variance}

    def entropy(self) -> float:
        """Differential entropy in nats.

        Raises
        ------
        ValueError
            If the variance is zero.
        """
        return self.bipartite.entropy()

    def log_density(self, matrices: Matrices) -> Float[np.ndarray, " k"]:
        """Logarithm of the density at each matrix (matrix, row, column), in nats.

        Raises
        ------
        ValueError
            If the matrices have another shape or are not finite, or the variance is zero.
        """
        return self.bipartite.log_density(matrices)

    def sample(self, key: jax.Array, count: int) -> Float[np.ndarray, "k m n"]:
        """Draw independent matrices in float64.

        Parameters
        ----------
        key
            JAX random key.
        count
            How many.
        """
        numbers = numpy_generator(key)
        return self.mean + self.variance**0.5 * numbers.standard_normal((count, *self.shape))
