"""The mean output of one given network, from its weights: propagation beside sampling.

Over random ReLU networks of width n the squared error of mean propagation falls like 1/n, that of
covariance propagation like 1/n^2; sampling at equal cost falls like the number of samples that this
cost buys.
"""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from widthwise import activations
from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.kernels.propagation import Method, flops
from widthwise.numerics import fits, statistics
from widthwise.observables import squared_errors
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory

if TYPE_CHECKING:
    from widthwise.studies.no_coincidence.study import NoCoincidence

PART = "estimators"
HIDDEN = 2
SAMPLES = 2_000
"""Runs of each network for its true mean; their error is subtracted."""
METHODS: tuple[Method, ...] = ("mean", "covariance")
ORDERS = {"mean": 1, "covariance": 2}
"""Order K of each method: its squared error falls like width^-K."""


def predict(study: "NoCoincidence") -> xr.Dataset:
    """Exponents of the squared error, and what an estimate costs in samples."""
    cost = [
        [
            flops(_sizes(width), method) / flops(_sizes(width), "sample")
            for width in study.estimator_widths
        ]
        for method in METHODS
    ]
    return xr.Dataset(
        {
            "exponent": ("estimator", [-float(order) for order in ORDERS.values()]),
            "cost_in_samples": (("estimator", "width"), cost),
        },
        coords={"estimator": list(ORDERS), "width": list(study.estimator_widths)},
        attrs={"source": "Wu et al. 2026, arXiv 2605.05179"},
    )


def shards(study: "NoCoincidence") -> list[Shard]:
    """One shard per width."""
    members = study.estimator_members
    return [
        shard
        for width in study.estimator_widths
        for shard in shards_of(PART, {"width": width}, members=members, batch=members)
    ]


def measure(study: "NoCoincidence", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Squared error of each method on each network, and the variance of one sample."""
    del study
    width = int(shard.settings["width"])
    keys = member_keys(key, width, shard.members)
    errors = squared_errors(
        keys,
        activations.relu,
        width,
        methods=(*METHODS, "sample"),
        hidden_layers=HIDDEN,
        samples=SAMPLES,
    )
    squares = np.stack([errors[estimator] for estimator in METHODS], axis=1)
    return xr.Dataset(
        {
            "squared_error": (("member", "estimator"), squares),
            "sample_variance": ("member", np.asarray(errors["sample"])),
        },
        coords={"estimator": list(ORDERS)},
    )


def claims(study: "NoCoincidence", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """Exponents of both methods, and which is cheaper than sampling."""
    found = []
    widths = measurement["width"].values
    for method, order in ORDERS.items():
        errors = statistics.mean(_by_member(measurement, method))
        fit = fits.fit_power_law(widths, errors.value, errors.standard_error)
        found.append(
            Claim(
                name=f"exponent-{method}",
                statement=f"Squared error of {method} propagation falls like width^-{order}",
                predicted=float(prediction.exponent.sel(estimator=method)),
                measured=fit.exponent,
                standard_error=fit.exponent_error,
                tolerance=2 * HIDDEN / min(study.estimator_widths),
                members=measurement.sizes["member"],
            )
        )
    widest = int(max(widths))
    gain = _gain(prediction, measurement, widest)
    found.append(
        Claim(
            name="cheaper-than-sampling",
            statement="log10 of the squared error of sampling over that of covariance propagation, "
            f"at equal cost: width {widest}",
            predicted=0.0,
            measured=float(gain.value),
            standard_error=float(gain.standard_error),
            tolerance=0.0,
            kind="at_least",
            members=measurement.sizes["member"],
        )
    )
    return found


def pictures(
    study: "NoCoincidence", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Squared error against width, beside sampling at the cost of covariance propagation."""
    del study
    figure, (ax,) = new_figure(1, size=(6.4, 4.2))
    widths = measurement["width"].values.astype(float)
    for i, (method, order) in enumerate(ORDERS.items()):
        errors = statistics.mean(_by_member(measurement, method))
        label = f"{method} propagation (slope -{order})"
        middle = np.exp(np.mean(np.log(np.abs(errors.value) * widths**order)))
        theory(ax, widths, middle * widths**-order, label, color=i)
        measured(ax, widths, errors.value, errors.standard_error, label, color=i)
    variance = statistics.mean(measurement.sample_variance.transpose("member", "width").values)
    bought = prediction.cost_in_samples.sel(estimator="covariance").values
    label = "sampling at the cost of covariance propagation"
    measured(ax, widths, variance.value / bought, variance.standard_error / bought, label, color=2)
    log_axis(ax, "x", base=2, ticks=widths.tolist())
    log_axis(ax, "y")
    ax.set_xlabel("width")
    ax.set_ylabel("mean squared error of the mean output")
    legend(ax, place="outside")
    return [
        Picture(
            "estimators",
            "The mean of one network from its weights, without running it",
            f"ReLU networks with {HIDDEN} hidden layers, natural weights, Gaussian inputs. Lines: "
            "the predicted power of width, through the points' level. Points: error over "
            f"{measurement.sizes['member']} networks, with standard errors.",
            figure,
        )
    ]


def _sizes(width: int) -> tuple[int, ...]:
    return (width,) * (HIDDEN + 2)


def _by_member(measurement: xr.Dataset, method: str) -> np.ndarray:
    errors = measurement.squared_error.sel(estimator=method)
    return errors.transpose("member", "width").values.astype(float)


def _gain(prediction: xr.Dataset, measurement: xr.Dataset, width: int) -> statistics.Estimate:
    """Logarithm of the ratio of squared errors at equal cost."""
    at = measurement.sel(width=width)
    bought = float(prediction.cost_in_samples.sel(estimator="covariance", width=width))
    samples = np.stack([at.sample_variance.values, at.squared_error.sel(estimator="covariance")], 1)
    return statistics.of_means(lambda m: jnp.log10(m[0] / bought / m[1]), samples)
