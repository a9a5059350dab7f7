"""Does the best learning rate of a narrow network serve a wide one?"""

import dataclasses
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics import learning_rate_sweep
from widthwise.ensembles import train_proportional
from widthwise.experiments import Claim, Shard
from widthwise.networks import ProportionalLinear
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory
from widthwise.studies.spectral_dynamics import common

if TYPE_CHECKING:
    from widthwise.studies.spectral_dynamics.study import SpectralDynamics

PART = "transfer"
STEPS = 8
BASE = ProportionalLinear(hidden_layers=2, richness=4.0)
LOST = 1e3
"""Where training diverged, this loss stands: a bad rate, never a member left out."""


def learning_rates(study: "SpectralDynamics") -> np.ndarray:
    """Return the grid."""
    return np.geomspace(0.02, 1.0, study.rates)


def network(**settings: Any) -> ProportionalLinear:
    """Return the network of one point: two hidden layers, population loss."""
    return dataclasses.replace(BASE, **settings)


def best(loss: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Logarithm to base two of the best rate: the vertex of the parabola through the least three.

    The last axis of the losses runs over rates; the parabola is one in logarithms.
    """
    log_loss = np.log(np.clip(loss, 1e-14, LOST))
    index = np.clip(np.argmin(log_loss, axis=-1), 1, len(rates) - 2)[..., None]
    below, least, above = (
        np.take_along_axis(log_loss, index + i, axis=-1)[..., 0] for i in (-1, 0, 1)
    )
    curvature = below - 2 * least + above
    shift = np.where(
        curvature > 0, (below - above) / (2 * np.where(curvature > 0, curvature, 1)), 0
    )
    step = np.log2(rates[1] / rates[0])
    return np.asarray(np.log2(rates[index[..., 0]]) + step * np.clip(shift, -1, 1))


def predict(study: "SpectralDynamics") -> xr.Dataset:
    """Test loss over the grid, and the best rate, at each width."""
    rates = learning_rates(study)
    networks = [
        network(parametrization=parametrization, width_ratio=ratio)
        for parametrization, ratio in common.points(study)
    ]
    loss = learning_rate_sweep(networks, rates, steps=STEPS).test_loss.values
    loss = np.where(np.isfinite(loss), np.minimum(loss, LOST), LOST)
    rows = [{"loss": row, "best": best(row, rates)} for row in loss]
    found = common.grid(study, rows, {"loss": ("learning_rate",), "best": ()})
    return found.assign_coords(learning_rate=rates)


def shards(study: "SpectralDynamics") -> list[Shard]:
    """All members of one parametrization and width."""
    return common.point_shards(study, PART, members=max(2, study.members // 4))


def measure(study: "SpectralDynamics", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Test loss of the same members at each learning rate."""
    at, rates = network(**common.settings_of(shard)), learning_rates(study)
    own = common.ensemble_key(key, at, study.inputs)
    loss = [
        train_proportional(
            at, study.inputs, learning_rate=rate, steps=STEPS, key=own, members=shard.members
        ).test_loss.values[:, -1]
        for rate in rates.tolist()
    ]
    found = np.stack(loss, axis=1)
    found = np.where(np.isfinite(found), np.minimum(found, LOST), LOST)
    return xr.Dataset(
        {"loss": (("member", "learning_rate"), found)},
        coords={"learning_rate": rates},
    )


def claims(
    study: "SpectralDynamics", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """The best rate drifts from the narrowest to the widest network as predicted."""
    rates, found = learning_rates(study), []
    narrow, wide = min(study.width_ratios), max(study.width_ratios)
    for parametrization in common.PARAMETRIZATIONS:
        limit = prediction.best.sel(parametrization=parametrization)
        ends = [best(_loss(measurement, parametrization, ratio), rates) for ratio in (wide, narrow)]
        found.append(
            common.claim_of(
                f"drift-{parametrization}",
                f"Doublings of the best learning rate from width {round(narrow * study.inputs)} to "
                f"{round(wide * study.inputs)}: {parametrization}, {STEPS} updates",
                float(limit.sel(width_ratio=wide) - limit.sel(width_ratio=narrow)),
                ends[0] - ends[1],
                float(np.log2(rates[1] / rates[0])),
            )
        )
    return found


def _loss(measurement: xr.Dataset, parametrization: str, ratio: float) -> np.ndarray:
    point = measurement.loss.sel(parametrization=parametrization, width_ratio=ratio)
    return point.transpose("member", "learning_rate").values.astype(float)


def pictures(
    study: "SpectralDynamics", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """The best rate against width, and losses against the rate."""
    rates, ratios = learning_rates(study), np.array(study.width_ratios)
    figure, (left, *right) = new_figure(3, titles=("best rate", *common.PARAMETRIZATIONS))
    for i, parametrization in enumerate(common.PARAMETRIZATIONS):
        limit = prediction.sel(parametrization=parametrization)
        theory(left, ratios, 2.0**limit.best, parametrization, color=i)
        samples = [best(_loss(measurement, parametrization, ratio), rates) for ratio in ratios]
        found = statistics.mean(np.stack(samples, axis=1))
        middle = 2.0**found.value
        error = middle * np.log(2) * found.standard_error
        measured(left, ratios, middle, error, parametrization, color=i)
        for j, ratio in enumerate(study.width_ratios):
            loss = limit.loss.sel(width_ratio=ratio)
            shown = loss.values < 1
            theory(right[i], rates[shown], loss.values[shown], f"N / D = {ratio:g}", color=j)
        right[i].set_xlabel("learning rate")
        right[i].set_ylabel("test loss")
        log_axis(right[i], "x", ticks=(0.02, 0.05, 0.1, 0.2, 0.5))
        log_axis(right[i], "y")
    log_axis(left, "both", base=2)
    left.set_xlabel("width / inputs")
    left.set_ylabel("best learning rate")
    legend(left)
    legend(right[0])
    return [
        Picture(
            "transfer",
            "The best learning rate transfers across widths under muP only",
            f"Deep linear networks after {STEPS} updates; {study.inputs} inputs, "
            f"{max(2, study.members // 4)} networks per point. Lines: the limit.",
            figure,
        )
    ]
