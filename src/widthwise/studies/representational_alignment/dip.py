"""The dip at the interpolation threshold, and two points beside it that agree and err differently.

Linear networks at one SNR, solved exactly, with many training sets.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics.alignment import label_noise
from widthwise.experiments import Claim, Shard
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, measured, new_figure, reference_line, theory
from widthwise.studies.representational_alignment import networks
from widthwise.studies.representational_alignment.common import SNR, counts, mean_claim, next_order

if TYPE_CHECKING:
    from widthwise.studies.representational_alignment.study import RepresentationalAlignment

PART = "dip"
PAIR = (0.2, 1.8)
"""Samples over inputs with the same overlap at SNR 5, and very different test errors."""
NEAR = (0.5, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 2.0)
DIP = 3
"""How far from threshold noise has no variance, in samples: no theory places the dip closer."""


def near(study: "RepresentationalAlignment") -> list[int]:
    """Numbers of samples around the threshold."""
    return counts(study.inputs, np.array(NEAR))


def pair(study: "RepresentationalAlignment") -> list[int]:
    """The two numbers of samples with one overlap."""
    return counts(study.inputs, np.array(PAIR))


def predict(study: "RepresentationalAlignment") -> xr.Dataset:
    """Overlap and test error for many inputs, and where the overlap is least."""
    samples = sorted({*near(study), *pair(study)})
    found = [label_noise(p / study.inputs, SNR) for p in samples]
    error = np.array([one.test_error for one in found])
    return xr.Dataset(
        {
            "overlap": ("samples", [one.overlap for one in found]),
            # infinite at threshold, where none is claimed
            "test_error": ("samples", np.where(np.isfinite(error), error, 0.0)),
            "threshold": float(study.inputs),
            "difference": 0.0,
        },
        coords={"samples": samples},
        attrs={"source": "minimum-norm least squares with private label noise"},
    )


def shards(study: "RepresentationalAlignment") -> list[Shard]:
    """One shard for each number of samples."""
    return [
        Shard(PART, {"samples": p}, (0, study.dip_members))
        for p in sorted({*near(study), *pair(study)})
    ]


def measure(study: "RepresentationalAlignment", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Overlap over pairs of networks and their test error."""
    p, d = int(shard.settings["samples"]), study.inputs
    rows = []
    for rng in networks.generators(key, 6 * 10**5 + p, shard.members):
        target = networks.directions(rng, (d,))[:, None]
        x = rng.standard_normal((p, d))
        noise = rng.standard_normal((p, study.networks)) / SNR**0.5
        w = networks.minimum_norm(x, x @ target + noise)
        rows.append([networks.overlaps(w).mean(), np.sum((w - target) ** 2, axis=0).mean()])
    found = np.array(rows, np.float32)
    return xr.Dataset({"overlap": ("member", found[:, 0]), "test_error": ("member", found[:, 1])})


def claims(
    study: "RepresentationalAlignment", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Where the dip is and that it is one; agreement and test error of the pair."""
    overlap = measurement.overlap.transpose("member", "samples").astype(float)
    threshold, least = float(prediction.threshold), float(prediction.difference)
    at = overlap.sel(samples=study.inputs).values
    found = [_position(study, threshold, overlap)]
    for words, ratio in (("half", 0.5), ("twice", 2.0)):
        far = overlap.sel(samples=round(ratio * study.inputs)).values
        found.append(
            mean_claim(
                f"dip-{words}",
                f"Overlap with {words} as many samples as inputs, minus that at threshold: linear "
                f"networks of {study.inputs} inputs, SNR {SNR:g}",
                least,
                far - at,
                tolerance=0.0,
                kind="at_least",
            )
        )
    for p in pair(study):
        where = f"{p} samples of {study.inputs} inputs, SNR {SNR:g}"
        statements = {
            "overlap": f"Overlap of linear networks: {where}",
            "test_error": f"Test error over signal, the overlap being the same for both: {where}",
        }
        found += [
            mean_claim(
                f"pair-{name.replace('_', '-')}-{p}",
                statement,
                float(prediction[name].sel(samples=p)),
                measurement[name].sel(samples=p).values,
                tolerance=next_order(study.inputs),
            )
            for name, statement in statements.items()
        ]
    return found


def _position(study: "RepresentationalAlignment", threshold: float, overlap: xr.DataArray) -> Claim:
    """Where the mean overlap is least, with the spread of that over resampled members."""
    position = np.array(near(study), float)
    values = overlap.sel(samples=near(study)).values
    rng = np.random.default_rng(study.seed)
    rows = rng.integers(0, len(values), (200, len(values)))
    again = position[[int(np.argmin(values[row].mean(axis=0))) for row in rows]]
    spacing = float(np.min(np.diff(position)))
    return Claim(
        name="dip-position",
        statement=f"Number of samples with the least overlap: linear networks of {study.inputs} "
        f"inputs, SNR {SNR:g}",
        predicted=threshold,
        measured=float(position[np.argmin(values.mean(axis=0))]),
        standard_error=float(np.hypot(np.std(again, ddof=1), spacing / 12**0.5)),
        tolerance=DIP,
    )


def pictures(
    study: "RepresentationalAlignment", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Overlap near the threshold, and test error at the two points of one overlap."""
    figure, (left, right) = new_figure(2, titles=("overlap", "test error / signal"))
    ratio = np.linspace(0.15, 2.1, 400)
    ratio = ratio[np.abs(ratio - 1) > 1e-3]
    limit = [label_noise(float(r), SNR) for r in ratio]
    theory(left, ratio, [one.overlap for one in limit], "linear networks")
    theory(right, ratio, [one.test_error for one in limit], "linear networks")
    position = prediction.samples.values / study.inputs
    away = np.abs(prediction.samples.values - study.inputs) > DIP
    for ax, name, shown in ((left, "overlap", position > 0), (right, "test_error", away)):
        values = measurement[name].transpose("member", "samples").values[:, shown]
        found = statistics.mean(values)
        label = "linear networks"
        measured(ax, position[shown], found.value, found.standard_error, label)
        for r in PAIR:
            reference_line(ax, x=r)
        ax.set_xlabel("samples / inputs")
    right.set_ylim(0, 4)
    legend(right, place="upper left")
    first, second = pair(study)
    return [
        Picture(
            "dip",
            "One overlap, two test errors",
            f"Linear networks of {study.inputs} inputs at SNR {SNR:g}, {study.dip_members} "
            f"training sets. Dashed: {first} and {second} samples, where networks agree to 0.8 "
            "both and err by 0.85 and 0.25. The test error next to the threshold has no mean and "
            "is not shown.",
            figure,
        )
    ]
