"""What the parts share: numbers of samples, and claims on means over members."""

from typing import Literal

import numpy as np

from widthwise.experiments import Claim
from widthwise.numerics import statistics

SNR = 5.0
"""Signal over noise where one value stands for all."""


def counts(inputs: int, ratios: np.ndarray) -> list[int]:
    """Whole numbers of samples, at least two, increasing."""
    return sorted({max(2, round(inputs * float(ratio))) for ratio in ratios})


def next_order(inputs: int, samples: int | None = None) -> float:
    """Corrections of order 1/n, n the number of inputs or how many samples it is to threshold."""
    distance = inputs if samples is None else min(inputs, abs(samples - inputs))
    return 2 / distance


def mean_claim(
    name: str,
    statement: str,
    predicted: float,
    samples: np.ndarray,
    *,
    tolerance: float,
    kind: Literal["equal", "at_most", "at_least"] = "equal",
) -> Claim:
    """Return the claim that the mean of a quantity over members is as predicted."""
    estimate = statistics.mean(np.asarray(samples, np.float64))
    return Claim(
        name=name,
        statement=statement,
        predicted=predicted,
        measured=float(estimate.value),
        standard_error=max(float(estimate.standard_error), 1e-12),
        tolerance=tolerance,
        kind=kind,
        members=estimate.count,
    )


def least_increase(differences: np.ndarray) -> np.ndarray:
    """Differences (member, setting) at the setting where their mean is smallest."""
    return differences[:, int(np.argmin(differences.mean(axis=0)))]
