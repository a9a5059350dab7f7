"""The edge of stability: fluctuations of the tangent kernel die once it has reached 2/(step size).

Two-layer linear networks on one point obey a map of two numbers at ANY width; width enters through
the start alone.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics.fluctuations import edge_of_stability
from widthwise.ensembles import two_layer_linear_ensemble
from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.numerics import statistics
from widthwise.plotting import (
    Picture,
    legend,
    log_axis,
    measured,
    new_figure,
    reference_line,
    theory,
)

if TYPE_CHECKING:
    from widthwise.studies.finite_width_dmft.study import FiniteWidthDmft

PART = "edge"
LEARNING_RATE, RICHNESS, STEPS = 0.3, 4.0, 20
EARLY, LATE = 1, 10


def predict(study: "FiniteWidthDmft") -> xr.Dataset:
    """Tangent kernel and its variance at every step."""
    del study
    found = edge_of_stability(1.0, steps=STEPS, learning_rate=LEARNING_RATE, richness=RICHNESS)
    return xr.Dataset(
        {
            "output": ("step", found.output),
            "ntk": ("step", found.ntk),
            "ntk_variance": ("step", found.covariance[:, 1, 1]),
            "initial_variance": np.trace(found.covariance[0]),
            "threshold": found.threshold,
        },
        coords={"step": np.arange(STEPS + 1)},
        attrs={"source": "exact map of Bordelon & Pehlevan 2023, section 6"},
    )


def shards(study: "FiniteWidthDmft") -> list[Shard]:
    """One shard."""
    return shards_of(PART, {}, members=study.gram_members, batch=study.gram_members)


def measure(study: "FiniteWidthDmft", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Tangent kernels of networks."""
    (own,) = member_keys(key, 10**6, (0, 1))
    found = two_layer_linear_ensemble(
        np.eye(1),
        np.ones(1),
        width=study.edge_width,
        members=shard.size,
        steps=STEPS,
        learning_rate=LEARNING_RATE,
        richness=RICHNESS,
        key=own,
    )
    return xr.Dataset({"ntk": (("member", "step"), found.ntk.values[:, :, 0, 0])})


def claims(
    study: "FiniteWidthDmft", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """The kernel overshoots with large fluctuations, which then die."""
    spread = statistics.variance(measurement.ntk.values)
    width = study.edge_width
    shrunk = float(spread.value[LATE] / spread.value[EARLY])
    relative = np.asarray(spread.standard_error) / np.asarray(spread.value)
    first = float(prediction.ntk_variance[EARLY])
    expansion = float(prediction.initial_variance) / width
    return [
        Claim(
            name="edge-overshoot",
            statement=f"Width times the variance of the tangent kernel after {EARLY} step beyond "
            f"the edge: linear, width {width}",
            predicted=first,
            measured=width * float(spread.value[EARLY]),
            standard_error=width * float(spread.standard_error[EARLY]),
            tolerance=2 * expansion * first,
            members=study.gram_members,
        ),
        Claim(
            name="edge-quiets",
            statement=f"Variance of the tangent kernel after {LATE} steps at the edge, over that "
            "at the start, is below one hundredth",
            predicted=0.01,
            measured=shrunk,
            standard_error=shrunk * float(np.hypot(relative[LATE], relative[EARLY])),
            tolerance=0.0,
            kind="at_most",
            members=study.gram_members,
        ),
    ]


def pictures(
    study: "FiniteWidthDmft", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Kernel and its variance at every step."""
    figure, (left, right) = new_figure(2, titles=("tangent kernel", "its variance"))
    steps, width = prediction.step.values, study.edge_width
    average = statistics.mean(measurement.ntk.values)
    spread = statistics.variance(measurement.ntk.values)
    theory(left, steps, prediction.ntk, "infinite width")
    measured(left, steps, average.value, average.standard_error, "networks")
    reference_line(left, y=float(prediction.threshold), label="2 / step size")
    theory(right, steps, prediction.ntk_variance, "first order")
    measured(right, steps, width * spread.value, width * spread.standard_error, "networks")
    log_axis(right, "y")
    left.set_ylabel("tangent kernel")
    right.set_ylabel("width × variance")
    for ax in (left, right):
        ax.set_xlabel("steps")
    legend(left)
    return [
        Picture(
            "edge",
            "At the edge of stability fluctuations die",
            f"Two-layer linear networks of width {width}, step size {LEARNING_RATE:g}, richness "
            f"{RICHNESS:g}. With small steps the kernel would grow to "
            f"{2 * np.hypot(1.0, RICHNESS):.3g}; beyond the dashed line it cannot stay.",
            figure,
        )
    ]
