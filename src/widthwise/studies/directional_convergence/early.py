"""The early phase of three and more layers is polynomial: nearly opposite starts of small norm.

While the norm falls, cot^2(angle / 2) grows as a power 2 / (layers - 2) of a clock that starts at
one. The power is a limit, of small norm and opening; the tolerance is twice the distance from it of
the exact flow, and of gradient descent, at the finite norm and opening of the networks, and the
noise of one network.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics.directional import (
    directional_flow,
    early_clock,
    early_exponent,
    weights_descent,
)
from widthwise.experiments import Claim, Shard, member_keys
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, power_law
from widthwise.studies.directional_convergence.common import (
    LAWS,
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

PART = "early"
NORM, ANGLE = 0.05, np.pi - 0.15
CLOCK = 4.0
"""Where the clock stops; the norm has not turned by then."""
STEPS, POINTS = 400, 8


def rate(name: str, depth: int) -> float:
    """Learning rate with which the clock arrives after the same number of steps at any depth."""
    unit = float(early_clock(LAWS[name], depth, NORM, 1.0)) - 1
    return (CLOCK - 1) / unit / STEPS


def records() -> np.ndarray:
    """Numbers of steps at which to record: equally spaced in the logarithm of the clock."""
    clock = np.geomspace(1, CLOCK, POINTS + 1)
    return np.round((clock - 1) / (CLOCK - 1) * STEPS).astype(int)


def predict(study: "DirectionalConvergence") -> xr.Dataset:
    """The exponent, and how far flow and descent are from it."""
    rows: list[xr.Dataset] = []
    for name in study.laws:
        law, row = LAWS[name], []
        teacher, start = plane_start(law.dimension, norm=NORM, angle=ANGLE)
        for depth in study.early_depths:
            eta = rate(name, depth)
            flow = directional_flow(law, records() * eta, depth=depth, norm=NORM, angle=ANGLE)
            descent = weights_descent(
                law, layers_of(start, depth), teacher, np.full(STEPS, eta), at=records()
            ).log_tangent
            row.append(
                {
                    "exponent": early_exponent(depth),
                    "flow_exponent": _slope(flow.log_tangent[0] - flow.log_tangent[-1]),
                    "descent_exponent": _slope(descent[0] - descent[-1]),
                }
            )
        rows.append(xr.concat([xr.Dataset(r) for r in row], _depths(study)))
    return xr.concat(rows, xr.Variable("law", list(study.laws)))


def shards(study: "DirectionalConvergence") -> list[Shard]:
    """One for each law: networks of all depths see the same samples."""
    return shards_by_law(study, PART)


def measure(study: "DirectionalConvergence", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Stochastic gradient descent with fresh samples."""
    name = str(shard.settings["law"])
    law = LAWS[name]
    teacher, start = plane_start(law.dimension, norm=NORM, angle=float(ANGLE))
    runs = trained(
        law.draw,
        [layers_of(start, depth) for depth in study.early_depths],
        teacher,
        keys=member_keys(key, 0, shard.members),
        learning_rates=[rate(name, depth) for depth in study.early_depths],
        batch_size=study.batch_size,
        at=records(),
    )
    return xr.concat(runs, _depths(study))


def claims(
    study: "DirectionalConvergence", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """The exponent of every law and depth."""
    found = []
    for name in study.laws:
        for depth in study.early_depths:
            at = {"law": name, "depth": depth}
            exact = prediction.sel(at)
            change = log_tangent_change(measurement.sel(at), 0, POINTS)
            power = float(exact.exponent)
            finite = (float(exact.flow_exponent), float(exact.descent_exponent))
            found.append(
                Claim(
                    f"early-exponent-{name}-{depth}",
                    "Power of time in cot²(angle / 2) in the early phase: "
                    f"{LAWS[name].name}, {depth} layers",
                    power,
                    _slope(-float(change.value)),
                    _slope(float(change.standard_error)),
                    2 * max(abs(power - f) for f in finite)
                    + sampling_noise(rate(name, depth), study.batch_size),
                    members=study.members,
                )
            )
    return found


def pictures(
    study: "DirectionalConvergence", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Growth of cot^2 against the clock."""
    figure, axes = new_figure(len(study.laws), titles=[LAWS[n].name for n in study.laws])
    for ax, name in zip(axes, study.laws, strict=True):
        for i, depth in enumerate(study.early_depths):
            run = measurement.sel(law=name, depth=depth)
            clock, seen = 1 + records() / STEPS * (CLOCK - 1), log_tangent(run)
            grown = np.exp(-2 * (seen.value - seen.value[0]))
            error = 2 * grown * seen.standard_error
            measured(ax, clock, grown, error, f"{depth} layers", color=i)
            exponent = float(prediction.exponent.sel(law=name, depth=depth))
            power_law(ax, clock, (1.0, 1.0), exponent=exponent)
        log_axis(ax, "x", base=2)
        log_axis(ax, "y")
        ax.set_xlabel("1 + (N−2) (c₀/π) r₀^(1−2/N) t")
        ax.set_ylabel("cot²(angle / 2), over its start")
        legend(ax)
    return [
        Picture(
            "early",
            "While the norm falls the direction turns polynomially",
            f"Start at norm {NORM:g}, {np.pi - ANGLE:.2g} from opposite to the teacher. Dashed: "
            f"power 2 / (layers − 2). Points: {study.members} networks on fresh samples.",
            figure,
        )
    ]


def _slope(fall: float) -> float:
    """Power of the clock in cot^2 from the fall of ln tan."""
    return 2 * float(fall) / float(np.log(CLOCK))


def _depths(study: "DirectionalConvergence") -> xr.Variable:
    return xr.Variable("depth", list(study.early_depths))
