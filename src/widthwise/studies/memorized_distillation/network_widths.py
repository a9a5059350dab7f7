"""ReLU networks: the phase diagram of samples and the student's width.

Students as wide as their teacher recover it; much wider ones fit the soft labels otherwise. Below
the counting threshold no student can be its teacher.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

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
from widthwise.studies.memorized_distillation import networks
from widthwise.studies.memorized_distillation.common import (
    SAME,
    generators,
    mean_claim,
    per_member,
    share_error,
)

if TYPE_CHECKING:
    from widthwise.studies.memorized_distillation.study import MemorizedDistillation

PART = "network_widths"
_NAMES = ("accuracy", "fresh_agreement", "seen_accuracy")


def sizes(study: "MemorizedDistillation") -> list[int]:
    """Numbers of samples, whole per class and fraction."""
    return sorted({*study.fewer_samples, study.network_samples})


def predict(study: "MemorizedDistillation") -> xr.Dataset:
    """Chance, and the counting threshold of each width."""
    return xr.Dataset(
        {
            "chance": ((), 1 / networks.CLASSES),
            "threshold": ("width", [networks.counting_threshold(w) for w in study.widths]),
        },
        coords={"width": list(study.widths)},
    )


def shards(study: "MemorizedDistillation") -> list[Shard]:
    """One for each number of samples and block of teachers."""
    return [
        shard
        for samples in sizes(study)
        for shard in shards_of(PART, {"samples": samples}, members=study.width_teachers, batch=2)
    ]


def measure(study: "MemorizedDistillation", shard: Shard, key: jax.Array) -> xr.Dataset:
    """One student of each width for every teacher."""
    samples = int(shard.settings["samples"])
    rows = []
    for rng in generators(key, 7 * 10**6 + samples, shard.members):
        taught = networks.teacher(
            rng, samples, rows=study.network_samples, steps=study.network_steps
        )
        soft = taught.labels(f"{networks.TEMPERATURE:g}")
        found = [taught.student(soft, width=width) for width in study.widths]
        rows.append({name: np.array([f[name] for f in found]) for name in _NAMES})
    return per_member(rows, ("width",)).assign_coords(width=list(study.widths))


def claims(
    study: "MemorizedDistillation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Wide students get less; below the counting threshold none is its teacher."""
    most, widest = max(sizes(study)), max(study.widths)
    at = measurement.sel(samples=most)
    unseen = round(most * (1 - networks.FRACTION)) * study.width_teachers
    found = []
    if widest > networks.WIDTH:
        wide, equal = (at.accuracy.sel(width=w).values for w in (widest, networks.WIDTH))
        found.append(
            mean_claim(
                "network-wide",
                f"Held-out accuracy of students of width {widest} minus that of width "
                f"{networks.WIDTH}, the teacher's",
                0.0,
                wide - equal,
                kind="at_most",
                floor=share_error(unseen),
            )
        )
    if float(prediction.threshold.sel(width=widest)) > most:
        found.append(
            mean_claim(
                "network-counting",
                f"With fewer equations than unknowns (width {widest}) a student is not its "
                "teacher: agreement on new inputs",
                SAME,
                at.fresh_agreement.sel(width=widest).values,
                kind="at_most",
                floor=share_error(networks.FRESH * study.width_teachers),
            )
        )
    return found


def pictures(
    study: "MemorizedDistillation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """The phase diagram, and cuts through it."""
    figure, (diagram, cuts) = new_figure(2, titles=("held-out accuracy", "cuts"))
    widths, samples = np.array(study.widths), np.array(sizes(study))
    place, rows = np.arange(len(widths)), np.arange(len(samples))
    mean = measurement.accuracy.mean("member").transpose("samples", "width").values
    heatmap(diagram, place, rows, mean, "held-out accuracy")
    diagram.set_xticks(place, [str(w) for w in widths])
    diagram.set_yticks(rows, [str(n) for n in samples])
    edge = np.interp(prediction.threshold.values, samples, rows, left=-0.5, right=len(rows) - 0.5)
    theory(diagram, place, edge, color=1)
    diagram.set_xlabel("width of the student")
    diagram.set_ylabel("samples")
    for i, count in enumerate(samples):
        table = measurement.accuracy.sel(samples=count).transpose("member", "width").values
        found = statistics.mean(table)
        label = f"{count} samples"
        measured(cuts, widths, found.value, found.standard_error, label, color=i)
    reference_line(cuts, y=float(prediction.chance), label="chance")
    reference_line(cuts, x=networks.WIDTH, label="teacher's width")
    cuts.set_xscale("log", base=2)
    cuts.set_xticks(widths, [str(w) for w in widths])
    cuts.set_xlabel("width of the student")
    cuts.set_ylabel("held-out accuracy")
    legend(cuts)
    return [
        Picture(
            "network-widths",
            "Students as wide as the teacher recover it, wide ones do not",
            f"Soft labels at temperature {networks.TEMPERATURE:g}, a fraction "
            f"{networks.FRACTION:g}, {study.network_steps} steps, teachers of width "
            f"{networks.WIDTH}; {study.width_teachers} of each number of samples. Line: as many "
            "equations as unknowns, below it no student can be its teacher. No limit of wide "
            "students is claimed.",
            figure,
        )
    ]
