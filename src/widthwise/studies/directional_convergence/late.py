"""Long times: the norm grows as a power layers / (layers + 2) of time, and the angle follows it.

The pull outwards falls as 1 / norm^2, so the speed of the norm is a power -2 / layers of the norm,
whatever the time at which growth began. Speeds are taken between three norms, and give the power of
time. It is a limit, of large norms: the tolerance is twice the distance from it of the exact flow,
and of gradient descent, between the same norms, and the noise of one network relative to its norm.
With the exact law of the angle, d ln tan(angle / 2) / dt = -(c0/pi) norm^(1 - 2/layers), it makes
the angle exp(-t^(2 layers / (layers + 2))).
"""

from functools import lru_cache
from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics.directional import directional_flow, late_rate, weights_descent
from widthwise.experiments import Claim, Shard, member_keys
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory
from widthwise.studies.directional_convergence.common import (
    COSINE,
    LAWS,
    NORM,
    layers_of,
    plane_start,
    sampling_noise,
    shards_by_law,
    trained,
)

if TYPE_CHECKING:
    from widthwise.studies.directional_convergence.study import DirectionalConvergence

PART = "late"
NORMS = (10.0, 14.0, 20.0)
"""Between which speeds are taken: far above one, where the margin of most inputs is large."""
POINTS = 12
"""Records, equally spaced in the norm of the exact flow; first, middle and last are NORMS."""
MARKS = [0, POINTS // 2, -1]
ANGLE = float(np.arccos(COSINE))


@lru_cache
def moments(name: str, depth: int) -> np.ndarray:
    """Times at which the exact flow has norms from the first to the last of NORMS."""
    law, rate = LAWS[name], late_rate(LAWS[name], depth)
    turn = directional_flow(law, [1e4], depth=depth, norm=NORM, angle=ANGLE).turn[0]
    end = 8 * turn + 2 * (NORMS[-1] / rate.growth) ** (1 / rate.power)
    times = np.linspace(turn, end, 300)
    norm = directional_flow(law, times, depth=depth, norm=NORM, angle=ANGLE).norm
    wanted = np.interp(np.arange(POINTS + 1), (0, POINTS // 2, POINTS), NORMS)
    return np.interp(wanted, norm, times)


def records(study: "DirectionalConvergence", times: np.ndarray) -> np.ndarray:
    """Numbers of steps nearest to these times, of which the last takes all steps."""
    return np.round(times / times[-1] * 2 * study.steps).astype(int)


def predict(study: "DirectionalConvergence") -> xr.Dataset:
    """The power, and that of flow and descent between the same norms."""
    rows: list[xr.Dataset] = []
    for name in study.laws:
        law = LAWS[name]
        row: list[xr.Dataset] = []
        teacher, start = plane_start(law.dimension, norm=NORM, angle=ANGLE)
        for depth in study.depths:
            times = moments(name, depth)
            at, steps = records(study, times), 2 * study.steps
            eta = times[-1] / steps
            flow = directional_flow(law, at * eta, depth=depth, norm=NORM, angle=ANGLE).norm
            descent = weights_descent(
                law, layers_of(start, depth), teacher, np.full(steps, eta), at=at
            ).norm
            row.append(
                xr.Dataset(
                    {
                        "step": ("record", at),
                        "rate": eta,
                        "power": late_rate(law, depth).power,
                        "flow_power": power(flow[MARKS], at),
                        "descent_power": power(descent[MARKS], at),
                        "norm": ("record", flow),
                    }
                )
            )
        rows.append(xr.concat(row, xr.Variable("depth", list(study.depths))))
    return xr.concat(rows, xr.Variable("law", list(study.laws)))


def power(norms: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Power of time in the norm, from three norms and the steps of all records."""
    speed = np.diff(norms, axis=0) / np.diff(steps[MARKS])
    slope = np.log(speed[1] / speed[0]) / (np.log(norms[2] / norms[0]) / 2)
    return np.asarray(1 / (1 - slope))


def shards(study: "DirectionalConvergence") -> list[Shard]:
    """One for each law: networks of all depths see the same samples."""
    return shards_by_law(study, PART)


def measure(study: "DirectionalConvergence", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Stochastic gradient descent with fresh samples."""
    name = str(shard.settings["law"])
    law = LAWS[name]
    teacher, start = plane_start(law.dimension, norm=NORM, angle=ANGLE)
    times = [moments(name, depth) for depth in study.depths]
    steps = [records(study, when) for when in times]
    at = np.unique(np.concatenate(steps))
    runs = trained(
        law.draw,
        [layers_of(start, depth) for depth in study.depths],
        teacher,
        keys=member_keys(key, 0, shard.members),
        learning_rates=[float(when[-1]) / (2 * study.steps) for when in times],
        batch_size=study.batch_size,
        at=at,
    )
    kept = [
        run[["norm"]].isel(record=np.searchsorted(at, own))
        for run, own in zip(runs, steps, strict=True)
    ]
    return xr.concat(kept, xr.Variable("depth", list(study.depths)))


def claims(
    study: "DirectionalConvergence", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """The power of every law and depth."""
    found = []
    for name in study.laws:
        for depth in study.depths:
            at = {"law": name, "depth": depth}
            exact, steps = prediction.sel(at), prediction.step.sel(at).values
            norms = measurement.norm.sel(at).transpose("member", "record").values
            seen = statistics.of_means(
                lambda means, steps=steps: power(means, steps), norms[:, MARKS]
            )
            limit = float(exact.power)
            finite = (float(exact.flow_power), float(exact.descent_power))
            noise = sampling_noise(float(exact.rate), study.batch_size) / NORMS[0]
            found.append(
                Claim(
                    f"late-power-{name}-{depth}",
                    f"Power of time in the norm at long times: {LAWS[name].name}, {depth} "
                    f"layer{'s' if depth > 1 else ''}",
                    limit,
                    float(seen.value),
                    float(seen.standard_error),
                    2 * max(abs(limit - f) for f in finite) + noise,
                    members=study.members,
                )
            )
    return found


def pictures(
    study: "DirectionalConvergence", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Speed of the norm against the norm."""
    figure, axes = new_figure(len(study.laws), titles=[LAWS[n].name for n in study.laws])
    for ax, name in zip(axes, study.laws, strict=True):
        for i, depth in enumerate(study.depths):
            at = {"law": name, "depth": depth}
            gap = np.diff(prediction.step.sel(at).values * float(prediction.rate.sel(at)))
            norms = measurement.norm.sel(at).transpose("member", "record").values
            mean = statistics.mean(np.diff(norms, axis=1) / gap)
            middle = np.mean(norms, axis=0)
            middle = np.sqrt(middle[1:] * middle[:-1])
            label = f"{depth} layer{'s' if depth > 1 else ''}"
            measured(ax, middle, mean.value, mean.standard_error, label, color=i)
            exact = prediction.norm.sel(at).values
            speed, place = np.diff(exact) / gap, np.sqrt(exact[1:] * exact[:-1])
            line = speed[-1] * (place / place[-1]) ** (-2 / depth)
            theory(ax, place, line, color=i, dash="dashed")
        log_axis(ax, "x", base=2, ticks=np.array(NORMS))
        log_axis(ax, "y")
        ax.set_ylim(bottom=ax.get_ylim()[0] / 30)  # room for the legend
        ax.set_xlabel("norm")
        ax.set_ylabel("d norm / dt")
        legend(ax)
    return [
        Picture(
            "late",
            "At long times the norm grows as a power of time",
            "Speed of the norm against the norm. Dashed: power -2 / layers, through the exact "
            "flow at the end; it makes the norm grow as t^(layers / (layers + 2)). Points: "
            f"{study.members} networks on fresh samples.",
            figure,
        )
    ]
