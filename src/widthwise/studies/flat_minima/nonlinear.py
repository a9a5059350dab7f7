"""The same picture beyond theory: networks with a nonlinearity.

No prediction of the sharpness here, only what linear networks suggest: larger weights end sharper,
larger learning rates flatter, and nothing that converged stands above 2 / learning rate.
"""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr
from jaxtyping import Array

from widthwise.ensembles import train
from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.networks import Dense, Gelu, Sequential, Standard
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, reference_line
from widthwise.studies.flat_minima import common
from widthwise.studies.flat_minima.diagram import EDGE

if TYPE_CHECKING:
    from widthwise.studies.flat_minima.study import FlatMinima

PART = "nonlinear"
LEARNING_RATES = (0.02, 0.1)
FITTED = 0.01
"""Loss, over that of the function zero, at which a network fits the data."""
LATE = 60
"""Records of the last quarter, over which the sharpness is averaged: at the edge it oscillates."""
SETTLED = 2 * EDGE
"""Relative standard deviation of these up to which a network has converged, not oscillates."""


def mean_squared_error(outputs: Array, targets: Array) -> Array:
    """The loss of the study."""
    return jnp.mean((outputs - targets) ** 2)


def predict(study: "FlatMinima") -> xr.Dataset:
    """The edge of stability at each learning rate, and no preference of scale or rate."""
    del study
    return xr.Dataset(
        {"edge": ("learning_rate", [2 / rate for rate in LEARNING_RATES]), "none": 0.0},
        coords={"learning_rate": list(LEARNING_RATES)},
    )


def shards(study: "FlatMinima") -> list[Shard]:
    """One shard for each scale."""
    count = study.members
    return [
        shard
        for gain in study.gelu_gains
        for shard in shards_of(PART, {"gain": gain}, members=count, batch=count)
    ]


def measure(study: "FlatMinima", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Loss and sharpness of the last quarter of training, by automatic differentiation."""
    data = common.data(study.seed, study.samples, study.features, 0.0)
    gain, width = float(shard.settings["gain"]), study.features
    hidden = [layer for _ in range(study.gelu_depth - 1) for layer in (Dense(width), Gelu())]
    net = Sequential(*hidden, Dense(1), parametrization=Standard(weight_std=gain))
    (own,) = member_keys(key, width, (0, 1))
    late = np.linspace(3 * study.gelu_steps // 4, study.gelu_steps, LATE).astype(int)
    history = train(
        net,
        (data.x.astype(np.float32), data.y.astype(np.float32)),
        key=own,
        members=shard.members,
        steps=study.gelu_steps,
        optimizer=optax.sgd,
        learning_rates=list(LEARNING_RATES),
        loss=mean_squared_error,
        record=("loss", "sharpness"),
        at=[0, *np.unique(late).tolist()],
    ).isel(width=0, drop=True)
    ends = history.sharpness.isel(step=slice(1, None))
    dims = ("learning_rate", "member")
    spread = ends.std("step", ddof=1) / np.sqrt(ends.sizes["step"])
    kept = {
        "sharpness_start": history.sharpness.isel(step=0),
        "sharpness": ends.mean("step"),
        "scatter": spread,
        "loss": history.loss.isel(step=-1) / np.mean(data.y**2),
    }
    return xr.Dataset(
        {name: (dims, array.transpose(*dims).values.astype(float)) for name, array in kept.items()},
        coords={"learning_rate": list(LEARNING_RATES)},
    )


def claims(study: "FlatMinima", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """Nothing converges above the edge; larger weights end sharper, larger rates flatter."""
    found, gains = [], study.gelu_gains
    if not gains:
        return found
    share = (measurement.sharpness / prediction.edge).transpose("gain", "learning_rate", "member")
    error = (measurement.scatter / prediction.edge).transpose("gain", "learning_rate", "member")
    fits = np.nan_to_num(measurement.loss.transpose(*share.dims).values, nan=np.inf) <= FITTED
    settled = fits & (error.values * LATE**0.5 <= SETTLED * share.values)
    if settled.any():
        worst = int(np.argmax(np.where(settled, share.values, -np.inf)))
        found.append(
            Claim(
                name="gelu-edge",
                statement=f"Largest sharpness at the end times learning rate / 2 of "
                f"{settled.sum()} networks that converged: GELU, depth {study.gelu_depth}",
                predicted=1.0,
                measured=float(share.values.ravel()[worst]),
                standard_error=max(float(error.values.ravel()[worst]), 1e-4),
                tolerance=EDGE,
                kind="at_most",
            )
        )
    log = np.log(measurement.sharpness.transpose(*share.dims).values)
    none = float(prediction["none"])
    slow = LEARNING_RATES.index(min(LEARNING_RATES))
    both = fits[:, slow].all(axis=0)
    found += _more(
        "gelu-scale",
        f"Logarithm of the sharpness at the end from gain {gains[-1]:g} over that from "
        f"{gains[0]:g}",
        (log[-1, slow] - log[0, slow])[both],
        none,
    )
    both = fits[-1].all(axis=0)
    found += _more(
        "gelu-rate",
        f"Logarithm of the sharpness at the end at learning rate {LEARNING_RATES[0]:g} over that "
        f"at {LEARNING_RATES[1]:g}, gain {gains[-1]:g}",
        (log[-1, 0] - log[-1, 1])[both],
        none,
    )
    return found


def _more(name: str, statement: str, samples: np.ndarray, none: float) -> list[Claim]:
    """Claim that a mean is above none, if there are networks to compare."""
    if len(samples) < 2:
        return []
    found = statistics.mean(samples)
    claim = Claim(
        name=name,
        statement=f"{statement}: GELU, {len(samples)} networks",
        predicted=none,
        measured=float(found.value),
        standard_error=float(found.standard_error),
        tolerance=0.0,
        kind="at_least",
        members=found.count,
    )
    return [claim]


def pictures(study: "FlatMinima", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Picture]:
    """Sharpness at the end against that at the start."""
    if not study.gelu_gains:
        return []
    figure, (ax,) = new_figure(1)
    for i, rate in enumerate(LEARNING_RATES):
        at = measurement.sel(learning_rate=rate)
        fits = at.loss.values <= FITTED
        start = np.where(fits, at.sharpness_start.values, np.nan)
        ends = np.where(fits, at.sharpness.values, np.nan)
        error = np.where(fits, at.scatter.values, np.nan)
        label = f"learning rate {rate:g}"
        measured(ax, start.ravel(), ends.ravel(), error.ravel(), label, color=i)
        reference_line(ax, y=float(prediction.edge.sel(learning_rate=rate)))
    log_axis(ax, "both")
    ax.set_xlabel("sharpness at the start")
    ax.set_ylabel("sharpness at the end")
    legend(ax)
    return [
        Picture(
            "nonlinear",
            "With a nonlinearity the picture is the same",
            f"GELU networks of depth {study.gelu_depth} that fit {study.samples} samples of "
            f"{study.features} features, mean over the last quarter of {study.gelu_steps} steps. "
            "Dashed: 2 / learning rate.",
            figure,
        )
    ]
