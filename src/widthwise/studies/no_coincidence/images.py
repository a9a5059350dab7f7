"""The same first-order theory on real inputs: all pairs among Fashion-MNIST images."""

from itertools import combinations
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from widthwise import activations, data
from widthwise.ensembles import empirical_kernels, natural_network
from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.kernels import finite_width
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, measured, new_figure, theory
from widthwise.studies.no_coincidence.covariance import (
    ENTRIES,
    claim_width,
    controlled,
    expansion,
    moments_dataset,
    pair_entries,
)

if TYPE_CHECKING:
    from widthwise.studies.no_coincidence.study import NoCoincidence

PART = "images"
DEPTH = 3


def inputs(study: "NoCoincidence") -> np.ndarray:
    """Return images of the shipped subset, each scaled to squared length 784."""
    images = data.fashion_mnist_subset(count=study.images).images
    return np.asarray(data.as_unit_inputs(images, subtract_mean=True))


def pairs(study: "NoCoincidence") -> np.ndarray:
    """Return (K11, K12, K22) of all pairs of images."""
    x = inputs(study)
    gram = np.clip(x @ x.T / x.shape[1], -1.0, 1.0)
    return np.array([[1.0, gram[a, b], 1.0] for a, b in _which(study)])


def predict(study: "NoCoincidence") -> xr.Dataset:
    """K, H and V of all pairs after three hidden layers, for each activation."""
    start = pairs(study)
    moments = [finite_width(activations.get(a), start, depth=DEPTH) for a in study.activations]
    coordinates = {"activation": list(study.activations), "images": np.arange(len(start))}
    return moments_dataset(moments, coordinates).isel(layer=[DEPTH])


def width_for(study: "NoCoincidence", name: str) -> int:
    """Return the width of the networks of one activation: where first order should be good."""
    variance = finite_width(activations.get(name), pairs(study), depth=DEPTH).V[-1]
    return claim_width(study.widths, np.abs(variance).mean(axis=0))


def members_of(study: "NoCoincidence") -> int:
    """Images have many input weights: a quarter of the members of the covariance part."""
    return max(8, study.members // 4)


def shards(study: "NoCoincidence") -> list[Shard]:
    """One shard per activation."""
    return [
        shard
        for name in study.activations
        for shard in shards_of(
            PART, {"activation": name}, members=members_of(study), batch=members_of(study)
        )
    ]


def measure(study: "NoCoincidence", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Kernels of real networks on all pairs of images, with the control variate."""
    name = str(shard.settings["activation"])
    phi, width = activations.get(name), width_for(study, name)
    net = natural_network(phi, 1, depth=DEPTH, width=width)
    keys = member_keys(key, width, shard.members)
    x = jnp.asarray(inputs(study), jnp.float32)
    full = empirical_kernels(net, x, key=keys).kernel.values
    start = pairs(study)
    entries = pair_entries(full, _which(study))
    entries[:, 0] = start[None]  # exact, where float32 rounds
    free = controlled(phi, entries, start)[:, -1]
    return xr.Dataset(
        {
            "controlled": (("member", "images", "entry"), free.astype(np.float32)),
            "width": width,
        },
        coords={"entry": list(ENTRIES)},
    )


def claims(study: "NoCoincidence", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """The correction, averaged over all pairs of images, is what first order says."""
    found = []
    for name in study.activations:
        limit = prediction.sel(activation=name).isel(layer=0)
        width = int(measurement.width.sel(activation=name))
        first = limit["H"].sel(entry="12").mean().item()
        size = np.abs(limit["H"].values).mean(axis=0).max()
        spread = np.abs(limit["V"].values).mean(axis=0)
        correction = _correction(limit, measurement.sel(activation=name), width).mean(axis=1)
        estimate = statistics.mean(correction)
        found.append(
            Claim(
                name=f"images-{name}",
                statement="Correction to the covariance of two Fashion-MNIST images, in units of "
                f"1/width, averaged over all pairs: {name}, width {width}, {DEPTH} hidden layers",
                predicted=first,
                measured=float(estimate.value),
                standard_error=float(estimate.standard_error),
                tolerance=2 * expansion(spread, width) * size,
                members=len(correction),
            )
        )
    return found


def pictures(
    study: "NoCoincidence", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Each pair of images: correction measured against the correlation of the pair."""
    figure, (ax,) = new_figure(1, size=(6.4, 4.2))
    correlation = pairs(study)[:, 1]
    order = np.argsort(correlation)
    for i, name in enumerate(study.activations):
        limit = prediction.sel(activation=name).isel(layer=0)
        width = int(measurement.width.sel(activation=name))
        found = statistics.mean(_correction(limit, measurement.sel(activation=name), width))
        label = f"{name}, n = {width}"
        theory(ax, correlation[order], limit["H"].sel(entry="12").values[order], label, color=i)
        measured(ax, correlation, found.value, found.standard_error, label, color=i)
    ax.set_xlabel("correlation of two images")
    ax.set_ylabel("n (mean covariance - K)")
    legend(ax, place="outside")
    return [
        Picture(
            "images",
            "Real inputs: every pair among Fashion-MNIST images",
            f"What finite width adds to the covariance after {DEPTH} hidden layers, for all pairs "
            f"among {study.images} images (mean pixel removed, equal norms), against the "
            "correlation of their pixels. Lines: first order in 1/width. Points: real networks.",
            figure,
        )
    ]


def _which(study: "NoCoincidence") -> list[tuple[int, int]]:
    return list(combinations(range(study.images), 2))


def _correction(limit: xr.Dataset, point: xr.Dataset, width: int) -> np.ndarray:
    """Width times (covariance - K) of each member and pair."""
    free = point["controlled"].sel(entry="12").values.astype(float)
    return width * (free - limit["K"].sel(entry="12").values)
