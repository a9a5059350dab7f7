"""Hidden weights of networks that learn features: when and where outliers leave the bulk."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import jax
import numpy as np
import optax
import xarray as xr

from widthwise import activations
from widthwise.activations import Activation
from widthwise.dynamics import dmft, hidden_outliers
from widthwise.ensembles import train
from widthwise.ensembles.training.trained import Recorded, Trained
from widthwise.experiments import Claim, Shard, shards_of
from widthwise.networks import Dense, Elementwise, MuP, Sequential
from widthwise.networks.linear import Linear
from widthwise.numerics import statistics
from widthwise.observables import outlier_threshold, weight_spectra
from widthwise.plotting import Picture
from widthwise.spectra import escape_step
from widthwise.studies.spectral_dynamics import common, hidden_pictures
from widthwise.studies.spectral_dynamics.hidden_pictures import animation as animation

if TYPE_CHECKING:
    from widthwise.studies.spectral_dynamics.study import SpectralDynamics

PART = "hidden"
RICHNESS = 3.0
DATA = (np.ones((1, 1), np.float32), np.ones(1, np.float32))
"""The input x = 1 with target 1."""
BINS = np.linspace(0.0, 2.4, 61)
"""Edges of the histogram, in units of sigma times two: the bulk ends at one."""


@dataclass(frozen=True)
class Case:
    """One activation with its settings: variance of the initial weights, learning rate."""

    phi: Activation
    variance: float
    learning_rate: float

    @property
    def edge(self) -> float:
        """Upper edge of the bulk."""
        return 2 * self.variance**0.5

    def network(self, width: int = 1) -> Sequential:
        """Two hidden layers of one width under muP."""
        hidden = [layer for _ in range(2) for layer in (Dense(width), Elementwise(self.phi))]
        return Sequential(*hidden, Dense(1), parametrization=MuP(weight_std=self.variance**0.5))


CASES = {
    "identity": Case(activations.get("identity"), 0.25, 0.05),
    "tanh": Case(activations.get("tanh"), 0.5, 0.1),
}


def recorded_steps(study: "SpectralDynamics") -> list[int]:
    """Return when spectra are taken: while outliers leave, and three times later."""
    last = study.hidden_steps
    return sorted({*range(min(last, 16) + 1), *(round(last * part) for part in (0.5, 0.75, 1))})


def report_steps(study: "SpectralDynamics") -> list[int]:
    """Return the recorded steps at which the largest singular value is claimed."""
    found = recorded_steps(study)
    return [found[-4], found[-3], found[-1]]


def frames(study: "SpectralDynamics") -> list[int]:
    """Return the recorded steps at which all singular values are taken."""
    found = recorded_steps(study)
    return sorted({*found[::2], found[-1]})


def shown_steps(study: "SpectralDynamics") -> list[int]:
    """Return the frames of the still: before, while and after the outlier leaves."""
    found = frames(study)
    return sorted({found[len(found) * part // 11] for part in (0, 4, 6, 10)})


def predict(study: "SpectralDynamics") -> xr.Dataset:
    """Outliers at every step; no outlier is written as the edge of the bulk."""
    rows = []
    for case in CASES.values():
        linear = case.phi.parity == "odd" and case.phi.degree == 1
        solution = dmft(
            case.network(),
            DATA,
            steps=study.hidden_steps,
            learning_rate=case.learning_rate,
            richness=RICHNESS,
            loss="sum",
            method="deep_linear" if linear else "sampled",
            key=jax.random.key(study.seed + 2),
        )
        found = hidden_outliers(solution)
        first = found.isel(outlier=0, drop=True)
        rows.append(
            xr.Dataset(
                {
                    "outlier": first.singular_value.fillna(case.edge),
                    "independent": first.independent.fillna(case.edge),
                    "escape": first.escape_statistic,
                }
            )
        )
    return xr.concat(rows, "activation").assign_coords(activation=list(CASES))


def shards(study: "SpectralDynamics") -> list[Shard]:
    """All members of one activation and width; wide networks are fewer."""
    widest = max(study.hidden_widths)
    return [
        shard
        for name in CASES
        for width in study.hidden_widths
        for shard in shards_of(
            PART,
            {"activation": name, "width": width},
            members=study.hidden_members * widest // width,
            batch=10**9,
        )
    ]


def hidden_matrix(model: Trained, x: jax.Array, y: jax.Array) -> Recorded:
    """Record the weights between the hidden layers, as they act: ``hidden (row, column)``."""
    del x, y
    nodes = jax.tree.leaves(model.network, is_leaf=lambda node: isinstance(node, Linear))
    (found,) = [
        node.weight * node.weight_scale.multiplier
        for node in nodes
        if isinstance(node, Linear) and node.weight_scale.role == "hidden"
    ]
    return {"hidden": (("row", "column"), found)}


def measure(study: "SpectralDynamics", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Largest singular value of each member, and all those of the first as a histogram."""
    case, width = CASES[str(shard.settings["activation"])], int(shard.settings["width"])
    steps = recorded_steps(study)
    largest, density = [], np.zeros((0, len(BINS) - 1))
    for member in range(*shard.members):  # one at a time: their weights at all steps are large
        history = train(
            case.network(width),
            DATA,
            key=key,
            members=(member, member + 1),
            widths=(width,),
            steps=study.hidden_steps,
            at=steps,
            optimizer=_descent(case.learning_rate),
            richness=RICHNESS,
            loss="sum",
            record=hidden_matrix,
        )
        weights = width**0.5 * history.hidden.isel(width=0, member=0).values
        largest.append(weight_spectra(weights, top=1).singular_values[:, 0])
        if member == shard.members[0]:
            chosen = np.isin(steps, frames(study))
            values = weight_spectra(weights[chosen]).singular_values / case.edge
            counts = np.stack([np.histogram(s, BINS)[0] for s in values])
            density = counts / width / (BINS[1] - BINS[0])
    return xr.Dataset(
        {
            "largest": (("member", "step"), np.stack(largest)),
            "density": (("frame", "bin"), density.astype(np.float32)),
        },
        coords={"step": steps, "frame": frames(study), "bin": (BINS[1:] + BINS[:-1]) / 2},
    )


@cache
def _descent(learning_rate: float) -> optax.GradientTransformation:
    """Return one object for each rate: a new one would be compiled anew."""
    return optax.sgd(learning_rate)


def claims(
    study: "SpectralDynamics", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Outliers lie where predicted, leave when predicted, and were not there before."""
    return [
        claim
        for name in CASES
        for claim in _claims_of(
            study, name, prediction.sel(activation=name), measurement.sel(activation=name)
        )
    ]


def tolerance(width: int) -> float:
    """Relative error that an outlier at finite width may have."""
    return min(0.03, 2 * width ** (-2 / 3))


def _claims_of(
    study: "SpectralDynamics", name: str, limit: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    case, last, widest = CASES[name], study.hidden_steps, max(study.hidden_widths)
    found = []
    points = [(width, last) for width in study.hidden_widths[:-1]]
    points += [(widest, step) for step in report_steps(study)]
    for width, step in points:
        if float(limit.escape.sel(step=step)) > common.TOLD_APART:
            predicted = float(limit.outlier.sel(step=step))
            found.append(
                common.claim_of(
                    f"hidden-{name}-{width}-{step}",
                    f"Outlier of the hidden matrix after {step} updates: {name}, width {width}",
                    predicted,
                    kept(measurement, width).sel(step=step).values,
                    tolerance(width) * predicted,
                )
            )
    found += _escape_claims(study, name, limit, measurement)
    largest = kept(measurement, widest)
    if float(limit.escape.sel(step=last)) > common.TOLD_APART:
        gap = float((limit.outlier - limit.independent).sel(step=last))
        alone = float(limit.independent.sel(step=last))
        claim = common.claim_of(
            f"not-independent-{name}",
            "Distance of the outlier from where spikes independent of the initial matrix would "
            f"put it, after {last} updates: {name}, width {widest}",
            gap,
            largest.sel(step=last).values - alone,
            tolerance(widest) * (gap + alone),
        )
        found.append(common.at_least(claim))
    threshold = outlier_threshold(widest, widest, sigma=case.variance**0.5)
    before = statistics.mean(largest.sel(step=0).values)
    found.append(
        Claim(
            name=f"before-{name}",
            statement="No singular value of the hidden matrix is outside the bulk before "
            f"training: {name}, width {widest}",
            predicted=case.edge,
            measured=float(before.value),
            standard_error=float(before.standard_error),
            tolerance=threshold - case.edge,
            kind="at_most",
            members=before.count,
        )
    )
    return found


def _escape_claims(
    study: "SpectralDynamics", name: str, limit: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Claim when outliers leave: by one rule for prediction and networks, that of their width."""
    ratios = []
    for width in study.hidden_widths:
        threshold = outlier_threshold(width, width, sigma=CASES[name].variance ** 0.5)
        predicted = escape_step(limit.outlier.values / threshold, limit.step.values)
        if not predicted > 0:  # it never leaves
            continue
        largest = kept(measurement, width)
        leaves = [escape_step(one / threshold, largest.step.values) for one in largest.values]
        last = float(study.hidden_steps)  # for networks that have not left by then
        ratios += [np.nan_to_num(one, nan=last) / predicted for one in leaves]
    if not ratios:
        return []
    statement = (
        "Updates until the largest singular value exceeds the bulk's edge by the part 2 N^(-2/3), "
        f"interpolated, measured over predicted: {name}, all widths"
    )
    return [common.claim_of(f"escape-{name}", statement, 1.0, np.array(ratios), 0.05)]


def kept(measurement: xr.Dataset, width: int) -> xr.DataArray:
    """Largest singular values (member, step) of the members there are at a width."""
    found = measurement.largest.sel(width=width).transpose("member", "step").astype(float)
    return found.dropna("member", how="all")


def pictures(
    study: "SpectralDynamics", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """The bulk and its outlier at a few steps, and the outlier through training."""
    edges = {name: case.edge for name, case in CASES.items()}
    largest = {
        (name, width): kept(measurement.sel(activation=name), width)
        for name in CASES
        for width in study.hidden_widths
    }
    density = measurement.density.sel(width=max(study.hidden_widths))
    return [
        hidden_pictures.bulk(prediction, density, edges, shown_steps(study)),
        hidden_pictures.outliers(prediction, largest, edges),
    ]
