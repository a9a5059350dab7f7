"""Where gradient descent ends: over depth, initial scale and learning rate.

The axis of scales is the norm that the linear map has at the start, so that all depths compare.
Learning rates are fractions of 2 / (least sharpness of any minimiser).
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics import linear
from widthwise.ensembles import train_deep_linear
from widthwise.experiments import Claim, Shard, shards_of
from widthwise.plotting import (
    Picture,
    heatmap,
    legend,
    log_axis,
    measured,
    new_figure,
    reference_line,
    theory,
)
from widthwise.studies.flat_minima import common

if TYPE_CHECKING:
    from widthwise.studies.flat_minima.study import FlatMinima

PART = "diagram"
TIME = 200.0
"""Learning rate times steps, at learning rates up to the ceiling; beyond it, four times as many."""
EDGE = 1e-3
"""Part of 2 / learning rate by which the sharpness may stand above it at the end."""


def predict(study: "FlatMinima") -> xr.Dataset:
    """The least sharpness, what small weights are trained to, and the ceiling of learning rates."""
    solved = common.regression(study)
    found = [common.minima(solved, depth) for depth in study.diagram_depths]
    names = ("lower", "minimum", "balanced", "small_start", "max_learning_rate")
    return xr.Dataset(
        {name: ("depth", [getattr(one, name) for one in found]) for name in names},
        coords={"depth": list(study.diagram_depths)},
    )


def shards(study: "FlatMinima") -> list[Shard]:
    """One shard for each depth and learning rate."""
    count = study.members
    return [
        shard
        for depth in study.diagram_depths
        for rate in study.rates
        for shard in shards_of(PART, {"depth": depth, "rate": rate}, members=count, batch=count)
    ]


def measure(study: "FlatMinima", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Sharpness at the start and at the end, distances, and which networks diverged."""
    solved, depth = common.regression(study), int(shard.settings["depth"])
    rate = float(shard.settings["rate"])
    learning_rate = rate * common.minima(solved, depth).max_learning_rate
    start = common.started(
        key,
        study.features,
        depth=depth,
        scales=[common.scale_of(size, depth, study.features) for size in study.sizes],
        members=shard.members,
    )
    task = {"covariance": solved.covariance, "target": solved.target, "loss": common.LOSS}
    steps = int(np.ceil(TIME * (1 if rate <= 1 else 4) / learning_rate))
    found = train_deep_linear(
        start, steps=common.records(steps), learning_rates=[learning_rate], **task
    )
    kept = common.ends(found.isel(learning_rate=0, drop=True))
    before = linear.sharpness(start, **task)  # of the full Hessian: no minimum yet
    kept["sharpness_start"] = (("scale", "member"), before)
    return xr.Dataset(kept, coords={"size": ("scale", list(study.sizes))}).swap_dims(scale="size")


def claims(study: "FlatMinima", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """No run that converged ends above 2 / learning rate; none converges above the ceiling."""
    at_minimum = common.converged(measurement)
    share = _share_of_edge(prediction, measurement)
    found = []
    for i, depth in enumerate(study.diagram_depths):
        kept = at_minimum[i] & (measurement.rate.values <= 1)[:, None, None]
        if not kept.any():
            continue
        found.append(
            Claim(
                name=f"edge-{depth}",
                statement=f"Largest sharpness at the end times learning rate / 2 of "
                f"{int(kept.sum())} networks that converged: depth {depth}",
                predicted=1.0,
                measured=float(np.max(share[i][kept])),
                standard_error=common.ROUNDING,
                tolerance=EDGE,
                kind="at_most",
            )
        )
    above = at_minimum & (measurement.rate.values > 1)[:, None, None]
    found.append(
        common.count_claim(
            "ceiling",
            "Networks that converge at learning rates above 2 / (least sharpness), of "
            f"{int(above.size * np.mean(measurement.rate.values > 1))}",
            int(above.sum()),
        )
    )
    sharp = measurement.sharpness_start.values * _rates(prediction, measurement) > 2
    sharp &= (measurement.rate.values < 1)[:, None, None]
    if sharp.any():
        found.append(
            Claim(
                name="sharp-start",
                statement=f"Networks that converge, of {int(sharp.sum())} with a sharpness at the "
                "start above 2 / learning rate",
                predicted=1.0,
                measured=float(np.sum(sharp & at_minimum)),
                standard_error=1e-6,
                tolerance=0.0,
                kind="at_least",
            )
        )
    return found


def pictures(study: "FlatMinima", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Picture]:
    """Sharpness against scale, and the probability of divergence."""
    depth = max(study.diagram_depths, key=lambda d: -abs(d - 10))
    one, own = measurement.sel(depth=depth), prediction.sel(depth=depth)
    kept = common.converged(one)
    figure, (left, right) = new_figure(2, titles=("where training ends", "networks that diverge"))
    shown = [rate for rate in study.rates if rate <= 1]
    for i, rate in enumerate(shown):
        at = study.rates.index(rate)
        values = np.where(kept[at], one.gauss_newton.values[at], np.nan)
        sizes = np.repeat(np.array(study.sizes)[:, None], values.shape[1], axis=1)
        label = f"rate {rate:g}"
        measured(left, sizes.ravel(), values.ravel(), None, label, color=i)
        edge = np.full(2, 2 / (rate * float(own.max_learning_rate)))
        theory(
            left,
            np.array([min(study.sizes), max(study.sizes)]),
            edge,
            label,
            color=i,
            dash="dashed",
        )
    reference_line(left, y=float(own.minimum), label="least sharpness")
    log_axis(left, "both")
    left.set_xlabel("norm of the map at the start")
    left.set_ylabel("sharpness at the end")
    legend(left)
    share = one.diverged.mean("member").transpose("rate", "size").values
    logs = np.log10(study.sizes), np.log10(study.rates)
    heatmap(right, *logs, share, "probability of divergence")
    right.set_xlabel("log₁₀ norm of the map at the start")
    right.set_ylabel("log₁₀ learning rate / (2 / least sharpness)")
    text = (
        f"Deep linear networks of depth {depth}, {study.samples} samples of {study.features} "
        "features. Learning rates are fractions of 2 / (least sharpness of any minimiser). Lines: "
        "2 / learning rate, above which no run that converges can end."
    )
    return [Picture("diagram", "No minimum is kept above 2 / learning rate", text, figure)]


def _rates(prediction: xr.Dataset, measurement: xr.Dataset) -> np.ndarray:
    """Learning rates, (depth, rate, 1, 1)."""
    ceiling = prediction.max_learning_rate.values
    return (ceiling[:, None] * measurement.rate.values[None])[:, :, None, None]


def _share_of_edge(prediction: xr.Dataset, measurement: xr.Dataset) -> np.ndarray:
    ends = measurement.gauss_newton.transpose("depth", "rate", "size", "member").values
    return ends * _rates(prediction, measurement) / 2
