"""Linear networks trained by gradient descent from a small start, beside the exact solution."""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.experiments import Claim, Shard
from widthwise.plotting import Picture, diagonal, legend, measured, new_figure
from widthwise.studies.representational_alignment import networks
from widthwise.studies.representational_alignment.common import SNR, counts, mean_claim

if TYPE_CHECKING:
    from widthwise.studies.representational_alignment.study import RepresentationalAlignment

PART = "trained"
INPUTS, WIDTH, SPREAD, STEPS, TESTS = 20, 20, 0.02, 4000, 500
RATIOS = np.array([0.5, 2.0])
START = 2 * WIDTH * SPREAD**2
"""Squared norm of both hidden layers at the start: what is left of them in the end, over signal."""


def predict(study: "RepresentationalAlignment") -> xr.Dataset:
    """Nothing but the solution of smallest norm: no difference."""
    del study
    samples = counts(INPUTS, RATIOS)
    return xr.Dataset(
        {"difference": ("samples", np.zeros(len(samples)))}, coords={"samples": samples}
    )


def shards(study: "RepresentationalAlignment") -> list[Shard]:
    """One shard for each number of samples."""
    return [Shard(PART, {"samples": p}, (0, study.trained_members)) for p in counts(INPUTS, RATIOS)]


def measure(study: "RepresentationalAlignment", shard: Shard, key: jax.Array) -> xr.Dataset:
    """CKA of hidden layers on test inputs, trained and exact, with the same data."""
    p = int(shard.settings["samples"])
    net = networks.linear_network(WIDTH, SPREAD)
    rows = []
    for rng in networks.generators(key, 3 * 10**5 + p, shard.members):
        x, tests = rng.standard_normal((p, INPUTS)), rng.standard_normal((TESTS, INPUTS))
        noise = rng.standard_normal((p, study.networks)) / SNR**0.5
        y = (x @ networks.directions(rng, (INPUTS,)))[:, None] + noise
        found = networks.trained(
            net,
            x,
            y,
            tests,
            key=networks.start_key(rng),
            steps=STEPS,
            optimizer=networks.DESCENT,
        )
        hidden = [tests @ w.T.astype(float) for w in found.hidden.values]
        exact = list((tests @ networks.minimum_norm(x, y)).T)
        cka, overlap, _ = networks.mean_alignment(hidden, list(found.test_output.values))
        direct, _, _ = networks.mean_alignment([h[:, None] for h in exact], exact)
        rows.append([cka, direct, overlap, float(found.loss.max())])
    columns = np.array(rows)
    names = ("cka", "exact", "overlap", "loss")
    return xr.Dataset({name: ("member", columns[:, i]) for i, name in enumerate(names)})


def claims(
    study: "RepresentationalAlignment", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Training ends where the exact solution says."""
    del study
    return [
        mean_claim(
            f"trained-{p}",
            "CKA of hidden layers after training minus that of solutions of smallest norm: linear "
            f"networks of {INPUTS} inputs, {p} samples",
            float(prediction.difference.sel(samples=p)),
            (measurement.cka - measurement.exact).sel(samples=p).values,
            tolerance=START,
        )
        for p in prediction.samples.values.tolist()
    ]


def pictures(
    study: "RepresentationalAlignment", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Trained against exact, one point for each data set."""
    figure, (ax,) = new_figure(1, size=(4.2, 3.8))
    diagonal(ax)
    for color, p in enumerate(prediction.samples.values.tolist()):
        at = measurement.sel(samples=p)
        measured(ax, at.exact, at.cka, label=f"{p} samples", color=color)
    ax.set_xlabel("CKA of the solutions of smallest norm")
    ax.set_ylabel("CKA after training")
    legend(ax)
    return [
        Picture(
            "trained",
            "Training ends at the solution of smallest norm",
            f"Linear networks with a hidden layer of {WIDTH}, {INPUTS} inputs, SNR {SNR:g}: "
            f"{STEPS} steps of gradient descent from small weights; {study.networks} networks on "
            "each data set, one point for the mean over their pairs.",
            figure,
        )
    ]
