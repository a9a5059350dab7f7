"""Real data: linear networks on images and on terrain, solved exactly."""

from functools import cache
from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics.alignment import Overlap, label_noise_given
from widthwise.experiments import Claim, Shard
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory
from widthwise.studies.representational_alignment import networks, samples
from widthwise.studies.representational_alignment.common import counts, least_increase, mean_claim

if TYPE_CHECKING:
    from widthwise.studies.representational_alignment.study import RepresentationalAlignment

PART = "real"
RATIOS = np.array([0.3, 0.5, 0.75, 1.0, 1.35, 2.0, 4.0])
DIRECTIONS = 48
LEVELS = {"images": (0.2, 0.05, 0.01), "terrain": (1.0, 5.0, 25.0)}
"""Share of labels flipped, and signal over noise: the noisiest first."""
NOISE = ("high", "middle", "low")


def pool(task: str) -> samples.Pool:
    """Return the samples of a task."""
    return samples.images(DIRECTIONS) if task == "images" else samples.terrain()


def noisy(
    task: str, level: float, y: np.ndarray, rng: np.random.Generator, networks: int
) -> np.ndarray:
    """Return a copy of the targets for each network, with noise of its own."""
    shape = (len(y), networks)
    if task == "images":
        return y[:, None] * np.where(rng.random(shape) < level, -1, 1)
    return y[:, None] + rng.standard_normal(shape) / level**0.5


@cache
def best_linear(task: str) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the covariance of inputs, the best linear function of them, and what it leaves."""
    one = pool(task)
    w = np.linalg.lstsq(one.x, one.y, rcond=1e-12)[0]
    return one.x.T @ one.x / len(one.x), w, float(np.mean((one.y - one.x @ w) ** 2))


def predicted(task: str, level: float, count: int) -> Overlap:
    """Overlap if samples were Gaussian, with their covariance and best linear function."""
    covariance, w, rest = best_linear(task)
    flips = level if task == "images" else 0.0
    kept = 1 - 2 * flips
    return label_noise_given(
        covariance,
        kept * w,
        samples=count,
        noise_variance=4 * flips * (1 - flips) if flips else 1 / level,
        nonlinear=kept**2 * rest,
    )


def predict(study: "RepresentationalAlignment") -> xr.Dataset:
    """Theory of Gaussian inputs with the same covariance."""
    del study
    found = [
        [[predicted(task, level, p).overlap for level in LEVELS[task]] for p in _samples()]
        for task in LEVELS
    ]
    return xr.Dataset(
        {"overlap": (("task", "samples", "noise"), found), "difference": 0.0},
        coords={"task": list(LEVELS), "samples": _samples(), "noise": list(NOISE)},
    )


def shards(study: "RepresentationalAlignment") -> list[Shard]:
    """One shard for each task and number of samples."""
    return [
        Shard(PART, {"task": task, "samples": p}, (0, study.wide_members))
        for task in LEVELS
        for p in _samples()
    ]


def measure(study: "RepresentationalAlignment", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Overlap of outputs on test inputs, and test error; subsets and noise are drawn anew."""
    task, p = str(shard.settings["task"]), int(shard.settings["samples"])
    one = pool(task)
    number = 4 * 10**5 + 1000 * list(LEVELS).index(task) + p
    metric = one.x_test.T @ one.x_test / len(one.x_test)
    root = np.linalg.cholesky(metric + 1e-12 * np.trace(metric) * np.eye(len(metric)))
    rows = []
    for rng in networks.generators(key, number, shard.members):
        chosen = rng.permutation(len(one.x))[:p]
        y = [noisy(task, level, one.y[chosen], rng, study.networks) for level in LEVELS[task]]
        w = networks.minimum_norm(one.x[chosen], np.concatenate(y, axis=1))
        error = np.mean((one.x_test @ w - one.y_test[:, None]) ** 2, axis=0)
        parts = np.split(root.T @ w, len(y), axis=1)
        overlap = [networks.overlaps(part).mean() for part in parts]
        rows.append([overlap, error.reshape(len(y), -1).mean(axis=1)])
    found = np.array(rows, np.float32)
    dims = ("member", "noise")
    return xr.Dataset(
        {"overlap": (dims, found[:, 0]), "test_error": (dims, found[:, 1])},
        coords={"noise": list(NOISE)},
    )


def claims(
    study: "RepresentationalAlignment", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """A dip at the interpolation threshold, and alignment that grows with SNR at every point."""
    del study
    found = []
    for task in LEVELS:
        overlap = measurement.overlap.sel(task=task).transpose("member", "samples", "noise")
        least = overlap.sel(samples=DIRECTIONS, noise="middle").values
        for words, ratio in (("fewer", 0.5), ("more", 2.0)):
            p = round(ratio * DIRECTIONS)
            found.append(
                mean_claim(
                    f"{task}-{words}",
                    f"Overlap with {p} samples minus that with {DIRECTIONS}, as many as inputs: "
                    f"linear networks on {task}",
                    float(prediction.difference),
                    overlap.sel(samples=p, noise="middle").values - least,
                    tolerance=0.0,
                    kind="at_least",
                )
            )
        rise = (overlap.sel(noise="low") - overlap.sel(noise="high")).values
        found.append(
            mean_claim(
                f"{task}-snr",
                "Increase of the overlap from high to low noise, at the number of samples where it "
                f"is least: linear networks on {task}",
                float(prediction.difference),
                least_increase(rise),
                tolerance=0.0,
                kind="at_least",
            )
        )
    return found


def pictures(
    study: "RepresentationalAlignment", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Overlap over samples, with the theory of Gaussian inputs."""
    del study, prediction
    titles = ("images: flipped labels", "terrain: noise on heights")
    figure, axes = new_figure(2, titles=titles, sharey=True, size=(6.0, 3.4))
    dense = counts(DIRECTIONS, np.geomspace(0.25, 5, 40))
    for ax, (task, levels) in zip(axes, LEVELS.items(), strict=True):
        for color, (noise, level) in enumerate(zip(NOISE, levels, strict=True)):
            label = f"{level:.0%} flipped" if task == "images" else f"SNR {level:g}"
            line = [predicted(task, level, p).overlap for p in dense]
            theory(ax, np.array(dense) / DIRECTIONS, line, label, color=color)
            values = measurement.overlap.sel(task=task, noise=noise)
            found = statistics.mean(values.transpose("member", "samples").values)
            position = values.samples.values / DIRECTIONS
            measured(ax, position, found.value, found.standard_error, label, color=color)
        log_axis(ax, "x", ticks=(0.3, 0.5, 1, 2, 4))
        ax.set_xlabel("samples / inputs")
        legend(ax, place="outside")
    axes[0].set_ylabel("overlap of two networks")
    return [
        Picture(
            "real-data",
            "Images and terrain have the same dip",
            f"Linear networks on {DIRECTIONS} inputs. Left: principal components of "
            "Fashion-MNIST, clothes or shoes and bags. Right: heights in a window "
            "of a landscape, and the height ahead of it. Lines: Gaussian inputs of the same "
            "covariance, with what is not linear in the target as noise that networks share.",
            figure,
        )
    ]


def _samples() -> list[int]:
    return counts(DIRECTIONS, RATIOS)
