"""The regression that linear networks solve: second moments of the inputs, and the solution."""

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from widthwise.numerics.choices import check_choice

LOSSES = {"mean": 1, "mse": 2}
"""Losses by name: how many times half the mean squared error they are."""


def checked_task(
    covariance: ArrayLike, target: ArrayLike
) -> tuple[Float[np.ndarray, "d d"], Float[np.ndarray, "outputs d"]]:
    """Return covariance and target, (outputs, d), in float64.

    Raises
    ------
    ValueError
        If shapes do not fit, numbers are not finite, or the covariance is none.
    """
    sigma, w = np.asarray(covariance, np.float64), np.asarray(target, np.float64)
    fits = w.ndim in (1, 2) and sigma.ndim == 2 and sigma.shape == w.shape[-1:] * 2
    if not fits or 0 in w.shape:
        raise ValueError(
            f"covariance of shape {sigma.shape} and target of shape {w.shape} were given: give "
            "(d, d), and (d,) or (outputs, d), with d at least 1"
        )
    for name, array in (("covariance", sigma), ("target", w)):
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds numbers that are not finite: give finite ones")
    values = np.linalg.eigvalsh(sigma)
    bound = 1e-9 * max(values[-1], 1e-300)
    if values[0] < -bound or np.abs(sigma - sigma.T).max() > bound:
        raise ValueError("covariance is none: give x.T @ x / n, symmetric without negative modes")
    return sigma, np.atleast_2d(w)


def loss_factor(loss: str) -> int:
    """Return how many times half the mean squared error a loss is.

    Raises
    ------
    ValueError
        If it is none of the accepted ones.
    """
    check_choice("loss", loss, tuple(LOSSES))
    return LOSSES[loss]
