"""A statistic beside its values on random matrices of the same shape."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import fdtr, fdtrc, fdtri


@dataclass(frozen=True)
class AgainstNull:
    """A number with its null distribution: what matrices of independent Gaussian entries give.

    Attributes
    ----------
    value
        On the matrix itself.
    low, median, high
        2.5 %, 50 % and 97.5 % of the null distribution at the same shape.
    p_value
        Two-sided: twice the share of random matrices that are as far out on the same side, at
        least 2 / (draws + 1).
    z
        Distance from the null mean in null standard deviations.
    """

    value: float
    low: float
    median: float
    high: float
    p_value: float
    z: float

    @property
    def ordinary(self) -> bool:
        """Whether the value lies within the central 95 % of the null distribution."""
        return self.low <= self.value <= self.high

    @property
    def beyond_all(self) -> int:
        """1 or -1 if the value is far above or below every random matrix, else 0.

        Far is beyond the 2.5 % points by as much again as they are from the median: for a normal
        null distribution, 3.9 standard deviations.
        """
        if self.value > 2 * self.high - self.median:
            return 1
        return -1 if self.value < 2 * self.low - self.median else 0


def against(null: Float[np.ndarray, " draws"], value: float) -> AgainstNull:
    """Hold a value against draws of its null distribution.

    Parameters
    ----------
    null
        The statistic on random matrices.
    value
        The statistic on the matrix of interest; not-a-number gives a p-value of that.
    """
    low, median, high = np.quantile(null, [0.025, 0.5, 0.975]).tolist()
    count = len(null)
    above, below = np.sum(null >= value), np.sum(null <= value)
    p_value = min(1.0, 2 * (min(above, below) + 1) / (count + 1))
    spread = float(np.std(null, ddof=1))
    z = (value - float(np.mean(null))) / spread if spread > 0 else np.nan
    return AgainstNull(
        value, low, median, high, float(p_value) if np.isfinite(value) else np.nan, float(z)
    )


def against_ratio(value: float, first: int, second: int) -> AgainstNull:
    """Hold a ratio of two variances against the F distribution.

    Parameters
    ----------
    value
        The ratio.
    first, second
        Degrees of freedom of the upper and of the lower variance.
    """
    low, median, high = (float(fdtri(first, second, p)) for p in (0.025, 0.5, 0.975))
    tail = min(fdtr(first, second, value), fdtrc(first, second, value))
    # to first order in the degrees of freedom of both
    spread = (2 / first + 2 / second) ** 0.5
    return AgainstNull(value, low, median, high, float(min(1.0, 2 * tail)), (value - 1) / spread)
