"""One standard deviation for all weights, swept: where gradient descent trains."""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.activations import relu
from widthwise.ensembles import train
from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.kernels.stability_band import lower_edge, upper_edge, variance_recursion
from widthwise.plotting import (
    Picture,
    legend,
    log_axis,
    measured,
    new_figure,
    reference_line,
    theory,
)
from widthwise.studies.init_variance import networks

if TYPE_CHECKING:
    from widthwise.studies.init_variance.study import InitVariance

PART = "sweep"
BATCH = 64
FACTOR = 3.0
"""Both ends are orders of magnitude: up to this factor."""
TRAINED = 0.5
"""A network trains if its loss falls below this share of that of guessing."""


WORDS = {
    "lower": "smallest initial standard deviation that trains",
    "upper": "largest initial standard deviation that does not blow up",
}


def stds(study: "InitVariance") -> np.ndarray:
    """The grid, equally spaced in the logarithm."""
    low, high = study.std_range
    return np.geomspace(low, high, study.stds)


def predict(study: "InitVariance") -> xr.Dataset:
    """Both ends of the band, the critical standard deviation, and the variance of outputs."""
    x, y = networks.images(study.images)
    ends, variances = [], []
    for depth in study.depths:
        at = {"width": study.width, "depth": depth, "learning_rate": study.learning_rate}
        ends.append((lower_edge(x, y, steps=study.steps, **at), upper_edge(x, y, **at)))
        layers = networks.sizes(study.width, depth)
        variances.append(
            [
                variance_recursion(
                    relu, layers, [std] * (depth + 1), square_norm=float(networks.INPUTS)
                )[-1]
                for std in stds(study)
            ]
        )
    return xr.Dataset(
        {
            "edge": (("depth", "end"), np.log(ends)),
            "variance": (("depth", "std"), variances),
            "critical": (2 / study.width) ** 0.5,
        },
        coords={"depth": list(study.depths), "end": ["lower", "upper"], "std": stds(study)},
    )


def shards(study: "InitVariance") -> list[Shard]:
    """All depths."""
    return [
        shard
        for depth in study.depths
        for shard in shards_of(PART, {"depth": depth}, members=study.members, batch=study.members)
    ]


def measure(study: "InitVariance", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Loss after training, and the variance of the outputs before it, for every start."""
    x, y = networks.images(study.images)
    layers = networks.sizes(study.width, int(shard.settings["depth"]))
    critical = (2 / study.width) ** 0.5
    start = networks.Start(layers, (critical,) * (len(layers) - 1))
    optimizer = networks.RescaledStart((1.0,) * (len(layers) - 1), "sgd", study.learning_rate)
    last = study.steps + 1
    history = train(
        start.network(),
        (x, y),
        key=member_keys(key, study.width, (0, 1))[0],
        members=shard.members,
        steps=last,
        optimizer=optimizer,
        learning_rates=(stds(study) / critical).tolist(),
        rates="sgd",
        loss="cross_entropy",
        batch_size=min(BATCH, study.images),
        record=["loss", "output"],
        at=[0, 1, *range(last - 4, last + 1)],
    ).isel(width=0)
    outputs = history.output.transpose("member", "learning_rate", "step", "input", ...).values
    first = np.mean(np.asarray(outputs[:, :, 1], np.float64) ** 2, axis=(2, 3))
    losses = history.loss.transpose("member", "learning_rate", "step").values
    return xr.Dataset(
        {
            "loss": (("member", "std"), losses[:, :, -5:].astype(np.float64).mean(axis=2)),
            "variance": (("member", "std"), first),
        },
        coords={"std": stds(study)},
    )


def edges(study: "InitVariance", losses: np.ndarray) -> np.ndarray:
    """Logarithms of the ends of the band of one network, halfway between points of the grid.

    The lower one is where the loss falls to its goal, the upper one where training blows up: the
    loss becomes no number. NaN where the band reaches the end of the grid.
    """
    grid = np.log(stds(study))
    good = np.flatnonzero(losses < TRAINED * np.log(networks.CLASSES))
    if not good.size:
        return np.full(2, np.nan)
    low, high = good[0], np.flatnonzero(np.isfinite(losses))[-1]
    lower = (grid[low] + grid[low - 1]) / 2 if low > 0 else np.nan
    upper = (grid[high] + grid[high + 1]) / 2 if high + 1 < len(grid) else np.nan
    return np.array([lower, upper])


def claims(study: "InitVariance", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """Both ends, at every depth."""
    found = []
    spacing = float(np.log(study.std_range[1] / study.std_range[0]) / (study.stds - 1))
    for depth in study.depths:
        values = measurement.loss.sel(depth=depth).transpose("member", "std").values
        ends = np.stack([edges(study, row) for row in values])
        for i, end in enumerate(("lower", "upper")):
            scatter = np.std(ends[:, i], ddof=1) / len(ends) ** 0.5 if len(ends) > 1 else 0.0
            found.append(
                Claim(
                    name=f"{end}-edge-{depth}",
                    statement=f"Logarithm of the {WORDS[end]}, {depth} hidden layers",
                    predicted=float(prediction.edge.sel(depth=depth, end=end)),
                    measured=float(np.mean(ends[:, i])),
                    standard_error=max(float(scatter), 1e-3),
                    tolerance=np.log(FACTOR) + spacing / 2,
                    members=len(ends),
                )
            )
    return [*found, *_narrowing(study, measurement)]


def _narrowing(study: "InitVariance", measurement: xr.Dataset) -> list[Claim]:
    """The band is narrower in deeper networks."""
    shallow, deep = min(study.depths), max(study.depths)
    if shallow == deep:
        return []
    widths = []
    for depth in (shallow, deep):
        values = measurement.loss.sel(depth=depth).transpose("member", "std").values
        ends = np.stack([edges(study, row) for row in values])
        widths.append(ends[:, 1] - ends[:, 0])
    difference = widths[0] - widths[1]
    error = np.std(difference, ddof=1) / len(difference) ** 0.5 if len(difference) > 1 else 0.0
    return [
        Claim(
            name="narrower-with-depth",
            statement=f"Logarithm by which the band of {shallow} layers is wider than of {deep}",
            predicted=0.0,
            measured=float(np.mean(difference)),
            standard_error=max(float(error), 1e-3),
            tolerance=0.0,
            kind="at_least",
            members=len(difference),
        )
    ]


def pictures(
    study: "InitVariance", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Loss against standard deviation, and the variance of outputs at the start."""
    figure, axes = new_figure(
        2 * len(study.depths),
        columns=len(study.depths),
        titles=[f"{depth} hidden layers" for depth in study.depths] + [""] * len(study.depths),
    )
    grid = stds(study)
    for i, depth in enumerate(study.depths):
        above, below = axes[i], axes[len(study.depths) + i]
        ends = np.exp(prediction.edge.sel(depth=depth).values)
        above.axvspan(*ends, color="0.9", label="predicted band", zorder=0)
        at = measurement.sel(depth=depth)
        for member in range(at.sizes["member"]):
            values = at.loss.isel(member=member).values
            measured(above, grid, values, label="after training" if member == 0 else "", color=1)
        reference_line(above, y=TRAINED * np.log(networks.CLASSES), label="trains below")
        reference_line(above, x=float(prediction.critical))
        log_axis(above, "x")
        above.set_xlim(grid[0] / 1.5, grid[-1] * 1.5)
        above.set_ylim(0, 1.5 * np.log(networks.CLASSES))
        theory(below, grid, prediction.variance.sel(depth=depth), "recursion", color=0)
        values = at.variance.transpose("member", "std").values
        measured(below, grid, values.mean(axis=0), label="measured", color=1)
        log_axis(below, "both")
        below.set_xlabel("initial standard deviation")
    axes[0].set_ylabel("cross entropy")
    axes[len(study.depths)].set_ylabel("mean square of outputs at start")
    legend(axes[len(study.depths) - 1], place="outside")
    legend(axes[len(study.depths)])
    return [
        Picture(
            "sweep",
            "The band of initial scales that train narrows with depth",
            f"ReLU networks of width {study.width}, {study.steps} steps of gradient descent at "
            f"{study.learning_rate:g} on images. Grey: predicted band. Dashed line: sqrt(2 / "
            "width). Where there is no point training blew up. Below: outputs before training.",
            figure,
        )
    ]
