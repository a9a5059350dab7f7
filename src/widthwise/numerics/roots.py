"""Roots of covariance matrices."""

import numpy as np
from jaxtyping import Float

_RANK = 1e-12  # eigenvalues below this part of the largest are rounding


def covariance_root(matrix: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n r"]:
    """Return ``B`` of full column rank with ``B B^T`` the matrix, which may be singular.

    Examples
    --------
    >>> np.abs(covariance_root(np.full((2, 2), 4.0))).round(12).tolist()
    [[2.0], [2.0]]
    """
    values, vectors = np.linalg.eigh(matrix)
    kept = values > _RANK * max(values[-1], 0.0)
    return vectors[:, kept] * np.sqrt(values[kept])
