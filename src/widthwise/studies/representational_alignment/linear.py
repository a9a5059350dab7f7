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
    next_order,
)

if TYPE_CHECKING:
    from widthwise.studies.representational_alignment.study import RepresentationalAlignment

PART = "linear"
PAIR = (0.2, 1.8)
"""Samples over inputs with the same overlap at SNR 5, and very different test errors."""
NEAR = (0.85, 0.95, 1.0, 1.05, 1.15)
DIP = 3
"""How far from threshold noise has no variance, in samples: the theory of the dip ends there."""


def levels(study: "RepresentationalAlignment") -> np.ndarray:
    """Signal over noise, the middle one 5."""
    return SNR * np.geomspace(0.1, 10, study.snr_levels)


def grid(study: "RepresentationalAlignment") -> list[int]:
    """Numbers of samples at which theory is held against the ensemble: not next to threshold."""
    below, above = np.geomspace(0.25, 0.75, study.sizes), np.geomspace(1.25, 10, study.sizes)
    return counts(study.inputs, np.concatenate([below, above]))


def all_counts(study: "RepresentationalAlignment") -> list[int]:
    """All numbers of samples."""
    return sorted({*grid(study), *counts(study.inputs, np.array([*NEAR, *PAIR, 0.5, 2.0]))})


def pair_counts(study: "RepresentationalAlignment") -> list[int]:
    """The two numbers of samples with one overlap."""
    return [round(study.inputs * ratio) for ratio in PAIR]


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
            "threshold": ((), float(study.inputs)),
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
    """Theory lies in the ensemble's band; a dip at threshold; SNR aligns; alignment is no skill."""
    where = f"linear networks of {study.inputs} inputs"
    overlap = measurement.overlap.transpose("member", "samples", "snr")
    middle = overlap.isel(snr=study.snr_levels // 2)
    half, twice, at = (
        middle.sel(samples=round(study.inputs * r)).values.astype(float) for r in (0.5, 2, 1)
    )
    log_snr = np.log(levels(study))
    slope = np.tensordot(overlap.values, log_snr - log_snr.mean(), axes=(2, 0))
    slope = slope / np.sum((log_snr - log_snr.mean()) ** 2)
    found = [
        _coverage(study, prediction, overlap),
        _dip(study, float(prediction.threshold), middle),
        mean_claim(
            "dip-below",
            f"Overlap with half as many samples as inputs, minus that at threshold: {where}",
            float(_drop(prediction, study, 0.5)),
            half - at,
            tolerance=next_order(study.inputs, study.inputs // 2),
            kind="at_least",
        ),
        mean_claim(
            "dip-above",
            f"Overlap with twice as many samples as inputs, minus that at threshold: {where}",
            float(_drop(prediction, study, 2.0)),
            twice - at,
            tolerance=next_order(study.inputs),
            kind="at_least",
        ),
        mean_claim(
            "snr-slope",
            "Increase of the overlap per factor e in SNR, at the number of samples where it is "
            f"least: {where}",
            0.0,
            least_increase(slope),
            tolerance=0.0,
            kind="at_least",
        ),
    ]
    return found + _decoupling(study, prediction, measurement)


def _drop(prediction: xr.Dataset, study: "RepresentationalAlignment", ratio: float) -> xr.DataArray:
    limit = prediction.limit.isel(snr=study.snr_levels // 2)
    far = limit.sel(samples=round(study.inputs * ratio))
    return far - limit.sel(samples=study.inputs)


def _coverage(
    study: "RepresentationalAlignment", prediction: xr.Dataset, overlap: xr.DataArray
) -> Claim:
    points = overlap.sel(samples=grid(study))
    found = statistics.mean(points.values)
    band = student.ppf(0.975, found.count - 1) * found.standard_error
    theirs = prediction.overlap.sel(samples=grid(study)).transpose("samples", "snr").values
    inside = np.abs(found.value - theirs) <= band
    return Claim(
        name="coverage",
        statement="Share of the points (samples, SNR) where the predicted overlap lies in the 95 % "
        f"band of the ensemble, {study.members} data sets of {study.networks} networks each",
        predicted=0.9,
        measured=float(np.mean(inside)),
        standard_error=float(np.sqrt(0.95 * 0.05 / inside.size)),
        tolerance=0.0,
        kind="at_least",
    )


def _dip(study: "RepresentationalAlignment", threshold: float, overlap: xr.DataArray) -> Claim:
    """Where the mean overlap is least, with the spread of that over resampled members."""
    near = overlap.sel(samples=counts(study.inputs, np.array([0.5, *NEAR, 2.0])))
    position = near.samples.values.astype(float)
    rng = np.random.default_rng(study.seed)
    rows = rng.integers(0, study.members, (200, study.members))
    again = position[np.argmin(near.values[rows].mean(axis=1), axis=1)]
    spacing = float(np.min(np.diff(position)))
    return Claim(
        name="dip-position",
        statement=f"Number of samples with the least overlap, {study.inputs} inputs, SNR {SNR:g}",
        predicted=threshold,
        measured=float(position[np.argmin(near.values.mean(axis=0))]),
        standard_error=float(np.hypot(np.std(again, ddof=1), spacing / 12**0.5)),
        tolerance=DIP,
    )


def _decoupling(
    study: "RepresentationalAlignment", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Two points with one overlap, and test errors that differ by a factor above three."""
    found = []
    for p in pair_counts(study):
        at = {"samples": p, "snr": levels(study)[study.snr_levels // 2]}
        where = f"{p} samples of {study.inputs} inputs, SNR {SNR:g}"
        limit = prediction.sel(at)
        overlap, error = (measurement[name].sel(at).values for name in ("overlap", "test_error"))
        order = next_order(study.inputs)
        found += [
            mean_claim(
                f"pair-overlap-{p}",
                f"Overlap: {where}",
                float(limit.limit),
                overlap,
                tolerance=order,
            ),
            mean_claim(
                f"pair-error-{p}",
                f"Test error over signal, though the overlap is that of the other number: {where}",
                float(limit.test_error),
                error,
                tolerance=order,
            ),
        ]
    return found


def pictures(
    study: "RepresentationalAlignment", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Overlap and CKA over samples; overlap against test error."""
    return [_curves(study, prediction, measurement), _against(study, prediction, measurement)]


def _shown(study: "RepresentationalAlignment") -> list[int]:
    last = study.snr_levels - 1
    return [last // 4, last // 2, last - last // 4]


def _curves(
    study: "RepresentationalAlignment", prediction: xr.Dataset, measurement: xr.Dataset
) -> Picture:
    titles = ("overlap of outputs", "CKA of hidden layers")
    figure, axes = new_figure(2, titles=titles, sharey=True)
    ratio = np.geomspace(0.2, 10, 400)
    position = measurement.samples.values / study.inputs
    for color, i in enumerate(_shown(study)):
        snr = float(prediction.snr[i])
        limit = np.array([label_noise(r, snr).overlap for r in ratio])
        for ax, name, line in zip(axes, ("overlap", "cka"), (limit, limit**2), strict=True):
            values = measurement[name].isel(snr=i).transpose("member", "samples").values
            found = statistics.mean(values)
            theory(ax, ratio, line, f"SNR {snr:.3g}", color=color)
            label = f"SNR {snr:.3g}"
            measured(ax, position, found.value, found.standard_error, label, color=color)
    for ax in axes:
        log_axis(ax, "x", ticks=(0.2, 0.5, 1, 2, 5, 10))
        ax.set_xlabel("samples / inputs")
    axes[0].set_ylabel("mean over pairs of networks")
    legend(axes[0])
    return Picture(
        "linear",
        "Networks agree least at the interpolation threshold",
        f"Linear networks of {study.inputs} inputs on the same inputs, each with label noise of "
        f"its own; {study.members} data sets of {study.networks} networks. Lines: many inputs. "
        "Next to the threshold CKA does not fall to zero: the noise of both networks lies along "
        "the same direction, with either sign.",
        figure,
    )


def _against(
    study: "RepresentationalAlignment", prediction: xr.Dataset, measurement: xr.Dataset
) -> Picture:
    figure, (ax,) = new_figure(1, size=(5.6, 4.0))
    for color, i in enumerate(_shown(study)):
        snr = float(prediction.snr[i])
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
        f"The same networks, overlap against test error. Each SNR has two branches: fewer samples "
        f"than inputs (dashed), more (solid). At SNR {SNR:g} {pair_counts(study)[0]} and "
        f"{pair_counts(study)[1]} samples of {study.inputs} inputs give overlap 0.8 both, and test "
        "errors of 0.85 and 0.25.",
        figure,
    )
