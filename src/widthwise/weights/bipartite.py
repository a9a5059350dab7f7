"""The Gaussian law of matrices whose rows and columns are permuted on their own: 5 numbers."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import numpy as np
from jaxtyping import Float

from widthwise.numerics.generators import numpy_generator
from widthwise.weights.components import Matrices, bipartite_components, checked_matrices
from widthwise.weights.law import Law, checked_covariance


@dataclass(frozen=True)
class BipartiteGaussian:
    """A Gaussian law of m x n matrices, invariant under ``W[i, j] -> W[s(i), t(j)]``.

    It is the random-effects model of two-way analysis of variance: a mean, and one variance each
    for the total, the rows, the columns and the entries. Between two layers of a network without
    skips, trained from independent weights by a method that treats neurons alike, the exact law of
    the weights has this symmetry at every step.

    Parameters
    ----------
    shape
        Rows m and columns n, both at least 2.
    mean
        Of the coordinate ``S / sqrt(m n)``, S being the sum of all entries.
    total
        Variance of that coordinate; None if it is not known, as from one matrix.
    rows, columns, entries
        Variances of the ``m - 1`` coordinates of row sums, the ``n - 1`` of column sums and the
        ``(m - 1) (n - 1)`` of the rest. All are v if entries are independent of variance v.

    Raises
    ------
    ValueError
        If an axis is shorter than two, or a variance is negative.

    Examples
    --------
    >>> import jax
    >>> model = BipartiteGaussian((3, 5), mean=0.0, total=1.0, rows=2.0, columns=1.0, entries=1.0)
    >>> model.sample(jax.random.key(0), 4).shape
    (4, 3, 5)
    """

    NAMES: ClassVar = ("total", "rows", "columns", "entries")

    shape: tuple[int, int]
    mean: float | int
    total: float | int | None
    rows: float | int
    columns: float | int
    entries: float | int

    def __post_init__(self) -> None:
        if min(self.shape) < 2:
            raise ValueError(f"shape is {self.shape}: give at least two rows and two columns")
        object.__setattr__(self, "shape", (int(self.shape[0]), int(self.shape[1])))
        object.__setattr__(self, "mean", float(self.mean))
        if not np.isfinite(self.mean):
            raise ValueError(f"mean is {self.mean}: give a finite number")
        for name in self.NAMES:
            value = getattr(self, name)
            if value is not None:
                checked_covariance(name, np.asarray(value), 1)
                object.__setattr__(self, name, float(value))

    @staticmethod
    def copies_of(shape: tuple[int, int]) -> tuple[int, int, int, int]:
        """Dimensions of the irreducible representations."""
        m, n = shape
        return 1, m - 1, n - 1, (m - 1) * (n - 1)

    @property
    def law(self) -> Law:
        """The law in its irreducible parts."""
        values = (self.total, self.rows, self.columns, self.entries)
        covariances = tuple(None if v is None else np.array([[v]]) for v in values)
        return Law(self.NAMES, self.copies_of(self.shape), np.array([self.mean]), covariances)

    @property
    def parameters(self) -> dict[str, float]:
        """The five numbers by name; not-a-number where they are not known."""
        total = float("nan") if self.total is None else self.total
        rest = {name: float(getattr(self, name)) for name in self.NAMES[1:]}
        return {"mean": self.mean, "total": total} | rest

    def entropy(self) -> float:
        """Differential entropy in nats.

        Raises
        ------
        ValueError
            If a variance is zero or not known.
        """
        return self.law.entropy()

    def log_density(self, matrices: Matrices) -> Float[np.ndarray, " k"]:
        """Logarithm of the density at each matrix (matrix, row, column), in nats.

        Raises
        ------
        ValueError
            If the matrices have another shape or are not finite, or there is no density.
        """
        return self.law.log_density(bipartite_components(checked_matrices(matrices, self.shape)))

    def sample(self, key: jax.Array, count: int) -> Float[np.ndarray, "k m n"]:
        """Draw independent matrices in float64.

        Parameters
        ----------
        key
            JAX random key.
        count
            How many.

        Raises
        ------
        ValueError
            If the variance of the total is not known.
        """
        if self.total is None:
            raise ValueError("the variance of part 'total' is not known: nothing can be drawn")
        numbers, (m, n) = numpy_generator(key), self.shape
        z = self.mean + self.total**0.5 * numbers.standard_normal(count)
        rows = (self.rows / n) ** 0.5 * numbers.standard_normal((count, m))
        columns = (self.columns / m) ** 0.5 * numbers.standard_normal((count, n))
        w = self.entries**0.5 * numbers.standard_normal((count, m, n))
        w -= w.mean(axis=1, keepdims=True)
        w -= w.mean(axis=2, keepdims=True)
        w += (rows - rows.mean(axis=1, keepdims=True) + z[:, None] / (m * n) ** 0.5)[:, :, None]
        w += (columns - columns.mean(axis=1, keepdims=True))[:, None, :]
        return w
