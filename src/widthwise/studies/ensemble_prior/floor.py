"""What random starts leave of the variance over networks, with small errors.

The variance over few trained networks is uncertain by its few degrees of freedom. That over many
networks at the start is cheap, and kernel regression tells what training makes of each start; the
difference between that and the trained network varies little.
"""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from widthwise.ensembles import sample
from widthwise.experiments import Claim, Shard
from widthwise.numerics import statistics
from widthwise.numerics.statistics import Estimate
from widthwise.plotting import Picture
from widthwise.studies.ensemble_prior import networks
from widthwise.studies.ensemble_prior.common import claim_of
from widthwise.studies.ensemble_prior.surfaces import next_order, sets, title_of

if TYPE_CHECKING:
    from widthwise.studies.ensemble_prior.study import EnsemblePrior

PART = "floor"
BATCH = 200
_ORDER = 1 / 16


def width_of(study: "EnsemblePrior", index: int) -> int:
    """Return the smallest width at which the next order is small, or the widest."""
    points = sets(study)[index]
    return next((n for n in study.widths if next_order(points, n) <= _ORDER), study.widths[-1])


def law_of(study: "EnsemblePrior", index: int) -> networks.Limit:
    """Return the infinitely wide network with random readouts on the coarse grid."""
    return networks.limits_on_grid(study.form, study.points[index])["ntk"].coarse


def predict(study: "EnsemblePrior") -> xr.Dataset:
    """Mean posterior variance over the square."""
    found = [law_of(study, index).variance.mean() for index in range(len(study.points))]
    return xr.Dataset({"variance": ("points", found)}, coords={"points": np.arange(len(found))})


def shards(study: "EnsemblePrior") -> list[Shard]:
    """One for each set of points."""
    return [
        Shard(PART, {"points": index}, (0, study.members)) for index in range(len(study.points))
    ]


def measure(study: "EnsemblePrior", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Trained networks, and moments of many at the start, in batches."""
    index = int(shard.settings["points"])
    points, width = sets(study)[index], width_of(study, index)
    trained = networks.fitted(
        study.form,
        points,
        width=width,
        trained_from="random",
        key=jax.random.fold_in(key, 1000 + index),
        members=shard.members,
        steps=study.steps,
    )
    grid = points.grid(networks.SIDE)
    places = jnp.asarray(np.concatenate([grid, points.x]), jnp.float32)
    batches = []
    for start in range(0, study.draws, BATCH):
        f = np.asarray(
            sample(
                study.form.network(width),
                places,
                key=jax.random.fold_in(key, 2000 + index),
                members=(start, start + BATCH),
            )
        )[:, :, 0].astype(np.float64)
        here, at = f[:, : len(grid)], f[:, len(grid) :]
        batches.append(((here**2).mean(axis=0), here.T @ at / BATCH, at.T @ at / BATCH))
    squares, cross, inner = (np.stack(one) for one in zip(*batches, strict=True))
    return xr.Dataset(
        {
            "fits": ("member", trained.loss.values < networks.FITTED),
            "end": (("member", "place"), networks.coarse(trained.end.values)),
            "start": (("member", "place"), networks.coarse(trained.start.values)),
            "start_points": (("member", "point"), trained.start_points.values),
            "squares": (("batch", "place"), squares),
            "cross": (("batch", "place", "point"), cross),
            "inner": (("batch", "point", "other"), inner),
        }
    )


def estimate(found: xr.Dataset, law: networks.Limit) -> Estimate:
    """Variance over trained networks, averaged over the square."""
    fits = found.fits.values.astype(bool)
    if fits.sum() < 2:
        return Estimate(np.asarray(np.nan), np.asarray(np.nan), int(fits.sum()))
    end, start, at = (
        found[name].transpose("member", ...).values[fits].astype(np.float64)
        for name in ("end", "start", "start_points")
    )
    own = law.own(start, at)
    squared = [np.mean((f - f.mean(axis=0)) ** 2, axis=1) for f in (end, own)]
    few = statistics.mean((squared[0] - squared[1]) * len(end) / (len(end) - 1))
    w = law.weights
    left = (
        found.squares.values
        - 2 * np.einsum("bmp,mp->bm", found.cross.values, w)
        + np.einsum("mp,bpq,mq->bm", w, found.inner.values, w)
    )
    many = statistics.mean(left.mean(axis=1))
    return Estimate(
        few.value + many.value, np.hypot(few.standard_error, many.standard_error), few.count
    )


def claims(study: "EnsemblePrior", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """The variance that is left."""
    found = []
    for index, points in enumerate(sets(study)):
        title, width = title_of(study, index), width_of(study, index)
        predicted = float(prediction.variance.sel(points=index))
        found.append(
            claim_of(
                f"{title}-floor",
                f"Variance over networks of width {width} that start with random readouts, {title}",
                predicted,
                estimate(measurement.sel(points=index), law_of(study, index)),
                tolerance=next_order(points, width) * predicted,
            )
        )
    return found


def pictures(
    study: "EnsemblePrior", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Draw nothing: it is the dashed line of the other part."""
    del study, prediction, measurement
    return []
