"""ReLU networks with one hidden layer: regression, classification, and images.

No theory predicts their alignment. What linear networks show is claimed of them: noise lowers it,
and it is least where parameters and samples are about equally many.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.experiments import Claim, Shard
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, reference_line
from widthwise.studies.representational_alignment import networks, samples
from widthwise.studies.representational_alignment.common import least_increase, mean_claim

if TYPE_CHECKING:
    from widthwise.studies.representational_alignment.study import RepresentationalAlignment

PART = "nonlinear"
INPUTS, WIDTH, SPREAD, TESTS = 10, 10, 0.1, 500
NETWORK = networks.relu_network(WIDTH, SPREAD)
PARAMETERS = networks.parameters(NETWORK, INPUTS)
LEVELS = {"regression": (1.0, 30.0), "classification": (0.2, 0.01), "images": (0.2, 0.01)}
"""SNR, and share of labels flipped: the noisier first."""
NOISE = ("high", "low")


def sizes(study: "RepresentationalAlignment") -> list[int]:
    """Numbers of samples: fewer than parameters, as many, and more."""
    return sorted({*study.nonlinear_samples, PARAMETERS})


def predict(study: "RepresentationalAlignment") -> xr.Dataset:
    """Signs of differences: not less than zero."""
    del study
    return xr.Dataset({"difference": 0.0})


def shards(study: "RepresentationalAlignment") -> list[Shard]:
    """One shard for each task and number of samples."""
    return [
        Shard(PART, {"task": task, "samples": p}, (0, study.nonlinear_members))
        for task in LEVELS
        for p in sizes(study)
    ]


def measure(study: "RepresentationalAlignment", shard: Shard, key: jax.Array) -> xr.Dataset:
    """CKA of hidden layers, overlap of outputs and test error; both noises on the same samples."""
    task, p = str(shard.settings["task"]), int(shard.settings["samples"])
    number = 5 * 10**5 + 10**4 * list(LEVELS).index(task) + p
    rows = [
        [
            _member(rng, task, level, p, study)
            for rng in networks.generators(key, number, shard.members)
        ]
        for level in LEVELS[task]
    ]
    found = np.array(rows)
    names = ("cka", "overlap", "dead", "test_error")
    return xr.Dataset(
        {name: (("noise", "member"), found[..., i]) for i, name in enumerate(names)},
        coords={"noise": list(NOISE)},
    )


def _member(
    rng: np.random.Generator, task: str, level: float, p: int, study: "RepresentationalAlignment"
) -> tuple[float, float, int, float]:
    """Train networks on one training set, each with noise of its own."""
    if task == "images":
        pool = samples.images(INPUTS, whitened=True)
        chosen = rng.permutation(len(pool.x))[:p]
        x, y, tests, targets = pool.x[chosen], pool.y[chosen], pool.x_test, pool.y_test
    else:
        w = networks.directions(rng, (INPUTS,))
        x, tests = rng.standard_normal((p, INPUTS)), rng.standard_normal((TESTS, INPUTS))
        y, targets = x @ w, tests @ w
        if task == "classification":
            y, targets = np.sign(y), np.sign(targets)
    start = networks.start_key(rng)
    shape = (p, study.networks)
    if task == "regression":
        labels = y[:, None] + rng.standard_normal(shape) / level**0.5
    else:
        labels = y[:, None] * np.where(rng.random(shape) < level, -1, 1)
    found = networks.trained(
        NETWORK,
        x,
        labels,
        tests,
        key=start,
        steps=study.nonlinear_steps,
        optimizer=networks.ADAM,
    )
    hidden = [np.maximum(tests @ w.T.astype(float), 0) for w in found.hidden.values]
    outputs = found.test_output.values.astype(float)
    cka, overlap, dead = networks.mean_alignment(hidden, list(outputs))
    return cka, overlap, dead, float(np.mean((outputs - targets[None]) ** 2))


def claims(
    study: "RepresentationalAlignment", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Alignment grows with SNR at every number of samples, and is not monotone in that number."""
    threshold, least = PARAMETERS, float(prediction.difference)
    few, many = min(sizes(study)), max(sizes(study))
    found = []
    for task in LEVELS:
        cka = measurement.cka.sel(task=task).transpose("member", "samples", "noise")
        low = cka.sel(noise="low")
        where = f"ReLU networks of {threshold} parameters, {task}"
        differences = {
            f"{task}-fewer": (
                f"CKA of hidden layers with {few} samples minus that with {threshold}: {where}",
                (low.sel(samples=few) - low.sel(samples=threshold)).values,
            ),
            f"{task}-more": (
                f"CKA of hidden layers with {many} samples minus that with {threshold}: {where}",
                (low.sel(samples=many) - low.sel(samples=threshold)).values,
            ),
            f"{task}-snr": (
                "Increase of the CKA of hidden layers from high to low noise, at the number of "
                f"samples where it is least: {where}",
                least_increase((low - cka.sel(noise="high")).values),
            ),
        }
        found += [
            mean_claim(f"relu-{name}", statement, least, values, tolerance=0.0, kind="at_least")
            for name, (statement, values) in differences.items()
        ]
    return found


def pictures(
    study: "RepresentationalAlignment", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """CKA over samples, one panel for each task; CKA against test error."""
    del prediction
    figure, axes = new_figure(len(LEVELS), titles=tuple(LEVELS), sharey=True)
    against, others = new_figure(len(LEVELS), titles=tuple(LEVELS), sharex=True)
    for ax, other, (task, levels) in zip(axes, others, LEVELS.items(), strict=True):
        for color, (noise, level) in enumerate(zip(NOISE, levels, strict=True)):
            label = f"SNR {level:g}" if task == "regression" else f"{level:.0%} flipped"
            at = measurement.sel(task=task, noise=noise)
            cka = statistics.mean(at.cka.transpose("member", "samples").values)
            error = statistics.mean(at.test_error.transpose("member", "samples").values)
            measured(ax, at.samples, cka.value, cka.standard_error, label, color=color)
            measured(other, cka.value, error.value, error.standard_error, label, color=color)
        reference_line(ax, x=PARAMETERS, label="parameters")
        log_axis(ax, "x", ticks=sizes(study))
        ax.set_xlabel("samples")
        other.set_xlabel("CKA of hidden layers")
        log_axis(other, "y")
        legend(ax, place="upper center")
        legend(other)
    axes[0].set_ylabel("CKA of hidden layers")
    others[0].set_ylabel("test error")
    words = (
        f"ReLU networks with {WIDTH} hidden neurons and {INPUTS} inputs, each with label noise of "
        f"its own and a start of its own; {study.nonlinear_members} data sets of {study.networks} "
        "networks."
    )
    return [
        Picture(
            "nonlinear",
            "Networks that are not linear agree least near the same threshold",
            f"{words} Images: {INPUTS} principal components of Fashion-MNIST.",
            figure,
        ),
        Picture(
            "nonlinear-error",
            "Agreement is not skill, for networks that are not linear",
            f"{words} One point for each number of samples: those with few samples agree, and err.",
            against,
        ),
    ]
