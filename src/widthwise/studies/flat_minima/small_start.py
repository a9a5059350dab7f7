"""From small weights, gradient descent ends at the balanced minimum, at any depth.

Learning rates follow the curvature, so that networks leave the saddle at zero in a number of steps
that does not explode with depth.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.ensembles import train_deep_linear
from widthwise.experiments import Claim, Shard, shards_of
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, power_law, theory
from widthwise.studies.flat_minima import common

if TYPE_CHECKING:
    from widthwise.studies.flat_minima.study import FlatMinima

PART = "small_start"
PACE, STEPS = 0.1, 20_000
"""A tenth of the stable learning rate, and more steps than any network takes."""
NAMES = ("lower", "minimum", "balanced", "upper", "published_upper", "small_start")


def tolerance(study: "FlatMinima") -> float:
    """Relative next order: the largest imbalance of two layers that start at the smallest scale."""
    return 4 * study.features * min(study.scales) ** 2


def predict(study: "FlatMinima") -> xr.Dataset:
    """Bounds and values of the sharpness at each depth."""
    solved = common.regression(study)
    found = [common.minima(solved, depth) for depth in study.depths]
    return xr.Dataset(
        {name: ("depth", [getattr(one, name) for one in found]) for name in NAMES},
        coords={"depth": list(study.depths)},
    )


def shards(study: "FlatMinima") -> list[Shard]:
    """One shard of all members and scales at each depth."""
    count = study.members
    return [
        shard
        for depth in study.depths
        for shard in shards_of(PART, {"depth": depth}, members=count, batch=count)
    ]


def measure(study: "FlatMinima", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Sharpness at the end of training."""
    solved, depth = common.regression(study), int(shard.settings["depth"])
    start = common.started(
        key, study.features, depth=depth, scales=list(study.scales), members=shard.members
    )
    found = train_deep_linear(
        start,
        solved.covariance,
        solved.target,
        steps=common.records(STEPS),
        pace=PACE,
        loss=common.LOSS,
    )
    return xr.Dataset(common.ends(found), coords={"scale": list(study.scales)})


def claims(study: "FlatMinima", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """At the smallest scale the sharpness is the balanced one."""
    scale, found = min(study.scales), []
    for depth in study.depths:
        ends = measurement.gauss_newton.sel(depth=depth, scale=scale).values
        found.append(
            common.mean_claim(
                f"balanced-{depth}",
                f"Sharpness at the end of gradient descent over that of the balanced minimum: "
                f"depth {depth}, weights N(0, {scale:g}²)",
                1.0,
                ends / float(prediction.balanced.sel(depth=depth)),
                tolerance(study),
            )
        )
    return found


def pictures(study: "FlatMinima", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Picture]:
    """Sharpness against depth, and against the scale."""
    figure, (left, right) = new_figure(2, titles=("against depth", "against initial scale"))
    depths = np.array(study.depths)
    shown = (("balanced", "balanced"), ("minimum", "least"), ("published_upper", "upper bound"))
    for i, (name, label) in enumerate(shown):
        dash = "dashed" if i else "solid"
        theory(
            left, depths, (prediction[name] / prediction.lower).values, label, color=i, dash=dash
        )
    ends = measurement.gauss_newton.transpose("member", "depth", "scale")
    small = ends.sel(scale=min(study.scales)) / prediction.lower
    found = statistics.mean(small.values)
    measured(left, depths, found.value, found.standard_error, "balanced", color=0)
    scales = np.array(sorted(study.scales))
    excess = np.abs(ends / prediction.balanced - 1)
    for i, depth in enumerate(depths):
        found = statistics.mean(excess.sel(depth=depth, scale=scales).values)
        measured(right, scales, found.value, found.standard_error, f"depth {depth}", color=i)
    power_law(
        right,
        scales,
        (scales[0], tolerance(study)),
        exponent=2,
        label="imbalance at the start",
    )
    log_axis(left, "x", ticks=depths)
    log_axis(right, "x", ticks=scales)
    log_axis(right, "y")
    left.set_xlabel("depth")
    left.set_ylabel("sharpness at the end / lower bound")
    right.set_xlabel("standard deviation of weights at the start")
    right.set_ylabel("|sharpness / balanced − 1|")
    legend(left, place="upper right")
    legend(right, place="outside")
    return [
        Picture(
            "small-start",
            "From small weights training ends at the balanced minimum",
            f"Deep linear networks on {study.samples} samples of {study.features} features. The "
            "sharpness grows linearly with depth; what small weights add to it vanishes with them.",
            figure,
        )
    ]
