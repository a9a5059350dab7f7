"""What the parts share: random numbers of members, and claims on means over members."""

from typing import Literal

import jax
import numpy as np
from jaxtyping import Key

from widthwise.experiments import Claim, member_keys
from widthwise.numerics import statistics
from widthwise.numerics.generators import numpy_generator
from widthwise.numerics.statistics import Estimate

Kind = Literal["equal", "at_most", "at_least"]
ROUNDING = 1e-12


def generators(
    key: Key[jax.Array, ""], number: int, members: tuple[int, int]
) -> list[np.random.Generator]:
    """One source of random numbers for each member; ``number`` tells ensembles apart."""
    return [numpy_generator(one) for one in member_keys(key, number, members)]


def claim_of(
    name: str,
    statement: str,
    predicted: float,
    estimate: Estimate,
    *,
    tolerance: float,
    kind: Kind = "equal",
) -> Claim:
    """Return the claim that an estimate over members is as predicted."""
    return Claim(
        name=name,
        statement=statement,
        predicted=predicted,
        measured=float(estimate.value),
        standard_error=max(float(estimate.standard_error), ROUNDING),
        tolerance=tolerance,
        kind=kind,
        members=estimate.count,
    )


def mean_claim(
    name: str,
    statement: str,
    predicted: float,
    samples: np.ndarray,
    *,
    tolerance: float,
    kind: Kind = "equal",
) -> Claim:
    """Return the claim that the mean of a quantity over members is as predicted."""
    estimate = statistics.mean(np.asarray(samples, np.float64))
    return claim_of(name, statement, predicted, estimate, tolerance=tolerance, kind=kind)
