"""What the parts share: random numbers of members, tolerances, and claims on means."""

import math
from collections.abc import Callable
from typing import Any, Literal

import jax
import numpy as np
import xarray as xr

from widthwise.experiments import Claim, member_keys
from widthwise.numerics import statistics
from widthwise.numerics.generators import numpy_generator

LEAK = 0.05
"""Above chance: from there on the paper speaks of leakage (held-out accuracy 0.55 of 2 classes)."""
SAME = 0.99
"""From this accuracy on it speaks of memorizing all, or of a student that is its teacher."""
NOTHING = 0.1
"""Up to this held-out accuracy, of many classes, it speaks of no leakage."""

DRAWS = 2**12
"""Points of averages over several classes: errors below 0.001."""


def generators(key: jax.Array, number: int, members: tuple[int, int]) -> list[np.random.Generator]:
    """One source of random numbers for each teacher; ``number`` tells ensembles apart."""
    return [numpy_generator(one) for one in member_keys(key, number, members)]


def with_noise(
    values: Callable[[float], tuple[float, ...]], fraction: float, directions: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return predictions at a fraction, and by how much one pair of teacher and student differs.

    Parameters
    ----------
    values
        Predictions at a fraction, the last one being the overlap.
    fraction
        That the student sees.
    directions
        Of the weights, of which the student knows a random part: its overlap m fluctuates by
        sqrt(2 m (1 - m) / directions).
    """
    here = np.array(values(fraction))
    low, high = (np.array(values(fraction * f)) for f in (0.98, 1.0 - 1e-9))
    moved = high[-1] - low[-1]
    if here[-1] >= 1 or moved < 1e-9:
        return here[:-1], np.zeros(len(here) - 1)
    spread = math.sqrt(2 * here[-1] * (1 - here[-1]) / directions)
    return here[:-1], np.abs((high - low)[:-1] / moved) * spread


def mean_claim(
    name: str,
    statement: str,
    predicted: float,
    samples: np.ndarray,
    *,
    tolerance: float = 0.0,
    kind: Literal["equal", "at_most", "at_least"] = "equal",
    floor: float = 1e-6,
) -> Claim:
    """Return the claim that the mean of a quantity over teachers is as predicted.

    ``floor`` is the least standard error: shares that are all 0 or 1 show no scatter.
    """
    found = statistics.mean(np.asarray(samples, np.float64))
    return Claim(
        name=name,
        statement=statement,
        predicted=predicted,
        measured=float(found.value),
        standard_error=max(float(found.standard_error), floor),
        tolerance=tolerance,
        kind=kind,
        members=found.count,
    )


def share_error(count: int) -> float:
    """Standard error of a share of trials none of which failed, by the rule of succession."""
    p = (count + 1) / (count + 2)
    return math.sqrt(p * (1 - p) / count)


def per_member(rows: list[dict[str, Any]], dims: tuple[str, ...]) -> xr.Dataset:
    """Stack what was measured of each member."""
    table = {name: np.stack([np.asarray(row[name]) for row in rows]) for name in rows[0]}
    return xr.Dataset({name: (("member", *dims), values) for name, values in table.items()})
