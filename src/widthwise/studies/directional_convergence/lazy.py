"""Two layers from lazy to rich: width and output scale decide which law the direction follows.

f = (scale / sqrt(width)) a . W x from independent normal weights, time in units of 1 / scale^2. The
exact predictor moves the weights of these very networks on all inputs; wide lazy networks follow
one layer at twice the time. Tolerances: the noise of one network, sqrt(rate / batch size); for the
lazy limit twice the relative fluctuation of its kernel, sqrt(2 / width), times t d/dt.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics.directional import directional_flow, weights_descent, weights_flow
from widthwise.ensembles import train_directions
from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory
from widthwise.studies.directional_convergence.common import LAWS, sampling_noise

if TYPE_CHECKING:
    from widthwise.studies.directional_convergence.study import DirectionalConvergence

PART = "lazy"
LAW = LAWS["circle"]
TEACHER = np.array([0.0, 1.0])
RATE, AT = 0.1, np.array([0, 5, 10, 20, 40, 60])
"""Learning rate in units of 1 / scale^2, and after how many steps to record."""


def weights(study: "DirectionalConvergence", width: int, member: int) -> list[np.ndarray]:
    """Initial weights of a network: fixed, so that theory speaks of the same networks."""
    draw = np.random.default_rng([study.seed, width, member])
    return [draw.standard_normal((width, 2)), draw.standard_normal((1, width))]


def predict(study: "DirectionalConvergence") -> xr.Dataset:
    """Directions of these networks, and of one layer from the same starts at twice the time."""
    shape = (len(study.scales), len(study.widths), study.lazy_members, len(AT))
    flow, descent, limit = (np.empty(shape) for _ in range(3))
    slope = np.empty(shape)
    for index in np.ndindex(shape[:-1]):
        s, width, member = study.scales[index[0]], study.widths[index[1]], index[2]
        layers = weights(study, width, member)
        scale, rate = s / np.sqrt(width), RATE / s**2
        found = weights_flow(LAW, layers, TEACHER, AT * rate, scale=scale)
        flow[index] = found.angle
        steps = np.full(int(AT[-1]), rate)
        descent[index] = weights_descent(LAW, layers, TEACHER, steps, scale=scale, at=AT).angle
        norm, angle = float(found.norm[0]), float(found.angle[0])
        times = 2 * AT * RATE
        one = directional_flow(LAW, times, depth=1, norm=norm, angle=angle)
        limit[index] = one.angle
        # d angle / d ln t of one layer, exact.
        slope[index] = -LAW.plane_norm / np.pi * times / one.norm * np.sin(one.angle)
    dims = ("scale", "width", "network", "record")
    curves = {"flow": flow, "descent": descent, "limit": limit, "slope": slope}
    return xr.Dataset(
        {name: (dims, value) for name, value in curves.items()},
        coords={"scale": list(study.scales), "width": list(study.widths)},
        attrs={"source": "exact flow of the weights; one layer at twice the time"},
    )


def shards(study: "DirectionalConvergence") -> list[Shard]:
    """One: all networks see the same samples."""
    return shards_of(PART, {}, members=study.lazy_members, batch=study.lazy_members)


def measure(study: "DirectionalConvergence", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Train the networks on fresh samples."""
    networks, rates = [], []
    for s in study.scales:
        for width in study.widths:
            each = [weights(study, width, member) for member in range(*shard.members)]
            # Factors of the outputs go into the weights, and their squares into the learning rate.
            factor = np.sqrt(s / np.sqrt(width))
            networks.append([factor * np.stack(w) for w in zip(*each, strict=True)])
            rates.append(float(RATE / s**2 * factor**2))
    found = train_directions(
        LAW.draw,
        networks,
        TEACHER,
        keys=member_keys(key, 0, shard.members),
        learning_rates=rates,
        batch_size=2 * study.batch_size,
        at=AT,
    )
    w = np.stack([one["product"].values for one in found])
    angle = np.arctan2(np.abs(w[..., 0]), w @ TEACHER)
    shape = (len(study.scales), len(study.widths), *angle.shape[1:])
    return xr.Dataset(
        {"angle": (("scale", "width", "member", "record"), angle.reshape(shape))},
        coords={"scale": list(study.scales), "width": list(study.widths)},
    )


def claims(
    study: "DirectionalConvergence", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """The angle of every width and scale, the lazy limit, and that small scales turn earlier."""
    found = []
    for s in study.scales:
        for width in study.widths:
            at = {"scale": s, "width": width}
            exact = prediction.sel(at)
            gaps = _values(measurement, at) - exact.descent.values
            mean = statistics.mean(gaps[:, -1])
            predicted = float(exact.descent.mean("network")[-1])
            found.append(
                Claim(
                    f"width-{width}-scale-{s:g}",
                    f"Mean angle at time {AT[-1] * RATE:g}: two layers, width {width}, "
                    f"output scale {s:g}",
                    predicted,
                    predicted + float(mean.value),
                    float(mean.standard_error),
                    sampling_noise(RATE, 2 * study.batch_size),
                    members=study.lazy_members,
                )
            )
    lazy, rich, wide = max(study.scales), min(study.scales), max(study.widths)
    exact = prediction.sel(scale=lazy, width=wide)
    gaps = _values(measurement, {"scale": lazy, "width": wide}) - exact.limit.values
    mean = statistics.mean(gaps[:, -1])
    predicted = float(exact.limit.mean("network")[-1])
    found.append(
        Claim(
            "lazy-limit",
            f"Mean angle of width {wide}, output scale {lazy:g}: one layer at twice the time",
            predicted,
            predicted + float(mean.value),
            float(mean.standard_error),
            2 * float(np.sqrt(2 / wide) * np.abs(exact.slope.mean("network")[-1])),
            members=study.lazy_members,
        )
    )
    if rich == lazy:
        return found
    both = [_values(measurement, {"scale": s, "width": wide})[:, -1] for s in (rich, lazy)]
    mean = statistics.mean(both[0] - both[1])
    found.append(
        Claim(
            "rich-is-faster",
            f"Mean angle at output scale {rich:g}, less that at {lazy:g}, width {wide}",
            0.0,
            float(mean.value),
            float(mean.standard_error),
            0.0,
            "at_most",
            members=study.lazy_members,
        )
    )
    return found


def pictures(
    study: "DirectionalConvergence", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Angle against width for every scale, with the lazy limit; and against time."""
    figure, (left, right) = new_figure(2, titles=("at the end", "widest networks"))
    widths, wide = np.array(study.widths), max(study.widths)
    times = AT[1:] * RATE
    for i, s in enumerate(study.scales):
        exact = prediction.sel(scale=s)
        theory(left, widths, exact.flow.mean("network")[:, -1], f"scale {s:g}", color=i)
        seen = [
            statistics.mean(_values(measurement, {"scale": s, "width": n})[:, -1])
            for n in study.widths
        ]
        _points(left, widths, seen, f"scale {s:g}", i)
        theory(
            right, times, exact.flow.sel(width=wide).mean("network")[1:], f"scale {s:g}", color=i
        )
        values = _values(measurement, {"scale": s, "width": wide})
        seen = [statistics.mean(values[:, j]) for j in range(1, len(AT))]
        _points(right, times, seen, f"scale {s:g}", i)
    limit = prediction.limit.sel(scale=max(study.scales)).mean("network")
    color = len(study.scales)
    theory(left, widths, limit[:, -1], "one layer, time doubled", color=color, dash="dashed")
    line = limit.sel(width=wide)[1:]
    theory(right, times, line, "one layer, time doubled", color=color, dash="dashed")
    log_axis(left, "x", base=2, ticks=widths)
    for ax in (left, right):
        log_axis(ax, "y")
    left.set_xlabel("width")
    right.set_xlabel("scale² × learning rate × steps")
    for ax in (left, right):
        ax.set_ylabel("mean angle")
        legend(ax)
    return [
        Picture(
            "lazy",
            "From lazy to rich: small outputs and narrow layers turn earlier",
            "Two layers, independent normal weights, inputs on the circle. Lines: exact flow of "
            f"the weights of the same {study.lazy_members} networks. Points: trained on fresh "
            "samples, with standard errors over networks, most of which is their random start. "
            "Dashed: wide lazy networks.",
            figure,
        )
    ]


def _points(ax, x, seen, label, color) -> None:
    values = [float(s.value) for s in seen]
    measured(ax, x, values, [float(s.standard_error) for s in seen], label, color=color)


def _values(measurement: xr.Dataset, at: dict) -> np.ndarray:
    return measurement.angle.sel(at).transpose("member", "record").values
