"""Below a critical learning rate networks learn, above it they do not: whatever the initial scale.

Learning rates in a fine grid around 2 / (least sharpness); networks that start small enough not to
diverge at once.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.ensembles import train_deep_linear
from widthwise.experiments import Claim, Shard, shards_of
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, reference_line
from widthwise.studies.flat_minima import common

if TYPE_CHECKING:
    from widthwise.studies.flat_minima.study import FlatMinima

PART = "threshold"
SIZES = (1e-3, 1e-2, 1e-1)
"""Norms of the linear map at the start: two decades."""
STEP = 0.05
GRID = tuple(float(rate) for rate in np.round(np.arange(0.775, 1.2, STEP), 3))
"""Learning rates over 2 / (least sharpness); one itself lies between two of them."""
NEAR = 1e-4
"""Squared distance from the solution at which a network has learned."""


def predict(study: "FlatMinima") -> xr.Dataset:
    """The ceiling of learning rates, and the published threshold over it."""
    solved = common.regression(study)
    found = [common.minima(solved, depth) for depth in study.diagram_depths]
    return xr.Dataset(
        {
            "ceiling": ("depth", [one.max_learning_rate for one in found]),
            "published": (
                "depth",
                [one.published_learning_rate / one.max_learning_rate for one in found],
            ),
        },
        coords={"depth": list(study.diagram_depths)},
    )


def shards(study: "FlatMinima") -> list[Shard]:
    """One shard for each depth."""
    count = study.members
    return [
        shard
        for depth in study.diagram_depths
        for shard in shards_of(PART, {"depth": depth}, members=count, batch=count)
    ]


def measure(study: "FlatMinima", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Distance from the solution at the end, over learning rates and scales."""
    solved, depth = common.regression(study), int(shard.settings["depth"])
    start = common.started(
        key,
        study.features,
        depth=depth,
        scales=[common.scale_of(size, depth, study.features) for size in SIZES],
        members=shard.members,
    )
    found = train_deep_linear(
        start,
        solved.covariance,
        solved.target,
        steps=common.records(study.threshold_steps),
        learning_rates=np.array(GRID) * common.minima(solved, depth).max_learning_rate,
        loss=common.LOSS,
    )
    kept = common.ends(found)
    return xr.Dataset(
        {name: kept[name] for name in ("distance", "diverged")},
        coords={"rate": ("learning_rate", list(GRID)), "size": ("scale", list(SIZES))},
    ).swap_dims(learning_rate="rate", scale="size")


def critical(measurement: xr.Dataset) -> xr.DataArray:
    """Rate up to which half of the networks that did not diverge learn, between grid points.

    NaN where they learn at no rate of the grid.
    """
    stayed = measurement.diverged == 0
    learned = (measurement.distance <= NEAR) & stayed
    half = (2 * learned.sum("member") >= stayed.sum("member")) & (learned.sum("member") > 0)
    return half.rate.where(half).max("rate") + STEP / 2


def claims(study: "FlatMinima", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """No network learns above the ceiling; the critical rate does not depend on the scale."""
    del prediction
    found = []
    rates = critical(measurement)
    for depth in study.diagram_depths:
        own = rates.sel(depth=depth).transpose("size").values
        trend = np.polyfit(np.log10(SIZES), own, 1)[0]
        found.append(
            Claim(
                name=f"critical-scale-{depth}",
                statement="Change of the critical learning rate, over 2 / (least sharpness), for "
                f"each decade of the initial scale: depth {depth}",
                predicted=0.0,
                measured=float(trend),
                # the error of the end points, uniform within the grid
                standard_error=STEP / 12**0.5 / 2**0.5,
                tolerance=STEP,
            )
        )
    learned = (measurement.distance <= NEAR) & (measurement.diverged == 0)
    beyond = int(learned.sel(rate=[rate for rate in GRID if rate > 1]).sum())
    found.append(
        common.count_claim(
            "threshold-ceiling",
            "Networks within 0.01 of the solution at the end, at learning rates 2 to 18 % above "
            "2 / (least sharpness)",
            beyond,
        )
    )
    return found


def pictures(study: "FlatMinima", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Picture]:
    """Distance from the solution against the learning rate, at each depth."""
    figure, (ax,) = new_figure(1)
    for i, depth in enumerate(study.diagram_depths):
        middle = measurement.distance.sel(depth=depth).isel(size=0).median("member")
        measured(
            ax, np.array(GRID), np.maximum(middle.values, 1e-16), None, f"depth {depth}", color=i
        )
    reference_line(ax, x=1.0, label="2 / least sharpness")
    reference_line(ax, x=float(prediction.published[0]), label="published threshold")
    log_axis(ax, "y")
    ax.set_xlabel("learning rate / (2 / least sharpness)")
    ax.set_ylabel("squared distance from the solution")
    legend(ax)
    return [
        Picture(
            "threshold",
            "Below 2 / least sharpness networks learn, above it they do not",
            f"Median over networks after {study.threshold_steps} steps; the map has norm "
            f"{SIZES[0]:g} at the start.",
            figure,
        )
    ]
