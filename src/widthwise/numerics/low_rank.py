"""A positive semi-definite matrix of low rank that resembles a large one, from a few columns.

Columns are drawn with probability proportional to what is left of the diagonal (randomly pivoted
Cholesky: Chen, Epperly, Tropp & Webber, 2022, arXiv:2207.06503). They are drawn a block at a time
and thinned by rejection, which leaves the law of the columns as if drawn one by one (Epperly, Tropp
& Webber, 2024, arXiv:2410.03969, algorithm 2.1). The matrix itself is never formed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import scipy.linalg as sl
from jaxtyping import Float, Int

_BLOCK = 128  # columns drawn at a time
_EXHAUSTED = 1e-6  # part of the trace below which entries in float32 say nothing more


@runtime_checkable
class Entries(Protocol):
    """A symmetric matrix whose entries can be asked for."""

    def diagonal(self) -> np.ndarray:
        """Diagonal entries."""
        ...

    def block(self, rows: Any, columns: Any) -> np.ndarray:
        """Entries of the given rows and columns."""
        ...


@dataclass(frozen=True)
class LowRank:
    """The matrix ``factor @ factor.T``.

    Attributes
    ----------
    factor
        Shape (n, rank), float64.
    pivots
        The columns that it reproduces.
    left
        Part of the trace that it misses.
    """

    factor: Float[np.ndarray, "n rank"]
    pivots: Int[np.ndarray, " rank"]
    left: float


def pivoted_cholesky(matrix: Entries, rank: int, *, seed: int = 0) -> LowRank:
    """Approximate a positive semi-definite matrix from its diagonal and ``rank`` columns.

    Parameters
    ----------
    matrix
        Anything with ``diagonal()`` and ``block(rows, columns)``.
    rank
        Number of columns; fewer are used where they already give all of the matrix.
    seed
        Of the draws.

    Returns
    -------
    LowRank
        Never larger than the matrix, as quadratic forms.

    Raises
    ------
    ValueError
        If ``rank`` is not positive, or the diagonal is negative or not finite.

    Examples
    --------
    >>> class Given:
    ...     def diagonal(self): return np.array([1.0, 4.0, 1.0])
    ...     def block(self, rows, columns): return np.outer([1, 2, 1], [1, 2, 1])[rows][:, columns]
    >>> found = pivoted_cholesky(Given(), 2)
    >>> found.factor.shape, np.abs(found.factor[:, 0]).tolist()
    ((3, 1), [1.0, 2.0, 1.0])
    """
    whole = np.array(matrix.diagonal(), np.float64)
    left = whole.copy()
    if rank < 1:
        raise ValueError(f"rank is {rank}: give at least 1")
    if not np.isfinite(whole).all() or whole.min() < 0:
        raise ValueError(
            f"the diagonal of the matrix ranges from {whole.min()} to {whole.max()}: a positive "
            "semi-definite matrix has finite entries of at least 0 there"
        )
    draw = np.random.default_rng(seed)
    factor = np.empty((len(whole), min(rank, len(whole))))
    pivots = np.empty(factor.shape[1], int)
    done = 0
    while done < factor.shape[1] and left.sum() > _EXHAUSTED * whole.sum():
        drawn = draw.choice(len(left), _BLOCK, p=left / left.sum())
        kept, corner = _accepted(matrix, drawn, factor[:, :done], draw)
        kept = kept[: factor.shape[1] - done]
        if not len(kept):  # nothing but rounding is left there
            left[drawn] = 0.0
            continue
        columns = np.asarray(matrix.block(slice(None), kept), np.float64)
        columns -= factor[:, :done] @ factor[kept, :done].T
        corner = corner[: len(kept), : len(kept)]
        new = sl.solve_triangular(corner, columns.T, lower=True).T
        end = done + len(kept)
        factor[:, done:end], pivots[done:end] = new, kept
        left = np.maximum(left - np.sum(new**2, axis=1), 0.0)
        left[kept] = 0.0
        done = end
    part = float(left.sum() / whole.sum()) if whole.sum() > 0 else 0.0
    return LowRank(np.ascontiguousarray(factor[:, :done]), pivots[:done], part)


def shifted_inverse(
    factor: Float[np.ndarray, "n rank"], shift: float
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the inverse of ``factor @ factor.T + shift`` as a map of vectors (n, k).

    By the identity of Woodbury: the largest matrix that is factored is (rank, rank).

    Parameters
    ----------
    factor
        Such as :class:`LowRank` has.
    shift
        A positive number.
    """
    gram = factor.T @ factor
    gram[np.diag_indices_from(gram)] += shift
    small = sl.cho_factor(gram, lower=True, overwrite_a=True)
    return lambda v: (v - factor @ sl.cho_solve(small, factor.T @ v)) / shift


def _accepted(
    matrix: Entries, drawn: np.ndarray, factor: np.ndarray, draw: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Thin the drawn columns; return them with the Cholesky factor of what is left there."""
    rest = np.asarray(matrix.block(drawn, drawn), np.float64) - factor[drawn] @ factor[drawn].T
    before = np.diagonal(rest).copy()
    lower = np.zeros_like(rest)
    kept: list[int] = []
    for i, variance in enumerate(before):
        if variance <= 0 or draw.random() * variance >= rest[i, i]:
            continue
        column = rest[:, i] / np.sqrt(rest[i, i])
        lower[:, len(kept)] = column
        rest = rest - np.outer(column, column)
        kept.append(i)
    return drawn[kept], np.tril(lower[kept][:, : len(kept)])
