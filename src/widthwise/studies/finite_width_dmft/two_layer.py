"""One hidden layer, one point: means and variances of output and tangent kernel, to first order.

The limit and its 1/width corrections are averages over single neurons, computed by quadrature, for
any activation and richness; networks of many widths are trained beside them.
"""

import math
from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise import activations
from widthwise.dynamics.fluctuations import fluctuations
from widthwise.experiments import Claim, Shard, shards_of
from widthwise.numerics import fits, statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory
from widthwise.studies.finite_width_dmft.networks import (
    ONE_POINT,
    chain,
    kept,
    members_at,
    squared_distance,
    trained,
)

if TYPE_CHECKING:
    from widthwise.studies.finite_width_dmft.study import FiniteWidthDmft

PART = "two_layer"
QUANTITIES = {"output": "output", "ntk": "tangent kernel"}


def predict(study: "FiniteWidthDmft") -> xr.Dataset:
    """Means, variances and mean corrections after every step."""
    phi = activations.get(study.activation)
    found = [
        fluctuations(
            chain(phi, 1),
            ONE_POINT,
            steps=study.steps,
            learning_rate=study.learning_rate,
            richness=richness,
            loss="sum",
        )
        for richness in study.richness
    ]
    table: dict[str, tuple] = {"relative_size": ("richness", [f.relative_size(1) for f in found])}
    for name in QUANTITIES:
        table[name] = (("richness", "step"), [f.mean[name].reshape(-1) for f in found])
        variances = [f.variance(name).reshape(-1) for f in found]
        table[f"{name}_variance"] = (("richness", "step"), variances)
    shifts = [f.correction["output"].reshape(-1) for f in found if f.correction is not None]
    table["output_correction"] = (("richness", "step"), shifts)
    coords = {"richness": list(study.richness), "step": np.arange(study.steps + 1)}
    return xr.Dataset(table, coords=coords, attrs={"source": "average over neurons, quadrature"})


def shards(study: "FiniteWidthDmft") -> list[Shard]:
    """Wide networks are fewer, so that each width costs the same."""
    return [
        shard
        for width in study.widths
        for shard in shards_of(
            PART,
            {"width": width},
            members=members_at(study.members, width, max(study.widths)),
            batch=10**9,
        )
    ]


def measure(study: "FiniteWidthDmft", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Output and tangent kernel of real networks after every step, at every richness."""
    history = trained(
        chain(activations.get(study.activation), 1, int(shard.settings["width"])),
        ONE_POINT,
        key=key,
        members=shard.members,
        steps=study.steps,
        learning_rate=study.learning_rate,
        richness=study.richness,
        record=tuple(QUANTITIES),
    )
    dims = ("richness", "member", "step")
    shape = (len(study.richness), shard.size, study.steps + 1)
    table = {
        name: (dims, history[name].transpose(*dims, ...).values.reshape(shape))
        for name in QUANTITIES
    }
    return xr.Dataset(table, coords={"richness": list(study.richness)})


def claims(
    study: "FiniteWidthDmft", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Everything falls like 1/width, with the predicted coefficient, less so when richer."""
    found = []
    narrow = min(study.widths)
    for richness in study.richness:
        limit = prediction.sel(richness=richness)
        expansion = max(1.0, float(limit.relative_size)) / narrow
        for name, words in QUANTITIES.items():
            law = distances(study, limit, measurement, name)
            at = f"{words}, one hidden layer of {study.activation}, richness {richness:g}"
            found.append(
                Claim(
                    name=f"exponent-{name}-{richness:g}",
                    statement=f"Power of width in the mean squared distance from infinite width "
                    f"after {study.steps} steps: {at}",
                    predicted=-1.0,
                    measured=law.exponent,
                    standard_error=law.exponent_error,
                    tolerance=2 / narrow,
                )
            )
            values = kept(measurement, name, richness=richness, width=narrow)
            ratio = _variance_over_training(values, narrow, limit[f"{name}_variance"].values)
            found.append(
                Claim(
                    name=f"variance-{name}-{richness:g}",
                    statement="Width times the variance over networks, relative to first order, "
                    f"averaged over all steps: {at}, width {narrow}",
                    predicted=1.0,
                    measured=float(ratio.value),
                    standard_error=float(ratio.standard_error),
                    tolerance=2 * expansion,
                    members=len(values),
                )
            )
    found.append(_richer_is_quieter(study, measurement))
    return found


def pictures(
    study: "FiniteWidthDmft", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Variance during training, and mean squared distance against width."""
    titles = ("variance of the output", "variance of the tangent kernel", "distance from the limit")
    figure, (left, middle, right) = new_figure(3, titles=titles)
    narrow = min(study.widths)
    every = max(1, study.steps // 10)
    for i, richness in enumerate(study.richness):
        limit = prediction.sel(richness=richness)
        label = f"richness {richness:g}"
        for ax, name in ((left, "output"), (middle, "ntk")):
            theory(ax, limit.step, limit[f"{name}_variance"], label, color=i)
            spread = statistics.variance(kept(measurement, name, richness=richness, width=narrow))
            steps = limit.step.values[::every]
            value, error = narrow * spread.value, narrow * spread.standard_error
            measured(ax, steps, value[::every], error[::every], label, color=i)
        widths = np.array(study.widths)
        points = _points(study, limit, measurement, "output")
        theory(right, widths, _second_moment(limit, "output") / widths, label, color=i)
        measured(right, widths, *points, label, color=i)
    for ax in (left, middle):
        ax.set_xlabel("steps")
        ax.set_ylabel("width × variance")
        log_axis(ax, "y")
    log_axis(right, "x", base=2, ticks=list(study.widths))
    log_axis(right, "y")
    right.set_xlabel("width")
    right.set_ylabel("mean squared distance of the output")
    legend(right, place="lower left")
    return [
        Picture(
            "two_layer",
            "One hidden layer: fluctuations while features are learned",
            f"{study.activation}, one point, {study.steps} steps of size {study.learning_rate:g}. "
            f"Lines: first order in 1/width. Points: networks of width {narrow} (left, middle), "
            "and of all widths after the last step (right), with standard errors.",
            figure,
        )
    ]


def distances(
    study: "FiniteWidthDmft", limit: xr.Dataset, measurement: xr.Dataset, name: str
) -> fits.PowerLaw:
    """Power law of the mean squared distance after the last step."""
    return fits.fit_power_law(np.array(study.widths), *_points(study, limit, measurement, name))


def _points(
    study: "FiniteWidthDmft", limit: xr.Dataset, measurement: xr.Dataset, name: str
) -> tuple[np.ndarray, np.ndarray]:
    found = []
    for width in study.widths:
        values = kept(measurement, name, richness=float(limit.richness), width=width)[:, -1]
        found.append(squared_distance(values, float(limit[name][-1])))
    return np.array([f.value for f in found]), np.array([f.standard_error for f in found])


def _second_moment(limit: xr.Dataset, name: str) -> float:
    return float(limit[f"{name}_variance"][-1])


def _variance_over_training(
    values: np.ndarray, width: int, predicted: np.ndarray
) -> statistics.Estimate:
    """Squared deviations of each member from the mean, over their prediction, averaged in time."""
    there = predicted > 1e-9 * predicted.max()
    deviations = values - values.mean(axis=0)
    squares = width * deviations**2 * len(values) / (len(values) - 1)
    return statistics.mean((squares[:, there] / predicted[there]).mean(axis=1))


def _richer_is_quieter(study: "FiniteWidthDmft", measurement: xr.Dataset) -> Claim:
    """Compare the variances of the output under the smallest and the largest richness."""
    narrow, last = min(study.widths), study.steps
    spreads = [
        statistics.variance(kept(measurement, "output", richness=richness, width=narrow)[:, last])
        for richness in (min(study.richness), max(study.richness))
    ]
    lazy, rich = (float(s.value) for s in spreads)
    relative = [float(s.standard_error) / float(s.value) for s in spreads]
    return Claim(
        name="richer-is-quieter",
        statement="Variance of the output after training, the richest over the laziest networks",
        predicted=1.0,
        measured=rich / lazy,
        standard_error=rich / lazy * math.hypot(*relative),
        tolerance=0.0,
        kind="at_most",
        members=len(kept(measurement, "output", richness=study.richness[0], width=narrow)),
    )
