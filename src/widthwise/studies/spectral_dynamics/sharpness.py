"""The leading mode of the tangent kernel grows with training, up to what the step allows."""

from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics import proportional_training
from widthwise.ensembles import leading_ntk_eigenvalue, train_proportional
from widthwise.experiments import Claim, Shard
from widthwise.networks import ProportionalLinear
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory
from widthwise.studies.spectral_dynamics import common

if TYPE_CHECKING:
    from widthwise.studies.spectral_dynamics.study import SpectralDynamics

PART = "sharpness"
RATE = 0.05


def network(study: "SpectralDynamics", **settings: Any) -> ProportionalLinear:
    """Return the network of one point: one hidden layer, population loss."""
    return ProportionalLinear(richness=study.richness, **settings)


def predict(study: "SpectralDynamics") -> xr.Dataset:
    """Leading eigenvalue of the tangent kernel before and after training."""
    rows = []
    for parametrization, ratio in common.points(study):
        at = network(study, parametrization=parametrization, width_ratio=ratio)
        limit = proportional_training(at, learning_rate=RATE, steps=study.steps + 1)
        rows.append({"leading": limit.leading_ntk_eigenvalue(steps=(0, study.steps))})
    found = common.grid(study, rows, {"leading": ("report",)})
    return found.assign_coords(report=[0, study.steps])


def shards(study: "SpectralDynamics") -> list[Shard]:
    """All members of one parametrization and width."""
    return common.point_shards(study, PART)


def measure(study: "SpectralDynamics", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Leading eigenvalue of each member's own tangent kernel."""
    at = network(study, **common.settings_of(shard))
    trained = train_proportional(
        at,
        study.inputs,
        learning_rate=RATE,
        steps=study.steps,
        key=common.ensemble_key(key, at, study.inputs),
        members=shard.members,
        record=(0, study.steps),
    )
    return xr.Dataset(
        {"leading": (("member", "report"), leading_ntk_eigenvalue(trained).values)},
        coords={"report": [0, study.steps]},
    )


def claims(
    study: "SpectralDynamics", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """The eigenvalue after training is as predicted."""
    found = []
    for parametrization, ratio in common.claimed_points(study):
        at = {"parametrization": parametrization, "width_ratio": ratio}
        predicted = float(prediction.leading.sel(at).isel(report=-1))
        found.append(
            common.claim_of(
                f"sharpness-{parametrization}-{ratio:g}",
                f"Leading eigenvalue of the tangent kernel after {study.steps} updates: "
                f"{parametrization}, width {round(ratio * study.inputs)}, {study.inputs} inputs",
                predicted,
                measurement.leading.sel(at).isel(report=-1).values,
                common.next_order(study, ratio) * predicted,
            )
        )
    return found


def pictures(
    study: "SpectralDynamics", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """The eigenvalue against width."""
    figure, (ax,) = new_figure(1)
    ratios = np.array(study.width_ratios)
    for i, parametrization in enumerate(common.PARAMETRIZATIONS):
        limit = prediction.leading.sel(parametrization=parametrization).isel(report=-1)
        theory(ax, ratios, limit, parametrization, color=i)
        point = measurement.leading.sel(parametrization=parametrization).isel(report=-1)
        found = statistics.mean(point.transpose("member", "width_ratio").values.astype(float))
        measured(ax, ratios, found.value, found.standard_error, parametrization, color=i)
    log_axis(ax, "x", base=2, ticks=ratios)
    ax.set_xlabel("width / inputs")
    ax.set_ylabel("leading eigenvalue of the tangent kernel")
    legend(ax)
    return [
        Picture(
            "sharpness",
            "Under muP the leading mode grows alike at all widths",
            f"One hidden layer, {study.inputs} inputs, {study.steps} updates. Gradient descent is "
            "stable while learning rate times this eigenvalue is below two.",
            figure,
        )
    ]
