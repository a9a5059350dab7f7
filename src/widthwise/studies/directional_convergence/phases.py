"""Norm and angle through training, at several depths and for several laws of inputs.

Networks are trained on fresh samples from the start of the published figures. The norm dips and
grows; the angle falls at a rate that approaches its late law. Predicted is gradient descent on all
inputs at the networks' learning rate, by the exact gradient; gradient flow, its limit of small
rates, is drawn beside it. The tolerance is their largest distance along the whole path, which is
the accuracy of the two equations at this rate, and the noise of one network, sqrt(rate / batch
size).
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics.directional import directional_bounds, directional_flow, weights_descent
from widthwise.experiments import Claim, Shard, member_keys
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory
from widthwise.studies.directional_convergence.common import (
    COSINE,
    LAWS,
    NORM,
    layers_of,
    log_tangent,
    log_tangent_change,
    plane_start,
    sampling_noise,
    shards_by_law,
    trained,
)

if TYPE_CHECKING:
    from widthwise.studies.directional_convergence.study import DirectionalConvergence

PART = "phases"
POINTS = 40
"""Intervals between records; the last quarter is the late window."""
LATE = 3 * POINTS // 4
ANGLE = float(np.arccos(COSINE))


def records(study: "DirectionalConvergence") -> np.ndarray:
    """Numbers of steps at which to record."""
    return np.round(np.linspace(0, study.steps, POINTS + 1)).astype(int)


def rate(study: "DirectionalConvergence", name: str, depth: int) -> float:
    """Learning rate with which training lasts as many times the fall of the norm as asked for."""
    turn = directional_flow(LAWS[name], [1e3], depth=depth, norm=NORM, angle=ANGLE).turn[0]
    return study.turns * turn / study.steps


def predict(study: "DirectionalConvergence") -> xr.Dataset:
    """Flow, its bounds, and gradient descent at the same learning rate."""
    at = records(study)
    found = []
    for name in study.laws:
        law = LAWS[name]
        teacher, start = plane_start(law.dimension, norm=NORM, angle=ANGLE)
        row = []
        for depth in study.depths:
            eta = rate(study, name, depth)
            flow = directional_flow(law, at * eta, depth=depth, norm=NORM, angle=ANGLE)
            bounds = directional_bounds(flow)
            descent = weights_descent(
                law, layers_of(start, depth), teacher, np.full(study.steps, eta), at=at
            )
            curves = {
                "time": flow.times,
                "norm": flow.norm,
                "log_tangent": flow.log_tangent,
                "loss": flow.loss,
                "cosine_low": bounds.cosine_low,
                "descent_norm": descent.norm,
                "descent_log_tangent": descent.log_tangent,
            }
            table: dict[str, tuple] = {key: ("record", value) for key, value in curves.items()}
            row.append(xr.Dataset(table))
        found.append(xr.concat(row, xr.Variable("depth", list(study.depths))))
    both = xr.concat(found, xr.Variable("law", list(study.laws)))
    return both.assign_attrs(source="two exact equations of gradient flow")


def shards(study: "DirectionalConvergence") -> list[Shard]:
    """One for each law: networks of all depths see the same samples."""
    return shards_by_law(study, PART)


def measure(study: "DirectionalConvergence", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Stochastic gradient descent with fresh samples."""
    name = str(shard.settings["law"])
    law = LAWS[name]
    teacher, start = plane_start(law.dimension, norm=NORM, angle=ANGLE)
    runs = trained(
        law.draw,
        [layers_of(start, depth) for depth in study.depths],
        teacher,
        keys=member_keys(key, 0, shard.members),
        learning_rates=[rate(study, name, depth) for depth in study.depths],
        batch_size=study.batch_size,
        at=records(study),
    )
    return xr.concat(runs, xr.Variable("depth", list(study.depths)))


def claims(
    study: "DirectionalConvergence", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Angle at the end, bottom of the norm, rate of the late phase, and the proven bound."""
    found = []
    for name in study.laws:
        for depth in study.depths:
            at = {"law": name, "depth": depth}
            found += _claims_at(study, prediction.sel(at), measurement.sel(at), name, depth)
    return found


def _claims_at(
    study: "DirectionalConvergence", flow: xr.Dataset, run: xr.Dataset, name: str, depth: int
) -> list[Claim]:
    where = f"{LAWS[name].name}, {depth} layer{'s' if depth > 1 else ''}"
    time, exact = flow.time.values, flow.descent_log_tangent.values
    span, eta = time[-1] - time[LATE], time[-1] / study.steps
    angle, change = log_tangent(run), log_tangent_change(run, LATE, POINTS)
    noise = sampling_noise(eta, study.batch_size)
    low = int(np.argmin(flow.descent_norm.values))
    norm = statistics.mean(run.norm.transpose("member", ...).values[:, low])
    bound = float(np.log(_tangent(flow.cosine_low.values)[-1]))
    apart = exact - flow.log_tangent.values
    gap = np.max(np.abs(apart)) + noise
    slope_gap = np.max(np.abs(np.gradient(apart, time))) + noise / span
    norm_gap = np.max(np.abs(flow.descent_norm.values - flow.norm.values)) + noise
    rows = [
        ("angle", f"ln tan(angle / 2) at time {time[-1]:.3g}", exact[-1], angle.value[-1],
         angle.standard_error[-1], gap, "equal"),
        ("dip", f"Norm at the bottom of its dip, time {time[low]:.3g}",
         flow.descent_norm.values[low], norm.value, norm.standard_error, norm_gap, "equal"),
        ("late-rate", "Rate at which ln tan(angle / 2) falls in the last quarter of time",
         -(exact[-1] - exact[LATE]) / span, -change.value / span, change.standard_error / span,
         slope_gap, "equal"),
        ("bound", "ln tan(angle / 2) at the end is below its proven bound", bound,
         angle.value[-1], angle.standard_error[-1], gap, "at_most"),
    ]  # fmt: skip
    return [
        Claim(
            f"{key}-{name}-{depth}",
            f"{words}: {where}",
            *(float(number) for number in numbers),
            kind=kind,
            members=study.members,
        )
        for key, words, *numbers, kind in rows
        if not (key == "bound" and depth == 2)  # there the bound is the flow itself
    ]


def pictures(
    study: "DirectionalConvergence", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Angle, norm and loss of the first law against time, and the late rates of all laws."""
    name = study.laws[0]
    figure, (angles, norms, losses, rates) = new_figure(
        4, titles=("angle", "norm", "loss", "late rate")
    )
    thin = slice(None, None, 4)
    for i, depth in enumerate(study.depths):
        flow, run = (d.sel(law=name, depth=depth) for d in (prediction, measurement))
        time, label = flow.time.values, f"{depth} layer{'s' if depth > 1 else ''}"
        theory(angles, time, np.exp(flow.log_tangent), label, color=i)
        theory(angles, time, _tangent(flow.cosine_low.values), color=i, dash="dotted")
        descent = np.exp(flow.descent_log_tangent)
        theory(angles, time, descent, color=i, dash="dashed")
        theory(norms, time, flow.descent_norm, color=i, dash="dashed")
        seen = log_tangent(run.isel(record=thin))
        value = np.exp(seen.value)
        measured(angles, time[thin], value, value * seen.standard_error, label, color=i)
        for ax, key in ((norms, "norm"), (losses, "loss")):
            theory(ax, time, flow[key], label, color=i)
            mean = statistics.mean(run[key].transpose("member", ...).values[:, thin])
            measured(ax, time[thin], mean.value, mean.standard_error, label, color=i)
    depths = np.array(study.depths)
    for i, law in enumerate(study.laws):
        flows = prediction.sel(law=law)
        ends = flows.isel(record=-1), flows.isel(record=LATE)
        span = (ends[0].time - ends[1].time).values
        theory(rates, depths, -(ends[0] - ends[1]).log_tangent / span, LAWS[law].name, color=i)
        runs = [measurement.sel(law=law, depth=n) for n in study.depths]
        seen = [log_tangent_change(run, LATE, POINTS) for run in runs]
        value = np.array([-float(s.value) for s in seen]) / span
        error = np.array([float(s.standard_error) for s in seen]) / span
        measured(rates, depths, value, error, LAWS[law].name, color=i)
    log_axis(angles, "y")
    log_axis(norms, "y")
    for ax, label in ((angles, "tan(angle / 2)"), (norms, "norm"), (losses, "loss")):
        ax.set_xlabel("learning rate × steps")
        ax.set_ylabel(label)
        legend(ax)
    rates.set_xlabel("layers")
    rates.set_ylabel("−d ln tan(angle / 2) / dt")
    rates.set_xticks(depths)
    legend(rates)
    return [
        Picture(
            "phases",
            "The norm dips and grows while the direction keeps turning",
            f"{LAWS[name].name}, start at norm {NORM:g} and cosine {COSINE:g}. Lines: gradient "
            "flow on all inputs. Dashed: gradient descent on them at the networks' rate. Dotted: "
            "proven upper bound of the angle. Points: "
            f"{study.members} networks on fresh samples, with standard errors. Bottom right: all "
            "laws, last quarter of the time.",
            figure,
        )
    ]


def _tangent(cosine: np.ndarray) -> np.ndarray:
    """Return tan(theta / 2) from the cosine."""
    return np.sqrt(np.maximum(1 - cosine, 1e-300) / (1 + cosine))
