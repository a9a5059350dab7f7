"""Fully connected ReLU networks: the angle grows with depth."""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.activations import relu
from widthwise.experiments import Claim, Shard
from widthwise.kernels import mlp_angles
from widthwise.numerics import statistics
from widthwise.plotting import (
    Picture,
    legend,
    log_axis,
    measured,
    new_figure,
    power_law,
    theory,
)
from widthwise.studies.feature_speed import networks

if TYPE_CHECKING:
    from widthwise.studies.feature_speed.study import FeatureSpeed

PART = "plain"
FIRST = 4
"""The slope in depth is taken from here: nearer layers are still on the way to it."""


def predict(study: "FeatureSpeed") -> xr.Dataset:
    """Cosines at infinite width, for layers that contribute equally."""
    found = mlp_angles(relu, depth=study.depth)
    layers = np.arange(1, study.depth + 1)
    return xr.Dataset(
        {"cosine": ("layer", found.cosine), "exponent": -0.5}, coords={"layer": layers}
    )


def shards(study: "FeatureSpeed") -> list[Shard]:
    """All widths."""
    return networks.member_shards(PART, {}, study.widths, study.members, batch=study.shard)


def measure(study: "FeatureSpeed", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Cosines of networks whose layers have balanced learning rates."""
    width, depth = int(shard.settings["width"]), study.depth
    std = [networks.INPUTS**-0.5, *[(2 / width) ** 0.5] * (depth - 1), 1 / width]
    (found,) = networks.speeds(
        networks.plain(width, depth),
        networks.keys_of(key, shard, depth),
        trainings=[networks.Training(np.array(std), np.ones(depth + 1), balanced=True)],
        names=[f".layers[{2 * layer}]" for layer in range(depth)],
        x=np.ones((1, networks.INPUTS)),
        errors=np.ones(1),
    )
    return xr.Dataset(
        {"cosine": (("member", "layer"), found["cosine"])},
        coords={"layer": np.arange(1, depth + 1)},
    )


def claims(study: "FeatureSpeed", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """The cosine at some depths, and its power of depth."""
    width = max(study.widths)
    values = measurement.cosine.sel(width=width).dropna("member")
    found = []
    for layer in checked_layers(study):
        estimate = statistics.mean(values.sel(layer=layer).values)
        predicted = float(prediction.cosine.sel(layer=layer))
        found.append(
            Claim(
                name=f"plain-layer-{layer}",
                statement=f"Cosine between features and backward vector in layer {layer} of ReLU "
                f"networks of width {width}",
                predicted=predicted,
                measured=float(estimate.value),
                standard_error=float(estimate.standard_error),
                tolerance=networks.SPREAD * layer / width * predicted,
                members=estimate.count,
            )
        )
    slope = statistics.mean(slopes(values))
    last = study.depth
    drift = networks.SPREAD * (last - FIRST) / width / np.log(last / FIRST)
    found.append(
        Claim(
            name="plain-exponent",
            statement=f"Power of depth of the cosine in ReLU networks, layers {FIRST} to {last}",
            predicted=float(prediction.exponent),
            measured=float(slope.value),
            standard_error=float(slope.standard_error),
            tolerance=1 / (2 * FIRST**2 + 1) + drift,
            members=slope.count,
        )
    )
    return found


def checked_layers(study: "FeatureSpeed") -> list[int]:
    """Layers whose cosines are claimed: powers of two, and the last."""
    powers = [2**k for k in range(1, 20) if 2**k < study.depth]
    return [*powers, study.depth]


def slopes(values: xr.DataArray) -> np.ndarray:
    """Power of depth of the cosine in each network."""
    deep = values.sel(layer=slice(FIRST, None)).transpose("member", "layer")
    x = np.log(deep.layer.values.astype(float))
    x = x - x.mean()
    return np.log(deep.values) @ x / np.sum(x**2)


def pictures(
    study: "FeatureSpeed", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Cosine against depth."""
    figure, (ax,) = new_figure(1)
    layers = prediction.layer.values
    theory(ax, layers, prediction.cosine, "infinite width", color=0)
    for i, width in enumerate(study.widths):
        values = measurement.cosine.sel(width=width).dropna("member")
        found = statistics.mean(values.transpose("member", "layer").values)
        measured(ax, layers, found.value, found.standard_error, f"width {width}", color=i + 1)
    anchor = (layers[-1], 0.8 * float(prediction.cosine[-1]))
    power_law(ax, layers[len(layers) // 3 :], anchor, exponent=-0.5, label="depth ** (-1/2)")
    log_axis(ax, "both", ticks=layers[[0, 1, 3, 7, -1]] if len(layers) > 8 else layers)
    ax.set_xlabel("layer")
    ax.set_ylabel("cos(angle)")
    legend(ax)
    return [
        Picture(
            "plain-angle",
            "In plain ReLU networks, features turn away from what drives them",
            "Cosine of the angle between the motion of the features in one step and minus their "
            "backward vector, layer by layer, at random weights with balanced learning rates.",
            figure,
        )
    ]
