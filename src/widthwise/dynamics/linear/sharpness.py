"""Sharpness of deep linear networks in closed form: no derivative is taken."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.linalg import eigvalsh

from widthwise.networks.deep_linear import (
    checked_weights,
    end_to_end,
    loss_hessian,
    weight_kernel,
)
from widthwise.networks.linear_regression import checked_task, loss_factor
from widthwise.numerics.roots import covariance_root


def sharpness(
    weights: Sequence,
    covariance: ArrayLike,
    target: ArrayLike | None = None,
    *,
    readout: Float[np.ndarray, "..."] | None = None,
    loss: str = "mean",
) -> Float[np.ndarray, "..."]:
    """Largest eigenvalue of the Hessian of the loss in all weights.

    Without a target it is that of the Gauss-Newton matrix, which is the Hessian where the gradient
    in the linear map vanishes: at every minimiser, unique or not. Its cost is that of a matrix of
    the size of the covariance. With a target it is that of the full Hessian, at any weights.

    Parameters
    ----------
    weights
        W_1 to W_L, each (fan_out, fan_in); further axes in front count networks.
    covariance
        Second moments of the inputs, ``X^T X / n``.
    target
        What the linear map is trained to, see
        [`least_squares`][widthwise.dynamics.linear.least_squares].
    readout
        A map after W_L that is not trained, (outputs, width) or (width,).
    loss
        ``"mean"`` for half the mean squared error, ``"mse"`` for the mean squared error, of which
        the sharpness is twice as large.

    Returns
    -------
    One number for each network.

    Raises
    ------
    ValueError
        If shapes do not fit, or numbers are not finite.

    Notes
    -----
    ``lambda_max(Sigma^1/2 K Sigma^1/2)`` with ``K = sum_k |suf_k|^2 pre_k^T pre_k``, the products
    of the layers after and before layer k (for one output). Setting: Marion & Chizat (2024,
    arXiv:2405.13456).

    Examples
    --------
    >>> float(sharpness([[[2.0, 0.0]], [[0.5]]], np.eye(2)))
    4.25
    """
    found, last = checked_weights(weights, readout)
    outputs = (found[-1] if last is None else last).shape[-2]
    goal = np.zeros((outputs, found[0].shape[-1])) if target is None else target
    sigma, goal = checked_task(covariance, goal)
    if goal.shape != (outputs, found[0].shape[-1]):
        raise ValueError(
            f"target of shape {goal.shape} was given for a network from {found[0].shape[-1]} "
            f"inputs to {outputs} outputs: give (outputs, inputs)"
        )
    factor = loss_factor(loss)
    if target is None:
        root = np.kron(np.eye(outputs), covariance_root(sigma))
        matrix = root.T @ weight_kernel(found, last) @ root
        return np.asarray(factor * np.linalg.eigvalsh(matrix)[..., -1])
    axes = found[0].shape[:-2]
    values = np.empty(axes)
    for at in np.ndindex(*axes):
        own = tuple(w[at] for w in found)
        slope = (end_to_end(own, last) - goal) @ sigma
        hessian = loss_hessian(own, sigma, slope, last)
        top = len(hessian) - 1
        values[at] = eigvalsh(hessian, subset_by_index=(top, top))[0]
    return np.asarray(factor * values)
