"""Infinitely many features: how much those that solve the task contribute.

Labels of d samples are signs. A proportion p of all features equals the labels (perfect features);
the others are fair coins. An infinitely wide lazy network is a linear regression on such features.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import ArrayLike, Float, Real
from scipy.special import expit, gammaln, logsumexp


@dataclass(frozen=True, eq=False)
class Contribution:
    """How much perfect features contribute to the outputs on the training samples.

    Attributes
    ----------
    log_ratio
        Natural logarithm of the contribution of perfect features over that of all others.
    """

    log_ratio: Float[np.ndarray, "..."]

    @property
    def ratio(self) -> Float[np.ndarray, "..."]:
        """Contribution of perfect features over that of all others; infinite beyond 1e308."""
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(self.log_ratio))

    @property
    def share(self) -> Float[np.ndarray, "..."]:
        """Contribution of perfect features over that of all features.

        Under least squares it is the output at a new input over its label: the sign is right, the
        function shrunk.
        """
        return np.asarray(expit(self.log_ratio))

    @property
    def test_error(self) -> Float[np.ndarray, "..."]:
        """Squared error at a new input under least squares, ``(1 - share)^2``."""
        return np.asarray(expit(-self.log_ratio) ** 2)


def least_squares(
    proportion: Real[ArrayLike, "..."], samples: Real[ArrayLike, "..."]
) -> Contribution:
    """Gradient descent from zero on the squared error: the interpolation of smallest norm.

    Parameters
    ----------
    proportion
        Part p of the features that equals the labels, in (0, 1).
    samples
        Number d of training samples, positive; for features that are correlated between samples,
        [`effective_samples`][widthwise.dynamics.feature_model.effective_samples].

    Returns
    -------
    Contribution
        Of ratio ``p d / (1 - p)``.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    Source: V. Hebbar, "Infinite-width MLPs as an ensemble prior" (2023).

    Examples
    --------
    >>> float(least_squares(0.01, 50).share.round(6))
    0.33557
    """
    p, d = checked(proportion, samples)
    return Contribution(np.asarray(log_odds(p) + np.log(d)))


def minimum_norm(
    proportion: Real[ArrayLike, "..."], samples: Real[ArrayLike, "..."], *, norm: float | int
) -> Contribution:
    r"""Interpolation of smallest ``L_q`` norm.

    Parameters
    ----------
    proportion
        Part p of the features that equals the labels, in (0, 1).
    samples
        Number d of training samples, whole.
    norm
        The exponent q of the norm ``sum_j |w_j|^q``, at least 1. At 1 this is the limit from above:
        the solution of smallest ``L_2`` norm among those of smallest ``L_1`` norm.

    Returns
    -------
    Contribution
        Of ratio ``p d^r / ((1 - p) E|S|^r)``, ``r = q / (q - 1)``, S a sum of d fair signs; at
        q = 1 of ratio ``p 2^(d-1) / (1 - p)``.

    Raises
    ------
    ValueError
        If a number is out of range, or samples are not whole.

    Notes
    -----
    Derived from the stationarity of the norm: ``w_j`` is proportional to
    ``sign(phi_j.y) |phi_j.y|^(r-1)``. At q = 2 this is
    [`least_squares`][widthwise.dynamics.feature_model.least_squares].

    Examples
    --------
    >>> float(minimum_norm(0.01, 10, norm=1.5).ratio.round(6))
    0.205227
    """
    if not 1 <= norm < float("inf"):
        raise ValueError(f"norm is {norm}: give the exponent q of an L_q norm, at least 1")
    p, d = checked(proportion, samples, whole=True)
    if norm == 1:
        return Contribution(np.asarray(log_odds(p) + (d - 1) * np.log(2)))
    power = norm / (norm - 1)
    moments = {one: _log_moment(int(one), power) for one in np.unique(d)}
    subtracted = np.vectorize(moments.__getitem__, otypes=[float])(d)
    return Contribution(np.asarray(log_odds(p) - subtracted))


def posterior_odds(
    proportion: Real[ArrayLike, "..."], samples: Real[ArrayLike, "..."]
) -> Contribution:
    """Bayes with a uniform prior over features, or Solomonoff's with prior weights ``2^-C``.

    Of all features that fit the labels the posterior gives each the same weight; a coin fits d
    labels with probability ``2^-d``.

    Parameters
    ----------
    proportion, samples
        As for [`minimum_norm`][widthwise.dynamics.feature_model.minimum_norm].

    Returns
    -------
    Contribution
        Of ratio ``p 2^d / (1 - p)``: twice that of smallest ``L_1`` norm, where a feature that
        equals minus the labels counts too.

    Raises
    ------
    ValueError
        If a number is out of range, or samples are not whole.
    """
    p, d = checked(proportion, samples, whole=True)
    return Contribution(np.asarray(log_odds(p) + d * np.log(2)))


def log_odds(proportion: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Natural logarithm of p / (1 - p)."""
    return np.asarray(np.log(proportion) - np.log1p(-proportion))


def checked(
    proportion: Real[ArrayLike, "..."], samples: Real[ArrayLike, "..."], *, whole: bool = False
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """Return both as arrays of numbers in their range.

    Raises
    ------
    ValueError
        If they are not.
    """
    p, d = np.asarray(proportion, np.float64), np.asarray(samples, np.float64)
    if not np.all((p > 0) & (p < 1)):
        raise ValueError(f"proportion is {proportion}: give numbers above 0 and below 1")
    if not np.all((d > 0) & np.isfinite(d)):
        raise ValueError(f"samples is {samples}: give positive, finite numbers")
    if whole and np.any(d != np.round(d)):
        raise ValueError(f"samples is {samples}: give whole numbers")
    return np.broadcast_arrays(p, d)[0].copy(), np.broadcast_to(d, np.broadcast(p, d).shape)


def _log_moment(samples: int, power: float | int) -> float:
    """Logarithm of E|S/d|^power, S the sum of d fair signs: binomials and powers as logarithms."""
    k = np.arange((samples + 1) // 2)  # half of the signs: |S| = d - 2k, twice each
    chosen = gammaln(samples + 1) - gammaln(k + 1) - gammaln(samples - k + 1)
    logs = chosen + (1 - samples) * np.log(2) + power * np.log1p(-2 * k / samples)
    return float(np.asarray(logsumexp(logs)))
