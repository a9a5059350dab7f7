"""Singular values of Gaussian matrices, drawn without the matrices."""

import numpy as np
from jaxtyping import Float
from scipy.linalg import eigvalsh_tridiagonal


def gaussian_singular_values(
    rows: int, columns: int, *, draws: int, rng: np.random.Generator
) -> Float[np.ndarray, "draws k"]:
    """Draw the singular values of matrices of independent standard normal entries.

    Their law is that of a bidiagonal matrix of independent chi variables, so that a draw costs
    ``O(min(rows, columns)^2)``, however large the other side is.

    Parameters
    ----------
    rows, columns
        Shape of the matrices.
    draws
        How many matrices.
    rng
        Source of randomness.

    Returns
    -------
    All ``min(rows, columns)`` of each, largest first.

    Raises
    ------
    ValueError
        If a number is not positive.

    Notes
    -----
    Source: Dumitriu & Edelman (2002), "Matrix models for beta ensembles", section III.
    """
    if min(rows, columns, draws) < 1:
        raise ValueError(f"{draws} matrices of {rows} x {columns}: give positive numbers")
    small, large = sorted((rows, columns))
    found = np.empty((draws, small))
    for draw in range(draws):
        diagonal = rng.chisquare(np.arange(large, large - small, -1))
        below = rng.chisquare(np.arange(small - 1, 0, -1)) if small > 1 else np.zeros(0)
        # the bidiagonal matrix times its transpose
        main = diagonal + np.concatenate([[0.0], below])
        side = np.sqrt(diagonal[:-1] * below)
        values = eigvalsh_tridiagonal(main, side) if small > 1 else main
        found[draw] = np.sqrt(np.maximum(values[::-1], 0.0))
    return found
