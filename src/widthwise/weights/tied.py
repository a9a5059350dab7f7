"""The Gaussian law of square matrices whose rows and columns are permuted together: 13 numbers."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import numpy as np
from jaxtyping import Float

from widthwise.numerics.generators import numpy_generator
from widthwise.weights.components import Matrices, check_square, checked_matrices, tied_components
from widthwise.weights.law import Law, checked_covariance, square_root


@dataclass(frozen=True, eq=False)
class TiedGaussian:
    """A Gaussian law of D x D matrices, invariant under ``W[i, j] -> W[s(i), s(j)]``.

    Rows are what a layer puts out, columns what it reads; both count the same neurons, as in a
    residual branch, a recurrent layer or products of attention.

    Parameters
    ----------
    size
        D, at least 4.
    mean
        Of ``z1 = S / D`` and ``z2 = (t - S / D) / sqrt(D - 1)``: S is the sum of all entries, t the
        trace.
    trivial
        Covariance of z1 and z2; None if it is not known, as from one matrix.
    standard
        Covariance of the three vectors of D - 1 coordinates each: column sums and row sums, less
        their averages and divided by sqrt(D), and what the diagonal has beyond both, times
        ``sqrt(D / (D - 2))``.
    symmetric, antisymmetric
        Variances of what is left of W, symmetric (``D (D - 3) / 2`` coordinates) and antisymmetric
        (``(D - 1) (D - 2) / 2``).

    Raises
    ------
    ValueError
        If D is below 4, or a covariance has a negative eigenvalue.

    Notes
    -----
    Independent entries of mean m and variance v have ``mean = (D m, 0)`` and all covariances v
    times the identity. Source: Ramgoolam (2018, arXiv:1809.07559); Hirst & Ramgoolam (2025,
    arXiv:2510.05218).

    Examples
    --------
    >>> import jax, numpy as np
    >>> model = TiedGaussian(8, np.zeros(2), np.eye(2), np.eye(3), 1.0, 0.25)
    >>> w = model.sample(jax.random.key(0), 5)
    >>> w.shape, model.log_density(w).shape, round(model.entropy(), 3)
    ((5, 8, 8), (5,), 76.256)
    """

    NAMES: ClassVar = ("trivial", "standard", "symmetric", "antisymmetric")

    size: int
    mean: Float[np.ndarray, "2"]
    trivial: Float[np.ndarray, "2 2"] | None
    standard: Float[np.ndarray, "3 3"]
    symmetric: float | int
    antisymmetric: float | int

    def __post_init__(self) -> None:
        check_square((self.size, self.size))
        mean = np.array(self.mean, np.float64)
        if mean.shape != (2,) or not np.all(np.isfinite(mean)):
            raise ValueError(f"mean has shape {mean.shape}: give two finite numbers")
        mean.setflags(write=False)
        object.__setattr__(self, "mean", mean)
        for name, kinds in (("trivial", 2), ("standard", 3)):
            s = checked_covariance(name, getattr(self, name), kinds)
            object.__setattr__(self, name, s)
        for name in ("symmetric", "antisymmetric"):
            checked_covariance(name, np.asarray(getattr(self, name)), 1)
            object.__setattr__(self, name, float(getattr(self, name)))

    @staticmethod
    def copies_of(size: int) -> tuple[int, int, int, int]:
        """Dimensions of the irreducible representations."""
        return 1, size - 1, size * (size - 3) // 2, (size - 1) * (size - 2) // 2

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the matrices."""
        return self.size, self.size

    @property
    def law(self) -> Law:
        """The law in its irreducible parts."""
        single = (np.array([[v]]) for v in (self.symmetric, self.antisymmetric))
        covariances = (self.trivial, self.standard, *single)
        return Law(self.NAMES, self.copies_of(self.size), self.mean, covariances)

    @property
    def parameters(self) -> dict[str, float]:
        """The 13 numbers by name; not-a-number where they are not known."""
        trivial = np.full((2, 2), np.nan) if self.trivial is None else self.trivial
        found = {f"mean_{i + 1}": float(self.mean[i]) for i in range(2)}
        for name, s in (("trivial", trivial), ("standard", self.standard)):
            rows, columns = np.triu_indices(len(s))
            for i, j in zip(rows, columns, strict=True):
                found[f"{name}_{i + 1}{j + 1}"] = float(s[i, j])
        return found | {"symmetric": self.symmetric, "antisymmetric": self.antisymmetric}

    def entropy(self) -> float:
        """Differential entropy in nats.

        Raises
        ------
        ValueError
            If a covariance is singular or not known.
        """
        return self.law.entropy()

    def log_density(self, matrices: Matrices) -> Float[np.ndarray, " k"]:
        """Logarithm of the density at each matrix (matrix, row, column), in nats.

        Raises
        ------
        ValueError
            If the matrices have another size or are not finite, or there is no density.
        """
        return self.law.log_density(tied_components(checked_matrices(matrices, self.shape)))

    def sample(self, key: jax.Array, count: int) -> Float[np.ndarray, "k d d"]:
        """Draw independent matrices in float64, at O(D^2) each.

        Parameters
        ----------
        key
            JAX random key.
        count
            How many.

        Raises
        ------
        ValueError
            If the covariance of the first part is not known.
        """
        if self.trivial is None:
            raise ValueError("the covariance of part 'trivial' is not known: nothing can be drawn")
        numbers, d = numpy_generator(key), self.size
        z = self.mean + numbers.standard_normal((count, 2)) @ square_root(self.trivial)
        root = square_root(self.standard)
        u = np.einsum("ab,kbi->kai", root, numbers.standard_normal((count, 3, d)))
        u -= u.mean(axis=2, keepdims=True)
        w, trace, beyond = _symmetric_and_not(
            numbers.standard_normal((count, d, d)), self.symmetric**0.5, self.antisymmetric**0.5
        )
        # All the rest, and what w has too much, is a diagonal, rows and columns of equal numbers.
        beyond = (d / (d - 2)) ** 0.5 * u[:, 2] - d / (d - 2) * beyond
        level = z[:, 1] / (d - 1) ** 0.5 - trace / (d - 1)
        np.einsum("kii->ki", w)[...] += beyond + level[:, None]
        w += (u[:, 1] / d**0.5 - beyond / d + (z[:, 0] - level)[:, None] / d)[:, :, None]
        w += (u[:, 0] / d**0.5 - beyond / d)[:, None, :]
        return w


def _symmetric_and_not(n: np.ndarray, symmetric: float, antisymmetric: float) -> tuple:
    """Centre matrices and scale their two parts; tell the trace and the diagonal of the first."""
    n -= n.mean(axis=1, keepdims=True)
    n -= n.mean(axis=2, keepdims=True)
    anti = (n - n.transpose(0, 2, 1)) / 2
    w = symmetric * (n - anti) + antisymmetric * anti
    diagonal = np.einsum("kii->ki", w)
    trace = diagonal.sum(axis=1)
    return w, trace, diagonal - trace[:, None] / n.shape[1]
