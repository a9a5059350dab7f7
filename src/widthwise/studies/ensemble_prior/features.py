"""Perfect features among coins: what they contribute, over three decades of p d."""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics.feature_model import FiniteFeatures, least_squares
from widthwise.ensembles.feature_model import (
    contributions,
    minimum_norm_weights,
    sign_features,
)
from widthwise.experiments import Claim, Shard, shards_of
from widthwise.numerics import statistics
from widthwise.plotting import (
    Picture,
    legend,
    log_axis,
    measured,
    new_figure,
    reference_line,
    theory,
)
from widthwise.studies.ensemble_prior.common import generators, mean_claim

if TYPE_CHECKING:
    from widthwise.studies.ensemble_prior.study import EnsemblePrior

PART = "features"
FEATURES, TESTS, BATCH = 200, 50, 500
_LEVELS = 1000
FAMILIES = {1: (2, 6), 2: (6, 20, 60), 20: (6, 20, 60), 100: (20, 50)}
"""Numbers of samples for each number of perfect features: p d from 0.01 to 25."""
SETTINGS = tuple((perfect, d) for perfect, family in FAMILIES.items() for d in family)
INFORMATIVE = ((2, 20), (2, 60))
"""Where accuracy is neither one half nor one."""


def law(perfect: int, samples: int) -> FiniteFeatures:
    """Theory at one setting."""
    return FiniteFeatures(features=FEATURES, perfect=perfect, samples=samples, entries="signs")


def predict(study: "EnsemblePrior") -> xr.Dataset:
    """Law of finitely many coins; accuracy and error averaged over it."""
    del study
    laws = [law(*setting) for setting in SETTINGS]
    levels = (np.arange(_LEVELS) + 0.5) / _LEVELS
    spread = [one.quantile(levels) for one in laws]
    ratios = [
        one.random_over_perfect * part / part.mean() for one, part in zip(laws, spread, strict=True)
    ]
    pairs = list(zip(laws, ratios, strict=True))
    return xr.Dataset(
        {
            "random_over_perfect": ("setting", [one.random_over_perfect for one in laws]),
            "accuracy": ("setting", [one.accuracy_at(r).mean() for one, r in pairs]),
            "test_error": ("setting", [one.test_error_at(r).mean() for one, r in pairs]),
        },
        coords={"setting": np.arange(len(SETTINGS))},
        attrs={"source": "Hebbar 2023 at infinite N; Schur complements of Wishart matrices"},
    )


def shards(study: "EnsemblePrior") -> list[Shard]:
    """Batches of members of each setting."""
    return [
        shard
        for index in range(len(SETTINGS))
        for shard in shards_of(PART, {"setting": index}, members=study.feature_members, batch=BATCH)
    ]


def measure(study: "EnsemblePrior", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Contributions, and outputs at new inputs, of regressions on coins."""
    del study
    index = int(shard.settings["setting"])
    perfect, d = SETTINGS[index]
    random = FEATURES - perfect
    labels, features, tests = [], [], []
    for rng in generators(key, index, shard.members):
        y = rng.choice([-1.0, 1.0], d)
        labels.append(y)
        equal = np.repeat(y[:, None], perfect, axis=1)
        features.append(np.hstack([equal, sign_features(rng, y, (random,))]))
        tests.append(sign_features(rng, np.ones(TESTS), (random,)))
    phi, y = np.stack(features), np.stack(labels)
    w = minimum_norm_weights(phi, y)
    used = contributions(phi, w, y, sizes=(perfect, random))
    # Outputs at new inputs, times their labels.
    outputs = w[:, :perfect].sum(axis=1)[:, None] + np.einsum(
        "stn,sn->st", np.stack(tests), w[:, perfect:]
    )
    return xr.Dataset(
        {
            "random_over_perfect": ("member", used[:, 1] / used[:, 0]),
            "accuracy": ("member", (outputs > 0).mean(axis=1)),
            "test_error": ("member", ((outputs - 1) ** 2).mean(axis=1)),
        }
    )


def claims(study: "EnsemblePrior", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """Ratio, accuracy and test error at each setting where there are degrees of freedom."""
    del study
    words = {
        "random_over_perfect": "Contribution of random features over that of perfect ones",
        "accuracy": "Part of new inputs whose sign is right",
        "test_error": "Squared error at new inputs",
    }
    found = []
    for index, (perfect, d) in enumerate(SETTINGS):
        random = FEATURES - perfect
        shown = words if (perfect, d) in INFORMATIVE else {"random_over_perfect": ""}
        for name in shown:
            predicted = float(prediction[name][index])
            # coins: the first correction in their number; others: the spread of the ratio
            order = 2 / random if name == "random_over_perfect" else 2 / (random - d + 1)
            found.append(
                mean_claim(
                    f"{name.replace('_', '-')}-{perfect}-{d}",
                    f"{words[name]}: {perfect} perfect of {FEATURES} features, {d} samples",
                    predicted,
                    measurement[name].sel(setting=index).values,
                    tolerance=order * predicted,
                )
            )
    return found


def pictures(
    study: "EnsemblePrior", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """The ratio over p d; how right and how small the outputs are."""
    del study, prediction
    figure, (left, right) = new_figure(
        2, titles=("perfect / random", "accuracy (rising), squared error (falling)")
    )
    ratio = statistics.mean(measurement.random_over_perfect.transpose("member", ...).values)
    accuracy = statistics.mean(measurement.accuracy.transpose("member", ...).values)
    error = statistics.mean(measurement.test_error.transpose("member", ...).values)
    for color, (perfect, family) in enumerate(FAMILIES.items()):
        p, label = perfect / FEATURES, f"p = {perfect / FEATURES:g}"
        here = np.array([one[0] == perfect for one in SETTINGS])
        samples = np.unique(np.geomspace(2, 80, 60).round().astype(int))
        laws = [law(perfect, int(d)) for d in samples]
        theory(left, p * samples, [1 / one.random_over_perfect for one in laws], label, color=color)
        theory(left, p * samples, least_squares(p, samples).ratio, color=color, dash="dotted")
        value = 1 / ratio.value[here]
        measured(
            left,
            p * np.array(family),
            value,
            ratio.standard_error[here] * value**2,
            label,
            color=color,
        )
        theory(right, samples, [one.accuracy for one in laws], label, color=color)
        theory(right, samples, [one.test_error for one in laws], color=color, dash="dashed")
        for one in (accuracy, error):
            measured(right, family, one.value[here], one.standard_error[here], label, color=color)
    reference_line(left, y=1)
    log_axis(left, "both")
    log_axis(right, "x", ticks=(2, 6, 20, 60))
    left.set_xlabel("p d")
    right.set_xlabel("samples d")
    right.set_ylim(0, 1.35)
    legend(left)
    legend(right, place="upper left", columns=2)
    return [
        Picture(
            "features",
            "Features that solve the task contribute as p d",
            f"Least squares on {FEATURES} features, a part p of which equals the labels; the "
            "others are coins. Dotted: infinitely many features. Right: the sign of a new input is "
            "right (solid) long before its output has the right size (dashed: squared error).",
            figure,
        )
    ]
