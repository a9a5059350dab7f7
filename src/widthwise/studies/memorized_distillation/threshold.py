"""The threshold of recovery, as the number of inputs grows.

The paper calls a student its teacher from a held-out accuracy of 0.99 on. In the limit that
happens at a fraction below d/n, from which on the student is the teacher exactly. Smaller networks
reach it later. At the largest size the measured threshold is within 2 % of the limit.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics.distillation import (
    hard_margin_teacher,
    linear_student,
    recovery_fraction,
)
from widthwise.ensembles.distillation import (
    balanced_order,
    held_out_curve,
    limit_of_training,
    random_labels,
    student_curve,
)
from widthwise.experiments import Claim, Shard, shards_of
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, measured, new_figure, reference_line, theory
from widthwise.studies.memorized_distillation.common import SAME, generators, per_member

if TYPE_CHECKING:
    from widthwise.studies.memorized_distillation.study import MemorizedDistillation

PART = "threshold"
LOAD = 1.05
WITHIN = 0.02
ORDERS = 4
FRACTIONS = np.linspace(0.6, 0.952, 353)


def predict(study: "MemorizedDistillation") -> xr.Dataset:
    """The curve, where it crosses 0.99, and where the student is the teacher."""
    del study
    teacher = hard_margin_teacher(LOAD)
    return xr.Dataset(
        {
            "accuracy": ("fraction", [linear_student(teacher, f).accuracy for f in FRACTIONS]),
            "threshold": ((), recovery_fraction(teacher, accuracy=SAME)),
            "recovery": ((), recovery_fraction(teacher)),
        },
        coords={"fraction": FRACTIONS},
    )


def shards(study: "MemorizedDistillation") -> list[Shard]:
    """One for each size and block of teachers."""
    return [
        shard
        for inputs in study.sizes
        for shard in shards_of(PART, {"inputs": inputs}, members=study.size_teachers, batch=20)
    ]


def measure(study: "MemorizedDistillation", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Held-out accuracy at all fractions."""
    del study
    inputs = int(shard.settings["inputs"])
    count = 2 * round(LOAD * inputs / 2)
    rows = []
    for rng in generators(key, 2 * 10**6 + inputs, shard.members):
        x, y = random_labels(rng, count, inputs=inputs)
        weights = limit_of_training(x, y, classes=2)
        curves = []
        for _ in range(ORDERS):
            order = balanced_order(rng, y)
            curve = held_out_curve(student_curve(x, weights, order)[0], y, order)
            kept = np.isfinite(curve)
            seen = np.arange(1, len(curve) + 1)[kept] / count
            curves.append(np.interp(FRACTIONS, seen, curve[kept]))
        rows.append({"accuracy": np.mean(curves, axis=0)})
    return per_member(rows, ("fraction",)).assign_coords(fraction=FRACTIONS)


def crossing(curves: np.ndarray) -> float:
    """Return the fraction from which on the mean accuracy is 0.99."""
    mean = np.maximum.accumulate(np.mean(curves, axis=0))
    return float(np.interp(SAME, mean, FRACTIONS))


def thresholds(measurement: xr.Dataset, inputs: int) -> statistics.Estimate:
    """Return the threshold at one size; its error is that of drawing the teachers again."""
    curves = measurement.accuracy.sel(inputs=inputs).transpose("member", "fraction").values
    return statistics.bootstrap(crossing, curves, key=jax.random.key(inputs), resamples=400)


def claims(
    study: "MemorizedDistillation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """The threshold at the largest size, and that it is approached."""
    exact = float(prediction.threshold)
    small, large = (thresholds(measurement, inputs) for inputs in _ends(study))
    apart = [abs(float(found.value) - exact) for found in (small, large)]
    error = float(np.hypot(small.standard_error, large.standard_error))
    return [
        Claim(
            "threshold",
            f"Fraction from which a student has {SAME:.0%} of the labels it never saw: "
            f"{_ends(study)[1]} inputs, {LOAD:g} samples per input",
            exact,
            float(large.value),
            max(float(large.standard_error), 1e-6),
            WITHIN * exact,
            members=study.size_teachers,
        ),
        Claim(
            "threshold-converges",
            f"It is closer to its limit with {_ends(study)[1]} inputs than with {_ends(study)[0]}: "
            "difference of the distances",
            0.0,
            apart[1] - apart[0],
            max(error, 1e-6),
            0.0,
            "at_most",
            members=study.size_teachers,
        ),
    ]


def pictures(
    study: "MemorizedDistillation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Curves at all sizes, and where they cross."""
    figure, (curves, ends) = new_figure(2, titles=("held-out accuracy", "threshold"))
    theory(curves, FRACTIONS, prediction.accuracy, "limit", color=0)
    thin = slice(None, None, 22)
    for i, inputs in enumerate(study.sizes):
        table = measurement.accuracy.sel(inputs=inputs).transpose("member", "fraction").values
        found = statistics.mean(table)
        measured(
            curves, FRACTIONS[thin], found.value[thin], found.standard_error[thin],
            f"{inputs} inputs", color=i + 1,
        )  # fmt: skip
        one = thresholds(measurement, inputs)
        measured(ends, [inputs], [float(one.value)], [float(one.standard_error)], color=i + 1)
    reference_line(curves, x=float(prediction.recovery), label="student = teacher")
    reference_line(ends, y=float(prediction.threshold), label="limit")
    reference_line(ends, y=float(prediction.threshold) * (1 + WITHIN), label="+ 2 %")
    curves.set_xlabel("fraction the student sees")
    ends.set_xlabel("inputs d")
    ends.set_xscale("log", base=2)
    ends.set_xticks(list(study.sizes), [str(s) for s in study.sizes])
    ends.set_ylabel(f"fraction at {SAME:.0%}")
    legend(curves)
    legend(ends)
    return [
        Picture(
            "threshold",
            "The threshold approaches its limit as networks grow",
            f"{LOAD:g} samples per input; {study.size_teachers} teachers of each size, with "
            "standard errors from drawing them again.",
            figure,
        )
    ]


def _ends(study: "MemorizedDistillation") -> tuple[int, int]:
    return min(study.sizes), max(study.sizes)
