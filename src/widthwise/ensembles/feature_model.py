"""Regression on finitely many sampled features: solutions of smallest norm, and what they use."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import ArrayLike, Float, Real
from scipy.optimize import linprog, minimize

_RESIDUAL = 1e-6
_LARGEST_POWER = 60.0  # of |phi.a|: beyond, the dual problem overflows


def sign_features(
    rng: np.random.Generator,
    labels: Real[np.ndarray, " d"],
    shape: tuple[int, ...],
    *,
    correlation: float | int = 0.0,
) -> Float[np.ndarray, "*batch d n"]:
    """Draw features that are signs and agree with labels at each sample independently.

    Parameters
    ----------
    rng
        Source of random numbers.
    labels
        The labels, signs.
    shape
        Batch axes, and last the number of features.
    correlation
        With the labels: they agree with probability ``(1 + correlation) / 2``; 0 for fair coins, 1
        for perfect features.

    Returns
    -------
    numpy.ndarray
        One row for each sample.
    """
    if not -1 <= correlation <= 1:
        raise ValueError(f"correlation is {correlation}: give a number from -1 to 1")
    full = (*shape[:-1], len(labels), shape[-1])
    if correlation == 0:
        return 2.0 * rng.integers(0, 2, full, np.int8) - 1
    agree = rng.random(full, np.float32) < (1 + correlation) / 2
    return np.where(agree, 1.0, -1.0) * labels[:, None]


def gaussian_features(
    rng: np.random.Generator, covariance: Real[np.ndarray, "d d"], shape: tuple[int, ...]
) -> Float[np.ndarray, "*batch d n"]:
    """Draw Gaussian features with this covariance between samples.

    Raises
    ------
    ValueError
        If the covariance is not positive definite.
    """
    try:
        root = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        raise ValueError("covariance is not positive definite: give one that is") from None
    return root @ rng.standard_normal((*shape[:-1], len(covariance), shape[-1]))


def minimum_norm_weights(
    features: Real[ArrayLike, "*batch d n"],
    labels: Real[ArrayLike, "*labels d"] | Sequence[float | int],
    *,
    norm: float | int = 2,
) -> Float[np.ndarray, "*batch n"]:
    r"""Weights that interpolate the labels and have the smallest ``L_q`` norm.

    Parameters
    ----------
    features
        One row for each sample. Batch axes are for q = 2.
    labels
        Targets, for each batch or for all.
    norm
        The exponent q, from 1 to 2. At 2 this is where gradient descent from zero ends; at 1 any
        one of the solutions, if there are several.

    Returns
    -------
    numpy.ndarray
        The weights; their interpolation is checked.

    Raises
    ------
    ValueError
        If shapes do not fit, the features cannot fit the labels, or the exponent is not from 1 to
        2, or too near to 1 without being 1.

    Notes
    -----
    Between 1 and 2 the dual problem, smooth and concave in d variables, is solved by a trust-region
    Newton method; q = 1 is a linear program.

    Examples
    --------
    >>> minimum_norm_weights(np.array([[1, 1, -1], [1, -1, 1]]), [1, 1]).round(3).tolist()
    [1.0, 0.0, 0.0]
    """
    phi, y = np.asarray(features, np.float64), np.asarray(labels, np.float64)
    if phi.ndim < 2 or not y.ndim or y.shape not in (phi.shape[-2:-1], phi.shape[:-1]):
        raise ValueError(
            f"features and labels have shapes {phi.shape} and {y.shape}: give features (d, n) and "
            "d labels"
        )
    if not (np.all(np.isfinite(phi)) and np.all(np.isfinite(y))) or not y.any():
        raise ValueError("features or labels are not finite, or all labels zero: nothing to fit")
    if not 1 <= norm <= 2:
        raise ValueError(f"norm is {norm}: give the exponent q of an L_q norm, from 1 to 2")
    if norm == 2:
        weights = _least_squares(phi, y)
    elif phi.ndim > 2:
        raise ValueError(f"norm is {norm} for a batch of features: give one (d, n) at a time")
    else:
        weights = _linear_program(phi, y) if norm == 1 else _dual(phi, y, float(norm))
    left = np.abs(np.einsum("...dn,...n->...d", phi, weights) - y).max()
    if not left <= _RESIDUAL * np.abs(y).max():
        raise ValueError(
            f"the features do not fit the labels, up to {left:.2g}: give more features, or "
            "none that contradict each other"
        )
    return weights


def contributions(
    features: Real[np.ndarray, "*batch d n"],
    weights: Real[np.ndarray, "*batch n"],
    labels: Real[np.ndarray, "*labels d"],
    *,
    sizes: tuple[int, ...],
) -> Float[np.ndarray, "*batch classes"]:
    """Share of each class of features in the outputs on the training samples.

    Parameters
    ----------
    features, weights, labels
        The regression.
    sizes
        Numbers of features of the classes, which lie behind each other; their sum is n.

    Returns
    -------
    numpy.ndarray
        ``y . Phi_S w_S / y . y`` for each class S; the sum is 1.
    """
    along = np.einsum("...d,...dn->...n", labels, features) * weights
    along /= np.sum(labels**2, axis=-1)[..., None]
    return np.add.reduceat(along, np.cumsum((0, *sizes[:-1])), axis=-1)


def _least_squares(phi: np.ndarray, y: np.ndarray) -> np.ndarray:
    """``Phi^+ y``; where rows are dependent by chance, by singular values."""
    back = np.swapaxes(phi, -1, -2)
    gram = phi @ back
    try:
        alpha = np.linalg.solve(gram, np.broadcast_to(y, gram.shape[:-1])[..., None])
    except np.linalg.LinAlgError:
        alpha = np.linalg.pinv(gram, hermitian=True) @ y[:, None]
    return (back @ alpha)[..., 0]


def _linear_program(phi: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Smallest sum of ``u + v`` with ``w = u - v``, both at least zero."""
    n = phi.shape[1]
    found = linprog(np.ones(2 * n), A_eq=np.hstack([phi, -phi]), b_eq=y, method="highs")
    return np.full(n, np.nan) if found.x is None else found.x[:n] - found.x[n:]


def _dual(phi: np.ndarray, y: np.ndarray, norm: float | int) -> np.ndarray:
    """Maximize ``y.a - sum_j |phi_j.a|^r / r``; then ``w_j = sign(phi_j.a) |phi_j.a|^(r-1)``."""
    power = norm / (norm - 1)
    if power > _LARGEST_POWER:
        raise ValueError(f"norm is {norm}: give 1, or at least {1 + 1 / (_LARGEST_POWER - 1):.3g}")
    # Variables in units of the best multiple of y, found in closed form.
    along = np.abs(phi.T @ y)
    largest = along.max() or 1.0
    scale = (y @ y / (np.sum((along / largest) ** power) * largest**power)) ** (1 / (power - 1))
    unit = phi * scale
    size = y @ y * scale

    def value(a: np.ndarray) -> float:
        return float(np.sum(np.abs(unit.T @ a) ** power) / power - scale * (y @ a)) / size

    def slope(a: np.ndarray) -> np.ndarray:
        z = unit.T @ a
        return (unit @ (np.sign(z) * np.abs(z) ** (power - 1)) - scale * y) / size

    def curvature(a: np.ndarray) -> np.ndarray:
        return (unit * ((power - 1) * np.abs(unit.T @ a) ** (power - 2))) @ unit.T / size

    options = {"gtol": 1e-10, "maxiter": 500}
    found = minimize(value, y, jac=slope, hess=curvature, method="trust-exact", options=options)
    z = unit.T @ found.x
    return np.sign(z) * np.abs(z) ** (power - 1)
