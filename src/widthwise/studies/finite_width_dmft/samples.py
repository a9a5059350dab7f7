"""Many points: two-layer linear networks on whitened inputs, where all is closed.

The variance of the prediction is of order (points)/width, and so is the bias of its mean, which
slows learning: narrow networks learn more slowly on average. Networks are trained through their
Gram matrices, exactly, in any number.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics.fluctuations import whitened_linear
from widthwise.ensembles import two_layer_linear_ensemble
from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.numerics import fits, statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory
from widthwise.studies.finite_width_dmft.networks import kept

if TYPE_CHECKING:
    from widthwise.studies.finite_width_dmft.study import FiniteWidthDmft

PART = "samples"
LEARNING_RATE = 0.05
STEPS = 20
EVERY = 4
"""Steps between two that are kept."""


def predict(study: "FiniteWidthDmft") -> xr.Dataset:
    """Closed recursions of mean and covariance."""
    found = [
        whitened_linear(1.0, p, steps=STEPS, learning_rate=LEARNING_RATE) for p in study.points
    ]
    variance = [f.along[:, 0, 0] + (f.points - 1) * f.across[:, 0, 0] for f in found]
    # What is expanded in: the variance of outputs and kernels at the start, over width.
    size = [np.trace(f.along[0]) + (f.points - 1) * np.trace(f.across[0]) for f in found]
    dims = ("points", "step")
    return xr.Dataset(
        {
            "output": ("step", found[0].output),
            "initial_variance": ("points", size),
            "variance": (dims, variance),
            "excess": (dims, [f.excess for f in found]),
            "correction": (dims, [f.correction[:, 0] for f in found]),
        },
        coords={"points": list(study.points), "step": np.arange(STEPS + 1)},
        attrs={"source": "Bordelon & Pehlevan 2023, whitened two-layer linear networks"},
    )


def shards(study: "FiniteWidthDmft") -> list[Shard]:
    """One shard for each number of points and width."""
    return [
        shard
        for points in study.points
        for width in study.gram_widths
        for shard in shards_of(
            PART, {"points": points, "width": width}, members=members(study, points), batch=10**9
        )
    ]


def members(study: "FiniteWidthDmft", points: int) -> int:
    """Networks on few points are cheap: take more, up to ten times as many."""
    return study.gram_members * min(10, max(study.points) // points)


def measure(study: "FiniteWidthDmft", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Output along the targets, squared error and squared deviations from the mean."""
    del study
    points, width = int(shard.settings["points"]), int(shard.settings["width"])
    (own,) = member_keys(key, 10**6 * points + width, (0, 1))
    targets = np.eye(points)[0]
    found = two_layer_linear_ensemble(
        np.eye(points),
        targets,
        width=width,
        members=shard.size,
        steps=STEPS,
        learning_rate=LEARNING_RATE,
        key=own,
    )
    output = found.output.values[:, ::EVERY]
    kept_of_each = {
        "output": output[:, :, 0],
        "squared_error": np.sum((targets - output) ** 2, axis=2),
        "spread": np.sum((output - output.mean(axis=0)) ** 2, axis=2),
    }
    return xr.Dataset(
        {name: (("member", "step"), v.astype(np.float32)) for name, v in kept_of_each.items()}
    )


def claims(
    study: "FiniteWidthDmft", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Variance and excess loss at every number of points; the bias falls like 1/width."""
    found = []
    for points in study.points:
        limit = prediction.sel(points=points).isel(step=-1)
        width = claim_width(study, points, float(limit.initial_variance))
        where = {"points": points, "width": width}
        spread, squares = (
            kept(measurement, name, **where)[:, -1] for name in ("spread", "squared_error")
        )
        error = (1.0 - float(limit.output)) ** 2
        estimates = {
            "variance": ("variance of the outputs, summed over points", spread),
            "excess": ("mean squared error above that at infinite width", squares - error),
        }
        for name, (words, values) in estimates.items():
            first, estimate = float(limit[name]), statistics.mean(values)
            found.append(
                Claim(
                    name=f"{name}-{points}-points",
                    statement=f"Width times the {words}, after {STEPS} steps: linear, "
                    f"{points} points, width {width}",
                    predicted=first,
                    measured=width * float(estimate.value),
                    standard_error=width * float(estimate.standard_error),
                    tolerance=2 * float(limit.initial_variance) / width * abs(first),
                    members=members(study, points),
                )
            )
    most = max(study.points)
    limit = prediction.sel(points=most).isel(step=-1)
    size = float(limit.initial_variance)
    widths = [width for width in study.gram_widths if 2 * size / width <= 0.25]
    if len(widths) < 2:
        return found
    shifts = [
        statistics.mean(
            float(limit.output) - kept(measurement, "output", points=most, width=n)[:, -1]
        )
        for n in widths
    ]
    law = fits.fit_power_law(
        np.array(widths),
        np.array([s.value for s in shifts]),
        np.array([s.standard_error for s in shifts]),
    )
    found.append(
        Claim(
            name="exponent-bias",
            statement="Power of width in the distance of the mean output from infinite width: "
            f"linear, {most} points",
            predicted=-1.0,
            measured=law.exponent,
            standard_error=law.exponent_error,
            tolerance=2 * size / min(widths),
        )
    )
    return found


def claim_width(study: "FiniteWidthDmft", points: int, size: float) -> int:
    """Return the largest width at which the ensemble resolves the next order, else the smallest.

    The planned standard error of a variance is a tenth of what theory allows, or less.
    """
    planned = 10 * np.sqrt(2 / members(study, points))
    good = [width for width in study.gram_widths if 2 * size / width >= planned]
    return max(good, default=min(study.gram_widths))


def pictures(
    study: "FiniteWidthDmft", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Variance and bias during training, for every number of points."""
    titles = ("variance of the outputs", "mean output below the limit")
    figure, (left, right) = new_figure(2, titles=titles)
    width = sorted(study.gram_widths)[len(study.gram_widths) // 2]
    for i, points in enumerate(study.points):
        limit = prediction.sel(points=points)
        output, squares = (
            kept(measurement, name, points=points, width=width) for name in ("output", "spread")
        )
        steps = limit.step.values
        label = "1 point" if points == 1 else f"{points} points"
        spread = statistics.mean(squares)
        theory(left, steps, limit.variance, label, color=i)
        measured(left, steps[::EVERY], *_scaled(spread, width), label, color=i)
        shift = statistics.mean(output - limit.output.values[::EVERY])
        theory(right, steps, limit.correction, label, color=i)
        measured(right, steps[::EVERY], *_scaled(shift, width), label, color=i)
    log_axis(left, "y")
    left.set_ylabel("width × variance, summed")
    right.set_ylabel("width × shift of the mean")
    for ax in (left, right):
        ax.set_xlabel("steps")
    legend(left, place="upper right")
    return [
        Picture(
            "samples",
            "Many points: variance and bias grow with their number",
            f"Two-layer linear networks of width {width} on whitened inputs. "
            "Lines: first order in 1/width. Points: networks, "
            "with standard errors. Narrow networks learn more slowly on average.",
            figure,
        )
    ]


def _scaled(estimate: statistics.Estimate, width: int) -> tuple[np.ndarray, np.ndarray]:
    return width * estimate.value, width * estimate.standard_error
