"""Features that are correlated between samples, and classes of features that are partly right."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import ArrayLike, Float, Real
from scipy.linalg import LinAlgError, cho_factor, cho_solve


def effective_samples(
    labels: Real[ArrayLike, " d"] | Sequence[float | int], covariance: Real[ArrayLike, "d d"]
) -> float:
    r"""How many independent samples the labels are worth against random features.

    Parameters
    ----------
    labels
        The labels y, signs.
    covariance
        Covariance Sigma of random features between samples, of unit variance for features of the
        size of the labels: a Gram matrix, such as the NNGP kernel of a network.

    Returns
    -------
    float
        ``y^T Sigma^{-1} y``: d for independent samples, less for labels along leading eigenvectors,
        which random features explain cheaply, more for labels along the last.

    Raises
    ------
    ValueError
        If labels are not signs, or the covariance is not symmetric positive definite.

    Examples
    --------
    >>> effective_samples([1, -1], np.array([[1.0, 0.5], [0.5, 1.0]]))
    4.0
    """
    y, sigma = np.asarray(labels, np.float64), np.asarray(covariance, np.float64)
    if y.ndim != 1 or not len(y) or not np.all(np.abs(y) == 1):
        raise ValueError(f"labels is {labels}: give a list of labels, each 1 or -1")
    if sigma.shape != (len(y), len(y)):
        raise ValueError(f"covariance has shape {sigma.shape}: give {(len(y), len(y))}")
    if not np.all(np.isfinite(sigma)) or not np.allclose(sigma, sigma.T):
        raise ValueError("covariance is not symmetric, or not finite: give a covariance matrix")
    try:
        return float(y @ np.asarray(cho_solve(cho_factor(sigma, lower=True), y)))
    except LinAlgError:
        raise ValueError(
            "covariance is not positive definite: two samples on which all features agree, or "
            "more samples than features"
        ) from None


def class_shares(
    proportions: Sequence[float | int] | Float[np.ndarray, " k"],
    correlations: Sequence[float | int] | Float[np.ndarray, " k"],
    samples: float | int,
) -> Float[np.ndarray, " k"]:
    r"""Share of each class of features in the interpolation of smallest norm, infinitely many.

    Parameters
    ----------
    proportions
        Part of the features in each class; they sum to 1.
    correlations
        Of the features of each class with the labels, in [-1, 1], independently at each sample: 1
        for perfect features, 0 for random ones.
    samples
        Number d of training samples.

    Returns
    -------
    numpy.ndarray
        Proportional to ``p_k (1 + rho_k^2 (d - 1))``.

    Raises
    ------
    ValueError
        If numbers are out of range, or not equally many.

    Examples
    --------
    >>> class_shares([0.002, 0.05, 0.948], [1.0, 0.4, 0.0], 60).round(4).tolist()
    [0.0755, 0.3283, 0.5962]
    """
    p, rho = np.asarray(proportions, np.float64), np.asarray(correlations, np.float64)
    if p.ndim != 1 or p.shape != rho.shape or not len(p):
        raise ValueError(
            f"proportions and correlations have shapes {p.shape} and {rho.shape}: give one number "
            "of each for every class"
        )
    if not (np.all(p >= 0) and np.isclose(p.sum(), 1)):
        raise ValueError(f"proportions are {proportions}: give parts of a whole, of sum 1")
    if not np.all(np.abs(rho) <= 1):
        raise ValueError(f"correlations are {correlations}: give numbers from -1 to 1")
    if not 1 <= samples < float("inf"):
        raise ValueError(f"samples is {samples}: give a number of at least 1")
    weight = p * (1 + rho**2 * (float(samples) - 1))
    return weight / weight.sum()


def correlation_price(correlation: Real[ArrayLike, "..."]) -> Float[np.ndarray, "..."]:
    """Bits of complexity that a feature pays for agreeing with the labels only partly.

    For many samples a class of complexity C and this correlation contributes as much as a perfect
    one of complexity ``C + 2 log2(1 / |correlation|)``.

    Raises
    ------
    ValueError
        If a correlation is zero, or beyond 1 in size.
    """
    rho = np.abs(np.asarray(correlation, np.float64))
    if not np.all((rho > 0) & (rho <= 1)):
        raise ValueError(f"correlation is {correlation}: give numbers from -1 to 1 without 0")
    return np.asarray(-2 * np.log2(rho))
