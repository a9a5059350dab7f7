"""Linear teachers and students of two classes: the phase diagram of load and fraction.

The teacher is what gradient descent on the labels converges to; the student has the smallest norm
of all that fit the teacher's outputs on its fraction of the samples. Nothing is adjusted.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics.distillation import (
    LinearTeacher,
    hard_margin_teacher,
    linear_student,
    logistic_teacher,
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
from widthwise.plotting import (
    Picture,
    heatmap,
    legend,
    measured,
    new_figure,
    reference_line,
    theory,
)
from widthwise.studies.memorized_distillation.common import (
    SAME,
    generators,
    mean_claim,
    per_member,
    with_noise,
)

if TYPE_CHECKING:
    from widthwise.studies.memorized_distillation.study import MemorizedDistillation

PART = "linear"
FRACTIONS = np.round(np.arange(0.05, 1.0, 0.1), 2)
ORDERS = 4
"""Students of each teacher, on different samples."""
_WINDOW = (0.3, 0.9)
"""Samples that the student sees, per input, of which claims are made."""
_MEASURES = ("accuracy", "agreement", "fresh_agreement")
_WORDS = {
    "accuracy": "Accuracy on memorized labels that the student never saw",
    "agreement": "Agreement with the teacher on samples that the student never saw",
    "fresh_agreement": "Agreement with the teacher on new inputs",
}


def teacher_at(load: float) -> LinearTeacher:
    """Where gradient descent on random labels ends."""
    return hard_margin_teacher(load) if load < 2 else logistic_teacher(load)


def predict(study: "MemorizedDistillation") -> xr.Dataset:
    """Accuracy and agreement, and how much one pair differs."""
    values = np.zeros((2, 3, len(study.loads), len(FRACTIONS)))
    for i, load in enumerate(study.loads):
        teacher = teacher_at(load)

        def at(fraction: float, teacher: LinearTeacher = teacher) -> tuple[float, ...]:
            s = linear_student(teacher, fraction)
            return s.accuracy, s.agreement, s.fresh_agreement, s.overlap

        for j, fraction in enumerate(FRACTIONS):
            values[:, :, i, j] = with_noise(at, float(fraction), study.inputs)
    dims = ("load", "fraction")
    table = {name: (dims, values[0, k]) for k, name in enumerate(_MEASURES)}
    noise = {f"{name}_noise": (dims, values[1, k]) for k, name in enumerate(_MEASURES)}
    coords = {"load": list(study.loads), "fraction": FRACTIONS}
    return xr.Dataset({**table, **noise}, coords=coords)


def shards(study: "MemorizedDistillation") -> list[Shard]:
    """One for each load and block of teachers."""
    return [
        shard
        for load in study.loads
        for shard in shards_of(
            PART,
            {"load": load},
            members=study.teachers if load in study.claimed_loads else study.phase_teachers,
            batch=50,
        )
    ]


def measure(study: "MemorizedDistillation", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Teachers, and students on all fractions."""
    load = float(shard.settings["load"])
    count = 2 * round(load * study.inputs / 2)
    rows = []
    for rng in generators(key, round(1e4 * load), shard.members):
        x, y = random_labels(rng, count, inputs=study.inputs)
        weights = limit_of_training(x, y, classes=2)
        found = [_students(rng, x, y, weights) for _ in range(ORDERS)]
        rows.append({name: np.mean([f[name] for f in found], axis=0) for name in _MEASURES})
    return per_member(rows, ("fraction",)).assign_coords(fraction=FRACTIONS)


def _students(
    rng: np.random.Generator, x: np.ndarray, y: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    order = balanced_order(rng, y)
    outputs, cosines = student_curve(x, weights, order)
    taught = np.argmax(x @ weights, axis=1)
    curves = {
        "accuracy": held_out_curve(outputs, y, order),
        "agreement": held_out_curve(outputs, taught, order),
        "fresh_agreement": 1 - np.arccos(np.minimum(cosines, 1.0)) / np.pi,
    }
    seen = np.clip(np.round(FRACTIONS * len(x)).astype(int), 1, len(x) - 1)
    last = len(cosines)
    found = {name: curve[np.minimum(seen, last) - 1] for name, curve in curves.items()}
    for j in np.flatnonzero(seen > last):  # the student is the teacher
        rest = order[seen[j] :]
        found["accuracy"][j] = np.mean(taught[rest] == y[rest])
    return found


def claims(
    study: "MemorizedDistillation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Every second fraction at which the student sees fewer samples than inputs."""
    found = []
    for load in study.claimed_loads:
        inside = [f for f in FRACTIONS if _WINDOW[0] < f * load < _WINDOW[1]]
        for fraction in inside[1::2] or inside[:1]:
            at = {"load": load, "fraction": fraction}
            for name in _MEASURES:
                if name == "agreement" and load < 2:
                    continue  # this teacher has all labels right: it is the accuracy
                found.append(
                    mean_claim(
                        f"{name.replace('_', '-')}-{load:g}-{fraction:g}",
                        f"{_WORDS[name]}: {load:g} samples per input, a fraction {fraction:g}",
                        float(prediction[name].sel(at)),
                        measurement[name].sel(at).values,
                        tolerance=float(prediction[f"{name}_noise"].sel(at)),
                    )
                )
    return found


def pictures(
    study: "MemorizedDistillation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """The phase diagram, and cuts through it."""
    loads = np.array(study.loads)
    figure, (diagram, theirs) = new_figure(2, titles=("measured", "predicted"))
    for ax, table in (
        (diagram, measurement.accuracy.mean("member")),
        (theirs, prediction.accuracy),
    ):
        values = table.transpose("fraction", "load").values
        heatmap(ax, np.arange(len(loads)), FRACTIONS, values, "held-out accuracy")
        ax.set_xticks(np.arange(len(loads)), [f"{load:g}" for load in loads])
        ax.set_xlabel("samples per input n/d")
        ax.set_ylabel("fraction the student sees")
        fine = np.linspace(0, len(loads) - 1, 200)
        edge = 1 / np.interp(fine, np.arange(len(loads)), loads)
        theory(ax, fine[edge < 1], edge[edge < 1], color=1)
        close = [_near(load) for load in loads]
        theory(ax, np.arange(len(loads)), close, color=1, dash="dotted")
        if np.any(loads < 2) and np.any(loads > 2):
            place = float(np.interp(2.0, loads, np.arange(len(loads))))
            reference_line(ax, x=place)
        ax.set_ylim(0, 1)
    cuts, (held, fresh) = new_figure(2, titles=("memorized, never seen", "new inputs"))
    for i, load in enumerate(study.claimed_loads):
        label = f"n/d = {load:g}"
        fine = np.linspace(0.02, 0.98, 120)
        students = [linear_student(teacher_at(load), float(f)) for f in fine]
        theory(held, fine, [s.accuracy for s in students], label, color=i)
        theory(fresh, fine, [s.fresh_agreement for s in students], label, color=i)
        for ax, name in ((held, "accuracy"), (fresh, "fresh_agreement")):
            seen = statistics.mean(measurement[name].sel(load=load).transpose("member", ...).values)
            measured(ax, FRACTIONS, seen.value, seen.standard_error, label, color=i)
    held.set_ylabel("accuracy against the labels")
    fresh.set_ylabel("agreement with the teacher")
    for ax in (held, fresh):
        ax.set_xlabel("fraction the student sees")
        reference_line(ax, y=0.5, label="chance")
        legend(ax)
    words = f"{study.inputs} inputs; {ORDERS} students of each teacher."
    return [
        Picture(
            "linear-phases",
            "Where the labels that the student never saw are in its hands",
            "Accuracy of linear students on labels that the teacher memorized and the student "
            "never saw; chance is 0.5. Predicted boundaries: above the solid line the student is "
            "its teacher, above the dotted one it has 99 % of its labels; left of the dashed one "
            f"the teacher memorizes all. {words}",
            figure,
        ),
        Picture(
            "linear-cuts",
            "A student learns memorized labels long before it is its teacher",
            f"Lines: exact limit of many inputs and samples. {words}",
            cuts,
        ),
    ]


def _near(load: float) -> float:
    teacher = teacher_at(load)
    return min(recovery_fraction(teacher, accuracy=SAME * teacher.accuracy), 1.0)
