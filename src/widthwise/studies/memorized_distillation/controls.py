"""Controls: hard labels, shuffled soft labels, and a teacher of least squares leak nothing.

Hard labels of some samples say nothing on others, whatever the student. Soft labels that are
shuffled within their class still name the right label, but not the directions in which the teacher
lies. A teacher that interpolates labels by least squares leaves no footprint of a held-out sample
in its outputs on others. Within 0.05 of chance the paper speaks of no leakage. Of the shuffled
student, the training accuracy has a prediction; its tolerance is what one standard deviation
1/sqrt(inputs) of the load changes.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics.distillation import (
    hard_margin_teacher,
    least_squares_teacher,
    linear_student,
    shuffled_student_accuracy,
)
from widthwise.ensembles.distillation import (
    largest_margin,
    least_squares,
    limit_of_training,
    minimum_norm,
    random_labels,
    scores,
    shuffled_in_classes,
    split_classes,
)
from widthwise.experiments import Claim, Shard, shards_of
from widthwise.numerics import statistics
from widthwise.plotting import Picture, measured, new_figure, reference_line, theory
from widthwise.studies.memorized_distillation.common import (
    LEAK,
    generators,
    mean_claim,
    per_member,
)

if TYPE_CHECKING:
    from widthwise.studies.memorized_distillation.study import MemorizedDistillation

PART = "controls"
FRACTION = 0.8
LOADS = {"soft": 1.0, "hard": 1.0, "least squares": 0.8, "shuffled": 1.6}
SPLITS = 2
_WORDS = {
    "hard": "A student of hard labels is at chance on labels it never saw",
    "least squares": "A student of a teacher of least squares is at chance on labels it never saw",
    "shuffled": "A student of shuffled soft labels is at chance on labels it never saw",
}


def predict(study: "MemorizedDistillation") -> xr.Dataset:
    """Held-out accuracy of each kind, and the training accuracy of the shuffled student."""
    load = LOADS["shuffled"]
    spread = 1 / study.inputs**0.5
    low, here, high = (
        shuffled_student_accuracy(hard_margin_teacher(load * f), FRACTION)
        for f in (1 - spread, 1.0, 1 + spread)
    )
    silent = linear_student(least_squares_teacher(LOADS["least squares"]), FRACTION)
    soft = linear_student(hard_margin_teacher(LOADS["soft"]), FRACTION)
    return xr.Dataset(
        {
            "accuracy": ("control", [soft.accuracy, 0.5, silent.accuracy, 0.5]),
            "shuffled_training": ((), here),
            "shuffled_noise": ((), abs(high - low) / 2),
        },
        coords={"control": list(LOADS)},
    )


def shards(study: "MemorizedDistillation") -> list[Shard]:
    """One for each kind and block of teachers."""
    return [
        shard
        for name in LOADS
        for shard in shards_of(PART, {"control": name}, members=study.teachers, batch=100)
    ]


def measure(study: "MemorizedDistillation", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Accuracy of students on what they saw and what they did not."""
    name = str(shard.settings["control"])
    count = 2 * round(LOADS[name] * study.inputs / 2)
    rows = []
    for rng in generators(key, 10**6 + list(LOADS).index(name), shard.members):
        x, y = random_labels(rng, count, inputs=study.inputs)
        teach = least_squares if name == "least squares" else limit_of_training
        z = x @ teach(x, y, classes=2)
        found = []
        for _ in range(SPLITS):
            split = split_classes(rng, y, FRACTION)
            seen = split.seen
            if name == "hard":
                student = largest_margin(x[seen], y[seen], classes=2)
            else:
                order = shuffled_in_classes(rng, y[seen]) if name == "shuffled" else slice(None)
                student = minimum_norm(x[seen], z[seen][order])
            found.append(scores(y, split, teacher=z, student=x @ student))
        rows.append(
            {key: np.mean([f[key] for f in found]) for key in ("accuracy", "seen_accuracy")}
        )
    return per_member(rows, ())


def claims(
    study: "MemorizedDistillation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Chance for the controls, and how well shuffled labels are fitted."""
    del study
    found = [
        mean_claim(
            f"control-{name.replace(' ', '-')}",
            f"{words}: {LOADS[name]:g} samples per input",
            float(prediction.accuracy.sel(control=name)),
            measurement.accuracy.sel(control=name).values,
            tolerance=LEAK,
        )
        for name, words in _WORDS.items()
    ]
    found.append(
        mean_claim(
            "shuffled-training",
            "Training accuracy of the student of shuffled soft labels, on "
            f"{LOADS['shuffled'] * FRACTION:g} samples per input",
            float(prediction.shuffled_training),
            measurement.seen_accuracy.sel(control="shuffled").values,
            tolerance=float(prediction.shuffled_noise),
        )
    )
    return found


def pictures(
    study: "MemorizedDistillation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Soft labels beside the controls."""
    figure, (ax,) = new_figure(1)
    for i, name in enumerate(LOADS):
        found = statistics.mean(measurement.accuracy.sel(control=name).values)
        value = float(prediction.accuracy.sel(control=name))
        theory(ax, [i - 0.3, i + 0.3], [value, value], color=i)
        measured(ax, [i], [float(found.value)], [float(found.standard_error)], color=i)
    reference_line(ax, y=0.5, label="chance")
    ax.set_xticks(range(len(LOADS)), list(LOADS))
    ax.set_ylabel("held-out accuracy")
    return [
        Picture(
            "controls",
            "Only true soft labels leak",
            f"Linear students on a fraction {FRACTION:g}; lines: theory; points: {study.teachers} "
            "teachers with standard errors.",
            figure,
        )
    ]
