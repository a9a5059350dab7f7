"""The correlation map of each activation: theory alone, and the paper's figure."""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise import activations
from widthwise.activations.cobweb import Trace, three_panels, three_traces
from widthwise.activations.fixed_points import FixedPoint
from widthwise.experiments import Claim, Shard
from widthwise.plotting import Picture, diagonal, legend, new_figure, square, theory

if TYPE_CHECKING:
    from widthwise.studies.no_coincidence.study import NoCoincidence

PART = "correlation"
GRID = np.linspace(-1.0, 1.0, 201)


def predict(study: "NoCoincidence") -> xr.Dataset:
    """Correlation map on a grid, with the numbers of the verdict; the paper's three panels."""
    verdicts = [activations.get(name).verdict() for name in study.activations]
    maps = [np.asarray(activations.get(name).correlation_map(GRID)) for name in study.activations]
    panels = three_traces()
    return xr.Dataset(
        {
            "map": (("activation", "rho"), np.stack(maps)),
            "mean": ("activation", [v.mean for v in verdicts]),
            "chi_perp": ("activation", [v.chi_perp for v in verdicts]),
            "chi_par": ("activation", [v.chi_par for v in verdicts]),
            "b_1": ("activation", [v.b[1] for v in verdicts]),
            "panel_map": (("panel", "before"), np.stack([panel.after for panel in panels])),
            "panel_path": (("panel", "layer"), np.stack([panel.path for panel in panels])),
            "fixed_point": ("fixed", [p.value for panel in panels for p in panel.points]),
            "fixed_slope": ("fixed", [p.slope for panel in panels for p in panel.points]),
            "fixed_stable": ("fixed", [p.stable for panel in panels for p in panel.points]),
        },
        coords={
            "activation": list(study.activations),
            "rho": GRID,
            "before": panels[0].rho,
            "fixed_panel": ("fixed", [i for i, panel in enumerate(panels) for _ in panel.points]),
        },
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
    return [three_panels([_trace(prediction, panel) for panel in range(3)]), maps]


def _trace(prediction: xr.Dataset, panel: int) -> Trace:
    """One of the paper's panels, as it was stored."""
    mine = prediction.isel(panel=panel, fixed=prediction.fixed_panel.values == panel)
    numbers = (mine.fixed_point.values, mine.fixed_slope.values, mine.fixed_stable.values)
    points = [FixedPoint(float(v), float(s), bool(b)) for v, s, b in zip(*numbers, strict=True)]
    return Trace(mine.before.values, mine.panel_map.values, mine.panel_path.values, tuple(points))
