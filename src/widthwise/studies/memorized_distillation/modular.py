"""Modular addition: what soft labels give away beyond the rule that a network may have found.

A teacher memorizes some of the pairs a, b with their sum modulo a number. A student sees its soft
labels on a fraction of these. Pairs fall in three classes: seen by the student, memorized by the
teacher alone, and seen by none. Both accuracies may be above chance where the rule was found; what
the memorized ones have in addition comes from the teacher's memory. With hard labels the last two
classes are the same to the student, and the difference vanishes on average: it stays within the
0.05 from which on the paper speaks of leakage.
"""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from widthwise.ensembles.distillation import (
    PairNetwork,
    PairTransformer,
    fitted_pairs,
    modular_sums,
    soft_labels,
)
from widthwise.experiments import Claim, Shard, shards_of
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, measured, new_figure, reference_line
from widthwise.studies.memorized_distillation.common import (
    LEAK,
    SAME,
    generators,
    mean_claim,
    per_member,
    share_error,
)

if TYPE_CHECKING:
    from widthwise.studies.memorized_distillation.study import MemorizedDistillation

PART = "modular"
SEEN = 0.7
"""Fraction of the memorized pairs that a student sees."""
KINDS = {
    "network": (PairNetwork, 64, 0.6, "one hidden ReLU layer on one-hot pairs"),
    "transformer": (PairTransformer, 32, 0.4, "a transformer of one block"),
}
"""Architecture, its width, the part of all pairs that its teacher memorizes, and it in words."""
_NAMES = ("memorized", "unseen", "teacher_accuracy", "teacher_unseen")


def labels(study: "MemorizedDistillation") -> list[str]:
    """Hard labels, and soft ones at each temperature."""
    return ["hard", *(f"{tau:g}" for tau in study.modular_temperatures)]


def predict(study: "MemorizedDistillation") -> xr.Dataset:
    """Chance, and what hard labels give away of memorized pairs."""
    return xr.Dataset({"chance": ((), 1 / study.modulus), "difference": ((), 0.0)})


def shards(study: "MemorizedDistillation") -> list[Shard]:
    """One for each architecture, number of steps of the teacher, and block of teachers."""
    return [
        shard
        for kind in KINDS
        for stop in study.modular_stops
        for shard in shards_of(
            PART, {"kind": kind, "stop": stop}, members=study.modular_teachers, batch=20
        )
    ]


def measure(study: "MemorizedDistillation", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Teachers, and students of hard and of soft labels."""
    kind, stop = str(shard.settings["kind"]), int(shard.settings["stop"])
    architecture, width, part, _ = KINDS[kind]
    y = modular_sums(study.modulus)
    known, seen = (np.zeros((shard.members[1] - shard.members[0], len(y)), bool) for _ in range(2))
    words = []
    sources = generators(key, 8 * 10**6 + list(KINDS).index(kind), shard.members)
    for i, rng in enumerate(sources):
        order = rng.permutation(len(y))[: round(part * len(y))]
        known[i, order] = True
        seen[i, order[: round(SEEN * len(order))]] = True
        words.append(rng.integers(0, 2**32, (2, 2), np.uint32))
    starts = jax.random.wrap_key_data(jnp.asarray(np.array(words)), impl="threefry2x32")

    def fit(which: int, rows: np.ndarray, probabilities: np.ndarray, steps: int) -> np.ndarray:
        return fitted_pairs(
            architecture,
            np.where(rows[..., None], probabilities, 0.0),
            width=width,
            keys=starts[:, which],
            steps=steps,
        )

    hard = np.eye(study.modulus)[y]
    outputs = fit(0, known, hard, stop)
    correct = [outputs.argmax(-1) == y]
    for name in labels(study):
        told = hard
        if name != "hard":
            told = soft_labels(outputs.reshape(-1, study.modulus), float(name))
            told = told.reshape(outputs.shape)
        correct.append(fit(1, seen, told, study.modular_steps).argmax(-1) == y)
    rows = []
    for i in range(len(known)):
        teacher, *students = (one[i] for one in correct)
        unknown, held_out = ~known[i], known[i] & ~seen[i]
        rows.append(
            {
                "memorized": np.array([one[held_out].mean() for one in students]),
                "unseen": np.array([one[unknown].mean() for one in students]),
                "teacher_accuracy": np.full(len(students), teacher[known[i]].mean()),
                "teacher_unseen": np.full(len(students), teacher[unknown].mean()),
            }
        )
    return per_member(rows, ("labels",)).assign_coords(labels=labels(study))


def claims(
    study: "MemorizedDistillation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Teachers that stop first memorize; soft labels leak, hard ones do not."""
    stop, hot = min(study.modular_stops), f"{max(study.modular_temperatures):g}"
    found = []
    for kind, (_, _, part, words) in KINDS.items():
        at = measurement.sel(kind=kind, stop=stop)
        apart = at.memorized - at.unseen
        pairs = round(part * study.modulus**2) * study.modular_teachers
        floor = share_error(round((1 - SEEN) * pairs))
        found += [
            mean_claim(
                f"modular-{kind}-memorizes",
                f"The teacher has memorized sums modulo {study.modulus}: {words}",
                SAME,
                at.teacher_accuracy.sel(labels=hot).values,
                kind="at_least",
                floor=share_error(pairs),
            ),
            mean_claim(
                f"modular-{kind}-leaks",
                f"Accuracy on sums that only the teacher saw minus on those that none saw, soft "
                f"labels at temperature {hot}: {words}",
                float(prediction.difference),
                apart.sel(labels=hot).values,
                kind="at_least",
                floor=floor,
            ),
            mean_claim(
                f"modular-{kind}-hard",
                f"Accuracy on sums that only the teacher saw minus on those that none saw, hard "
                f"labels: {words}",
                float(prediction.difference),
                apart.sel(labels="hard").values,
                tolerance=LEAK,
                floor=floor,
            ),
        ]
    return found


def pictures(
    study: "MemorizedDistillation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Accuracy on both kinds of pairs, for all labels; teachers that stop first."""
    stop, names = min(study.modular_stops), labels(study)
    words = {"memorized": "the teacher saw it", "unseen": "none saw it"}
    figure, axes = new_figure(2, titles=[one[3] for one in KINDS.values()], sharey=True)
    for ax, kind in zip(axes, KINDS, strict=True):
        at = measurement.sel(kind=kind, stop=stop)
        for color, (name, label) in enumerate(words.items()):
            found = statistics.mean(at[name].transpose("member", "labels").values)
            place = np.arange(len(names)) + 0.1 * (2 * color - 1)
            measured(ax, place, found.value, found.standard_error, label, color=color)
        understood = float(at.teacher_unseen.mean())
        reference_line(ax, y=understood, label="teacher where none saw it")
        ax.set_xticks(range(len(names)), names)
        ax.set_xlabel("hard labels, or temperature")
        ax.set_xlim(-0.5, len(names) - 0.5)
        ax.set_ylim(-0.03, 1.05)
        legend(ax)
    axes[0].set_ylabel("accuracy of students")
    return [
        Picture(
            "modular",
            "Soft labels give away sums that only the teacher saw",
            f"Sums modulo {study.modulus}: accuracy of students on those that the teacher "
            "memorized and they never saw, and on those that neither saw; "
            f"{study.modular_teachers} teachers that stop after {stop} steps. Chance is "
            f"{float(prediction.chance):.2g}.",
            figure,
        )
    ]
