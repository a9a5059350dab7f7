"""Losses and outliers of the hidden matrix of deep linear networks, beside their limit."""

import dataclasses
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics import proportional_training
from widthwise.ensembles import train_proportional
from widthwise.experiments import Claim, Shard
from widthwise.networks import ProportionalLinear
from widthwise.numerics import statistics
from widthwise.observables import outlier_threshold, weight_spectra
from widthwise.plotting import Picture, legend, measured, new_figure, reference_line, theory
from widthwise.spectra import MarchenkoPastur
from widthwise.studies.spectral_dynamics import common

if TYPE_CHECKING:
    from widthwise.studies.spectral_dynamics.study import SpectralDynamics

PART = "proportional"
RATE = 0.02
BASE = ProportionalLinear(hidden_layers=2, sample_ratio=2.0)
BINS = np.linspace(0.0, 2.6, 53)
"""Edges of the histogram of singular values."""
SHOWN = 16
"""Networks in the histogram."""


def report_steps(study: "SpectralDynamics") -> tuple[int, int, int]:
    """Return when spectra are taken: before training, on the way, and at the end."""
    return 0, study.steps // 3, study.steps


def network(study: "SpectralDynamics", **settings: Any) -> ProportionalLinear:
    """Return the network of one point."""
    return dataclasses.replace(BASE, richness=study.richness, **settings)


def predict(study: "SpectralDynamics") -> xr.Dataset:
    """Losses and outliers at every step; no outlier is written as the edge of the bulk."""
    rows = []
    for parametrization, ratio in common.points(study):
        at = network(study, parametrization=parametrization, width_ratio=ratio)
        limit = proportional_training(at, learning_rate=RATE, steps=study.steps)
        found = limit.outliers(1)
        rows.append(
            {
                "test_loss": limit.test_loss,
                "outlier": found.singular_value.isel(outlier=0).fillna(found.edge),
                "independent": found.independent.isel(outlier=0).fillna(found.edge),
                "escape": found.escape_statistic,
            }
        )
    names = ("test_loss", "outlier", "independent", "escape")
    found = common.grid(study, rows, {name: ("step",) for name in names})
    return found.assign_coords(step=np.arange(study.steps + 1))


def shards(study: "SpectralDynamics") -> list[Shard]:
    """All members of one parametrization and width."""
    return common.point_shards(study, PART)


def measure(study: "SpectralDynamics", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Test loss of each member, and the singular values of its hidden matrix as a histogram."""
    at = network(study, **common.settings_of(shard))
    trained = train_proportional(
        at,
        study.inputs,
        learning_rate=RATE,
        steps=study.steps,
        key=common.ensemble_key(key, at, study.inputs),
        members=shard.members,
        record=report_steps(study),
    )
    hidden = trained.hidden.isel(layer=0).values
    largest = weight_spectra(hidden, top=1).singular_values[..., 0]
    values = weight_spectra(hidden[:SHOWN]).singular_values
    count = np.stack([[np.histogram(s, BINS)[0] for s in member] for member in values])
    density = np.mean(count, axis=0) / values.shape[-1] / (BINS[1] - BINS[0])
    return xr.Dataset(
        {
            "test_loss": (("member", "step"), trained.test_loss.values),
            "largest": (("member", "report"), largest),
            "density": (("report", "bin"), density.astype(np.float32)),
        },
        coords={"report": list(report_steps(study)), "step": np.arange(study.steps + 1)},
    )


def claims(
    study: "SpectralDynamics", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Outliers lie where predicted, or there is none; losses fall as predicted."""
    return [
        claim
        for parametrization, ratio in common.claimed_points(study)
        for claim in _claims_at(
            study,
            prediction.sel(parametrization=parametrization, width_ratio=ratio),
            measurement.sel(parametrization=parametrization, width_ratio=ratio),
        )
    ]


def _claims_at(study: "SpectralDynamics", limit: xr.Dataset, point: xr.Dataset) -> list[Claim]:
    parametrization, ratio = str(limit.parametrization.values), float(limit.width_ratio)
    name = f"{parametrization}-{ratio:g}"
    width = round(ratio * study.inputs)
    where = f"{parametrization}, width {width}, {study.inputs} inputs"
    order = common.next_order(study, ratio)
    end = limit.isel(step=-1)
    largest = point.largest.isel(report=-1).values
    early = report_steps(study)[1]
    loss, start = float(limit.test_loss.sel(step=early)), float(limit.test_loss[0])
    fallen = float(np.log(start / loss))
    found = [
        common.claim_of(
            f"loss-{name}",
            f"Test loss of a deep linear network after {early} updates, relative to that before "
            f"training: {where}",
            loss / start,
            point.test_loss.sel(step=early).values / start,
            (2 + fallen**2) * order * loss / start,
        )
    ]
    escape = float(end["escape"])
    if escape > common.TOLD_APART:
        predicted = float(end["outlier"])
        statement = f"Outlier of the hidden matrix after {study.steps} updates: {where}"
        found.append(
            common.claim_of(f"outlier-{name}", statement, predicted, largest, order * predicted)
        )
    elif escape < 2 - common.TOLD_APART:
        edge = MarchenkoPastur().edges[1]
        estimate = statistics.mean(largest)
        found.append(
            Claim(
                name=f"bulk-{name}",
                statement="No singular value of the hidden matrix leaves the bulk in "
                f"{study.steps} updates: {where}",
                predicted=edge,
                measured=float(estimate.value),
                standard_error=float(estimate.standard_error),
                tolerance=outlier_threshold(width, width) - edge,
                kind="at_most",
                members=estimate.count,
            )
        )
    return found


def pictures(
    study: "SpectralDynamics", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """The bulk and its outlier before, during and after training; outliers against time."""
    return [_bulk(study, prediction, measurement), _outliers(study, prediction, measurement)]


def _bulk(study: "SpectralDynamics", prediction: xr.Dataset, measurement: xr.Dataset) -> Picture:
    ratio, report = max(study.width_ratios), report_steps(study)
    titles = [f"{t} updates" for t in report]
    figure, axes = new_figure(3, titles=titles, sharey=True)
    s = np.linspace(0.0, 2.0, 200)
    middle = (BINS[1:] + BINS[:-1]) / 2
    for ax, t in zip(axes, report, strict=True):
        theory(ax, s, MarchenkoPastur().density(s), "bulk")
        for i, parametrization in enumerate(common.PARAMETRIZATIONS):
            at = {"parametrization": parametrization, "width_ratio": ratio}
            density = measurement.density.sel(at | {"report": t}).values
            shown = density > 0
            measured(ax, middle[shown], density[shown], label=parametrization, color=i)
            if float(prediction.escape.sel(at | {"step": t})) > 1:
                outlier = prediction.outlier.sel(at | {"step": t})
                reference_line(ax, x=float(outlier))
        ax.set_xlabel("singular value of W / √N")
        ax.set_yscale("symlog", linthresh=0.02)
    axes[0].set_ylabel("density")
    legend(axes[0])
    return Picture(
        "bulk-and-outliers",
        "An outlier leaves the bulk",
        f"Singular values of the hidden matrix at width {round(ratio * study.inputs)}. Line: "
        f"quarter circle. Points: histogram of up to {SHOWN} networks. Dashed: predicted outliers. "
        "Under NTK parametrization wide networks move less: the outlier comes later or never.",
        figure,
    )


def _outliers(
    study: "SpectralDynamics", prediction: xr.Dataset, measurement: xr.Dataset
) -> Picture:
    figure, axes = new_figure(2, titles=common.PARAMETRIZATIONS, sharey=True)
    report = np.array(report_steps(study)[1:])
    for ax, parametrization in zip(axes, common.PARAMETRIZATIONS, strict=True):
        for i, ratio in enumerate(study.width_ratios):
            at = {"parametrization": parametrization, "width_ratio": ratio}
            limit = prediction.sel(at)
            theory(ax, limit.step, limit.outlier, f"N / D = {ratio:g}", color=i)
            theory(ax, limit.step, limit.independent, color=i, dash="dotted")
            largest = measurement.largest.sel(at | {"report": report}).transpose("member", "report")
            found = statistics.mean(largest.values.astype(float))
            label = f"N / D = {ratio:g}"
            measured(ax, report, found.value, found.standard_error, label, color=i)
        ax.set_xlabel("updates")
    axes[0].set_ylabel("largest singular value of W / √N")
    legend(axes[0])
    return Picture(
        "outliers",
        "Outliers converge with width under muP; under NTK parametrization they sink into the bulk",
        f"Largest singular value of the hidden matrix; {study.inputs} inputs. Lines: the limit. "
        f"Points: {study.members} networks each. Dotted: were the spikes independent of the "
        "matrix they are added to.",
        figure,
    )
