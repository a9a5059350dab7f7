"""Property P: no input of the hypercube makes all outputs negative.

Three predictions stand beside exhaustive counts on finite networks: the random function, the random
function with the parity of the activation, and the infinitely wide network at its depth.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise import activations
from widthwise.ensembles import count_violations, natural_network
from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.kernels import (
    baseline,
    norm_stability,
    sample_violations,
    summarize,
    violation_variance,
    width_correction,
)
from widthwise.plotting import (
    Picture,
    legend,
    log_axis,
    measured,
    new_figure,
    reference_line,
    theory,
)
from widthwise.studies.no_coincidence.covariance import SAMPLING

if TYPE_CHECKING:
    from widthwise.studies.no_coincidence.study import NoCoincidence

PART = "property_p"
DRAWS = 20_000


def predict(study: "NoCoincidence") -> xr.Dataset:
    """Baselines; variance of the count with its first correction; probability of P, sampled."""
    m, n = study.input_bits, study.output_bits
    key = jax.random.key(study.seed + 2)
    shape = (len(study.activations), len(study.property_depths))
    probability, error, variance, correction, reliable = (np.zeros(shape) for _ in range(5))
    for i, name in enumerate(study.activations):
        phi = activations.get(name)
        for j, depth in enumerate(study.property_depths):
            counts = sample_violations(key, phi, m, n_outputs=n, depth=depth, draws=DRAWS)
            share = summarize(counts).probability
            probability[i, j], error[i, j] = share.value, share.standard_error
            variance[i, j] = violation_variance(phi, m, n, depth)
            correction[i, j] = width_correction(phi, m, n, depth, width=study.property_width)
            stability = norm_stability(phi, depth=depth, width=study.property_width)
            reliable[i, j] = stability.reliable
    dims = ("activation", "layers")
    known = [activations.get(name) for name in study.activations]
    baselines = [baseline(m, n, parity=phi.parity).probability for phi in known]
    return xr.Dataset(
        {
            "probability": (dims, probability),
            "probability_error": (dims, error),
            "variance": (dims, variance),
            "width_correction": (dims, correction),
            "reliable": (dims, reliable.astype(bool)),
            "decorrelates": ("activation", [phi.verdict().zero_mean for phi in known]),
            "parity_baseline": ("activation", baselines),
            "random_baseline": baseline(m, n).probability,
        },
        coords={"activation": list(study.activations), "layers": list(study.property_depths)},
        attrs={"source": "orthant probabilities; Gaussian process sampled exactly"},
    )


def shards(study: "NoCoincidence") -> list[Shard]:
    """One shard per activation and depth."""
    members = study.property_members
    return [
        shard
        for name in study.activations
        for depth in study.property_depths
        for shard in shards_of(
            PART, {"activation": name, "layers": depth}, members=members, batch=members
        )
    ]


def measure(study: "NoCoincidence", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Number of violations of each network, over all inputs of the hypercube."""
    width = study.property_width
    net = natural_network(
        activations.get(str(shard.settings["activation"])),
        study.output_bits,
        width=width,
        depth=int(shard.settings["layers"]),
    )
    keys = member_keys(key, width, shard.members)
    found = count_violations(net, study.input_bits, key=keys)
    counts = np.where(found.finite, found.counts.astype(float), np.nan)
    return xr.Dataset({"violations": ("member", counts)})


def claims(study: "NoCoincidence", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """Zero-mean networks have the predicted count; the others stay away from a random function.

    The variance is claimed to first order in 1/width, up to the size of that order, at the deepest
    depth at which the order can be trusted.
    """
    found = []
    for name in study.activations:
        limits = prediction.sel(activation=name)
        if bool(limits["decorrelates"]):
            depth = _reliable_depth(limits)
            limit, counts = limits.sel(layers=depth), _counts(measurement, name, depth)
            variance, correction = summarize(counts).variance, float(limit["width_correction"])
            claim = Claim(
                name=f"violations-{name}",
                statement="Variance of the number of inputs at which all outputs are negative: "
                f"{name}, width {study.property_width}, {depth} hidden layers",
                predicted=float(limit["variance"]) + correction,
                measured=float(variance.value),
                standard_error=float(variance.standard_error),
                tolerance=abs(correction),
                members=len(counts),
            )
        else:
            depth = max(study.property_depths)
            limit, counts = limits.sel(layers=depth), _counts(measurement, name, depth)
            wide, chance = float(limit["probability"]), float(limit["parity_baseline"])
            share = summarize(counts).probability
            claim = Claim(
                name=f"property-{name}",
                statement="Property P is nearer to its value at infinite width than to that of a "
                f"random function: {name}, width {study.property_width}, {depth} hidden layers",
                predicted=(wide + chance) / 2,
                measured=float(share.value),
                standard_error=float(share.standard_error),
                tolerance=SAMPLING * float(limit["probability_error"]),
                kind="at_least",
                members=len(counts),
            )
        found.append(claim)
    return found


def _reliable_depth(limits: xr.Dataset) -> int:
    """Return the deepest depth at which first order in 1/width can be trusted, else the least."""
    reliable = limits["layers"].values[limits["reliable"].values]
    return int(max(reliable, default=min(limits["layers"].values)))


def _counts(measurement: xr.Dataset, name: str, depth: int) -> np.ndarray:
    """Violations of the networks that did not overflow; the run reports the others."""
    counts = measurement.violations.sel(activation=name, layers=depth).values
    return counts[np.isfinite(counts)]


def pictures(
    study: "NoCoincidence", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Probability of property P against depth."""
    figure, (ax,) = new_figure(1, size=(6.4, 4.2))
    depths = prediction["layers"].values.tolist()
    for i, name in enumerate(study.activations):
        theory(ax, np.array(depths), prediction["probability"].sel(activation=name), name, color=i)
        found = [summarize(_counts(measurement, name, depth)).probability for depth in depths]
        values = np.array([f.value for f in found])
        errors = np.array([f.standard_error for f in found])
        measured(ax, np.array(depths), values, errors, name, color=i)
    reference_line(ax, y=float(prediction["random_baseline"]), label="random function")
    odd = baseline(study.input_bits, study.output_bits, parity="odd").probability
    if odd > 0:
        reference_line(ax, y=odd, label="random odd function")
    log_axis(ax, "y")
    log_axis(ax, "x", base=2, ticks=depths)
    ax.set_xlabel("hidden layers")
    ax.set_ylabel("P(no input gives all-negative outputs)")
    legend(ax, place="outside")
    return [
        Picture(
            "property-p",
            "Zero-mean activations make a random network a random function",
            f"Probability that none of the {2**study.input_bits} inputs makes all "
            f"{study.output_bits} outputs negative. Lines: infinite width. Points: all inputs on "
            f"{study.property_members} networks of width {study.property_width}. Compare an odd "
            "activation with a random odd function.",
            figure,
        )
    ]
