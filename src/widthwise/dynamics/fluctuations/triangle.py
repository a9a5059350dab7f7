"""Entries of a symmetric matrix, each once."""

import numpy as np
from jaxtyping import Int


def triangle(size: int) -> Int[np.ndarray, "n n"]:
    """Position of the entry (i, j) of a symmetric matrix among those with i <= j.

    Examples
    --------
    >>> triangle(2).tolist()
    [[0, 1], [1, 2]]
    """
    where = np.empty((size, size), int)
    upper = np.triu_indices(size)
    where[upper] = where[upper[::-1]] = np.arange(len(upper[0]))
    return where
