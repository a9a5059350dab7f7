"""What the parts share: their networks, their points, and the tolerances."""

import dataclasses
import itertools
from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.networks import ProportionalLinear
from widthwise.numerics import statistics

if TYPE_CHECKING:
    from widthwise.studies.spectral_dynamics.study import SpectralDynamics

PARAMETRIZATIONS = ("mup", "ntk")
TOLD_APART = 1.1
"""An outlier is claimed where its escape statistic is above, a bulk without one where below 0.9."""


def points(study: "SpectralDynamics") -> list[tuple[str, float]]:
    """Return all pairs of parametrization and width ratio."""
    return list(itertools.product(PARAMETRIZATIONS, study.width_ratios))


def claimed_points(study: "SpectralDynamics") -> list[tuple[str, float]]:
    """Return the points that differ: at width ratio one the parametrizations are the same."""
    return [point for point in points(study) if point != ("ntk", 1.0)]


def point_shards(
    study: "SpectralDynamics", part: str, *, members: int | None = None
) -> list[Shard]:
    """One shard of all members at every point."""
    count = members or study.members
    return [
        shard
        for parametrization, ratio in points(study)
        for shard in shards_of(
            part,
            {"parametrization": parametrization, "width_ratio": ratio},
            members=count,
            batch=count,
        )
    ]


def settings_of(shard: Shard) -> dict:
    """Return the settings of a network that a shard names."""
    return {
        "parametrization": str(shard.settings["parametrization"]),
        "width_ratio": float(shard.settings["width_ratio"]),
    }


def ensemble_key(key: jax.Array, network: ProportionalLinear, inputs: int) -> jax.Array:
    """Return one key for the networks of a width."""
    return member_keys(key, network.sizes(inputs)[0], (0, 1))[0]


def grid(study: "SpectralDynamics", rows: list[dict], dims: dict[str, tuple]) -> xr.Dataset:
    """Stack what was predicted at each point; dims names the further axes of each variable."""
    shape = (len(PARAMETRIZATIONS), len(study.width_ratios))
    found = {
        name: (
            ("parametrization", "width_ratio", *further),
            np.array([row[name] for row in rows], np.float64).reshape(
                *shape, *np.shape(rows[0][name])
            ),
        )
        for name, further in dims.items()
    }
    return xr.Dataset(
        found,
        coords={
            "parametrization": list(PARAMETRIZATIONS),
            "width_ratio": list(study.width_ratios),
        },
    )


def next_order(study: "SpectralDynamics", ratio: float) -> float:
    """Relative size of the limit's own corrections: 2/n, n the smallest dimension."""
    return 2 / min(study.inputs, round(ratio * study.inputs))


def claim_of(
    name: str, statement: str, predicted: float, samples: np.ndarray, tolerance: float
) -> Claim:
    """Return the claim that the mean of a quantity over members is as predicted."""
    estimate = statistics.mean(np.asarray(samples, np.float64))
    return Claim(
        name=name,
        statement=statement,
        predicted=predicted,
        measured=float(estimate.value),
        standard_error=max(float(estimate.standard_error), 1e-6 * abs(predicted), 1e-12),
        tolerance=tolerance,
        members=estimate.count,
    )


def at_least(claim: Claim) -> Claim:
    """Return the claim that a quantity is no smaller than predicted."""
    return dataclasses.replace(claim, kind="at_least")
