"""Residual ReLU networks: the angle stays, and depends on the size of the branches."""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.experiments import Claim, Shard
from widthwise.kernels import residual_angle_limit, residual_angles
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory
from widthwise.studies.feature_speed import networks

if TYPE_CHECKING:
    from widthwise.studies.feature_speed.study import FeatureSpeed

PART = "residual"
CURVE = np.linspace(0, 4, 41)


def points(study: "FeatureSpeed") -> list[tuple[int, float]]:
    """Pairs of branches N and size c, for branches multiplied by c / sqrt(N)."""
    deep = [(branches, 1.0) for branches in study.branches]
    return [*deep, *((middle(study), c) for c in study.branch_sizes if c != 1.0)]


def middle(study: "FeatureSpeed") -> int:
    """Number of branches at which their size is varied."""
    return study.branches[len(study.branches) // 2]


def predict(study: "FeatureSpeed") -> xr.Dataset:
    """Cosine at the end at infinite width, halfway, and at infinite depth."""
    ends, halfway = [], []
    for branches, c in points(study):
        b = c / branches**0.5
        found = residual_angles(branches, b / (1 + b**2) ** 0.5).cosine
        ends.append(found[-1])
        halfway.append(found[branches // 2 - 1])
    names = [name_of(*point) for point in points(study)]
    return xr.Dataset(
        {
            "cosine": (("network", "node"), np.stack([halfway, ends], axis=1)),
            "limit": ("size", [residual_angle_limit(float(c)) for c in CURVE]),
            "exponent": 0.0,
        },
        coords={"network": names, "node": ["halfway", "end"], "size": CURVE},
    )


def name_of(branches: int, c: float) -> str:
    """Name of a network."""
    return f"{branches} branches of size {c:g}"


def shards(study: "FeatureSpeed") -> list[Shard]:
    """All networks, of the residual width."""
    return [
        shard
        for branches, c in points(study)
        for shard in networks.member_shards(
            PART,
            {"network": name_of(branches, c)},
            (study.residual_width,),
            study.residual_members,
            batch=study.shard,
        )
    ]


def measure(study: "FeatureSpeed", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Cosines of networks whose branches have balanced learning rates, the rest none."""
    (point,) = (p for p in points(study) if name_of(*p) == shard.settings["network"])
    branches, c = point
    width = study.residual_width
    inner = c * (2 / (width * branches)) ** 0.5
    training = networks.Training(
        np.array([networks.INPUTS**-0.5, *[inner] * branches, 1 / width]),
        np.array([0.0, *[1.0] * branches, 0.0]),
        balanced=True,
    )
    (found,) = networks.speeds(
        networks.residual(width, branches),
        networks.keys_of(key, shard, branches),
        trainings=[training],
        names=[f".layers[{branches // 2}]", f".layers[{branches}]"],
        x=np.ones((1, networks.INPUTS)),
        errors=np.ones(1),
    )
    return xr.Dataset(
        {"cosine": (("member", "node"), found["cosine"])}, coords={"node": ["halfway", "end"]}
    )


def claims(study: "FeatureSpeed", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """Every cosine, and that it does not depend on depth."""
    width = study.residual_width
    values = measurement.cosine.sel(width=width)
    found = []
    for branches, c in points(study):
        for node in ("halfway", "end"):
            at = {"network": name_of(branches, c), "node": node}
            estimate = statistics.mean(values.sel(at).dropna("member").values)
            predicted = float(prediction.cosine.sel(at))
            found.append(
                Claim(
                    name=f"residual-{branches}-{c:g}-{node}",
                    statement=f"Cosine {node} in residual networks of {branches} branches "
                    f"multiplied by {c:g} / sqrt({branches})",
                    predicted=predicted,
                    measured=float(estimate.value),
                    standard_error=float(estimate.standard_error),
                    tolerance=networks.SPREAD * c**2 / width * predicted,
                    members=estimate.count,
                )
            )
    return [*found, _flat(study, prediction, values)]


def _flat(study: "FeatureSpeed", prediction: xr.Dataset, values: xr.DataArray) -> Claim:
    names = [name_of(branches, 1.0) for branches in study.branches]
    x = np.log(np.array(study.branches, float))
    x = (x - x.mean()) / np.sum((x - x.mean()) ** 2)
    estimates = [
        statistics.mean(values.sel(network=name, node="end").dropna("member").values)
        for name in names
    ]
    means = np.array([float(e.value) for e in estimates])
    errors = np.array([float(e.standard_error) for e in estimates])
    exact = np.log(prediction.cosine.sel(network=names, node="end").values) @ x
    return Claim(
        name="residual-exponent",
        statement="Power of depth of the cosine at the end of residual networks",
        predicted=float(prediction.exponent),
        measured=float(np.log(means) @ x),
        standard_error=float(np.linalg.norm(errors / means * x)),
        tolerance=abs(float(exact)) + 2 * networks.SPREAD / study.residual_width,
        members=estimates[0].count,
    )


def pictures(
    study: "FeatureSpeed", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Cosine against depth, and against the size of the branches."""
    figure, (left, right) = new_figure(2, sharey=True)
    values = measurement.cosine.sel(width=study.residual_width)
    for i, node in enumerate(("halfway", "end")):
        names = [name_of(branches, 1.0) for branches in study.branches]
        theory(left, study.branches, prediction.cosine.sel(network=names, node=node), node, color=i)
        estimates = [
            statistics.mean(values.sel(network=n, node=node).dropna("member").values) for n in names
        ]
        measured(left, study.branches, *_columns(estimates), node, color=i)
    log_axis(left, "x", base=2, ticks=study.branches)
    left.set_ylim(0, 1.05)
    left.set_xlabel("branches")
    left.set_ylabel("cos(angle)")
    legend(left)
    theory(right, CURVE, prediction.limit, "infinitely many branches", color=2)
    chosen = sorted(c for n, c in points(study) if n == middle(study))
    names = [name_of(middle(study), c) for c in chosen]
    label = f"{middle(study)} branches"
    theory(
        right,
        chosen,
        prediction.cosine.sel(network=names, node="end"),
        label,
        color=1,
        dash="dotted",
    )
    estimates = [
        statistics.mean(values.sel(network=n, node="end").dropna("member").values) for n in names
    ]
    measured(right, chosen, *_columns(estimates), label, color=1)
    right.set_xlabel("size c of the branches, c / sqrt(branches)")
    legend(right)
    return [
        Picture(
            "residual-angle",
            "In residual networks the angle depends on the branches, not on depth",
            f"Left: branches multiplied by 1 / sqrt(their number). Right: by c / sqrt(their "
            f"number). Width {study.residual_width}, balanced learning rates of the branches.",
            figure,
        )
    ]


def _columns(estimates: list[statistics.Estimate]) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.array([float(e.value) for e in estimates]),
        np.array([float(e.standard_error) for e in estimates]),
    )
