"""Networks of the study, and what is kept of them while they train."""

from collections.abc import Sequence

import jax
import numpy as np
import optax
import xarray as xr

from widthwise.activations import Activation
from widthwise.ensembles import train
from widthwise.networks import Dense, Elementwise, MeanField, Sequential
from widthwise.numerics import statistics

Data = tuple[np.ndarray, np.ndarray]
ONE_POINT: Data = (np.ones((1, 1), np.float32), np.ones(1, np.float32))
"""The input x = 1 with target 1."""


def chain(phi: Activation, depth: int, width: int = 1) -> Sequential:
    """Hidden layers of one width in the mean-field parametrization, without biases."""
    hidden = [layer for _ in range(depth) for layer in (Dense(width), Elementwise(phi))]
    return Sequential(*hidden, Dense(1), parametrization=MeanField())


def trained(
    net: Sequential,
    data: Data,
    *,
    members: tuple[int, int],
    key: jax.Array,
    steps: int,
    learning_rate: float,
    richness: float | int | Sequence[float | int],
    record: tuple[str, ...],
    x_test: np.ndarray | None = None,
) -> xr.Dataset:
    """Train members by gradient descent on half the sum of squared errors.

    A member that diverged has no numbers from there on, and no mean takes it in.
    """
    width = next(layer.width for layer in net.layers if isinstance(layer, Dense))
    history = train(
        net,
        data,
        key=key,
        members=members,
        widths=(width,),
        steps=steps,
        optimizer=optax.sgd(learning_rate),
        richness=richness,
        loss="sum",
        record=record,
        test=x_test,
    )
    return history.isel(width=0, drop=True)


def members_at(members: int, width: int, base: int) -> int:
    """Networks of a width, so that all widths cost the same: ``members`` at width ``base``."""
    return max(8, members * base // width)


def squared_distance(values: np.ndarray, limit: float) -> statistics.Estimate:
    """Mean squared distance of the members from infinite width."""
    return statistics.mean((values.astype(float) - limit) ** 2)


def kept(measurement: xr.Dataset, name: str, **where: float | int) -> np.ndarray:
    """Values of the members there are (a setting may have fewer than another), members first."""
    found = measurement[name].sel(where).transpose("member", ...)
    values = np.asarray(found.values, float)
    return values[np.isfinite(values).reshape(len(values), -1).all(axis=1)]
