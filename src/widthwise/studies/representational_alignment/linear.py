"""Linear networks with label noise of their own, over samples and noise, solved exactly.

The representation that a linear network with one output ends with is one direction, and the overlap
of two networks the signed correlation of what they say; its square is the CKA of hidden layers.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr
from scipy.stats import t as student

from widthwise.dynamics.alignment import finite_size, label_noise
from widthwise.experiments import Claim, Shard
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory
from widthwise.studies.representational_alignment import networks
from widthwise.studies.representational_alignment.common import (
    SNR,
    counts,
    least_increase,
    mean_claim,
)

if TYPE_CHECKING:
    from widthwise.studies.representational_alignment.study import RepresentationalAlignment

PART = "linear"
NEAR = (0.85, 0.95, 1.0, 1.05, 1.15)


def levels(study: "RepresentationalAlignment") -> np.ndarray:
    """Signal over noise, the middle one 5."""
    return SNR * np.geomspace(0.1, 10, study.snr_levels)


def grid(study: "RepresentationalAlignment") -> list[int]:
    """Numbers of samples at which theory is held against the ensemble: not next to threshold."""
    below, above = np.geomspace(0.25, 0.75, study.sizes), np.geomspace(1.25, 6, study.sizes)
    return counts(study.inputs, np.concatenate([below, above]))


def all_counts(study: "RepresentationalAlignment") -> list[int]:
    """All numbers of samples."""
    return sorted({*grid(study), *counts(study.inputs, np.array(NEAR))})


def predict(study: "RepresentationalAlignment") -> xr.Dataset:
    """Overlap and test error for many inputs, and the overlap at this number of them."""
    samples, snr = all_counts(study), levels(study)
    limit = [[label_noise(p / study.inputs, s) for s in snr] for p in samples]
    sized = [
        [
            finite_size(p, study.inputs, s).overlap if p in grid(study) else one.overlap
            for s, one in zip(snr, row, strict=True)
        ]
        for p, row in zip(samples, limit, strict=True)
    ]
    error = np.array([[one.test_error for one in row] for row in limit])
    dims = ("samples", "snr")
    return xr.Dataset(
        {
            "overlap": (dims, sized),
            "limit": (dims, [[one.overlap for one in row] for row in limit]),
            "test_error": (dims, np.where(np.isfinite(error), error, 0.0)),
        },
        coords={"samples": samples, "snr": snr},
        attrs={"source": "minimum-norm least squares with private label noise"},
    )


def shards(study: "RepresentationalAlignment") -> list[Shard]:
    """One shard for each number of samples, with all levels of noise."""
    return [Shard(PART, {"samples": p}, (0, study.members)) for p in all_counts(study)]


def measure(study: "RepresentationalAlignment", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Overlap and CKA over pairs of networks, test error; data and noise are drawn anew each."""
    p, d, snr = int(shard.settings["samples"]), study.inputs, levels(study)
    rows = []
    for rng in networks.generators(key, p, shard.members):
        target = networks.directions(rng, (len(snr), d))[..., None]
        x = rng.standard_normal((len(snr), p, d))
        noise = rng.standard_normal((len(snr), p, study.networks)) / np.sqrt(snr)[:, None, None]
        w = networks.minimum_norm(x, x @ target + noise)
        pairs = networks.overlaps(w)
        error = np.sum((w - target) ** 2, axis=1).mean(axis=-1)
        rows.append([pairs.mean(axis=-1), np.mean(pairs**2, axis=-1), error])
    found = np.array(rows, np.float32)
    return xr.Dataset(
        {
            name: (("member", "snr"), found[:, i])
            for i, name in enumerate(("overlap", "cka", "test_error"))
        },
        coords={"snr": snr},
    )


def claims(
    study: "RepresentationalAlignment", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Theory lies in the band of the ensemble, and the overlap grows with SNR everywhere."""
    overlap = measurement.overlap.transpose("member", "samples", "snr").astype(float)
    points = overlap.sel(samples=grid(study))
    found = statistics.mean(points.values)
    band = student.ppf(0.975, found.count - 1) * found.standard_error
    theirs = prediction.overlap.sel(samples=grid(study)).transpose("samples", "snr").values
    inside = np.abs(found.value - theirs) <= band
    log_snr = np.log(levels(study))
    log_snr = log_snr - log_snr.mean()
    slope = overlap.values @ log_snr / np.sum(log_snr**2)
    return [
        Claim(
            name="coverage",
            statement="Share of the points (samples, SNR) where the predicted overlap lies in the "
            f"95 % band of the ensemble: linear networks of {study.inputs} inputs, {study.members} "
            f"training sets of {study.networks} networks",
            predicted=0.9,
            measured=float(np.mean(inside)),
            standard_error=float(np.sqrt(0.95 * 0.05 / inside.size)),
            tolerance=0.0,
            kind="at_least",
        ),
        mean_claim(
            "snr-slope",
            "Increase of the overlap per factor e in SNR, at the number of samples where it is "
            f"least: linear networks of {study.inputs} inputs",
            0.0,
            least_increase(slope),
            tolerance=0.0,
            kind="at_least",
        ),
    ]


def pictures(
    study: "RepresentationalAlignment", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Overlap and CKA over samples; overlap against test error."""
    del prediction
    return [_curves(study, measurement), _against(study, measurement)]


def _shown(study: "RepresentationalAlignment") -> list[int]:
    last = study.snr_levels - 1
    return sorted({last // 4, last // 2, last - last // 4})


def _curves(study: "RepresentationalAlignment", measurement: xr.Dataset) -> Picture:
    titles = ("overlap of outputs", "CKA of hidden layers")
    figure, axes = new_figure(2, titles=titles, sharey=True)
    ratio = np.geomspace(0.22, 6.5, 600)
    position = measurement.samples.values / study.inputs
    for color, i in enumerate(_shown(study)):
        snr = float(levels(study)[i])
        limit = np.array([label_noise(r, snr).overlap for r in ratio])
        for ax, name, line in zip(axes, ("overlap", "cka"), (limit, limit**2), strict=True):
            values = measurement[name].isel(snr=i).transpose("member", "samples").values
            found = statistics.mean(values)
            theory(ax, ratio, line, f"SNR {snr:.3g}", color=color)
            label = f"SNR {snr:.3g}"
            measured(ax, position, found.value, found.standard_error, label, color=color)
    for ax in axes:
        log_axis(ax, "x", ticks=(0.25, 0.5, 1, 2, 4))
        ax.set_xlabel("samples / inputs")
    axes[0].set_ylabel("mean over pairs of networks")
    legend(axes[1], place="outside")
    return Picture(
        "linear",
        "Networks agree least at the interpolation threshold",
        f"Linear networks of {study.inputs} inputs on the same inputs, each with label noise of "
        f"its own; {study.members} training sets of {study.networks} networks. Lines: many inputs. "
        "Next to the threshold CKA does not fall to zero: the noise of both networks lies along "
        "the same direction, with either sign.",
        figure,
    )


def _against(study: "RepresentationalAlignment", measurement: xr.Dataset) -> Picture:
    figure, (ax,) = new_figure(1, size=(5.6, 4.0))
    for color, i in enumerate(_shown(study)):
        snr = float(levels(study)[i])
        for ratios in (np.geomspace(0.1, 0.98, 200), np.geomspace(1.02, 10, 200)):
            found = [label_noise(r, snr) for r in ratios]
            label = f"SNR {snr:.3g}" if ratios[0] < 1 else ""
            dash = "dashed" if ratios[0] < 1 else "solid"
            theory(
                ax,
                [one.overlap for one in found],
                [one.test_error for one in found],
                label,
                color=color,
                dash=dash,
            )
        point = measurement.isel(snr=i).sel(samples=grid(study))
        mean = point.mean("member")
        error = statistics.mean(point.test_error.transpose("member", "samples").values)
        measured(ax, mean.overlap, error.value, error.standard_error, f"SNR {snr:.3g}", color=color)
    log_axis(ax, "y")
    ax.set_ylim(0.005, 20)
    ax.set_xlabel("overlap of two networks")
    ax.set_ylabel("test error / signal")
    legend(ax)
    return Picture(
        "overlap-and-error",
        "Agreement is not skill",
        "The same networks, overlap against test error. Each SNR has two branches: fewer samples "
        "than inputs (dashed), more (solid). The same agreement goes with very different errors.",
        figure,
    )
