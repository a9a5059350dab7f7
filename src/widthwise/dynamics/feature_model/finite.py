"""Finitely many features: the exact law of what the random ones contribute."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import ArrayLike, Float, Real
from scipy.special import chdtri, ndtr


@dataclass(frozen=True, kw_only=True)
class FiniteFeatures:
    r"""Least squares with finitely many features, some perfect and the others random.

    For Gaussian random features the contribution of the random features over that of the perfect
    ones is distributed as ``chi^2_k / (perfect * effective_samples)``,
    ``k = random - samples + 1`` degrees of freedom. With fewer random features than samples they
    cannot fit labels alone, and the share of the perfect ones is 1.

    Parameters
    ----------
    features
        Number N of all features.
    perfect
        Number of those equal to the labels, at least 1 and less than N.
    samples
        Number d of training samples.
    effective_samples
        ``y^T Sigma^{-1} y``, see [`effective_samples`][widthwise.dynamics.feature_model]; None for
        features that are independent between samples, where it is d.
    entries
        Law of the random features: ``"gaussian"``, for which all is exact; ``"signs"``, fair coins,
        for which the mean ratio has a correction of order 1/N.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    Derived: with R the random features and ``s = y^T (R R^T)^{-1} y`` the ratio is
    ``1 / (perfect s)``, and ``1 / s`` the Schur complement of a Wishart matrix. For fair coins all
    features are equally long, which makes those along the labels less well explained by the
    others: m - d + 1 degrees of freedom become ``m - d + 1 + 2 (1 - 1/d) (1 - d/m)`` on average,
    m the number of random features.

    Examples
    --------
    >>> FiniteFeatures(features=1000, perfect=10, samples=50).random_over_perfect
    1.882
    """

    features: int
    perfect: int
    samples: int
    effective_samples: float | None = None
    entries: Literal["gaussian", "signs"] = "gaussian"

    def __post_init__(self) -> None:
        if not 1 <= self.perfect < self.features:
            raise ValueError(
                f"perfect is {self.perfect} of {self.features} features: give at least 1, and "
                "fewer than all"
            )
        if self.samples < 1:
            raise ValueError(f"samples is {self.samples}: give at least 1")
        if self.effective_samples is not None and not 0 < self.effective_samples < float("inf"):
            raise ValueError(
                f"effective_samples is {self.effective_samples}: give a positive, finite number"
            )
        if self.entries not in ("gaussian", "signs"):
            raise ValueError(f"entries is {self.entries!r}: give 'gaussian' or 'signs'")

    @property
    def random(self) -> int:
        """Number of random features."""
        return self.features - self.perfect

    @property
    def degrees(self) -> int:
        """Degrees of freedom of the law; 0 where random features cannot fit labels alone."""
        return max(0, self.random - self.samples + 1)

    @property
    def _scale(self) -> float:
        return self.perfect * float(self.effective_samples or self.samples)

    @property
    def random_over_perfect(self) -> float:
        """Mean contribution of random features over that of perfect ones."""
        more = 0.0
        if self.entries == "signs" and self.degrees:
            more = 2 * (1 - 1 / self.samples) * (1 - self.samples / self.random)
        return (self.degrees + more) / self._scale

    def quantile(self, level: Real[ArrayLike, "..."]) -> Float[np.ndarray, "..."]:
        """Quantiles of that ratio for Gaussian features, levels in (0, 1)."""
        levels = np.asarray(level, np.float64)
        if not np.all((levels > 0) & (levels < 1)):
            raise ValueError(f"level is {level}: give probabilities above 0 and below 1")
        if not self.degrees:
            return np.zeros_like(levels)
        return np.asarray(chdtri(self.degrees, 1 - levels) / self._scale)

    @property
    def share(self) -> float:
        """Share of the perfect features at the mean ratio (the mean share is a little larger)."""
        return 1 / (1 + self.random_over_perfect)

    @property
    def accuracy(self) -> float:
        """Part of new inputs whose sign is right, at the mean ratio."""
        return float(self.accuracy_at(self.random_over_perfect))

    @property
    def test_error(self) -> float:
        """Squared error at new inputs, at the mean ratio."""
        return float(self.test_error_at(self.random_over_perfect))

    def accuracy_at(self, ratio: Real[ArrayLike, "..."]) -> Float[np.ndarray, "..."]:
        """Part of new inputs whose sign is right, at ratios of random over perfect features.

        The output at a new input is ``share * label`` plus noise of variance
        ``share^2 * ratio / perfect`` from the random features.
        """
        with np.errstate(divide="ignore"):
            return np.asarray(ndtr(np.sqrt(self.perfect / np.asarray(ratio, np.float64))))

    def test_error_at(self, ratio: Real[ArrayLike, "..."]) -> Float[np.ndarray, "..."]:
        """Squared error at new inputs, at ratios of random over perfect features."""
        r = np.asarray(ratio, np.float64)
        return np.asarray((r**2 + r / self.perfect) / (1 + r) ** 2)
