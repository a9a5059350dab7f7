"""Other sources of difference: own inputs, noisy inputs, flipped labels, and several outputs."""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics.alignment import (
    input_noise,
    label_flips,
    label_noise,
    several_outputs,
)
from widthwise.experiments import Claim, Shard
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory
from widthwise.studies.representational_alignment import networks
from widthwise.studies.representational_alignment.common import SNR, counts, mean_claim, next_order

if TYPE_CHECKING:
    from widthwise.studies.representational_alignment.study import RepresentationalAlignment

PART = "channels"
RATIOS = np.array([0.25, 0.5, 0.75, 1.25, 2.0, 4.0])
CLAIMED = (0.5, 2.0)
FLIPS = 0.1
TEACHER = np.array([1.0, 0.5, 0.25, 0.1])
"""Squared singular values of the target with several outputs."""
NOISE = 0.05
CHANNELS = ("own inputs", "noisy inputs", "flipped labels", "several outputs")


def predicted(channel: str, ratio: float) -> float:
    """Overlap of outputs for many inputs; for several outputs the CKA of hidden layers."""
    if channel == "own inputs":
        return label_noise(ratio, SNR, independent_data=True).overlap
    if channel == "noisy inputs":
        return input_noise(ratio, SNR).overlap
    if channel == "flipped labels":
        return label_flips(ratio, FLIPS).overlap
    return several_outputs(ratio, TEACHER, noise_variance=NOISE)


def predict(study: "RepresentationalAlignment") -> xr.Dataset:
    """Closed forms."""
    samples = counts(study.wide_inputs, RATIOS)
    found = [[predicted(channel, p / study.wide_inputs) for channel in CHANNELS] for p in samples]
    return xr.Dataset(
        {"alignment": (("samples", "channel"), found)},
        coords={"samples": samples, "channel": list(CHANNELS)},
    )


def shards(study: "RepresentationalAlignment") -> list[Shard]:
    """One shard for each number of samples."""
    return [
        Shard(PART, {"samples": p}, (0, study.wide_members))
        for p in counts(study.wide_inputs, RATIOS)
    ]


def measure(study: "RepresentationalAlignment", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Alignment over pairs of networks, for each source of difference."""
    p, d, m = int(shard.settings["samples"]), study.wide_inputs, study.networks
    found = [_member(rng, p, d, m) for rng in networks.generators(key, 10**5 + p, shard.members)]
    return xr.Dataset(
        {"alignment": (("member", "channel"), np.array(found, np.float32))},
        coords={"channel": list(CHANNELS)},
    )


def _member(rng: np.random.Generator, p: int, d: int, m: int) -> list[float]:
    target = networks.directions(rng, (d,))
    x = rng.standard_normal((p, d))
    own = rng.standard_normal((m, p, d))
    noise = rng.standard_normal((m, p, 1)) / SNR**0.5
    label = np.sign(x @ target)[:, None] * np.where(rng.random((p, m)) < FLIPS, -1, 1)
    learned = [
        networks.minimum_norm(own, (own @ target)[..., None] + noise)[..., 0].T,
        networks.minimum_norm(
            x + own / SNR**0.5, np.broadcast_to((x @ target)[:, None], (m, p, 1))
        )[..., 0].T,
        networks.minimum_norm(x, label),
    ]
    teacher = np.linalg.qr(rng.standard_normal((d, len(TEACHER))))[0] * np.sqrt(TEACHER)
    spread = NOISE**0.5 * rng.standard_normal((m, p, len(TEACHER)))
    layers = _hidden(networks.minimum_norm(np.broadcast_to(x, (m, p, d)), x @ teacher + spread))
    return [*(float(networks.overlaps(w).mean()) for w in learned), _mean_cka(layers)]


def _hidden(w: np.ndarray) -> np.ndarray:
    """Weights (inputs, neurons) of hidden layers that learned w (inputs, outputs): its root."""
    u, s, _ = np.linalg.svd(w, full_matrices=False)
    return u * np.sqrt(s)[..., None, :]


def _mean_cka(layers: np.ndarray) -> float:
    """CKA over pairs of hidden layers, for isotropic inputs in any number."""
    first, second = np.triu_indices(len(layers), 1)
    squares = [
        np.sum((np.swapaxes(layers[a], -1, -2) @ layers[b]) ** 2, axis=(-1, -2))
        for a, b in ((first, second), (first, first), (second, second))
    ]
    return float(np.mean(squares[0] / np.sqrt(squares[1] * squares[2])))


def claims(
    study: "RepresentationalAlignment", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Closed forms on both sides of the threshold."""
    return [
        mean_claim(
            f"{channel.replace(' ', '-')}-{p}",
            f"{'CKA of hidden layers' if channel == CHANNELS[-1] else 'Overlap'}, {channel}: "
            f"linear networks of {study.wide_inputs} inputs, {p} samples",
            float(prediction.alignment.sel(samples=p, channel=channel)),
            measurement.alignment.sel(samples=p, channel=channel).values,
            tolerance=next_order(study.wide_inputs, p),
        )
        for channel in CHANNELS
        for p in counts(study.wide_inputs, np.array(CLAIMED))
    ]


def pictures(
    study: "RepresentationalAlignment", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """One curve for each source of difference."""
    figure, (ax,) = new_figure(1, size=(5.6, 3.8))
    ratio = np.geomspace(0.2, 5, 300)
    position = prediction.samples.values / study.wide_inputs
    for color, channel in enumerate(CHANNELS):
        theory(ax, ratio, [predicted(channel, float(r)) for r in ratio], channel, color=color)
        values = measurement.alignment.sel(channel=channel).transpose("member", "samples").values
        found = statistics.mean(values)
        measured(ax, position, found.value, found.standard_error, channel, color=color)
    log_axis(ax, "x", ticks=(0.2, 0.5, 1, 2, 5))
    ax.set_xlabel("samples / inputs")
    ax.set_ylabel("alignment of two networks")
    legend(ax, place="outside")
    return [
        Picture(
            "channels",
            "What the networks do not share decides how deep the dip is",
            f"Linear networks of {study.wide_inputs} inputs. Own inputs and noisy inputs: overlap "
            f"of outputs at SNR {SNR:g}. Flipped labels: {FLIPS:.0%} of the signs, other ones for "
            "each network; what is nonlinear in the sign acts as noise that they share, and the "
            f"dip has a floor. Several outputs: CKA of hidden layers, noise variance {NOISE:g}. "
            "Lines: many inputs.",
            figure,
        )
    ]
