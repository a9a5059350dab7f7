"""Features correlated between samples, and features that are only partly right."""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics.feature_model import (
    FiniteFeatures,
    class_shares,
    effective_samples,
    least_squares,
)
from widthwise.ensembles.feature_model import (
    contributions,
    gaussian_features,
    minimum_norm_weights,
    sign_features,
)
from widthwise.experiments import Claim, Shard, shards_of
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory
from widthwise.studies.ensemble_prior.common import generators, mean_claim

if TYPE_CHECKING:
    from widthwise.studies.ensemble_prior.study import EnsemblePrior

PART = "classes"
FEATURES, SAMPLES, BATCH = 200, 40, 500
_HALF = np.repeat([1.0, -1.0], SAMPLES // 2)
_EQUAL = 0.7 * np.eye(SAMPLES) + 0.3
_NEAR = 0.8 ** np.abs(np.subtract.outer(np.arange(SAMPLES), np.arange(SAMPLES)))
TASKS = {
    "balanced": (_HALF, _EQUAL, "all samples equally correlated (0.3), half of each label"),
    "constant": (np.ones(SAMPLES), _EQUAL, "all samples equally correlated (0.3), one label"),
    "step": (_HALF, _NEAR, "correlation 0.8 with the next sample, one step of labels"),
}
"""Labels, covariance of features between samples, and both in words."""
SIZES, CORRELATIONS, MANY = (4, 100, 1896), (1.0, 0.4, 0.0), 60
"""Features of three classes, their correlation with labels, and samples."""
NAMES = ("perfect", "partly right", "random")
_MIXED = 3


def predict(study: "EnsemblePrior") -> xr.Dataset:
    """Laws of finitely many Gaussian features; shares of infinitely many in classes."""
    del study
    laws = [
        FiniteFeatures(
            features=FEATURES,
            perfect=1,
            samples=SAMPLES,
            effective_samples=effective_samples(labels, covariance),
        )
        for labels, covariance, _ in TASKS.values()
    ]
    total = sum(SIZES)
    return xr.Dataset(
        {
            "random_over_perfect": ("task", [one.random_over_perfect for one in laws]),
            "effective_samples": ("task", [one.effective_samples for one in laws]),
            "shares": ("class", class_shares([n / total for n in SIZES], CORRELATIONS, MANY)),
        },
        coords={"task": list(TASKS), "class": list(NAMES)},
    )


def shards(study: "EnsemblePrior") -> list[Shard]:
    """Batches of members of each task, and of features in classes."""
    correlated = [
        shard
        for task in TASKS
        for shard in shards_of(PART, {"task": task}, members=study.feature_members, batch=BATCH)
    ]
    mixed = max(8, study.feature_members // _MIXED)
    return correlated + shards_of(PART, {"task": "classes"}, members=mixed, batch=50)


def measure(study: "EnsemblePrior", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Contributions of perfect, partly right and random features; NaN where there are none."""
    del study
    task = str(shard.settings["task"])
    if task == "classes":
        return _mixed(shard, key)
    labels, covariance, _ = TASKS[task]
    number = 1000 + list(TASKS).index(task)
    random = np.stack(
        [
            gaussian_features(rng, covariance, (FEATURES - 1,))
            for rng in generators(key, number, shard.members)
        ]
    )
    perfect = np.broadcast_to(labels[:, None], (*random.shape[:-1], 1))
    phi = np.concatenate([perfect, random], axis=-1)
    used = contributions(phi, minimum_norm_weights(phi, labels), labels, sizes=(1, FEATURES - 1))
    return _dataset(np.stack([used[:, 0], np.zeros(len(used)), used[:, 1]], axis=1))


def _mixed(shard: Shard, key: jax.Array) -> xr.Dataset:
    """Three classes of coins, agreeing with the labels always, more often than not, and by half."""
    labels, features = [], []
    for rng in generators(key, 1100, shard.members):
        y = rng.choice([-1.0, 1.0], MANY)
        labels.append(y)
        blocks = (
            sign_features(rng, y, (count,), correlation=rho)
            for count, rho in zip(SIZES, CORRELATIONS, strict=True)
        )
        features.append(np.hstack(list(blocks)))
    phi, y = np.stack(features), np.stack(labels)
    return _dataset(contributions(phi, minimum_norm_weights(phi, y), y, sizes=SIZES))


def _dataset(shares: np.ndarray) -> xr.Dataset:
    return xr.Dataset({"shares": (("member", "class"), shares)}, coords={"class": list(NAMES)})


def _ratios(measurement: xr.Dataset, task: str) -> np.ndarray:
    shares = measurement.shares.sel(task=task).dropna("member")
    return (shares.sel({"class": "random"}) / shares.sel({"class": "perfect"})).values


def claims(study: "EnsemblePrior", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """Effective samples decide; shares of three classes."""
    del study
    found = []
    for task, (_, _, words) in TASKS.items():
        predicted = float(prediction.random_over_perfect.sel(task=task))
        found.append(
            mean_claim(
                f"correlated-{task}",
                "Contribution of random features over that of perfect ones: 1 perfect of "
                f"{FEATURES} features, {SAMPLES} samples, {words}",
                predicted,
                _ratios(measurement, task),
                tolerance=2 / (FEATURES - 1) * predicted,
            )
        )
    shares = measurement.shares.sel(task="classes").dropna("member")
    for name in NAMES:
        predicted = float(prediction.shares.sel({"class": name}))
        found.append(
            mean_claim(
                f"class-{name.replace(' ', '-')}",
                f"Share of features that are {name}, of {sum(SIZES)} features in three classes, "
                f"{MANY} samples",
                predicted,
                shares.sel({"class": name}).values,
                tolerance=MANY / sum(SIZES) * predicted,
            )
        )
    return found


def pictures(
    study: "EnsemblePrior", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """The ratio over effective samples; shares of classes over samples."""
    del study
    figure, (left, right) = new_figure(2, titles=("perfect / random", "share"))
    position = np.geomspace(2, 100, 50)
    degrees = FEATURES - SAMPLES  # m - d + 1, with one perfect feature
    theory(left, position, position / degrees, f"{SAMPLES} samples")
    theory(left, position, least_squares(1 / FEATURES, position).ratio, dash="dotted")
    found = [statistics.mean(_ratios(measurement, task)) for task in TASKS]
    value = np.array([1 / float(one.value) for one in found])
    errors = np.array([float(one.standard_error) for one in found]) * value**2
    at = prediction.effective_samples.values
    measured(left, at, value, errors, f"{SAMPLES} samples")
    for place, high, task in zip(at, value, TASKS, strict=True):
        left.annotate(task, (place, high), (6, -10), textcoords="offset points")
    log_axis(left, "both")
    left.set_xlabel(r"effective samples $y^T \Sigma^{-1} y$")
    legend(left)
    shares = measurement.shares.sel(task="classes").dropna("member")
    samples = np.geomspace(1, 10_000, 80)
    parts = [n / sum(SIZES) for n in SIZES]
    curves = np.array([class_shares(parts, CORRELATIONS, float(d)) for d in samples])
    for color, name in enumerate(NAMES):
        one = statistics.mean(shares.sel({"class": name}).values)
        theory(right, samples, curves[:, color], name, color=color)
        measured(right, [MANY], [one.value], [one.standard_error], name, color=color)
    log_axis(right, "x")
    right.set_xlabel("samples")
    legend(right)
    return [
        Picture(
            "classes",
            "Labels that features explain cheaply leave little to a perfect one",
            f"Left: Gaussian features correlated between samples, one perfect of {FEATURES}; "
            "dotted: infinitely many. Right: a part 0.002 of the features is perfect, 0.05 agree "
            "with 70 % of the labels, the others are coins.",
            figure,
        )
    ]
