"""Softmax regression on soft labels by gradient descent: leakage needs a temperature.

Temperatures are in units of the teacher's margin. At high ones the student fits the teacher's
outputs, and what it gets right is predicted. At low ones soft labels round to hard ones, and no
student gets more than chance. Within 0.05 of chance the paper speaks of no leakage; from a held-out
accuracy of 0.99 on, of a student that is its teacher.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics.distillation import SoftmaxTeacher, softmax_student, softmax_teacher
from widthwise.ensembles.distillation import (
    descend,
    largest_margin,
    random_labels,
    scores,
    soft_labels,
    split_classes,
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
    DRAWS,
    LEAK,
    SAME,
    generators,
    mean_claim,
    per_member,
    share_error,
    with_noise,
)

if TYPE_CHECKING:
    from widthwise.studies.memorized_distillation.study import MemorizedDistillation

PART = "temperature"
CLASSES, INPUTS, FRACTION = 3, 60, 0.8
STEPS, RATE = 1000, 0.3


def predict(study: "MemorizedDistillation") -> xr.Dataset:
    """Held-out accuracy at high temperature, and how much one pair differs."""
    rows = []
    for load in study.hot_loads:
        teacher = softmax_teacher(load, CLASSES, draws=DRAWS)

        def at(fraction: float, teacher: SoftmaxTeacher = teacher) -> tuple[float, ...]:
            s = softmax_student(teacher, fraction)
            return float(s.accuracy.value), float(s.overlap.value)

        rows.append(np.ravel(with_noise(at, FRACTION, INPUTS * (CLASSES - 1))))
    table = np.array(rows)
    return xr.Dataset(
        {"accuracy": ("load", table[:, 0]), "noise": ("load", table[:, 1])},
        coords={"load": list(study.hot_loads)},
    )


def shards(study: "MemorizedDistillation") -> list[Shard]:
    """One for each load."""
    return [
        shard
        for load in study.hot_loads
        for shard in shards_of(PART, {"load": load}, members=study.hot_teachers, batch=40)
    ]


def measure(study: "MemorizedDistillation", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Students at all temperatures, trained side by side."""
    load = float(shard.settings["load"])
    count = CLASSES * round(load * INPUTS / CLASSES)
    pairs, inputs, targets = [], [], []
    for rng in generators(key, 5 * 10**6 + round(1e3 * load), shard.members):
        x, y = random_labels(rng, count, inputs=INPUTS, classes=CLASSES)
        z = x @ largest_margin(x, y, classes=CLASSES)
        split = split_classes(rng, y, FRACTION)
        seen = z[split.seen].astype(np.float32)
        pairs.append((x, y, z, split))
        inputs += [x[split.seen] * INPUTS**0.5] * len(study.temperatures)
        targets += [soft_labels(seen, tau) for tau in study.temperatures]
    weights = descend(np.array(inputs), np.array(targets), steps=STEPS, learning_rate=RATE)
    rows = []
    per_teacher = weights.reshape(len(pairs), len(study.temperatures), INPUTS, CLASSES)
    for (x, y, z, split), students in zip(pairs, per_teacher, strict=True):
        found = [scores(y, split, teacher=z, student=x @ w) for w in students]
        rows.append({name: np.array([f[name] for f in found]) for name in ("accuracy",)})
    return per_member(rows, ("temperature",)).assign_coords(temperature=list(study.temperatures))


def claims(
    study: "MemorizedDistillation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Chance when cold, theory when hot."""
    cold, hot = min(study.temperatures), max(study.temperatures)
    coldest = measurement.accuracy.sel(temperature=cold).transpose("member", "load").values
    found = [
        mean_claim(
            "cold",
            f"Held-out accuracy at temperature {cold:g} is chance: {CLASSES} classes, a fraction "
            f"{FRACTION:g}, mean over loads",
            1 / CLASSES,
            coldest.mean(axis=1),
            tolerance=LEAK,
        )
    ]
    for load in study.hot_loads:
        whole = load * FRACTION >= 1
        if load < 1:
            continue  # too few samples are held out to tell
        predicted = float(prediction.accuracy.sel(load=load))
        found.append(
            mean_claim(
                f"hot-{load:g}",
                f"Held-out accuracy at temperature {hot:g}: {load:g} samples per input, a fraction "
                f"{FRACTION:g}, {CLASSES} classes",
                SAME * predicted if whole else predicted,
                measurement.accuracy.sel(load=load, temperature=hot).values,
                tolerance=0.0 if whole else float(prediction.noise.sel(load=load)),
                kind="at_least" if whole else "equal",
                floor=share_error(round(load * INPUTS * (1 - FRACTION)) * study.hot_teachers),
            )
        )
    return found


def pictures(
    study: "MemorizedDistillation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """The phase diagram of load and temperature, and cuts through it."""
    figure, (diagram, cuts) = new_figure(2, titles=("held-out accuracy", "cuts"))
    loads, taus = np.array(study.hot_loads), np.array(study.temperatures)
    mean = measurement.accuracy.mean("member").transpose("temperature", "load").values
    heatmap(diagram, np.arange(len(loads)), np.arange(len(taus)), mean, "held-out accuracy")
    diagram.set_xticks(np.arange(len(loads)), [f"{load:g}" for load in loads])
    diagram.set_yticks(np.arange(len(taus)), [f"{tau:g}" for tau in taus])
    diagram.set_xlabel("samples per input n/d")
    diagram.set_ylabel("temperature / margin")
    edge = float(np.interp(1 / FRACTION, loads, np.arange(len(loads))))
    theory(diagram, [edge, edge], [-0.5, len(taus) - 0.5], color=1)
    for i, load in enumerate(loads):
        label = f"n/d = {load:g}"
        value = float(prediction.accuracy.sel(load=load))
        hot = taus[taus >= 1]
        theory(cuts, hot, np.full_like(hot, value), label, color=i)
        table = measurement.accuracy.sel(load=load).transpose("member", "temperature").values
        found = statistics.mean(table)
        measured(cuts, taus, found.value, found.standard_error, label, color=i)
    reference_line(cuts, y=1 / CLASSES, label="chance")
    cuts.set_xscale("log")
    cuts.set_xlabel("temperature / margin")
    cuts.set_ylabel("held-out accuracy")
    legend(cuts)
    return [
        Picture(
            "temperature",
            "Cold soft labels say no more than hard ones",
            f"Softmax regression of {CLASSES} classes and {INPUTS} inputs on soft labels of a "
            f"fraction {FRACTION:g}, {STEPS} steps; {study.hot_teachers} teachers. Left: on "
            "the right of the line a hot student is predicted to be its teacher. Right: lines are "
            "the theory of high temperature.",
            figure,
        )
    ]
