"""Three scalings of deep ReLU networks: how fast features move, how fast the loss falls."""

from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import xarray as xr

from widthwise.activations import relu
from widthwise.experiments import Claim, Shard
from widthwise.kernels import layer_scaling, mlp_angles
from widthwise.kernels.feature_speed import Scaling
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory
from widthwise.studies.feature_speed import networks

if TYPE_CHECKING:
    from widthwise.studies.feature_speed.study import FeatureSpeed

PART = "scalings"
RULES = ("ntk", "mup", "feature_speed")
EXPONENTS = {"ntk": (0.5, 0.0), "mup": (0.0, -0.5), "feature_speed": (0.0, 0.0)}
"""Powers of depth of the speed of the last features, and of the decay of the loss."""
QUANTITIES = ("speed", "decay")
WORDS = {
    "speed": "speed of the last hidden features",
    "decay": "decay of the loss by hidden layers",
}


def scaling(study: "FeatureSpeed", rule: Any, depth: int) -> Scaling:
    """Return initial scales and learning rates of a network with so many hidden layers."""
    return layer_scaling(rule, width=study.residual_width, layers=depth + 1, inputs=networks.INPUTS)


def predict(study: "FeatureSpeed") -> xr.Dataset:
    """Speed and decay at the last pre-activations, at infinite width, with every constant."""
    values = np.empty((len(RULES), len(study.depths), 2))
    for i, rule in enumerate(RULES):
        for j, depth in enumerate(study.depths):
            at = scaling(study, rule, depth)
            entering = np.array([networks.INPUTS, *[at.width / 2] * (depth - 1)])
            kernel = mlp_angles(relu, depth=depth, contributions=at.learning_rate[:-1] * entering)
            backward = float(at.init_std[-1] ** 2 * at.width / 2)
            first, second = kernel.first[-1], kernel.second[-1]
            values[i, j] = (backward * second / at.width) ** 0.5, backward * first
    return xr.Dataset(
        {"value": (("rule", "depth", "quantity"), values)},
        coords={"rule": list(RULES), "depth": list(study.depths), "quantity": list(QUANTITIES)},
    )


def shards(study: "FeatureSpeed") -> list[Shard]:
    """All depths."""
    return [
        shard
        for depth in study.depths
        for shard in networks.member_shards(
            PART,
            {"depth": depth},
            (study.residual_width,),
            study.residual_members,
            batch=study.shard,
        )
    ]


def measure(study: "FeatureSpeed", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Speed and decay at the last pre-activations."""
    depth = int(shard.settings["depth"])
    rules = [scaling(study, rule, depth) for rule in RULES]
    found = networks.speeds(
        networks.plain(study.residual_width, depth),
        networks.keys_of(key, shard, depth),
        trainings=[
            networks.Training(at.init_std, at.learning_rate, balanced=False) for at in rules
        ],
        names=[f".layers[{2 * (depth - 1)}]"],
        x=np.ones((1, networks.INPUTS)),
        errors=np.ones(1),
    )
    values = [np.concatenate([row["speed"], row["decay"]], axis=1) for row in found]
    return xr.Dataset(
        {"value": (("member", "rule", "quantity"), np.stack(values, axis=1))},
        coords={"rule": list(RULES), "quantity": list(QUANTITIES)},
    )


def claims(study: "FeatureSpeed", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """Both quantities at the largest depth."""
    found = []
    width, depth = study.residual_width, max(study.depths)
    for rule in RULES:
        for quantity in QUANTITIES:
            at = {"rule": rule, "depth": depth, "quantity": quantity}
            values = measurement.value.sel(at).sel(width=width).dropna("member").values
            estimate = statistics.mean(values)
            predicted = float(prediction.value.sel(at))
            found.append(
                Claim(
                    name=f"{quantity}-{rule}",
                    statement=f"{WORDS[quantity].capitalize()} in ReLU networks of {depth} layers "
                    f"and width {width}: {rule}",
                    predicted=predicted,
                    measured=float(estimate.value),
                    standard_error=float(estimate.standard_error),
                    tolerance=networks.SPREAD * depth / width * predicted,
                    members=estimate.count,
                )
            )
    return [*found, *_ratios(study, prediction, measurement)]


def _ratios(study: "FeatureSpeed", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """Powers of depth, from the smallest to the largest."""
    low, high = min(study.depths), max(study.depths)
    span = np.log(high / low)
    found = []
    for rule in RULES:
        for quantity, exponent in zip(QUANTITIES, EXPONENTS[rule], strict=True):
            at = {"rule": rule, "quantity": quantity}
            values = measurement.value.sel(at).sel(width=study.residual_width)
            ends = [
                statistics.mean(values.sel(depth=d).dropna("member").values) for d in (low, high)
            ]
            errors = [float(end.standard_error / end.value) for end in ends]
            exact = prediction.value.sel(at).sel(depth=[low, high]).values
            away = abs(np.log(exact[1] / exact[0]) / span - exponent)
            drift = networks.SPREAD * (high - low) / study.residual_width / span
            found.append(
                Claim(
                    name=f"{quantity}-{rule}-exponent",
                    statement=f"Power of depth of the {WORDS[quantity]}, {low} to {high} layers: "
                    f"{rule}",
                    predicted=exponent,
                    measured=float(np.log(ends[1].value / ends[0].value) / span),
                    standard_error=float(np.linalg.norm(errors) / span),
                    tolerance=away + drift,
                    members=ends[1].count,
                )
            )
    return found


def pictures(
    study: "FeatureSpeed", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Both quantities against depth."""
    figure, axes = new_figure(2)
    for ax, quantity in zip(axes, QUANTITIES, strict=True):
        for i, rule in enumerate(RULES):
            at = {"rule": rule, "quantity": quantity}
            theory(ax, study.depths, prediction.value.sel(at), rule, color=i)
            values = measurement.value.sel(at).sel(width=study.residual_width)
            found = statistics.mean(values.transpose("member", "depth").values)
            measured(ax, study.depths, found.value, found.standard_error, rule, color=i)
        log_axis(ax, "both")
        log_axis(ax, "x", base=2, ticks=study.depths)
        ax.set_xlabel("hidden layers")
        ax.set_ylabel(WORDS[quantity])
    legend(axes[0])
    return [
        Picture(
            "scalings",
            "One scaling moves features and loss alike at every depth",
            f"First step of gradient descent on the output of ReLU networks of width "
            f"{study.residual_width}: root mean square of the motion of the last hidden "
            "pre-activations, and how fast the loss falls through them (alike for ntk and "
            "feature_speed). Lines: infinite width.",
            figure,
        )
    ]
