"""Kaiming's and Xavier's standard deviations: same networks, same data, two scales."""

from itertools import pairwise
from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.activations import relu
from widthwise.ensembles import train
from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.kernels.stability_band import variance_recursion
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory
from widthwise.studies.init_variance import networks

if TYPE_CHECKING:
    from widthwise.studies.init_variance.study import InitVariance

PART = "kaiming"
STARTS = ("xavier", "kaiming")
OPTIMIZERS = {"sgd": 0.1, "adam": 1e-3}
REACHED = 0.5
"""Training is over when the loss is below this share of that of guessing."""


def deviations(study: "InitVariance", start: str, depth: int) -> tuple[float, ...]:
    """Standard deviations of all layers: 2 / fan-in, or 2 / (fan-in + fan-out) with gain 1."""
    layers = networks.sizes(study.small_width, depth)
    return tuple(
        (2 / before) ** 0.5 if start == "kaiming" else (2 / (before + after)) ** 0.5
        for before, after in pairwise(layers)
    )


def predict(study: "InitVariance") -> xr.Dataset:
    """Variance of the outputs for both starts, and their ratio."""
    values = [
        [
            variance_recursion(
                relu,
                networks.sizes(study.small_width, depth),
                deviations(study, start, depth),
                square_norm=float(networks.INPUTS),
            )[-1]
            for start in STARTS
        ]
        for depth in study.kaiming_depths
    ]
    found = np.array(values)
    return xr.Dataset(
        {
            "variance": (("depth", "start"), found),
            "ratio": ("depth", found[:, 1] / found[:, 0]),
            "faster": 0.0,
        },
        coords={"depth": list(study.kaiming_depths), "start": list(STARTS)},
    )


def shards(study: "InitVariance") -> list[Shard]:
    """All depths and optimizers."""
    return [
        shard
        for depth in study.kaiming_depths
        for optimizer in OPTIMIZERS
        for shard in shards_of(
            PART,
            {"depth": depth, "optimizer": optimizer},
            members=study.kaiming_members,
            batch=study.kaiming_members,
        )
    ]


def measure(study: "InitVariance", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Steps until training is over, and the mean square of the outputs at the start."""
    depth, kind = int(shard.settings["depth"]), str(shard.settings["optimizer"])
    x, y = networks.images(study.kaiming_images)
    xavier, kaiming = (deviations(study, start, depth) for start in STARTS)
    powers = tuple(float(np.log(k / x)) for k, x in zip(kaiming, xavier, strict=True))
    start = networks.Start(networks.sizes(study.small_width, depth), xavier)
    history = train(
        start.network(),
        (x, y),
        key=member_keys(key, study.small_width, (0, 1))[0],
        members=shard.members,
        steps=study.kaiming_steps + 1,
        optimizer=networks.RescaledStart(powers, kind, OPTIMIZERS[kind]),
        learning_rates=[1.0, float(np.e)],
        rates=kind,
        loss="cross_entropy",
        record=["loss", "output"],
        at=range(1, study.kaiming_steps + 2),
    ).isel(width=0)
    losses = history.loss.transpose("member", "learning_rate", "step").values
    outputs = history.output.isel(step=0).transpose("member", "learning_rate", ...).values
    squares = np.mean(outputs.astype(np.float64) ** 2, axis=(2, 3))
    times = [[steps_until(row) for row in member] for member in losses]
    return xr.Dataset(
        {
            "steps": (("member", "start"), np.array(times)),
            "variance": (("member", "start"), squares),
        },
        coords={"start": list(STARTS)},
    )


def steps_until(losses: np.ndarray) -> float:
    """Steps until the loss is below the threshold, between records; NaN if it never is."""
    goal = REACHED * np.log(networks.CLASSES)
    below = np.flatnonzero(losses < goal)
    if not below.size:
        return np.nan
    i = int(below[0])
    if i == 0:
        return 0.5  # in less than a step
    return i - 1 + (losses[i - 1] - goal) / (losses[i - 1] - losses[i])


def claims(study: "InitVariance", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """The ratio of variances, which is exact, and which start is faster."""
    found, gains = [], {}
    for depth in study.kaiming_depths:
        at = measurement.sel(depth=depth, optimizer="sgd").variance
        pairs = at.transpose("member", "start").values
        ratio = statistics.mean(pairs[:, 1] / pairs[:, 0])
        predicted = float(prediction.ratio.sel(depth=depth))
        found.append(
            Claim(
                name=f"variance-ratio-{depth}",
                statement=f"Mean square of the outputs of {depth} hidden layers: Kaiming over "
                "Xavier",
                predicted=predicted,
                measured=float(ratio.value),
                standard_error=max(float(ratio.standard_error), 1e-6 * predicted),
                tolerance=1e-4 * predicted,
                members=ratio.count,
            )
        )
        for optimizer in OPTIMIZERS:
            steps = measurement.sel(depth=depth, optimizer=optimizer).steps
            pairs = np.log(steps.transpose("member", "start").values)
            gains[depth, optimizer] = pairs[:, 0] - pairs[:, 1]
            found.append(
                _above(
                    f"faster-{optimizer}-{depth}",
                    f"Logarithm of the steps with Xavier's start over those with Kaiming's: "
                    f"{depth} hidden layers, {optimizer}",
                    float(prediction.faster),
                    gains[depth, optimizer],
                )
            )
    shallow, deep = min(study.kaiming_depths), max(study.kaiming_depths)
    found.append(
        _above(
            "sgd-gains-more",
            f"By how much more this is under gradient descent than under Adam: {deep} layers",
            float(prediction.faster),
            gains[deep, "sgd"] - gains[deep, "adam"],
        )
    )
    if deep > shallow:
        found.append(
            _above(
                "depth-gains-more",
                f"By how much more this is in {deep} layers than in {shallow}: gradient descent",
                float(prediction.faster),
                gains[deep, "sgd"] - gains[shallow, "sgd"],
            )
        )
    return found


def _above(name: str, statement: str, predicted: float, samples: np.ndarray) -> Claim:
    estimate = statistics.mean(samples)
    return Claim(
        name=name,
        statement=statement,
        predicted=predicted,
        measured=float(estimate.value),
        standard_error=max(float(estimate.standard_error), 1e-9),
        tolerance=0.0,
        kind="at_least",
        members=estimate.count,
    )


def pictures(
    study: "InitVariance", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Ratio of variances, and steps."""
    figure, (left, right) = new_figure(2)
    depths = np.array(study.kaiming_depths)
    theory(left, depths, prediction.ratio, "product over layers", color=0)
    pairs = measurement.variance.sel(optimizer="sgd").transpose("member", "depth", "start").values
    found = statistics.mean(pairs[..., 1] / pairs[..., 0])
    measured(left, depths, found.value, found.standard_error, "product over layers", color=0)
    log_axis(left, "y")
    left.set_ylabel("mean square of outputs, Kaiming / Xavier")
    for i, optimizer in enumerate(OPTIMIZERS):
        for j, start in enumerate(STARTS):
            at = measurement.steps.sel(optimizer=optimizer, start=start)
            steps = statistics.mean(at.transpose("member", "depth").values)
            label = f"{optimizer}, {start}"
            measured(right, depths, steps.value, steps.standard_error, label, color=2 * i + j)
    log_axis(right, "y")
    right.set_ylabel("steps to half the loss of guessing")
    for ax in (left, right):
        ax.set_xticks(depths)
        ax.set_xlabel("hidden layers")
    legend(left)
    legend(right, place="outside")
    return [
        Picture(
            "kaiming",
            "Kaiming's start is faster, above all under gradient descent",
            f"The same networks of width {study.small_width} at two scales, full batches of "
            f"{study.kaiming_images} images.",
            figure,
        )
    ]
