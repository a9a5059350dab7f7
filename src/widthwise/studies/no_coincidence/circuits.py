"""Neyman's original: how often a random reversible circuit has property P.

The prediction is the exact value for a uniformly random permutation, which a deep random circuit
approaches; inputs drawn *with* replacement would give about twice as much, and the claim is precise
enough to tell the two apart.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.circuits import (
    independent_probability,
    measure_property,
    permutation_probability,
)
from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, reference_line

if TYPE_CHECKING:
    from widthwise.studies.no_coincidence.study import NoCoincidence

PART = "circuits"
BLOCK = 1000
SHARD = 100
LAYERS = (1, 2, 4, 8, 16)
"""Depths shown; the last is deep enough to have mixed at every size offered."""
RESOLUTION = 5.0
"""A claim is made where the expected standard error is this much smaller than the tolerance."""


def predict(study: "NoCoincidence") -> xr.Dataset:
    """Probability of property P for a random permutation, and for independent outputs."""
    sizes = list(study.circuit_sizes)
    return xr.Dataset(
        {
            "permutation": ("gates", [permutation_probability(n) for n in sizes]),
            "independent": ("gates", [independent_probability(n) for n in sizes]),
        },
        coords={"gates": sizes},
        attrs={"source": "drawing without replacement; Neyman 2025"},
    )


def shards(study: "NoCoincidence") -> list[Shard]:
    """One member is a block of circuits, counted after every layer."""
    blocks = -(-study.circuits // BLOCK)
    return [
        shard
        for n in study.circuit_sizes
        for shard in shards_of(PART, {"gates": n}, members=blocks, batch=SHARD)
    ]


def measure(study: "NoCoincidence", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Share of circuits with property P in each block, by exhaustive evaluation."""
    del study
    n = int(shard.settings["gates"])
    keys = member_keys(key, n, shard.members)
    hits = np.stack([measure_property(k, n, LAYERS[-1], circuits=BLOCK) for k in keys])
    shown = np.array(LAYERS)
    return xr.Dataset(
        {"share": (("member", "layers"), hits[:, shown - 1] / BLOCK)}, coords={"layers": shown}
    )


def claims(study: "NoCoincidence", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """Deep circuits are like random permutations, not like functions of independent outputs."""
    found = []
    for n in study.circuit_sizes:
        exact = float(prediction.permutation.sel(gates=n))
        tolerance = abs(float(prediction.independent.sel(gates=n)) - exact) / 2
        if (exact / study.circuits) ** 0.5 > tolerance / RESOLUTION:
            continue  # too few circuits to tell the two values apart, whatever they show
        share = statistics.mean(_shares(measurement, n, LAYERS[-1]))
        found.append(
            Claim(
                name=f"circuits-{n}",
                statement=f"Random reversible circuits on {3 * n} bits with {LAYERS[-1]} layers "
                "have property P as often as a random permutation has",
                predicted=exact,
                measured=float(share.value),
                standard_error=max(float(share.standard_error), 1 / study.circuits),
                tolerance=tolerance,
                members=share.count,
            )
        )
    return found


def pictures(
    study: "NoCoincidence", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Share of circuits with property P against depth."""
    figure, axes = new_figure(
        len(study.circuit_sizes), titles=[f"{3 * n} bits" for n in study.circuit_sizes]
    )
    for ax, n in zip(axes, study.circuit_sizes, strict=True):
        shares = [statistics.mean(_shares(measurement, n, layers)) for layers in LAYERS]
        values = np.array([share.value for share in shares])
        errors = np.array([share.standard_error for share in shares])
        measured(ax, np.array(LAYERS), values, errors, "circuits")
        reference_line(ax, y=float(prediction.permutation.sel(gates=n)), label="permutation")
        log_axis(ax, "x", base=2, ticks=LAYERS)
        log_axis(ax, "y")
        ax.set_xlabel("layers")
        ax.set_ylabel("P(no violation)")
        legend(ax)
    return [
        Picture(
            "circuits",
            "Random reversible circuits become random permutations",
            "Share of random reversible circuits with property P against the number of layers. "
            "Dashed: exact value for a uniformly random permutation. Few layers mix too little.",
            figure,
        )
    ]


def _shares(measurement: xr.Dataset, gates: int, layers: int) -> np.ndarray:
    return np.asarray(measurement.share.sel(gates=gates, layers=layers).values)
