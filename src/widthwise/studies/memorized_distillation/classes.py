"""Several classes: with more of them, all labels leak long before the student is its teacher."""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics.distillation import SoftmaxTeacher, softmax_student, softmax_teacher
from widthwise.ensembles.distillation import (
    balanced_order,
    held_out_curve,
    largest_margin,
    random_labels,
    student_curve,
)
from widthwise.experiments import Claim, Shard, shards_of
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, measured, new_figure, reference_line, theory
from widthwise.studies.memorized_distillation.common import (
    DRAWS,
    generators,
    mean_claim,
    per_member,
    with_noise,
)

if TYPE_CHECKING:
    from widthwise.studies.memorized_distillation.study import MemorizedDistillation

PART = "classes"
LOAD = 1.2
FRACTIONS = np.array([0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
CLAIMED = (0.5, 0.7)
ORDERS = 4


def predict(study: "MemorizedDistillation") -> xr.Dataset:
    """Held-out accuracy, and how much one pair differs."""
    rows = []
    for classes in study.class_counts:
        teacher = softmax_teacher(LOAD, classes, draws=DRAWS)

        def at(fraction: float, teacher: SoftmaxTeacher = teacher) -> tuple[float, ...]:
            s = softmax_student(teacher, fraction)
            return float(s.accuracy.value), float(s.overlap.value)

        directions = study.class_inputs * (classes - 1)
        rows.append([np.ravel(with_noise(at, float(f), directions)) for f in FRACTIONS])
    table = np.array(rows)
    dims = ("classes", "fraction")
    return xr.Dataset(
        {"accuracy": (dims, table[..., 0]), "noise": (dims, table[..., 1])},
        coords={"classes": list(study.class_counts), "fraction": FRACTIONS},
    )


def shards(study: "MemorizedDistillation") -> list[Shard]:
    """One for each number of classes and block of teachers."""
    return [
        shard
        for classes in study.class_counts
        for shard in shards_of(PART, {"classes": classes}, members=study.class_teachers, batch=20)
    ]


def measure(study: "MemorizedDistillation", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Teachers of largest margin, and students on all fractions."""
    classes, inputs = int(shard.settings["classes"]), study.class_inputs
    count = classes * round(LOAD * inputs / classes)
    seen = np.round(FRACTIONS * count).astype(int)
    rows = []
    for rng in generators(key, 4 * 10**6 + classes, shard.members):
        x, y = random_labels(rng, count, inputs=inputs, classes=classes)
        weights = largest_margin(x, y, classes=classes)
        curves = []
        for _ in range(ORDERS):
            order = balanced_order(rng, y)
            curve = held_out_curve(student_curve(x, weights, order)[0], y, order)
            curves.append(curve[seen - 1])
        rows.append({"accuracy": np.mean(curves, axis=0)})
    return per_member(rows, ("fraction",)).assign_coords(fraction=FRACTIONS)


def claims(
    study: "MemorizedDistillation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Held-out accuracy at two fractions."""
    return [
        mean_claim(
            f"classes-{classes}-{fraction:g}",
            f"Held-out accuracy with {classes} classes: {LOAD:g} samples per input, a fraction "
            f"{fraction:g}",
            float(prediction.accuracy.sel(classes=classes, fraction=fraction)),
            measurement.accuracy.sel(classes=classes, fraction=fraction).values,
            tolerance=float(prediction.noise.sel(classes=classes, fraction=fraction)),
        )
        for classes in study.class_counts
        for fraction in CLAIMED
    ]


def pictures(
    study: "MemorizedDistillation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Accuracy against the fraction."""
    figure, (ax,) = new_figure(1)
    for i, classes in enumerate(study.class_counts):
        label = f"{classes} classes"
        theory(ax, FRACTIONS, prediction.accuracy.sel(classes=classes), label, color=i)
        table = measurement.accuracy.sel(classes=classes).transpose("member", "fraction").values
        found = statistics.mean(table)
        measured(ax, FRACTIONS, found.value, found.standard_error, label, color=i)
        ax.axhline(1 / classes, linestyle=":", linewidth=1.0, color="0.6")
    reference_line(ax, x=1 / LOAD, label="student = teacher")
    ax.set_xlabel("fraction the student sees")
    ax.set_ylabel("held-out accuracy")
    legend(ax)
    return [
        Picture(
            "classes",
            "The more classes, the earlier memorized labels leak",
            f"{LOAD:g} samples per input, {study.class_inputs} inputs, {study.class_teachers} "
            "teachers. Dotted: chance.",
            figure,
        )
    ]
