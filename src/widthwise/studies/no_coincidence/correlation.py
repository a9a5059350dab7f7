"""The correlation map of each activation: theory alone, and the paper's figure."""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise import activations
from widthwise.activations.cobweb import three_panels
from widthwise.experiments import Claim, Shard
from widthwise.plotting import Picture, diagonal, legend, new_figure, square, theory

if TYPE_CHECKING:
    from widthwise.studies.no_coincidence.study import NoCoincidence

PART = "correlation"
GRID = np.linspace(-1.0, 1.0, 201)


def predict(study: "NoCoincidence") -> xr.Dataset:
    """Correlation map on a grid, with the numbers of the verdict."""
    verdicts = [activations.get(name).verdict() for name in study.activations]
    maps = [np.asarray(activations.get(name).correlation_map(GRID)) for name in study.activations]
    return xr.Dataset(
        {
            "map": (("activation", "rho"), np.stack(maps)),
            "mean": ("activation", [v.mean for v in verdicts]),
            "chi_perp": ("activation", [v.chi_perp for v in verdicts]),
            "chi_par": ("activation", [v.chi_par for v in verdicts]),
            "b_1": ("activation", [v.b[1] for v in verdicts]),
        },
        coords={"activation": list(study.activations), "rho": GRID},
        attrs={"verdicts": [f"{v.name}: {v.kind}" for v in verdicts]},
    )


def shards(study: "NoCoincidence") -> list[Shard]:
    """Nothing is measured here: the covariance part measures the map's iterates."""
    del study
    return []


def measure(study: "NoCoincidence", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Never called: there are no shards."""
    del study, key
    raise ValueError(f"the correlation part has no shard {shard.label}")


def claims(study: "NoCoincidence", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """No claims: what the map implies is claimed by the other parts."""
    del study, prediction, measurement
    return []


def pictures(
    study: "NoCoincidence", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """The paper's three panels, and the maps of the study's own activations side by side."""
    del study, measurement
    figure, (ax,) = new_figure(1, size=(4.6, 4.6))
    diagonal(ax)
    for i, name in enumerate(prediction["activation"].values):
        theory(ax, prediction["rho"], prediction["map"].sel(activation=name), str(name), color=i)
    square(ax)
    ax.set_xlabel("correlation ρ of two inputs")
    ax.set_ylabel("correlation C(ρ) one layer later")
    legend(ax)
    maps = Picture(
        "maps",
        "What one layer does to a correlation",
        "The correlation map of each activation at infinite width. Where it meets the diagonal, "
        "correlations stay. Zero mean pulls correlations to zero; a positive mean lifts the map "
        "above zero, so that all inputs stay alike.",
        figure,
    )
    return [three_panels(), maps]
