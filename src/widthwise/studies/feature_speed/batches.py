"""Several inputs at once: the angle of their joint features."""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.experiments import Claim, Shard
from widthwise.kernels import relu_batch_angles
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, measured, new_figure, theory
from widthwise.studies.feature_speed import networks

if TYPE_CHECKING:
    from widthwise.studies.feature_speed.study import FeatureSpeed

PART = "batches"
INPUTS = 2 * np.array([[1.0, 0, 0, 0], [0.6, 0.8, 0, 0], [0, 0, 1.0, 0]])
ERRORS = {"alike": (1.0, 1.0, 1.0), "opposed": (1.0, -1.0, 0.5)}


def predict(study: "FeatureSpeed") -> xr.Dataset:
    """Cosine of every layer at infinite width."""
    k1 = INPUTS @ INPUTS.T / 2
    found = [relu_batch_angles(k1, np.array(r), depth=study.batch_depth) for r in ERRORS.values()]
    layers = np.arange(1, study.batch_depth + 1)
    return xr.Dataset(
        {"cosine": (("errors", "layer"), np.stack(found))},
        coords={"errors": list(ERRORS), "layer": layers},
    )


def shards(study: "FeatureSpeed") -> list[Shard]:
    """Both sets of errors."""
    return [
        shard
        for errors in ERRORS
        for shard in networks.member_shards(
            PART,
            {"errors": errors},
            (study.residual_width,),
            study.residual_members,
            batch=study.shard,
        )
    ]


def measure(study: "FeatureSpeed", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Cosines of networks with learning rates 1 / fan-in."""
    width, depth = study.residual_width, study.batch_depth
    size = INPUTS.shape[1]
    training = networks.Training(
        np.array([(2 / size) ** 0.5, *[(2 / width) ** 0.5] * (depth - 1), 1 / width]),
        np.array([1 / size, *[1 / width] * depth]),
        balanced=False,
    )
    (found,) = networks.speeds(
        networks.plain(width, depth),
        networks.keys_of(key, shard, depth),
        trainings=[training],
        names=[f".layers[{2 * layer}]" for layer in range(depth)],
        x=INPUTS,
        errors=np.array(ERRORS[str(shard.settings["errors"])]),
    )
    return xr.Dataset(
        {"cosine": (("member", "layer"), found["cosine"])},
        coords={"layer": np.arange(1, depth + 1)},
    )


def claims(study: "FeatureSpeed", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """The first and the last layer, for errors that agree and that do not."""
    found = []
    width = study.residual_width
    for errors in ERRORS:
        for layer in (1, study.batch_depth):
            at = {"errors": errors, "layer": layer}
            values = measurement.cosine.sel(at).sel(width=width).dropna("member").values
            estimate = statistics.mean(values)
            predicted = float(prediction.cosine.sel(at))
            found.append(
                Claim(
                    name=f"batch-{errors}-{layer}",
                    statement=f"Cosine of the joint features of three inputs, layer {layer} of "
                    f"{study.batch_depth}, errors {errors}",
                    predicted=predicted,
                    measured=float(estimate.value),
                    standard_error=float(estimate.standard_error),
                    tolerance=networks.SPREAD * study.batch_depth / width * predicted,
                    members=estimate.count,
                )
            )
    return found


def pictures(
    study: "FeatureSpeed", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Cosine against depth."""
    figure, (ax,) = new_figure(1)
    values = measurement.cosine.sel(width=study.residual_width)
    for i, errors in enumerate(ERRORS):
        layers = prediction.layer.values
        theory(ax, layers, prediction.cosine.sel(errors=errors), f"errors {errors}", color=i)
        samples = values.sel(errors=errors).transpose("member", "layer").values
        found = statistics.mean(samples)
        measured(ax, layers, found.value, found.standard_error, f"errors {errors}", color=i)
    ax.set_xlabel("layer")
    ax.set_ylabel("cos(angle)")
    ax.set_ylim(0, 1.05)
    ax.set_xticks(prediction.layer.values)
    legend(ax)
    return [
        Picture(
            "batch-angle",
            "Inputs with opposed errors turn the features further away",
            f"Three inputs whose features are one vector, in ReLU networks of {study.batch_depth} "
            f"layers and width {study.residual_width}, learning rates 1 / fan-in.",
            figure,
        )
    ]
