"""One layer at any learning rate, far beyond what curvature allows: proven bounds of the angle.

Networks take steps on fresh samples at rates up to a hundred times those of the flow. Their norm is
held against exact gradient descent on all inputs; the tolerance is what the samples of one step
move one network, rate * sqrt(E|x|^2 / batch size). Their angle is held, at every step, against the
bound that is proven for descent at these rates.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics.directional import descent_bounds, weights_descent
from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory
from widthwise.studies.directional_convergence.common import (
    COSINE,
    LAWS,
    NORM,
    layers_of,
    plane_start,
    trained,
)

if TYPE_CHECKING:
    from widthwise.studies.directional_convergence.study import DirectionalConvergence

PART = "descent"
RATES = (0.5, 5.0, 50.0)
STEPS = np.arange(21)
ANGLE = float(np.arccos(COSINE))


def predict(study: "DirectionalConvergence") -> xr.Dataset:
    """Exact descent on all inputs, and its bound."""
    rows: list[xr.Dataset] = []
    for name in study.laws:
        law = LAWS[name]
        teacher, start = plane_start(law.dimension, norm=NORM, angle=ANGLE)
        row: list[xr.Dataset] = []
        for rate in RATES:
            rates = np.full(int(STEPS[-1]), rate)
            found = weights_descent(law, layers_of(start, 1), teacher, rates)
            bounds = descent_bounds(law, found, rates, teacher)
            best = np.fmin(bounds.opposite, bounds.steady)
            row.append(
                xr.Dataset(
                    {
                        "norm": ("record", found.norm),
                        "tangent": ("record", np.exp(found.log_tangent)),
                        "bound": ("record", np.exp(best)),
                    }
                )
            )
        rows.append(xr.concat(row, xr.Variable("rate", list(RATES))))
    return xr.concat(rows, xr.Variable("law", list(study.laws)))


def shards(study: "DirectionalConvergence") -> list[Shard]:
    """One for each law: networks of all rates see the same samples."""
    return [
        shard
        for name in study.laws
        for shard in shards_of(PART, {"law": name}, members=study.members, batch=study.members)
    ]


def measure(study: "DirectionalConvergence", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Stochastic gradient descent with fresh samples."""
    law = LAWS[str(shard.settings["law"])]
    teacher, start = plane_start(law.dimension, norm=NORM, angle=ANGLE)
    runs = trained(
        law.draw,
        [layers_of(start, 1)] * len(RATES),
        teacher,
        keys=member_keys(key, 0, shard.members),
        learning_rates=RATES,
        batch_size=study.batch_size,
        at=STEPS,
    )
    return xr.concat(runs, xr.Variable("rate", list(RATES)))[["along", "norm"]]


def claims(
    study: "DirectionalConvergence", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """The norm at the end, and the angle over its bound where that ratio is largest."""
    found = []
    for name in study.laws:
        law = LAWS[name]
        second = 1.0 if law.gaussian else float(np.dot(np.square(law.radii), law.weights))
        length = np.sqrt(second * (law.dimension if law.gaussian else 1))
        for rate in RATES:
            at = {"law": name, "rate": rate}
            exact, run = prediction.sel(at), measurement.sel(at).transpose("member", ...)
            norm = statistics.mean(run.norm.values[:, -1])
            ratio = statistics.mean(_tangent(run)[:, 1:] / exact.bound.values[1:])
            worst = int(np.argmax(ratio.value))
            where = f"{law.name}, one layer, learning rate {rate:g}"
            found += [
                Claim(
                    f"descent-norm-{name}-{rate:g}",
                    f"Norm after {STEPS[-1]} steps: {where}",
                    float(exact.norm[-1]),
                    float(norm.value),
                    float(norm.standard_error),
                    float(rate * length / np.sqrt(study.batch_size)),
                    members=study.members,
                ),
                Claim(
                    f"descent-bound-{name}-{rate:g}",
                    f"Largest tan(angle / 2), over its proven bound, of {STEPS[-1]} steps: {where}",
                    1.0,
                    float(ratio.value[worst]),
                    float(ratio.standard_error[worst]),
                    0.0,
                    "at_most",
                    members=study.members,
                ),
            ]
    return found


def pictures(
    study: "DirectionalConvergence", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Angle against steps, with its bound."""
    figure, axes = new_figure(len(study.laws), titles=[LAWS[n].name for n in study.laws])
    for ax, name in zip(axes, study.laws, strict=True):
        for i, rate in enumerate(RATES):
            at = {"law": name, "rate": rate}
            exact, run = prediction.sel(at), measurement.sel(at).transpose("member", ...)
            theory(ax, STEPS, exact.tangent, color=i)
            theory(ax, STEPS, exact.bound, color=i, dash="dotted")
            mean = statistics.mean(_tangent(run))
            label = f"learning rate {rate:g}"
            measured(ax, STEPS, mean.value, mean.standard_error, label, color=i)
        log_axis(ax, "y")
        ax.set_ylim(bottom=1e-6)  # room for the legend
        ax.set_xlabel("steps")
        ax.set_ylabel("tan(angle / 2)")
        legend(ax)
    return [
        Picture(
            "descent",
            "The direction converges at any learning rate",
            "One layer. Lines: gradient descent on all inputs. Dotted: proven upper bound. Points: "
            f"mean over {study.members} networks on batches of {study.batch_size} fresh samples, "
            "whose noise ends the fall.",
            figure,
        )
    ]


def _tangent(run: xr.Dataset) -> np.ndarray:
    """Return tan(angle / 2) of each network."""
    norm, along = run.norm.values, run.along.values
    across = np.sqrt(np.maximum(norm**2 - along**2, 0.0))
    return across / np.maximum(norm + along, 1e-300)
