"""Square matrices of small networks: between hidden layers, and to the ten outputs."""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr
from scipy.stats import chi2

from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.experiments.claim import Kind
from widthwise.numerics import statistics
from widthwise.plotting import Picture
from widthwise.studies.weight_gaussianity import analysis, layer_pictures, networks
from widthwise.studies.weight_gaussianity.analysis import Matrices, Rows
from widthwise.weights import Graph, likelihood_ratio

if TYPE_CHECKING:
    from widthwise.studies.weight_gaussianity.study import WeightGaussianity

PART = "layers"
FREEDOM = 8
FAR, NEAR = 10.0, 1.0
"""A law has moved at ten times the floor; an invariant is met within one spread."""
FOURTH = analysis.GRAPHS.index(Graph("ab ab ab ab"))


def predict(study: "WeightGaussianity") -> xr.Dataset:
    """What is exact: variance and floor at the start, and the likelihood ratio without ties."""
    variances = [networks.start_variance(v, networks.CLASSES) for v in study.variants]
    return xr.Dataset(
        {
            "variance": ("variant", variances),
            "floor": ("variant", [analysis.floor(v, study.members) for v in variances]),
            "likelihood_ratio": float(FREEDOM),
            "surely_tied": float(chi2.ppf(0.999, FREEDOM)),
            "floors_moved": FAR,
            "spread": NEAR,
        },
        coords={"variant": list(study.variants)},
    )


def shards(study: "WeightGaussianity") -> list[Shard]:
    """All members of each variant."""
    return [
        shard
        for variant in study.variants
        for shard in shards_of(PART, {"variant": variant}, members=study.members, batch=study.shard)
    ]


def measure(study: "WeightGaussianity", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Train, and keep all square matrices."""
    variant = str(shard.settings["variant"])
    steps = networks.steps_at(study)
    history = networks.trained(
        study,
        networks.network(variant, networks.hidden_layers(study, variant), networks.CLASSES),
        networks.optimizer(variant),
        at=steps,
        members=shard.members,
        key=member_keys(key, networks.VARIANTS.index(variant), (0, 1))[0],
    )
    names = layer_names(study, variant)
    values = [history[f"weight_{i}"].values for i in range(len(names))]
    return xr.Dataset(
        {"weight": (("member", "step", "layer", "row", "column"), np.stack(values, axis=2))},
        coords={"step": steps, "layer": names},
    )


def layer_names(study: "WeightGaussianity", variant: str) -> list[str]:
    """Name the matrices, from the inputs to the outputs."""
    hidden = networks.hidden_layers(study, variant) - 1
    return [*(f"hidden {i + 1}" for i in range(hidden)), "output"]


def matrices(
    study: "WeightGaussianity", measurement: xr.Dataset, variant: str
) -> dict[str, Matrices]:
    """All layers of one variant, by name."""
    variance = networks.start_variance(variant, networks.CLASSES)
    return {
        name: analysis.of_layer(measurement, name, variance, variant=variant)
        for name in layer_names(study, variant)
    }


def claims(
    study: "WeightGaussianity", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Trends in each variant and between them; the start and the ties over all."""
    found, starts, ratios = [], [], []
    for variant in study.variants:
        layers = matrices(study, measurement, variant)
        found += _trends(study, prediction, variant, layers)
        for name, layer in layers.items():
            if variant != "uniform":  # whose entries are not Gaussian
                starts.append(layer.moved(0) / float(prediction.variance.sel(variant=variant)))
            tied = variant == "residual" and name != "output"
            test = likelihood_ratio(layer.fit(layer.steps - 1))
            if tied:
                found.append(_tied(prediction, name, test.statistic, layer.count))
            else:
                ratios.append(test.statistic)
    found += _effects(study, measurement)
    members, count = study.members, len(starts)
    if starts:
        found.append(
            Claim(
                name="start",
                statement="Squared Wasserstein distance of fits from the true law before training, "
                f"in units of variance / networks, mean of {count} matrices",
                predicted=7.5,
                measured=float(np.mean(starts)) * members,
                standard_error=9.5**0.5 / count**0.5,
                tolerance=9.5**0.5,
            )
        )
    scatter = (2 * FREEDOM / len(ratios)) ** 0.5
    found.append(
        Claim(
            name="not-tied",
            statement="Likelihood ratio of tied over untied rows and columns after training, "
            f"matrices without skips, mean of {len(ratios)}",
            predicted=float(prediction.likelihood_ratio),
            measured=float(np.mean(ratios)),
            standard_error=scatter,
            tolerance=float(chi2.ppf(0.95, FREEDOM)) - FREEDOM,
        )
    )
    return found


def _effects(study: "WeightGaussianity", measurement: xr.Dataset) -> list[Claim]:
    """Against the plain ensemble: less far with weight decay, further from uniform weights."""
    effects: dict[str, tuple[str, Kind]] = {
        "weight decay": ("regularization", "at_most"),
        "uniform": ("initialization", "at_least"),
    }
    if "normal" not in study.variants:
        return []
    moved = {
        variant: _mean_moved(study, matrices(study, measurement, variant))
        for variant in ("normal", *effects)
        if variant in study.variants
    }
    plain, found = moved.pop("normal"), []
    for variant, one in moved.items():
        name, kind = effects[variant]
        ratio = float(one.value / plain.value)
        first, second = (float(e.standard_error / e.value) for e in (one, plain))
        found.append(
            Claim(
                name=name,
                statement="Squared Wasserstein distance from the start after training, mean of all "
                f"layers, {variant} over normal",
                predicted=1.0,
                measured=ratio,
                standard_error=ratio * float(np.hypot(first, second)),
                tolerance=0.0,
                kind=kind,
                members=study.members,
            )
        )
    return found


def _mean_moved(study: "WeightGaussianity", layers: dict[str, Matrices]) -> statistics.Estimate:
    members = min(layer.count for layer in layers.values())
    return analysis.estimated(
        lambda rows: float(np.mean([x.moved(study.records - 1, rows) for x in layers.values()])),
        members,
        seed=study.seed,
        resamples=study.resamples,
    )


def _tied(prediction: xr.Dataset, name: str, statistic: float, members: int) -> Claim:
    """A statistic that is far from its null has the variance of noncentral chi squared."""
    return Claim(
        name=f"tied-{name}".replace(" ", "-"),
        statement=f"Likelihood ratio of tied over untied rows and columns, {name} with a skip "
        "around it",
        predicted=float(prediction.surely_tied),
        measured=statistic,
        standard_error=2 * max(statistic, FREEDOM) ** 0.5,
        tolerance=0.0,
        kind="at_least",
        members=members,
    )


def _trends(
    study: "WeightGaussianity", prediction: xr.Dataset, variant: str, layers: dict[str, Matrices]
) -> list[Claim]:
    last, half = study.records - 1, study.records // 2
    members = min(layer.count for layer in layers.values())

    def numbers(rows: Rows) -> list[float]:
        moved = [layer.moved(last, rows) / layer.floor for layer in layers.values()]
        grown = [layer.moved(last, rows) - layer.moved(half, rows) for layer in layers.values()]
        fitted, independent = _deviations(layers, last, rows)
        gain = np.mean(np.abs(fitted)) / np.mean(np.abs(independent))
        tails = fitted[:, FOURTH]
        faded = tails
        if variant == "uniform":
            faded = np.abs(tails) - np.abs(_deviations(layers, 0, rows)[0][:, FOURTH])
        met = np.mean(np.max(np.abs(fitted), axis=1))
        return [min(moved), min(grown), *map(float, (gain, met, np.max(tails), np.max(faded)))]

    estimate = analysis.estimated(numbers, members, seed=study.seed, resamples=study.resamples)
    order = ("moved", "grows", "gain", "met", "tails", "fades")

    def claim(name: str, statement: str, predicted: float, kind: Kind) -> Claim:
        at = order.index(name)
        return _claim(estimate, at, f"{name}-{variant}", statement, predicted, kind)

    found = [
        claim(
            "moved",
            f"Squared Wasserstein distance from the start, {variant}: the least of all layers, in "
            "units of what sampling alone gives",
            float(prediction.floors_moved),
            "at_least",
        ),
        claim(
            "grows",
            f"Growth of that distance in the second half of training, {variant}: the least of all "
            "layers",
            0.0,
            "at_least",
        ),
        claim(
            "gain",
            f"Mean deviation of 39 cubic and quartic invariants from the fitted 13 numbers, over "
            f"that from independent entries, {variant}",
            float(prediction.spread),
            "at_most",
        ),
    ]
    if variant == "uniform":  # no Gaussian at the start
        fades = (
            "Deviation of the sum of fourth powers from the fitted 13 numbers after training less "
            "that before, uniform: the largest of all layers"
        )
        return [*found, claim("fades", fades, 0.0, "at_most")]
    if variant == "normal":
        tails = (
            "Deviation of the sum of fourth powers from the fitted 13 numbers, normal: the largest "
            "of all layers, negative where entries have lighter tails than a Gaussian"
        )
        found.append(claim("tails", tails, 0.0, "at_most"))
    return [
        *found,
        claim(
            "met",
            f"Largest deviation of an invariant from the fitted 13 numbers, {variant}, in spreads "
            "of single networks, mean of all layers",
            float(prediction.spread),
            "at_most",
        ),
    ]


def _deviations(
    layers: dict[str, Matrices], step: int, rows: Rows
) -> tuple[np.ndarray, np.ndarray]:
    """Deviations (layer, graph) from the largest family, and from independent entries."""
    pairs = np.array([layer.deviations(step, rows) for layer in layers.values()])
    return pairs[:, 0], pairs[:, 1]


def _claim(
    estimate: statistics.Estimate,
    index: int,
    name: str,
    statement: str,
    predicted: float,
    kind: Kind,
) -> Claim:
    return Claim(
        name=name.replace(" ", "-"),
        statement=statement,
        predicted=predicted,
        measured=float(estimate.value[index]),
        standard_error=max(float(estimate.standard_error[index]), 1e-12),
        tolerance=0.0,
        kind=kind,
        members=estimate.count,
    )


def pictures(
    study: "WeightGaussianity", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Distances, parameters, invariants and ties through training."""
    layers = {variant: matrices(study, measurement, variant) for variant in study.variants}
    steps = networks.steps_at(study)
    return [
        *layer_pictures.distances(study, prediction, layers, steps),
        layer_pictures.parameters(study, layers[study.variants[0]], steps),
        layer_pictures.invariants(study, layers[study.variants[0]]),
        layer_pictures.worst(study, layers[study.variants[0]]),
        layer_pictures.ties(study, prediction, layers, steps),
    ]
