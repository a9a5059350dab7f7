"""How large the variance over networks is, with small errors: its floor, and its part in 1/width.

The variance over few trained networks is uncertain by its few degrees of freedom. What training
makes of a network is nearly the regression on its features at the start; many of those are cheap,
and the difference between it and the trained network varies little: a control variate, which leaves
the mean as it is.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from widthwise.ensembles import sample
from widthwise.experiments import Claim, Shard, member_keys
from widthwise.numerics import statistics
from widthwise.numerics.statistics import Estimate
from widthwise.plotting import Picture
from widthwise.studies.ensemble_prior import networks
from widthwise.studies.ensemble_prior.common import claim_of
from widthwise.studies.ensemble_prior.datasets import Points, points_of
from widthwise.studies.ensemble_prior.first_order import first_order
from widthwise.studies.ensemble_prior.surfaces import READOUTS, START, next_order, title_of

if TYPE_CHECKING:
    from widthwise.studies.ensemble_prior.study import EnsemblePrior

PART = "variance"
BATCH = 200
_ORDER = 1 / 16


def width_of(study: "EnsemblePrior", points: Points) -> int:
    """Return the smallest width at which the next order is small, or the widest."""
    return next((n for n in study.widths if next_order(points, n) <= _ORDER), study.widths[-1])


def predict(study: "EnsemblePrior") -> xr.Dataset:
    """Variance to first order in 1/width, for one hidden layer."""
    if study.one_layer is None:
        return xr.Dataset()
    found = []
    for text in study.points:
        law, width = first_order(study.one_layer, text), width_of(study, points_of(text))
        found.append([law.variance(width, trained_from=readout) for readout in READOUTS])
    return xr.Dataset(
        {"variance": (("points", "readout"), found)},
        coords={"points": np.arange(len(found)), "readout": list(READOUTS)},
    )


def shards(study: "EnsemblePrior") -> list[Shard]:
    """One for each set of points; none for deeper networks, whose first order is not known."""
    if study.one_layer is None:
        return []
    return [
        Shard(PART, {"points": index}, (0, study.members)) for index in range(len(study.points))
    ]


def measure(study: "EnsemblePrior", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Trained networks, regressions on their features at the start, and many more of these."""
    index = int(shard.settings["points"])
    points = points_of(study.points[index])
    width = width_of(study, points)
    key = jax.random.fold_in(key, 1000 + index)
    ends = [
        networks.fitted(
            study.form,
            points,
            width=width,
            trained_from=readout,
            key=key,
            members=shard.members,
            steps=study.steps,
        )
        for readout in READOUTS
    ]
    many = jax.random.fold_in(key, 0)
    batches = []
    for start in range(0, study.draws, BATCH):
        found = regressions(study, points, many, (start, start + BATCH))
        batches.append([found.mean(axis=1), (found**2).mean(axis=1)])
    moments = np.array(batches)
    return xr.Dataset(
        {
            "fits": (
                ("readout", "member"),
                np.stack([one.loss.values < networks.FITTED for one in ends]),
            ),
            "end": (
                ("readout", "member", "place"),
                np.stack([networks.coarse(one.end.values) for one in ends]),
            ),
            "control": (
                ("readout", "member", "place"),
                regressions(study, points, key, shard.members).astype(np.float32),
            ),
            "first": (("batch", "readout", "place"), moments[:, 0]),
            "second": (("batch", "readout", "place"), moments[:, 1]),
        },
        coords={"readout": list(READOUTS)},
    )


def regressions(
    study: "EnsemblePrior", points: Points, key: jax.Array, members: tuple[int, int]
) -> np.ndarray:
    """Regression on the features of networks at the start, from both readouts, on the grid.

    Member i is the network i that is trained with this key.

    Returns
    -------
    numpy.ndarray
        Shape (readout, member, place).
    """
    width, grid = width_of(study, points), points.grid(networks.SIDE)
    gram, f = sample(
        study.form.network(width),
        jnp.asarray(np.concatenate([grid, points.x]), jnp.float32),
        key=member_keys(key, width, members),
        observe=_grams(len(points.y)),
    )
    gram, f = np.asarray(gram, np.float64), np.asarray(f, np.float64)
    here, at = f[:, : len(grid)], f[:, len(grid) :]
    missing = np.stack([np.broadcast_to(points.y, at.shape), points.y - at], axis=-1)
    found = gram[:, : len(grid)] @ np.linalg.solve(gram[:, len(grid) :], missing)
    found[..., 1] += here
    return np.moveaxis(found, -1, 0)


@lru_cache(maxsize=8)
def _grams(count: int) -> Callable[..., Any]:
    """Observe kernels of the last hidden layer with the last inputs, and outputs."""

    def observe(model: Any, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        def features(one: jax.Array) -> jax.Array:
            for layer in model.layers[:-1]:
                one = layer(one)
            return one

        h = jax.vmap(features)(x)
        return h @ h[-count:].T, jax.vmap(model.layers[-1])(h)[:, 0]

    return observe


def estimate(found: xr.Dataset) -> Estimate:
    """Variance over networks of one readout, averaged over the square."""
    fits = found.fits.values.astype(bool)
    if fits.sum() < 2:
        return Estimate(np.asarray(np.nan), np.asarray(np.nan), int(fits.sum()))
    squares = []
    for name in ("end", "control"):
        f = found[name].transpose("member", "place").values[fits].astype(np.float64)
        squares.append(np.mean((f - f.mean(axis=0)) ** 2, axis=1) * len(f) / (len(f) - 1))
    few = statistics.mean(squares[0] - squares[1])
    many = _spread_of_moments(found.first.values, found.second.values)
    error = np.hypot(few.standard_error, many.standard_error)
    return Estimate(np.asarray(few.value + many.value), np.asarray(error), few.count)


def _spread_of_moments(first: np.ndarray, second: np.ndarray) -> Estimate:
    """Variance averaged over places, from means and mean squares of batches."""
    mean = first.mean(axis=0)
    parts = statistics.mean((second - 2 * first * mean + mean**2).mean(axis=1))
    draws = BATCH * len(first)
    unbiased = np.asarray(parts.value * draws / (draws - 1))
    return Estimate(unbiased, parts.standard_error, parts.count)


def claims(study: "EnsemblePrior", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """Variance at one width, from both readouts."""
    if study.one_layer is None:
        return []
    found = []
    for index, text in enumerate(study.points):
        points = points_of(text)
        width = width_of(study, points)
        for readout in READOUTS:
            predicted = float(prediction.variance.sel(points=index, readout=readout))
            found.append(
                claim_of(
                    f"{title_of(study, index)}-variance-{readout}",
                    f"Variance over networks of width {width}, readouts start {START[readout]}: "
                    f"{title_of(study, index)}",
                    predicted,
                    estimate(measurement.sel(points=index, readout=readout)),
                    tolerance=next_order(points, width) * predicted,
                )
            )
    return found


def pictures(
    study: "EnsemblePrior", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Draw nothing: the lines are in the pictures of all widths."""
    del study, prediction, measurement
    return []
