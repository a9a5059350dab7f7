"""ReLU networks: what soft labels leak at each temperature, and hard and shuffled ones do not.

The thresholds of claims are those in which the paper speaks: memorized and the same from 0.99 on;
no leakage up to 0.1. Recovery is claimed from five equations per parameter on, where students in
the paper come close to their teachers; of the best of three students, since some do not
find weights that fit. Which one fits best is seen without what is held out.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.experiments import Claim, Shard, shards_of
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, measured, new_figure, reference_line
from widthwise.studies.memorized_distillation import networks
from widthwise.studies.memorized_distillation.common import (
    NOTHING,
    SAME,
    generators,
    mean_claim,
    per_member,
    share_error,
)

if TYPE_CHECKING:
    from widthwise.studies.memorized_distillation.study import MemorizedDistillation

PART = "network_labels"
ENOUGH = 5.0
STARTS = 3
HOT = f"{networks.TEMPERATURE:g}"
BEST = f"{HOT}, best"
_NAMES = ("accuracy", "fresh_agreement", "seen_accuracy", "teacher_accuracy")


def kinds(study: "MemorizedDistillation") -> list[str]:
    """Labels of the students: the best of several, temperatures, then the controls."""
    return [BEST, *(f"{tau:g}" for tau in study.network_temperatures), "hard", "shuffled"]


def predict(study: "MemorizedDistillation") -> xr.Dataset:
    """Chance, and how many equations and unknowns there are."""
    equations = networks.FRACTION * study.network_samples * (networks.CLASSES - 1)
    return xr.Dataset(
        {
            "chance": ((), 1 / networks.CLASSES),
            "equations_per_parameter": ((), equations / networks.parameters(networks.WIDTH)),
        }
    )


def shards(study: "MemorizedDistillation") -> list[Shard]:
    """Blocks of teachers."""
    return shards_of(PART, {}, members=study.network_teachers, batch=2)


def measure(study: "MemorizedDistillation", shard: Shard, key: jax.Array) -> xr.Dataset:
    """One student of each kind of labels for every teacher."""
    rows = []
    for rng in generators(key, 6 * 10**6, shard.members):
        count = study.network_samples
        taught = networks.teacher(rng, count, rows=count, steps=study.network_steps)
        labels = [taught.labels(kind) for kind in kinds(study)[1:]]
        found = [taught.student(soft, width=networks.WIDTH) for soft in labels]
        hot = kinds(study).index(HOT) - 1
        starts = [taught.student(labels[hot], width=networks.WIDTH) for _ in range(STARTS - 1)]
        best = min([found[hot], *starts], key=lambda one: one["misfit"])
        found.insert(0, best)
        rows.append({name: np.array([f[name] for f in found]) for name in _NAMES})
    return per_member(rows, ("labels",)).assign_coords(labels=kinds(study))


def claims(
    study: "MemorizedDistillation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """The teacher memorizes; hot soft labels give it away; controls give nothing."""
    chance = float(prediction.chance)
    cold = f"{min(study.network_temperatures):g}"
    table = {
        name: {kind: measurement[name].sel(labels=kind).values for kind in kinds(study)}
        for name in _NAMES
    }
    unseen = round(study.network_samples * (1 - networks.FRACTION)) * study.network_teachers
    held_out = {"floor": share_error(unseen)}
    text = "ReLU networks on random labels"
    found = [
        mean_claim(
            "network-memorizes",
            f"The teacher has memorized: {text}",
            SAME,
            table["teacher_accuracy"][HOT],
            kind="at_least",
            floor=share_error(study.network_samples * study.network_teachers),
        ),
        mean_claim(
            "network-leaks",
            f"Held-out accuracy at temperature {HOT} is above chance: {text}",
            chance,
            table["accuracy"][HOT],
            kind="at_least",
            **held_out,
        ),
        *(
            mean_claim(
                f"network-{kind}",
                f"Held-out accuracy with {kind} labels shows no leakage: {text}",
                NOTHING,
                table["accuracy"][kind],
                kind="at_most",
                **held_out,
            )
            for kind in ("hard", "shuffled")
        ),
        mean_claim(
            "network-temperature",
            f"Held-out accuracy at temperature {HOT} minus that at {cold}: {text}",
            0.0,
            table["accuracy"][HOT] - table["accuracy"][cold],
            kind="at_least",
            **held_out,
        ),
    ]
    if float(prediction.equations_per_parameter) >= ENOUGH:
        found.append(
            mean_claim(
                "network-recovered",
                f"At temperature {HOT} the best of {STARTS} students agrees with the teacher on "
                f"new inputs: {text}",
                SAME,
                table["fresh_agreement"][BEST],
                kind="at_least",
                floor=share_error(networks.FRESH * study.network_teachers),
            )
        )
    return found


def pictures(
    study: "MemorizedDistillation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Accuracy on memorized data, and agreement on new inputs, for all labels."""
    figure, axes = new_figure(2, titles=("memorized, never seen", "new inputs"))
    names = kinds(study)
    for ax, name in zip(axes, ("accuracy", "fresh_agreement"), strict=True):
        found = statistics.mean(measurement[name].transpose("member", "labels").values)
        soft = len(names) - 2
        for i, (start, stop, label) in enumerate(
            ((0, soft, "soft labels"), (soft, soft + 1, "hard"), (soft + 1, soft + 2, "shuffled"))
        ):
            part = slice(start, stop)
            measured(
                ax, np.arange(start, stop), found.value[part], found.standard_error[part], label,
                color=i,
            )  # fmt: skip
        reference_line(ax, y=float(prediction.chance), label="chance")
        ax.set_xticks(range(len(names)), names)
        ax.set_xlabel("temperature, or kind of labels")
        ax.set_ylim(-0.03, 1.05)
        legend(ax)
    axes[0].set_ylabel("accuracy against the labels")
    axes[1].set_ylabel("agreement with the teacher")
    return [
        Picture(
            "network-labels",
            "A ReLU student learns labels it never saw, and the teacher with them",
            f"{networks.INPUTS} inputs, {networks.WIDTH} hidden neurons, {networks.CLASSES} "
            f"classes, {study.network_samples} samples with random labels of which the student "
            f"sees a fraction {networks.FRACTION:g}; {study.network_teachers} teachers. "
            f"Best: of {STARTS} students, the one that fits its labels best.",
            figure,
        )
    ]
