"""With many outputs nothing leaves the bulk: the bulk itself is deformed."""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr
from scipy.integrate import quad

from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.numerics import statistics
from widthwise.numerics.draws import Draws
from widthwise.observables import weight_spectra
from widthwise.plotting import Picture, legend, measured, new_figure, reference_line, theory
from widthwise.spectra import ExtensiveSpikes, MarchenkoPastur
from widthwise.studies.spectral_dynamics import common

if TYPE_CHECKING:
    from widthwise.studies.spectral_dynamics.study import SpectralDynamics

PART = "extensive_outputs"
STRENGTH = 1.0
TAIL = 0.7
"""The tail is beyond this part of the edge."""


def law(study: "SpectralDynamics") -> ExtensiveSpikes:
    """Return the predicted law."""
    return ExtensiveSpikes(STRENGTH, spike_ratio=study.spike_ratio)


def bins(study: "SpectralDynamics") -> np.ndarray:
    """Return the edges of the histogram."""
    return np.linspace(0.0, 1.1 * law(study).edge, 41)


def predict(study: "SpectralDynamics") -> xr.Dataset:
    """Edge, density, and the share of singular values in the tail."""
    spikes = law(study)
    edge = spikes.edge
    s = np.linspace(0.01, edge, 200)
    tail = quad(lambda x: float(spikes.density(x)), TAIL * edge, edge, limit=200)[0]
    return xr.Dataset(
        {"edge": edge, "beyond": tail, "density": ("s", spikes.density(s))}, coords={"s": s}
    )


def shards(study: "SpectralDynamics") -> list[Shard]:
    """All members of one size."""
    members = max(4, study.members // 4)
    return [
        shard
        for size in study.matrix_sizes
        for shard in shards_of(PART, {"size": size}, members=members, batch=members)
    ]


def measure(study: "SpectralDynamics", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Singular values of noise plus a gradient of many outputs."""
    size = int(shard.settings["size"])
    outputs = round(study.spike_ratio * size)
    matrices = []
    for own in member_keys(key, size, shard.members):
        draws = Draws(own)
        noise, left, right = (
            np.asarray(draws.normal(shape, np.float32))
            for shape in ((size, size), (size, outputs), (outputs, size))
        )
        matrices.append(noise + STRENGTH * left @ right / size**0.5)
    values = weight_spectra(np.stack(matrices)).singular_values
    edges = bins(study)
    count = np.stack([np.histogram(s, edges)[0] for s in values])
    return xr.Dataset(
        {
            "largest": ("member", values[:, 0]),
            "beyond": ("member", np.mean(values > TAIL * law(study).edge, axis=1)),
            "density": (("member", "bin"), count / size / (edges[1] - edges[0])),
        }
    )


def claims(
    study: "SpectralDynamics", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Edge and tail of the deformed bulk are as predicted at every size."""
    found = []
    for size in study.matrix_sizes:
        point, edge = measurement.sel(size=size), float(prediction.edge)
        where = f"{size} x {size} matrices, {round(study.spike_ratio * size)} outputs"
        statement = f"Edge of the deformed bulk: {where}"
        tolerance = 2 * size ** (-2 / 3) * edge
        found.append(
            common.claim_of(f"edge-{size}", statement, edge, point.largest.values, tolerance)
        )
        statement = f"Share of singular values beyond {TAIL} of the edge: {where}"
        tail = float(prediction.beyond)
        found.append(
            common.claim_of(f"tail-{size}", statement, tail, point.beyond.values, 2 / size)
        )
    return found


def pictures(
    study: "SpectralDynamics", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """The deformed bulk beside the quarter circle."""
    figure, (ax,) = new_figure(1)
    s = np.linspace(0.0, 2.0, 200)
    theory(ax, s, MarchenkoPastur().density(s), "before training", color=1, dash="dotted")
    theory(ax, prediction.s, prediction.density, "many outputs")
    size = max(study.matrix_sizes)
    edges = bins(study)
    density = measurement.density.sel(size=size).transpose("member", "bin").values
    found = statistics.mean(density.astype(float))
    middle = (edges[1:] + edges[:-1]) / 2
    measured(ax, middle, found.value, found.standard_error, "many outputs")
    reference_line(ax, x=float(prediction.edge))
    ax.set_xlabel("singular value of W / √N")
    ax.set_ylabel("density")
    legend(ax)
    return [
        Picture(
            "many-outputs",
            "With many outputs the bulk itself is deformed",
            f"Noise plus the gradient of {round(study.spike_ratio * size)} outputs, {size} x "
            f"{size}. Solid: predicted density, dashed: its edge. Dotted: noise alone.",
            figure,
        )
    ]
