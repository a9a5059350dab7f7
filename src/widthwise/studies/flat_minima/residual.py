"""Networks that start near the identity: nearly as flat as can be, at any depth.

A readout that is not trained follows layers that start at the identity plus noise.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.ensembles import residual_start, train_deep_linear
from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory
from widthwise.studies.flat_minima import common

if TYPE_CHECKING:
    from widthwise.studies.flat_minima.study import FlatMinima

PART = "residual"
NOISE = 0.25
"""Scale of the noise at the start."""
GRID = tuple(np.geomspace(0.4, 1.5, 28).tolist())
"""Learning rates over 2 / (lower bound), 5 % apart."""
NEAR = 1e-4
"""Squared distance from the solution at which a network has learned."""


def predict(study: "FlatMinima") -> xr.Dataset:
    """Bounds on the sharpness, and the ceiling of learning rates, at each depth."""
    solved = common.regression(study)
    found = [common.minima(solved, depth) for depth in study.residual_depths]
    names = ("lower", "minimum", "max_learning_rate", "published_learning_rate")
    return xr.Dataset(
        {name: ("depth", [getattr(one, name) for one in found]) for name in names},
        coords={"depth": list(study.residual_depths)},
        attrs={"next_order": next_order(study)},
    )


def next_order(study: "FlatMinima") -> float:
    """Slope, against log depth, of a correction 1 - 1/depth: the next order of the theory."""
    depths = np.log(study.residual_depths)
    return float(np.polyfit(depths, np.log1p(-1 / np.array(study.residual_depths)), 1)[0])


def shards(study: "FlatMinima") -> list[Shard]:
    """One shard for each depth."""
    count = study.members
    return [
        shard
        for depth in study.residual_depths
        for shard in shards_of(PART, {"depth": depth}, members=count, batch=count)
    ]


def measure(study: "FlatMinima", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Distance from the solution over learning rates, and sharpness where small steps end.

    A member has the same readout at every depth.
    """
    solved, depth = common.regression(study), int(shard.settings["depth"])
    (own,) = member_keys(key, 0, (0, 1))
    start, readout = residual_start(
        study.features, depth=depth, scales=[NOISE], members=shard.members, key=own
    )
    task = {
        "covariance": solved.covariance,
        "target": solved.target,
        "readout": readout,
        "loss": common.LOSS,
    }
    rates = np.array(GRID) * common.minima(solved, depth).published_learning_rate
    steps = common.records(study.residual_steps)
    found = train_deep_linear(start, steps=steps, learning_rates=rates, **task)
    slow = train_deep_linear(start, steps=common.records(20_000), pace=0.1, **task)
    kept = {name: value for name, value in common.ends(found).items() if name != "gauss_newton"}
    kept["gauss_newton"] = common.ends(slow)["gauss_newton"]
    return (
        xr.Dataset(kept, coords={"rate": ("learning_rate", list(GRID))})
        .swap_dims(learning_rate="rate")
        .isel(scale=0)
    )


def critical(measurement: xr.Dataset) -> xr.DataArray:
    """Logarithm of the rate up to which a member learns, between two of the grid."""
    fails = ~(np.nan_to_num(measurement.distance.transpose("rate", "depth", "member")) <= NEAR)
    fails |= measurement.diverged.transpose("rate", "depth", "member").values > 0
    first = np.where(fails.any(axis=0), np.argmax(fails, axis=0), len(GRID))
    logs = np.log(GRID)
    step = logs[1] - logs[0]
    return xr.DataArray(logs[0] + (first - 0.5) * step, dims=("depth", "member"))


def slopes(values: np.ndarray, depths: tuple[int, ...]) -> np.ndarray:
    """Slope of each member's logarithms (depth, member) against log depth."""
    return np.polyfit(np.log(depths), values, 1)[0]


def claims(study: "FlatMinima", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """The constant does not grow with depth, and the threshold falls as 1 / depth."""
    depths = study.residual_depths
    ratio = measurement.gauss_newton / prediction.lower
    growth = slopes(np.log(ratio.transpose("depth", "member").values), depths)
    threshold = (
        critical(measurement).values + np.log(prediction.published_learning_rate.values)[:, None]
    )
    fall = slopes(threshold, depths)
    learned = (measurement.distance <= NEAR) & (measurement.diverged == 0)
    beyond = learned & (measurement.rate > prediction.lower / prediction.minimum)
    tolerance = float(prediction.attrs["next_order"])
    constant = statistics.mean(growth)
    reach = f"depths {depths[0]} to {depths[-1]}"
    rate = common.mean_claim(
        "residual-rate",
        f"Slope of the critical learning rate against depth, in logarithms: {reach}",
        -1.0,
        fall,
        tolerance,
    )
    return [
        Claim(
            name="residual-constant",
            statement="Slope of (sharpness at the end / lower bound) against depth, in "
            f"logarithms: {reach}",
            predicted=0.0,
            measured=float(constant.value),
            standard_error=float(constant.standard_error),
            tolerance=tolerance,
            kind="at_most",
            members=constant.count,
        ),
        rate,
        common.count_claim(
            "residual-ceiling",
            "Networks that start near the identity and learn above 2 / (least sharpness), of "
            f"{int(np.prod(learned.shape))}",
            int(beyond.sum()),
        ),
    ]


def pictures(study: "FlatMinima", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Picture]:
    """Distance against the learning rate at each depth, and the constant."""
    figure, (left, right) = new_figure(2, titles=("distance after training", "how flat it ends"))
    for i, depth in enumerate(study.residual_depths):
        rates = np.array(GRID) * float(prediction.published_learning_rate.sel(depth=depth))
        middle = measurement.distance.sel(depth=depth).median("member")
        measured(left, rates, np.maximum(middle.values, 1e-16), None, f"depth {depth}", color=i)
        left.axvline(
            float(prediction.max_learning_rate.sel(depth=depth)),
            color="black",
            linewidth=0.8,
            linestyle=":",
        )
    log_axis(left, "both")
    left.set_xlabel("learning rate (dotted: 2 / least sharpness)")
    left.set_ylabel("squared distance from the solution")
    legend(left)
    depths = np.array(study.residual_depths)
    ratio = (measurement.gauss_newton / prediction.lower).transpose("member", "depth")
    found = statistics.mean(ratio.values)
    measured(right, depths, found.value, found.standard_error, "from near the identity")
    theory(
        right, depths, (prediction.minimum / prediction.lower).values, "least sharpness", color=1
    )
    log_axis(right, "x", ticks=depths)
    right.set_ylim(0.0, None)
    right.set_xlabel("depth")
    right.set_ylabel("sharpness / lower bound")
    legend(right)
    return [
        Picture(
            "residual",
            "From near the identity training ends nearly as flat as can be, at any depth",
            f"Layers start at the identity plus noise of scale {NOISE:g}; a random readout is not "
            f"trained. Left: medians after {study.residual_steps} steps.",
            figure,
        )
    ]
