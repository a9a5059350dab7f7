"""The regression that a linear network solves: second moments, solution of least norm, residual."""

import warnings
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike


class LeastSquares(NamedTuple):
    """Linear least squares as far as linear networks see it.

    Parameters
    ----------
    covariance
        Second moments ``X^T X / n`` of the inputs, (d, d), not centred.
    target
        The solution of least norm, (d,), or (outputs, d) for targets with an axis of outputs.
    minimum
        Mean squared error that remains there, summed over outputs.
    unique
        Whether it is the only solution.
    """

    covariance: Float[np.ndarray, "d d"]
    target: Float[np.ndarray, "*outputs d"]
    minimum: float
    unique: bool


def least_squares(x: ArrayLike, y: ArrayLike, *, warn: bool = True) -> LeastSquares:
    """Reduce a regression to what linear networks see of it.

    Small balanced weights are trained to the solution of least norm, also where there are others.

    Parameters
    ----------
    x
        Inputs, (n, d).
    y
        Targets, (n,) or (n, outputs).
    warn
        Whether to warn where the solution is not unique.

    Returns
    -------
    LeastSquares

    Raises
    ------
    ValueError
        If shapes do not fit, or numbers are not finite.

    Examples
    --------
    >>> found = least_squares([[2.0, 0.0], [0.0, 1.0]], [2.0, -1.0])
    >>> found.covariance.tolist(), found.target.round(12).tolist(), found.unique
    ([[2.0, 0.0], [0.0, 0.5]], [1.0, -1.0], True)
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if x.ndim != 2 or y.ndim not in (1, 2) or len(x) != len(y) or 0 in x.shape:
        raise ValueError(
            f"x of shape {x.shape} and y of shape {y.shape} were given: give (n, d), and (n,) or "
            "(n, outputs), with n and d at least 1"
        )
    for name, array in (("x", x), ("y", y)):
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds numbers that are not finite: leave those samples out")
    solution, _, rank, _ = np.linalg.lstsq(x, y, rcond=None)
    unique = bool(rank == x.shape[1])
    if warn and not unique:
        warnings.warn(
            f"{len(x)} samples of {x.shape[1]} features have rank {rank}: there are many "
            "solutions, and that of least norm is returned; bounds on sharpness hold for networks "
            "that end there",
            stacklevel=2,
        )
    minimum = float(np.sum((x @ solution - y) ** 2) / len(x))
    return LeastSquares(x.T @ x / len(x), solution.T, minimum, unique)
