"""The sharpness along training, and what a finite learning rate takes from it.

Gradient flow from the very weights at the start predicts where each network ends; gradient descent
ends flatter, by an amount linear in the learning rate, because it moves what the flow conserves.
"""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array

from widthwise.dynamics import linear
from widthwise.ensembles import deep_linear_weights, train_deep_linear
from widthwise.experiments import Claim, Shard, shards_of
from widthwise.numerics import fits, statistics
from widthwise.observables import sharpness
from widthwise.plotting import (
    Picture,
    legend,
    log_axis,
    measured,
    new_figure,
    power_law,
    reference_line,
)
from widthwise.studies.flat_minima import common

if TYPE_CHECKING:
    from widthwise.studies.flat_minima.study import FlatMinima

PART = "trajectory"
SIZE = 0.09
"""Norm of the linear map at the start: standard deviation 0.35 at depth 10 and width 5."""
RATES = (0.02, 0.04, 0.08)
"""Small learning rates over 2 / (least sharpness)."""
SHOWN = (0.2, 1.05)
"""Learning rates of which the way is shown."""
STEPS = 450
LANCZOS = 1e-6
"""Relative error allowed to Lanczos' method."""


def start(study: "FlatMinima", key: jax.Array, members: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """Weights at the start, which prediction and measurement share."""
    depth = study.trajectory_depth
    scale = common.scale_of(SIZE, depth, study.features)
    drawn = common.started(key, study.features, depth=depth, scales=[scale], members=members)
    return tuple(w[0] for w in drawn)


def predict(study: "FlatMinima") -> xr.Dataset:
    """Where gradient flow from each network ends."""
    solved = common.regression(study)
    weights = start(study, jax.random.key(study.seed, impl="threefry2x32"), (0, count(study)))
    ends = []
    for i in range(count(study)):
        flow = linear.gradient_flow(
            [w[i] for w in weights],
            solved.covariance,
            solved.target,
            time=np.inf,
            loss=common.LOSS,
            tolerance=1e-8,
        )
        ends.append(float(linear.sharpness(flow.weights, solved.covariance, loss=common.LOSS)))
    theory = common.minima(solved, study.trajectory_depth)
    return xr.Dataset(
        {"flow": ("network", ends), "ceiling": theory.max_learning_rate, "lower": theory.lower}
    )


def count(study: "FlatMinima") -> int:
    """Networks that are followed."""
    return max(2, study.members // 2)


def shards(study: "FlatMinima") -> list[Shard]:
    """All networks at each small rate, and one network on its way."""
    return [
        shard
        for rate in (*RATES, *SHOWN)
        for shard in shards_of(PART, {"rate": rate}, members=count(study), batch=count(study))
    ]


def measure(study: "FlatMinima", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Sharpness at the end, change of what the flow conserves, and the way of the first network."""
    solved, rate = common.regression(study), float(shard.settings["rate"])
    learning_rate = rate * common.minima(solved, study.trajectory_depth).max_learning_rate
    weights = start(study, key, shard.members)
    task = {
        "covariance": solved.covariance,
        "target": solved.target,
        "learning_rates": [learning_rate],
        "loss": common.LOSS,
    }
    steps = common.records(int(np.ceil(200 / learning_rate)))
    found = train_deep_linear(weights, steps=steps, **task).isel(learning_rate=0)
    kept = common.ends(found)
    last, _ = deep_linear_weights(found.isel(step=-1))
    finite = np.isfinite(kept["gauss_newton"][1])
    drift = [
        linear.conservation_drift([w[i] for w in weights], [w[i] for w in last]) if sound else 0.0
        for i, sound in enumerate(finite)
    ]
    asked = study.by_derivatives and rate == RATES[0]
    way = np.full(len(range_of(STEPS)) + 1, np.nan)
    if rate in SHOWN:
        one = [w[:1] for w in weights]
        shown = train_deep_linear(one, steps=range_of(STEPS), hessian=True, **task)
        way = shown.sharpness.values[0, 0]
    return xr.Dataset(
        {
            **kept,
            "by_derivatives": _by_derivatives(study, last) if asked else np.nan,
            "drift": ("member", drift),
            "way": ("step", way),
        },
        coords={"step": [0, *range_of(STEPS).tolist()]},
    )


def _loss(layers: list[Array], x: Array, y: Array) -> Array:
    """Mean squared error on the samples themselves, of which the rest of the part knows nothing."""
    features = x.T
    for w in layers:
        features = w @ features
    return jnp.mean((features[0] - y) ** 2)


def _by_derivatives(study: "FlatMinima", weights: tuple[np.ndarray, ...]) -> float:
    """Sharpness of the first network by Lanczos' method on derivatives of the loss."""
    data = common.data(study.seed, study.samples, study.features)
    layers = [jnp.asarray(w[0]) for w in weights]
    if not all(np.isfinite(w).all() for w in layers):
        return float("nan")
    x, y = jnp.asarray(data.x), jnp.asarray(data.y)
    return float(sharpness(_loss, layers, x, y, tolerance=LANCZOS))


def range_of(steps: int) -> np.ndarray:
    """Return every fifth step."""
    return np.arange(5, steps + 1, 5)


def claims(study: "FlatMinima", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """Gradient flow predicts the end up to the learning rate, which flattens it linearly."""
    ends = measurement.gauss_newton.sel(rate=list(RATES)).transpose("rate", "member").values
    lost = 1 - ends / prediction.flow.values[None]
    law = fits.fit_power_law(np.array(RATES), *_estimates(lost))
    found = [
        common.mean_claim(
            "flow",
            "Sharpness at the end of gradient descent over that of gradient flow from the same "
            f"weights: depth {study.trajectory_depth}, learning rate {RATES[0]:g} of the largest",
            1.0,
            ends[0] / prediction.flow.values,
            RATES[0],
        ),
        Claim(
            name="flattening",
            statement="Power of the learning rate in the part of the sharpness that it takes away",
            predicted=1.0,
            measured=law.exponent,
            standard_error=law.exponent_error,
            tolerance=RATES[-1],
        ),
    ]
    if study.by_derivatives:
        derived = float(measurement.by_derivatives.sel(rate=RATES[0]))
        found.append(
            Claim(
                name="hessian",
                statement="Sharpness at the end by derivatives of the loss on the samples over "
                "that in closed form",
                predicted=1.0,
                measured=derived / float(ends[0, 0]),
                standard_error=LANCZOS,
                tolerance=common.ROUNDING,
            )
        )
    return found


def _estimates(lost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means over members, with the errors that are not common to all rates."""
    shared = np.mean(lost, axis=1)
    relative = lost / shared[:, None]
    scatter = relative - np.mean(relative, axis=0)[None]
    error = np.std(scatter, axis=1, ddof=1) / np.sqrt(lost.shape[1])
    return shared, np.maximum(error, 1e-6) * np.abs(shared)


def pictures(study: "FlatMinima", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Picture]:
    """Sharpness along training, and the flattening."""
    names = [f"learning rate {rate:g} of the largest" for rate in SHOWN]
    figure, (left, middle, right) = new_figure(3, titles=(*names, "taken by the learning rate"))
    for ax, rate in ((left, SHOWN[0]), (middle, SHOWN[1])):
        ax.plot(
            measurement.step.values,
            measurement.way.sel(rate=rate).values,
            color="C0",
            label="sharpness",
        )
        reference_line(ax, y=2 / (rate * float(prediction.ceiling)), label="2 / learning rate")
        ax.set_xlabel("steps")
        ax.set_ylabel("sharpness")
        log_axis(ax, "y")
        legend(ax)
    rates = np.array(RATES)
    ends = measurement.gauss_newton.sel(rate=list(RATES)).transpose("member", "rate").values
    lost = statistics.mean(1 - ends / prediction.flow.values[:, None])
    measured(right, rates, lost.value, lost.standard_error, "1 − sharpness / that of the flow")
    drift = statistics.mean(
        measurement.drift.sel(rate=list(RATES)).transpose("member", "rate").values
    )
    measured(right, rates, drift.value, drift.standard_error, "change of W W^T − W^T W", color=1)
    power_law(right, rates, (RATES[0], lost.value[0]), exponent=1)
    log_axis(right, "x", ticks=rates)
    log_axis(right, "y")
    right.set_xlabel("learning rate / largest")
    legend(right)
    return [
        Picture(
            "trajectory",
            "Above the largest learning rate the sharpness never settles",
            f"One network of depth {study.trajectory_depth}, largest eigenvalue of the full "
            "Hessian every five steps. Right: gradient descent ends flatter than gradient flow "
            "from the same weights, in proportion to the learning rate.",
            figure,
        )
    ]
