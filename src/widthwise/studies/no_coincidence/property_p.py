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

if TYPE_CHECKING:
    from widthwise.studies.no_coincidence.study import NoCoincidence

PART = "property_p"
DRAWS = 20_000


def predict(study: "NoCoincidence") -> xr.Dataset:
    """Baselines, exact variance of the count at infinite width, and sampled probability of P."""
    m, n = study.input_bits, study.output_bits
    key = jax.random.key(study.seed + 2)
    probability, error, variance, correction, decorrelates = [], [], [], [], []
    for name in study.activations:
        phi = activations.get(name)
        decorrelates.append(phi.verdict().zero_mean)
        for depth in study.property_depths:
            counts = sample_violations(key, phi, m, n_outputs=n, depth=depth, draws=DRAWS)
            summary = summarize(counts)
            probability.append(summary.probability)
            error.append(summary.probability_error)
            variance.append(violation_variance(phi, m, n, depth))
            correction.append(
                width_correction(phi, m, n, width=study.property_width, depth=depth)
                if decorrelates[-1]
                else 0.0
            )
    shape = (len(study.activations), len(study.property_depths))
    dims = ("activation", "layers")
    parities = [activations.get(name).parity for name in study.activations]
    return xr.Dataset(
        {
            "probability": (dims, np.reshape(probability, shape)),
            "probability_error": (dims, np.reshape(error, shape)),
            "variance": (dims, np.reshape(variance, shape)),
            "width_correction": (dims, np.reshape(correction, shape)),
            "decorrelates": ("activation", decorrelates),
            "parity_baseline": (
                "activation",
                [baseline(m, n, parity=parity).probability for parity in parities],
            ),
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
    """Zero-mean networks approach a random function; the others stay away from it."""
    found = []
    depth = max(study.property_depths)
    for name in study.activations:
        limit = prediction.sel(activation=name, layers=depth)
        counts = measurement.violations.sel(activation=name, layers=depth).values
        summary = summarize(_finite(counts))
        where = f"{name}, width {study.property_width}, {depth} hidden layers"
        if bool(limit["decorrelates"]):
            found.append(
                Claim(
                    name=f"violations-{name}",
                    statement="Variance of the number of inputs at which all outputs are negative "
                    f"is that of the infinitely wide network: {where}",
                    predicted=float(limit["variance"]),
                    measured=summary.variance,
                    standard_error=summary.variance_error,
                    tolerance=abs(float(limit["width_correction"])),
                    members=len(counts),
                )
            )
        else:
            wide, chance = float(limit["probability"]), float(limit["parity_baseline"])
            found.append(
                Claim(
                    name=f"property-{name}",
                    statement="Property P is nearer to its value at infinite width than to that of "
                    f"a random function: {where}",
                    predicted=(wide + chance) / 2,
                    measured=summary.probability,
                    standard_error=summary.probability_error,
                    tolerance=5 * float(limit["probability_error"]),
                    kind="at_least",
                    members=len(counts),
                )
            )
    return found


def pictures(
    study: "NoCoincidence", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Probability of property P against depth."""
    figure, (ax,) = new_figure(1, size=(6.4, 4.2))
    depths = prediction["layers"].values
    for i, name in enumerate(study.activations):
        theory(ax, depths, prediction["probability"].sel(activation=name), name, color=i)
        found = [
            summarize(_finite(measurement.violations.sel(activation=name, layers=depth).values))
            for depth in depths
        ]
        measured(
            ax,
            depths,
            [f.probability for f in found],
            [f.probability_error for f in found],
            name,
            color=i,
        )
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


def _finite(counts: np.ndarray) -> np.ndarray:
    """Networks that overflowed are reported by the run, not averaged."""
    return counts[np.isfinite(counts)]
