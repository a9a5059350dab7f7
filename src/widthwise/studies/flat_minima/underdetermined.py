"""Fewer samples than features: many solutions, and small weights find that of least norm.

Networks from larger weights end sharper, and generalize worse.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.ensembles import deep_linear_weights, train_deep_linear
from widthwise.experiments import Claim, Shard, shards_of
from widthwise.networks.deep_linear import end_to_end
from widthwise.numerics import fits
from widthwise.plotting import (
    Picture,
    legend,
    log_axis,
    measured,
    new_figure,
    reference_line,
    theory,
)
from widthwise.studies.flat_minima import common

if TYPE_CHECKING:
    from widthwise.studies.flat_minima.study import FlatMinima

PART = "underdetermined"
SMALL = 0.01
"""Scale of the weights that are small."""
LEARNING_RATE = 0.004
FITTED = 1e-8
"""Loss on the training data at which a network interpolates them."""


def predict(study: "FlatMinima") -> xr.Dataset:
    """The sharpness of the balanced network at the solution of least norm."""
    found = common.minima(_data(study).solved, study.gap_depth)
    return xr.Dataset({"balanced": found.balanced, "lower": found.lower})


def shards(study: "FlatMinima") -> list[Shard]:
    """One shard."""
    return shards_of(PART, {}, members=study.members, batch=study.members)


def measure(study: "FlatMinima", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Sharpness at the end, and the gap between loss on all inputs and on the training data.

    Small weights are trained at rates that follow the curvature, a range of scales at one rate.
    """
    data, scales = _data(study), list(study.gap_scales)
    drawn = common.started(
        key,
        study.many_features,
        depth=study.gap_depth,
        scales=[SMALL, *scales],
        members=shard.members,
    )
    task = {
        "covariance": data.solved.covariance,
        "target": data.solved.target,
        "loss": common.LOSS,
    }
    small = train_deep_linear([w[0] for w in drawn], steps=common.records(20_000), pace=0.1, **task)
    found = train_deep_linear(
        [w[1:] for w in drawn],
        steps=common.records(study.gap_steps),
        learning_rates=[LEARNING_RATE],
        **task,
    )
    last = found.isel(step=-1, learning_rate=0)
    product = end_to_end(deep_linear_weights(last)[0])[..., 0, :]
    gap = np.sum((product - data.truth) ** 2, axis=-1) + data.noise**2 - last.excess.values
    ends = {"gauss_newton": last.gauss_newton.values, "excess": last.excess.values, "gap": gap}
    return xr.Dataset(
        {name: (("scale", "member"), value) for name, value in ends.items()}
        | {"small": ("member", small.gauss_newton.values[:, -1])},
        coords={"scale": scales},
    )


def claims(study: "FlatMinima", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """Small weights end balanced at the least norm; sharper networks have wider gaps."""
    ends = measurement[["gauss_newton", "excess", "gap"]]
    fitted = (ends.excess <= FITTED).values
    found = [
        common.mean_claim(
            "least-norm",
            "Sharpness at the end over that of the balanced network of least norm: depth "
            f"{study.gap_depth}, {study.few_samples} samples of {study.many_features} features, "
            f"weights N(0, {SMALL:g}²)",
            1.0,
            measurement.small.values / float(prediction.balanced),
            4 * study.many_features * SMALL**2,
        )
    ]
    if fitted.sum() > 2:
        line = fits.fit_line(
            np.log10(ends.gauss_newton.values[fitted]), np.log10(ends.gap.values[fitted])
        )
        found.append(
            Claim(
                name="gap-slope",
                statement="Slope of the gap between test and training loss against the sharpness "
                f"at the end, in logarithms, over {int(fitted.sum())} networks",
                predicted=0.0,
                measured=line.slope,
                standard_error=line.slope_error,
                tolerance=0.0,
                kind="at_least",
                members=int(fitted.sum()),
            )
        )
    return found


def pictures(study: "FlatMinima", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Picture]:
    """Sharpness against the scale, and the gap against the sharpness."""
    figure, (left, right) = new_figure(2, titles=("where training ends", "generalization"))
    ends = measurement[["gauss_newton", "excess", "gap"]]
    fitted = (ends.excess <= FITTED).values
    sharp = np.where(fitted, ends.gauss_newton.values, np.nan)
    gap = np.where(fitted, ends.gap.values, np.nan)
    scales = np.repeat(np.array(study.gap_scales)[:, None], sharp.shape[1], axis=1)
    measured(left, scales.ravel(), sharp.ravel(), None, "networks")
    ends_of = np.array([min(study.gap_scales), max(study.gap_scales)])
    least = np.full(2, float(prediction.balanced))
    theory(left, ends_of, least, "balanced, least norm", color=1)
    reference_line(left, y=2 / LEARNING_RATE, label="2 / learning rate")
    measured(right, sharp.ravel(), gap.ravel(), None, "networks")
    log_axis(left, "y")
    log_axis(right, "x", ticks=np.array([20, 50, 100, 200, 400]))
    log_axis(right, "y", ticks=np.array([0.2, 0.5, 1.0, 2.0]))
    left.set_xlabel("standard deviation of weights at the start")
    left.set_ylabel("sharpness at the end")
    right.set_xlabel("sharpness at the end")
    right.set_ylabel("test loss − training loss")
    legend(left)
    return [
        Picture(
            "underdetermined",
            "With fewer samples than features, sharper ends generalize worse",
            f"Depth {study.gap_depth}, {study.few_samples} samples of {study.many_features} "
            f"features, learning rate {LEARNING_RATE:g}. The test loss is over all inputs, exact.",
            figure,
        )
    ]


def _data(study: "FlatMinima") -> common.Data:
    return common.data(study.seed, study.few_samples, study.many_features)
