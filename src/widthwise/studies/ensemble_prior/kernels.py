"""Which kernel is the limit: that of the last layer, or of all layers? Two hidden layers tell."""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.experiments import Claim, Shard
from widthwise.numerics import statistics
from widthwise.plotting import (
    Picture,
    legend,
    log_axis,
    measured,
    new_figure,
    reference_line,
)
from widthwise.studies.ensemble_prior import networks
from widthwise.studies.ensemble_prior.common import claim_of
from widthwise.studies.ensemble_prior.datasets import points_of
from widthwise.studies.ensemble_prior.surfaces import READOUTS, RIGHT, distances

if TYPE_CHECKING:
    from widthwise.studies.ensemble_prior.study import EnsemblePrior

PART = "kernels"
_SET = "xor"
POINTS = points_of(_SET)
FORM = networks.Architecture(2, "relu", 2.0, 0.5, 2.0, first_bias_only=True)
KERNELS = {"nngp": "the last layer", "ntk": "all layers"}
_WORDS = {"zero": "readouts start at zero", "random": "random readouts"}
STEPS = 600


def limits() -> dict[str, networks.Limit]:
    """Kernel regression with both kernels."""
    return {name: one.coarse for name, one in networks.limits_on_grid(FORM, _SET).items()}


def predict(study: "EnsemblePrior") -> xr.Dataset:
    """Both functions, and how far apart they are."""
    if not study.deep_widths:
        return xr.Dataset()
    found = limits()
    gap = distances(found["nngp"].mean[None], found["ntk"].mean)[0]
    return xr.Dataset(
        {"surface": (("kernel", "place"), [one.mean for one in found.values()])}
        | {"gap": gap, "difference": 0.0},
        coords={"kernel": list(KERNELS)},
    )


def shards(study: "EnsemblePrior") -> list[Shard]:
    """One for each start and width."""
    return [
        Shard(PART, {"readout": readout, "width": width}, (0, study.deep_members))
        for readout in READOUTS
        for width in study.deep_widths
    ]


def measure(study: "EnsemblePrior", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Train networks with two hidden layers."""
    del study
    readout = str(shard.settings["readout"])
    found = networks.fitted(
        FORM,
        POINTS,
        width=int(shard.settings["width"]),
        trained_from=readout,
        key=jax.random.fold_in(key, 3000 + READOUTS.index(readout)),
        members=shard.members,
        steps=STEPS,
    )
    return xr.Dataset(
        {
            "fits": ("member", found.loss.values < networks.FITTED),
            "end": (("member", "place"), networks.coarse(found.end.values)),
            "start": (("member", "place"), networks.coarse(found.start.values)),
            "start_points": (("member", "point"), found.start_points.values),
        }
    )


def to_limits(measurement: xr.Dataset, readout: str, width: int) -> dict[str, np.ndarray]:
    """Distance of each network that fits to what each kernel makes of its start."""
    at = measurement.sel(readout=readout, width=width)
    fits = at.fits.values.astype(bool)
    end, start, before = (
        at[name].transpose("member", ...).values[fits].astype(np.float64)
        for name in ("end", "start", "start_points")
    )
    return {which: distances(end, one.own(start, before)) for which, one in limits().items()}


def claims(study: "EnsemblePrior", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """The right kernel is nearer, and is approached."""
    if not study.deep_widths:
        return []
    least = float(prediction.difference)
    first, last = min(study.deep_widths), max(study.deep_widths)
    found = []
    for readout, right in RIGHT.items():
        (wrong,) = set(KERNELS) - {right}
        narrow, wide = (to_limits(measurement, readout, width) for width in (first, last))
        if first == last or min(len(narrow[right]), len(wide[right])) < 2:
            continue
        apart = statistics.mean(wide[wrong] - wide[right])
        one, other = statistics.mean(narrow[right]), statistics.mean(wide[right])
        nearer = statistics.Estimate(
            np.asarray(one.value - other.value),
            np.asarray(np.hypot(one.standard_error, other.standard_error)),
            other.count,
        )
        statements = {
            "nearer": (
                f"Distance to the limit with the kernel of {KERNELS[wrong]} minus that of "
                f"{KERNELS[right]}: two hidden layers of width {last}, {_WORDS[readout]}",
                apart,
            ),
            "approached": (
                f"Distance to the limit with the kernel of {KERNELS[right]}, width {first} "
                f"minus width {last}: two hidden layers, {_WORDS[readout]}",
                nearer,
            ),
        }
        found += [
            claim_of(
                f"kernel-{readout}-{name}", words, least, value, tolerance=0.0, kind="at_least"
            )
            for name, (words, value) in statements.items()
        ]
    return found


def pictures(
    study: "EnsemblePrior", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Distances to both limits over the width."""
    if not study.deep_widths:
        return []
    figure, axes = new_figure(2, titles=[_WORDS[one] for one in READOUTS], sharey=True)
    for ax, readout in zip(axes, READOUTS, strict=True):
        rows = [to_limits(measurement, readout, width) for width in study.deep_widths]
        for color, (which, words) in enumerate(KERNELS.items()):
            found = [statistics.mean(one[which]) for one in rows if len(one[which]) > 1]
            shown = [
                n for n, one in zip(study.deep_widths, rows, strict=True) if len(one[which]) > 1
            ]
            value = [float(one.value) for one in found]
            errors = [float(one.standard_error) for one in found]
            measured(ax, shown, value, errors, f"kernel of {words}", color=color)
        if readout == "zero":
            reference_line(ax, y=float(prediction.gap), label="between the two limits")
        log_axis(ax, "both")
        log_axis(ax, "x", base=2, ticks=study.deep_widths)
        ax.set_xlabel("width")
        legend(ax)
    axes[0].set_ylabel("distance to the limit")
    return [
        Picture(
            "kernels",
            "Which kernel is the limit depends on where the readout starts",
            "Networks with two hidden layers and one learning rate, fitted to xor. Random readouts "
            "move the hidden weights at the same order as their own: the kernel of all layers is "
            "the limit. Readouts that start at zero leave that of the last layer.",
            figure,
        )
    ]
