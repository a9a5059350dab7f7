"""Singular values of a random matrix without spikes: the Marchenko-Pastur law.

A matrix has N rows and D columns, its shape ratio is ``N / D``, and its
independent entries have variance ``sigma^2 / N``. A square matrix has the quarter circle.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from widthwise.numerics.brackets import root
from widthwise.numerics.ranges import check_positive
from widthwise.numerics.statistics import Numbers


@dataclass(frozen=True)
class MarchenkoPastur:
    """Law of the ``min(N, D)`` singular values of a large N x D matrix.

    Parameters
    ----------
    ratio
        Shape ratio ``N / D``; one is the quarter circle on ``[0, 2 sigma]``.
    sigma
        The independent entries have variance ``sigma^2 / N``.

    Raises
    ------
    ValueError
        If a number is not positive and finite.

    Notes
    -----
    Source: Marchenko & Pastur (1967). The primitive of the density is elementary, so the
    distribution function needs no integration.

    Examples
    --------
    >>> MarchenkoPastur().edges
    (0.0, 2.0)
    >>> round(float(MarchenkoPastur(ratio=4.0).cdf(1.0)), 6)
    0.55339
    """

    ratio: float = 1.0
    sigma: float = 1.0

    def __post_init__(self) -> None:
        check_positive(ratio=self.ratio, sigma=self.sigma)

    @property
    def edges(self) -> tuple[float, float]:
        """Smallest and largest singular value, ``sigma |1 -+ ratio^(-1/2)|``."""
        half = self.ratio**-0.5
        return self.sigma * abs(1 - half), self.sigma * (1 + half)

    def density(self, s: Numbers) -> Float[np.ndarray, "*s"]:
        """Probability density at ``s``; zero outside the edges."""
        x = np.asarray(s, np.float64) / self.sigma
        low, high = self._edges()
        inside = (x > low) & (x < high) & (x > 0)
        x = np.where(inside, x, (low + high) / 2)
        # at ratio one s cancels, and the density at zero is finite
        swing = np.sqrt((high - x) * (high + x)) * np.sqrt((x - low) * (x + low)) / x
        value = swing / (math.pi * min(1.0, 1 / self.ratio) * self.sigma)
        at_zero = 2 / (math.pi * self.sigma) if low == 0 else 0.0
        return np.where(inside, value, np.where(np.asarray(s) == 0, at_zero, 0.0))

    def cdf(self, s: Numbers) -> Float[np.ndarray, "*s"]:
        """Probability of a singular value up to ``s``."""
        low, high = self._edges()
        a, b = low**2, high**2
        x = np.clip(np.asarray(s, np.float64) / self.sigma, low, high) ** 2
        swing = np.arcsin(np.clip((2 * x - a - b) / (b - a), -1, 1)) + math.pi / 2
        positive = np.where(x > 0, x, 1.0)
        tail = np.arcsin(np.clip(((a + b) * x - 2 * a * b) / (positive * (b - a)), -1, 1))
        area = np.sqrt(np.maximum((b - x) * (x - a), 0.0)) + (a + b) / 2 * swing
        area = area - math.sqrt(a * b) * (tail + math.pi / 2)
        share = area / (2 * math.pi * min(1.0, 1 / self.ratio))
        return np.asarray(np.clip(np.where(x > a, share, 0.0), 0.0, 1.0))

    def quantile(self, probability: float) -> float:
        """Singular value below which a share ``probability`` of all lies.

        Parameters
        ----------
        probability
            Between 0 and 1.

        Raises
        ------
        ValueError
            If it is not.
        """
        if not 0 <= probability <= 1:
            raise ValueError(f"probability is {probability}: give a number between 0 and 1")
        low, high = self.edges
        if probability in (0, 1):
            return high if probability else low
        return root(lambda s: float(self.cdf(s)) - probability, low, high, 1e-14)

    def _edges(self) -> tuple[float, float]:
        half = self.ratio**-0.5
        return abs(1 - half), 1 + half
