"""A ridge, or stopping early, fills the dip."""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics.alignment import label_noise, label_noise_at
from widthwise.experiments import Claim, Shard
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory
from widthwise.studies.representational_alignment import networks
from widthwise.studies.representational_alignment.common import SNR, counts, mean_claim, next_order

if TYPE_CHECKING:
    from widthwise.studies.representational_alignment.study import RepresentationalAlignment

PART = "regularized"
RATIOS = np.array([0.3, 0.5, 0.7, 0.85, 1.0, 1.2, 1.6, 2.5])
CLAIMED = (0.5, 1.0)
KNOBS = {"ridge": (0.05, 0.2, 1.0), "time": (1.0, 10.0, 100.0)}
SETTINGS = [(knob, value) for knob, values in KNOBS.items() for value in values]
NAMES = [f"{knob} {value:g}" for knob, value in SETTINGS]


def predicted(knob: str, value: float, ratio: float) -> float:
    """Overlap for many inputs."""
    if knob == "ridge":
        return label_noise(ratio, SNR, ridge=value).overlap
    return label_noise_at(ratio, SNR, value).overlap


def predict(study: "RepresentationalAlignment") -> xr.Dataset:
    """Deterministic equivalents with a ridge, averages over eigenvalues at a time."""
    samples = counts(study.wide_inputs, RATIOS)
    found = [
        [predicted(knob, value, p / study.wide_inputs) for knob, value in SETTINGS] for p in samples
    ]
    return xr.Dataset(
        {"overlap": (("samples", "setting"), found)},
        coords={"samples": samples, "setting": NAMES},
    )


def shards(study: "RepresentationalAlignment") -> list[Shard]:
    """One shard for each number of samples."""
    return [
        Shard(PART, {"samples": p}, (0, study.wide_members))
        for p in counts(study.wide_inputs, RATIOS)
    ]


def measure(study: "RepresentationalAlignment", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Overlap over pairs of networks."""
    p, d = int(shard.settings["samples"]), study.wide_inputs
    rows = []
    for rng in networks.generators(key, 2 * 10**5 + p, shard.members):
        x = rng.standard_normal((p, d))
        noise = rng.standard_normal((p, study.networks)) / SNR**0.5
        y = (x @ networks.directions(rng, (d,)))[:, None] + noise
        learned = [networks.minimum_norm(x, y, ridge=ridge) for ridge in KNOBS["ridge"]]
        learned += networks.stopped(x, y, times=KNOBS["time"])
        rows.append([networks.overlaps(w).mean() for w in learned])
    return xr.Dataset(
        {"overlap": (("member", "setting"), np.array(rows, np.float32))},
        coords={"setting": NAMES},
    )


def claims(
    study: "RepresentationalAlignment", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """At threshold and below it, for the middle ridge and the middle time."""
    return [
        mean_claim(
            f"{name.replace(' ', '-')}-{p}",
            f"Overlap with {name}: linear networks of {study.wide_inputs} inputs, {p} samples",
            float(prediction.overlap.sel(samples=p, setting=name)),
            measurement.overlap.sel(samples=p, setting=name).values,
            tolerance=next_order(study.wide_inputs),
        )
        for name in (NAMES[1], NAMES[4])
        for p in counts(study.wide_inputs, np.array(CLAIMED))
    ]


def pictures(
    study: "RepresentationalAlignment", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """One panel for the ridge, one for time."""
    figure, axes = new_figure(2, titles=("ridge", "time of gradient flow"), sharey=True)
    ratio = np.geomspace(0.25, 3, 60)
    position = prediction.samples.values / study.wide_inputs
    for ax, knob in zip(axes, KNOBS, strict=True):
        theory(ax, ratio, [label_noise(float(r), SNR).overlap for r in ratio], "none", color=3)
        for color, value in enumerate(KNOBS[knob]):
            label = f"{knob} {value:g}"
            line = [predicted(knob, value, float(r)) for r in ratio]
            theory(ax, ratio, line, label, color=color)
            values = measurement.overlap.sel(setting=label).transpose("member", "samples").values
            found = statistics.mean(values)
            measured(ax, position, found.value, found.standard_error, label, color=color)
        log_axis(ax, "x", ticks=(0.3, 0.5, 1, 2, 3))
        ax.set_xlabel("samples / inputs")
        legend(ax)
    axes[0].set_ylabel("overlap of two networks")
    return [
        Picture(
            "regularized",
            "A ridge or early stopping fills the dip",
            f"Linear networks of {study.wide_inputs} inputs, SNR {SNR:g}. Lines: many inputs. With "
            "a ridge the least overlap moves to fewer samples; the dip deepens as training goes "
            "on.",
            figure,
        )
    ]
