"""Networks of growing width fitted to a few points of the plane, beside the infinitely wide one."""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.experiments import Claim, Shard
from widthwise.numerics import statistics
from widthwise.numerics.fits import fit_power_law
from widthwise.numerics.statistics import Estimate
from widthwise.plotting import Picture
from widthwise.studies.ensemble_prior import networks, surface_pictures
from widthwise.studies.ensemble_prior.common import claim_of
from widthwise.studies.ensemble_prior.datasets import NAMED, Points, points_of
from widthwise.studies.ensemble_prior.first_order import first_order

if TYPE_CHECKING:
    from widthwise.studies.ensemble_prior.study import EnsemblePrior

PART = "surfaces"
READOUTS = ("zero", "random")
RIGHT = {"zero": "nngp", "random": "ntk"}
"""The limit at each start: a readout that starts at zero stays too small to move what is below."""
EXAMPLES = 3
_SMALL = 1 / 4
"""Next order in 1/width up to which widths enter a slope."""


def sets(study: "EnsemblePrior") -> list[Points]:
    """All sets of points."""
    return [points_of(text) for text in study.points]


def title_of(study: "EnsemblePrior", index: int) -> str:
    """Name of a set of points."""
    text = study.points[index]
    return text if text in NAMED else f"points{index + 1 if len(study.points) > 1 else ''}"


def next_order(points: Points, width: int) -> float:
    """Relative correction of second moments of networks of this width, P points.

    ``(3 P + 4) / width``: that of the second moment of the inverse of a Wishart matrix, which the
    kernel of the points is if features are Gaussian.
    """
    return (3 * len(points.y) + 4) / width


def predict(study: "EnsemblePrior") -> xr.Dataset:
    """Kernel regression, how its curvature is spread, and slopes in the width."""
    limits = [networks.limits_on_grid(study.form, text) for text in study.points]
    means = [one["nngp"].mean for one in limits]
    return xr.Dataset(
        {
            "surface": (("points", "place"), means),
            "roughness": ("points", [networks.participation(one) for one in means]),
            "variance_slope": -1.0,
            "distance_slope": -0.5,
            "difference": 0.0,
        },
        coords={"points": np.arange(len(limits))},
        attrs={"source": "kernel regression of the infinitely wide network"},
    )


def shards(study: "EnsemblePrior") -> list[Shard]:
    """One for each set, start of the readout, and width."""
    return [
        Shard(PART, {"points": index, "readout": readout, "width": width}, (0, study.members))
        for index in range(len(study.points))
        for readout in READOUTS
        for width in study.widths
    ]


def measure(study: "EnsemblePrior", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Train the networks of one width; keep their functions on the coarse grid."""
    index, readout = int(shard.settings["points"]), str(shard.settings["readout"])
    found = networks.fitted(
        study.form,
        sets(study)[index],
        width=int(shard.settings["width"]),
        trained_from=readout,
        key=jax.random.fold_in(key, 2 * index + READOUTS.index(readout)),
        members=shard.members,
        steps=study.steps,
    )
    end = found.end.values
    fits = found.loss.values < networks.FITTED
    shown = np.argsort(~fits, kind="stable")[:EXAMPLES]
    return xr.Dataset(
        {
            "fits": ("member", fits),
            "end": (("member", "place"), networks.coarse(end)),
            "start": (("member", "place"), networks.coarse(found.start.values)),
            "start_points": (("member", "point"), found.start_points.values),
            "roughness": ("member", networks.participation(end)),
            "surface": (("example", "fine"), end[shown]),
            "example_fits": ("example", fits[shown]),
            "example_start": (("example", "fine"), found.start.values[shown]),
            "example_points": (("example", "point"), found.start_points.values[shown]),
        }
    )


def spread(values: np.ndarray) -> Estimate:
    """Variance over members, averaged over the plane."""
    centred = values - values.mean(axis=0)
    return statistics.mean((centred**2).mean(axis=1) * len(values) / (len(values) - 1))


def distances(values: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Root mean square distance over the plane, for each member."""
    return np.sqrt(np.mean((values - other) ** 2, axis=1))


def disagreement(values: np.ndarray) -> float:
    """Mean part of the plane on which two members differ in sign."""
    positive = np.mean(values > 0, axis=0)
    return float(np.mean(2 * positive * (1 - positive)) * len(values) / (len(values) - 1))


def curves(study: "EnsemblePrior", measurement: xr.Dataset, index: int) -> dict[str, xr.Dataset]:
    """Diversity, distances and roughness of fitted networks at each width, with errors."""
    found = networks.limits_on_grid(study.form, study.points[index])
    limits = {readout: found[RIGHT[readout]].coarse for readout in READOUTS}
    return {
        readout: xr.concat(
            [
                _one_width(measurement.sel(points=index, readout=readout, width=width), limits)
                for width in study.widths
            ],
            "width",
        ).assign_coords(width=list(study.widths))
        for readout in READOUTS
    }


def _one_width(found: xr.Dataset, limits: dict[str, networks.Limit]) -> xr.Dataset:
    """Statistics of the networks that fit; NaN where fewer than two do."""
    fits = found.fits.values.astype(bool)
    names = ("variance", "distance", "own", "gain", "roughness", "disagreement")
    values = dict.fromkeys(names, (np.nan, np.nan))
    if fits.sum() > 1:
        end, start, at = (
            found[name].transpose("member", ...).values[fits].astype(np.float64)
            for name in ("end", "start", "start_points")
        )
        law = limits[str(found.readout.values)]
        plain, own = distances(end, law.mean), distances(end, law.own(start, at))
        samples = {
            "distance": plain,
            "own": own,
            "gain": plain - own,
            "roughness": found.roughness.values[fits],
        }
        estimates = {name: statistics.mean(one) for name, one in samples.items()}
        estimates["variance"] = spread(end)
        values |= {
            name: (float(one.value), float(one.standard_error)) for name, one in estimates.items()
        }
        values["disagreement"] = (disagreement(end), np.nan)
    return xr.Dataset(
        {name: ("what", list(pair)) for name, pair in values.items()}
        | {"count": int(fits.sum()), "rate": float(fits.mean())},
        coords={"what": ["value", "error"]},
    )


def claims(study: "EnsemblePrior", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """Slopes in the width, roughness, and what the start adds."""
    found = []
    for index, points in enumerate(sets(study)):
        title, both = title_of(study, index), curves(study, measurement, index)
        found += _slopes(title, points, prediction, both)
        narrow, wide = min(study.widths), max(study.widths)
        least = float(prediction.difference)
        if narrow < wide:
            first, last = (both["zero"].sel(width=n) for n in (narrow, wide))
            (a, da), (b, db) = last.roughness.values, first.roughness.values
            found.append(
                claim_of(
                    f"{title}-roughness",
                    "Part of the plane over which curvature is spread: widest minus narrowest "
                    f"networks, {title}",
                    least,
                    Estimate(np.asarray(a - b), np.asarray(np.hypot(da, db)), int(last["count"])),
                    tolerance=0.0,
                    kind="at_least",
                )
            )
        last = both["random"].sel(width=wide)
        gain, error = last.gain.values
        found.append(
            claim_of(
                f"{title}-start",
                "Distance of the widest networks to kernel regression: without minus with what "
                f"their random start adds, {title}",
                least,
                Estimate(np.asarray(gain), np.asarray(error), int(last["count"])),
                tolerance=0.0,
                kind="at_least",
            )
        )
    return found


def _slopes(
    title: str, points: Points, prediction: xr.Dataset, both: dict[str, xr.Dataset]
) -> list[Claim]:
    """Exponents of the width, over widths at which the next order is small."""
    wide = [n for n in both["zero"].width.values.tolist() if next_order(points, n) <= _SMALL]
    if len(wide) < 2:
        return []
    columns = {
        "variance": ("zero", "Variance over networks", 1.0),
        "distance": ("zero", "Distance to the infinitely wide network", 0.5),
        "own": ("random", "Distance to the limit of a network's own start", 0.5),
    }
    found = []
    for name, (readout, words, power) in columns.items():
        value, error = both[readout][name].sel(width=wide).transpose("what", ...).values
        slope, spread = _slope(wide, value, error)
        predicted = prediction.variance_slope if power == 1 else prediction.distance_slope
        found.append(
            Claim(
                f"{title}-{name}-slope",
                f"{words}, exponent of the width: readouts start {START[readout]}, {title}",
                float(predicted),
                slope,
                spread,
                power * next_order(points, wide[0]),
            )
        )
    return found


START = {"zero": "at zero", "random": "random"}


def _slope(widths: list[int], values: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    """Exponent and error; not a number where a width has no networks that fit."""
    if not (np.all(values > 0) and np.all(errors > 0)):
        return np.nan, np.nan
    law = fit_power_law(widths, values, errors)
    return law.exponent, law.exponent_error


def pictures(
    study: "EnsemblePrior", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Surfaces as small multiples, and what changes with the width, for each set of points."""
    found = []
    for index, points in enumerate(sets(study)):
        title = title_of(study, index)
        at = measurement.sel(points=index)
        limit = prediction.surface.sel(points=index).values
        widest = at.sel(readout="random", width=max(study.widths)).isel(example=slice(1))
        law = networks.limits_on_grid(study.form, study.points[index])["ntk"]
        own = law.own(widest.example_start.values, widest.example_points.values)[0]
        found += [
            surface_pictures.surfaces(
                title, points, at, limits={"zero": limit, "random": own}, widths=study.widths
            ),
            surface_pictures.growth(
                title,
                curves(study, measurement, index),
                variance=_variance(study, index),
                roughness=float(prediction.roughness.sel(points=index)),
            ),
        ]
    return found


def _variance(study: "EnsemblePrior", index: int) -> dict[str, np.ndarray] | None:
    """Variance at each width to first order, for one hidden layer."""
    if study.one_layer is None:
        return None
    law = first_order(study.one_layer, study.points[index])
    return {
        readout: np.array([law.variance(n, trained_from=readout) for n in study.widths])
        for readout in READOUTS
    }
