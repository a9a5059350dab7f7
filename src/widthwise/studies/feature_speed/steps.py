"""Four architectures: real steps approach the predicted motion in proportion to their size."""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.networks import (
    Conv,
    Dense,
    Flatten,
    Gelu,
    GlobalAvgPool,
    LayerNorm,
    Relu,
    Residual,
    SelfAttention,
    Sequential,
    Tanh,
)
from widthwise.numerics import statistics
from widthwise.observables.feature_speed import feature_speed
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, power_law

if TYPE_CHECKING:
    from widthwise.studies.feature_speed.study import FeatureSpeed

PART = "steps"
STEPS = tuple(10.0**k for k in (-6, -5, -4, -3))
"""Balanced updates lower the loss at the rate 1, so these are relative changes."""
EXAMPLES = 4


def architectures() -> dict[str, tuple[tuple[int, ...], Sequential]]:
    """Shapes of one input, and networks."""
    branch = Residual(Sequential(Gelu(), Dense(16)))
    attend = Residual(Sequential(LayerNorm(), SelfAttention(16, heads=2, head_width=8)))
    feed = Residual(Sequential(LayerNorm(), Dense(32), Gelu(), Dense(16)))
    return {
        "plain": ((6,), Sequential(Dense(16), Relu(), Dense(16), Tanh(), Dense(16), Dense(1))),
        "residual": ((6,), Sequential(Dense(16), branch, branch, Dense(1))),
        "convolutional": (
            (6, 6, 1),
            Sequential(Conv(8, (3, 3)), Relu(), Conv(8, (3, 3)), Relu(), Flatten(), Dense(1)),
        ),
        "transformer": ((5, 6), Sequential(Dense(16), attend, feed, GlobalAvgPool(), Dense(1))),
    }


def predict(study: "FeatureSpeed") -> xr.Dataset:
    """The power of the step."""
    del study
    return xr.Dataset({"exponent": 1.0})


def shards(study: "FeatureSpeed") -> list[Shard]:
    """All architectures."""
    return [
        shard
        for name in study.architectures
        for shard in shards_of(
            PART, {"architecture": name}, members=study.step_members, batch=study.step_members
        )
    ]


def measure(study: "FeatureSpeed", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Distance of real steps from the prediction, in float64."""
    del study
    shape, net = architectures()[str(shard.settings["architecture"])]
    errors = []
    with jax.enable_x64(True):
        for member in member_keys(key, 16, shard.members):
            seed = np.asarray(jax.random.key_data(member))
            rng = np.random.default_rng(seed)
            x, y = rng.standard_normal((EXAMPLES, *shape)), rng.standard_normal((EXAMPLES, 1))
            model = net.init(member, shape, dtype=np.float64)
            found = feature_speed(model, x, y, update="balanced", steps=STEPS)
            errors.append(found.step_error.sel(node="output").values)
    return xr.Dataset(
        {
            "step_error": (("member", "step"), np.stack(errors)),
        },
        coords={"step": list(STEPS)},
    )


def claims(study: "FeatureSpeed", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """The power of the step."""
    found = []
    for name in study.architectures:
        at = measurement.sel(architecture=name)
        values = np.log10(at.step_error.transpose("member", "step").values)
        slope = statistics.mean(values[:, 1] - values[:, 0])
        found.append(
            Claim(
                name=f"step-{name}",
                statement=f"Power of the step in the relative error of the predicted change of "
                f"outputs: {name} network",
                predicted=float(prediction.exponent),
                measured=float(slope.value),
                standard_error=max(float(slope.standard_error), 1e-6),
                tolerance=0.01,
                members=slope.count,
            )
        )
    return found


def pictures(
    study: "FeatureSpeed", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Relative error against the step."""
    del prediction
    figure, (ax,) = new_figure(1)
    for i, name in enumerate(study.architectures):
        values = measurement.step_error.sel(architecture=name).transpose("member", "step").values
        found = statistics.mean(values)
        measured(ax, STEPS, found.value, found.standard_error, name, color=i)
    power_law(ax, STEPS, (STEPS[-1], STEPS[-1]), exponent=1, label="step")
    log_axis(ax, "both")
    ax.set_xlabel("step")
    ax.set_ylabel("relative error of the prediction")
    legend(ax)
    return [
        Picture(
            "steps",
            "Real steps follow the predicted motion, up to an error in proportion to the step",
            "Distance of the real change of the outputs in one step from its prediction by one "
            "forward and one backward pass, relative to it. Balanced layers.",
            figure,
        )
    ]
