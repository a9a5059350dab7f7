"""Covariance of pairs of inputs at every depth: first order in 1/width beside real networks."""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from widthwise import activations
from widthwise.activations import Activation
from widthwise.ensembles import (
    empirical_kernels,
    kernel_chain,
    natural_network,
    without_linear_response,
)
from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.kernels import FiniteWidth, finite_width, natural_weight_variance
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory

if TYPE_CHECKING:
    from widthwise.studies.no_coincidence.study import NoCoincidence

PART = "covariance"
DIMENSION = 16
DISTANCES = (1, 4, 8, 16)
"""Hamming distances on the 16-cube: neighbours, correlation 1/2 and 0, antipodes."""
CLAIMED_RHO = 0.5
CLAIMED_LAYER = 3
"""Pair, and number of hidden layers, of the first-order claims."""
EXPANSION = 0.15
"""Claims are made at the narrowest width whose expansion parameter is below this."""
ENTRIES = ("11", "12", "22")
BATCH = 5000
ROUNDING = 1e-9
SAMPLING = 5.0
"""Tolerance of a sampled prediction, in its own standard errors."""


def inputs() -> np.ndarray:
    """Return the all-plus vertex of the cube, and one vertex at each distance from it."""
    flipped = np.arange(DIMENSION)[None, :] < np.array([0, *DISTANCES])[:, None]
    return np.where(flipped, -1.0, 1.0)


def pairs() -> np.ndarray:
    """Return (K11, K12, K22) of the first input with each other one."""
    return np.array([[1.0, 1 - 2 * h / DIMENSION, 1.0] for h in DISTANCES])


def members_at(study: "NoCoincidence", width: int) -> int:
    """Networks at a width: equal cost in weights, at most four times the number at width 128."""
    return max(8, min(4 * study.members, round(study.members * (128 / width) ** 2)))


def even(members: int) -> int:
    """Return the size of equal shards of at most BATCH members: one compiled program for all."""
    return -(-members // -(-members // BATCH))


def expansion(variance: np.ndarray, width: int) -> float:
    """Return the expansion parameter of the 1/width series: the largest of 1 and V, over width."""
    return max(1.0, float(np.max(np.abs(variance)))) / width


def claim_width(widths: tuple[int, ...], variance: np.ndarray) -> int:
    """Return the narrowest width at which first order is expected to be good, else the widest."""
    good = [n for n in sorted(widths) if expansion(variance, n) <= EXPANSION]
    return good[0] if good else max(widths)


def predict(study: "NoCoincidence") -> xr.Dataset:
    """K, H, V at every layer for each activation; and the exact chain at the widest, sampled."""
    depth = depth_of(study)
    moments = [finite_width(activations.get(a), pairs(), depth=depth) for a in study.activations]
    found = moments_dataset(moments, {"activation": list(study.activations), "rho": pairs()[:, 1]})
    gram = jnp.asarray(inputs() @ inputs().T / DIMENSION, jnp.float32)
    first = int(np.flatnonzero(pairs()[:, 1] == CLAIMED_RHO)[0]) + 1
    width = max(study.widths)
    keys = member_keys(jax.random.key(study.seed + 1), width, (0, chains(study, width)))
    chain = []
    for name in study.activations:
        phi = activations.get(name)
        kernels = kernel_chain(phi, gram, keys, depth=depth, width=width)
        chain.append(
            statistics.variance(np.sqrt(width) * np.asarray(kernels[..., 0, first], float))
        )
    dims = ("activation", "layer")
    return found.assign(
        chain_V1212=(dims, np.stack([estimate.value for estimate in chain])),
        chain_V1212_error=(dims, np.stack([estimate.standard_error for estimate in chain])),
    )


def depth_of(study: "NoCoincidence") -> int:
    """Hidden layers of the part: at least those that the claims are about."""
    return max(study.depth, CLAIMED_LAYER)


def chains(study: "NoCoincidence", width: int) -> int:
    """A quarter as many sampled chains as networks: the prediction's error must be the larger."""
    return max(8, members_at(study, width) // 4)


def moments_dataset(moments: list[FiniteWidth], coordinates: dict[str, Any]) -> xr.Dataset:
    """Label the moments of several activations."""
    pair = next(name for name in coordinates if name != "activation")
    dims = ("activation", "layer", pair, "entry")
    return xr.Dataset(
        {
            "K": (dims, np.stack([m.K for m in moments])),
            "H": (dims, np.stack([m.H for m in moments])),
            "V": ((*dims, "entry_2"), np.stack([m.V for m in moments])),
        },
        coords={**coordinates, "entry": list(ENTRIES), "entry_2": list(ENTRIES)},
        attrs={"source": "first-order recursion in 1/width"},
    )


def shards(study: "NoCoincidence") -> list[Shard]:
    """Real networks, per activation and width."""
    return [
        shard
        for name in study.activations
        for width in study.widths
        for shard in shards_of(
            PART,
            {"activation": name, "width": width},
            members=members_at(study, width),
            batch=even(members_at(study, width)),
        )
    ]


def measure(study: "NoCoincidence", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Empirical kernels of each member; for the claimed pair also less their linear response.

    The control variate is dear by quadrature: only the widest networks have it at every layer, the
    others up to the claimed one.
    """
    phi = activations.get(str(shard.settings["activation"]))
    width = int(shard.settings["width"])
    net = natural_network(phi, 1, depth=depth_of(study), width=width)
    keys = member_keys(key, width, shard.members)
    full = empirical_kernels(net, jnp.asarray(inputs(), jnp.float32), key=keys).kernel.values
    entries = pair_entries(full, [(0, 1 + i) for i in range(len(DISTANCES))])
    claimed = pairs()[:, 1] == CLAIMED_RHO
    free = entries[:, :, claimed][:, :, 0].copy()
    layers = 1 + (depth_of(study) if width == max(study.widths) else CLAIMED_LAYER)
    free[:, :layers] = controlled(phi, entries[:, :layers, claimed], pairs()[claimed])[:, :, 0]
    return xr.Dataset(
        {
            "kernel": (("member", "layer", "rho", "entry"), entries.astype(np.float32)),
            "controlled": (("member", "layer", "entry"), free.astype(np.float32)),
        },
        coords={"rho": pairs()[:, 1], "entry": list(ENTRIES)},
    )


def pair_entries(kernels: np.ndarray, which: list[tuple[int, int]]) -> np.ndarray:
    """Return entries (11, 12, 22) of each pair from full kernels (member, layer, input, input)."""
    a, b = (np.array(side) for side in zip(*which, strict=True))
    full = kernels.astype(float)
    return np.stack([full[..., a, a], full[..., a, b], full[..., b, b]], axis=-1)


def controlled(phi: Activation, kernels: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return kernels (member, layer, pair, entry) less their linear response."""
    jacobians = finite_width(phi, start, depth=kernels.shape[1] - 1).J
    free = without_linear_response(
        phi,
        jnp.asarray(kernels, jnp.float32),
        jnp.asarray(jacobians, jnp.float32),
        weight_variance=natural_weight_variance(phi),
    )
    return np.asarray(free)


def corrections(point: xr.Dataset, limit: xr.Dataset, width: int) -> dict[str, statistics.Estimate]:
    """Estimate H11, H12 and V1212: width times (mean - K), width times the variance.

    point holds kernel and controlled with dimensions member and entry; limit the prediction's K.
    """
    free, raw = point["controlled"].values.astype(float), point["kernel"].values.astype(float)
    start = limit["K"].values
    return {
        "H11": statistics.mean(width * (free[:, 0] - start[0])),
        "H12": statistics.mean(width * (free[:, 1] - start[1])),
        "V1212": statistics.variance(np.sqrt(width) * raw[:, 1]),
    }


WORDS = {
    "H11": "Mean drift of the squared norm, in units of 1/width",
    "H12": "Correction to the mean covariance, in units of 1/width",
    "V1212": "Variance of the covariance over networks, in units of 1/width",
}


def claims(study: "NoCoincidence", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """First order holds for real networks up to its next order; the exact chain at any depth."""
    return [
        claim
        for name in study.activations
        for claim in (
            *_first_order(study, name, prediction, measurement),
            _exact(study, name, prediction, measurement),
        )
    ]


def _first_order(
    study: "NoCoincidence", name: str, prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    limit = prediction.sel(activation=name, rho=CLAIMED_RHO).isel(layer=CLAIMED_LAYER)
    first = {
        "H11": float(limit["H"].sel(entry="11")),
        "H12": float(limit["H"].sel(entry="12")),
        "V1212": float(limit["V"].sel(entry="12", entry_2="12")),
    }
    width = claim_width(study.widths, limit["V"].values)
    order = 2 * expansion(limit["V"].values, width)
    drift = max(abs(first["H11"]), abs(first["H12"]))
    point = _point(study, measurement, name, width).isel(layer=CLAIMED_LAYER)
    return [
        Claim(
            name=f"{quantity}-{name}",
            statement=f"{WORDS[quantity]}: {name}, width {width}, {CLAIMED_LAYER} hidden layers, "
            f"inputs of correlation {CLAIMED_RHO}",
            predicted=first[quantity],
            measured=float(estimate.value),
            standard_error=float(estimate.standard_error),
            tolerance=order * (first["V1212"] if quantity == "V1212" else drift),
            members=estimate.count,
        )
        for quantity, estimate in corrections(point, limit, width).items()
        if abs(first[quantity]) > ROUNDING  # ReLU keeps its mean norm exactly
    ]


def _exact(
    study: "NoCoincidence", name: str, prediction: xr.Dataset, measurement: xr.Dataset
) -> Claim:
    width = max(study.widths)
    limit = prediction.sel(activation=name).isel(layer=CLAIMED_LAYER)
    point = _point(study, measurement, name, width).isel(layer=CLAIMED_LAYER)
    estimate = statistics.variance(np.sqrt(width) * point["kernel"].values[:, 1].astype(float))
    return Claim(
        name=f"chain-{name}",
        statement="Variance of the covariance over networks is that of the exact kernel chain, "
        f"whose sampling error is the tolerance: {name}, width {width}, {CLAIMED_LAYER} hidden "
        f"layers, inputs of correlation {CLAIMED_RHO}",
        predicted=float(limit["chain_V1212"]),
        measured=float(estimate.value),
        standard_error=float(estimate.standard_error),
        tolerance=SAMPLING * float(limit["chain_V1212_error"]),
        members=estimate.count,
    )


def pictures(
    study: "NoCoincidence", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """The corrections against depth, and the covariance of each pair of inputs."""
    return [
        _corrections_picture(study, prediction, measurement),
        _decay_picture(study, prediction, measurement),
    ]


def _point(study: "NoCoincidence", measurement: xr.Dataset, name: str, width: int) -> xr.Dataset:
    """One ensemble at the claimed pair; ensembles with fewer members are padded in the file."""
    point = measurement.sel(activation=name, width=width, rho=CLAIMED_RHO)
    return point.isel(member=slice(0, members_at(study, width)))


def _corrections_picture(
    study: "NoCoincidence", prediction: xr.Dataset, measurement: xr.Dataset
) -> Picture:
    width = max(study.widths)
    layers = np.arange(prediction.sizes["layer"])
    figure, (left, right) = new_figure(2, titles=("mean", "fluctuation"))
    for i, name in enumerate(study.activations):
        limit = prediction.sel(activation=name, rho=CLAIMED_RHO)
        theory(left, layers, limit["H"].sel(entry="12"), name, color=i)
        variance = limit["V"].sel(entry="12", entry_2="12")
        theory(right, layers[1:], variance[1:], name, color=i)  # zero before the first layer
        theory(right, layers[1:], limit["chain_V1212"][1:], color=i, dash="dotted")
        point = _point(study, measurement, name, width)
        found = [
            corrections(point.isel(layer=layer), limit.isel(layer=layer), width)
            for layer in layers[1:]
        ]
        for ax, quantity in ((left, "H12"), (right, "V1212")):
            values = np.array([f[quantity].value for f in found])
            errors = np.array([f[quantity].standard_error for f in found])
            measured(ax, layers[1:], values, errors, name, color=i)
    left.set_ylabel(f"n (mean covariance − K),  n = {width}")
    right.set_ylabel("n · variance of the covariance")
    for ax in (left, right):
        ax.set_xlabel("hidden layers")
    log_axis(right, "y")
    legend(left)
    return Picture(
        "finite-width",
        "What finite width adds to the covariance of two inputs",
        f"Inputs of correlation {CLAIMED_RHO}. Solid lines: first order in 1/width. Dotted: the "
        f"exact kernel chain, sampled. Points: {members_at(study, width)} real networks of width "
        f"{width}. Where solid lines and points part, the next order is no longer small: its size "
        "relative to the first is about V/width.",
        figure,
    )


def _decay_picture(
    study: "NoCoincidence", prediction: xr.Dataset, measurement: xr.Dataset
) -> Picture:
    width = max(study.widths)
    layers = np.arange(prediction.sizes["layer"])
    figure, axes = new_figure(len(study.activations), titles=study.activations, sharey=True)
    for ax, name in zip(axes, study.activations, strict=True):
        for i, rho in enumerate(prediction["rho"].values):
            limit = prediction.sel(activation=name, rho=rho, entry="12")
            label = f"start {rho:g}"
            theory(ax, layers, limit["K"] + limit["H"] / width, label, color=i)
            members = slice(0, members_at(study, width))
            point = measurement.kernel.sel(activation=name, width=width, rho=rho, entry="12")
            found = statistics.mean(point.isel(member=members).transpose("member", "layer"))
            measured(ax, layers, found.value, found.standard_error, label, color=i)
        ax.set_xlabel("hidden layers")
    axes[0].set_ylabel(f"mean covariance, n = {width}")
    legend(axes[0])
    return Picture(
        "decay",
        "Correlations of inputs through depth",
        "Mean covariance of an input with its neighbour on the hypercube, with inputs at "
        "correlation 0.5 and 0, and with its antipode. Lines: K + H/n. Points: real networks. Zero "
        "mean drives correlations to zero; an odd activation keeps the antipode at −1; ReLU drives "
        "all inputs together.",
        figure,
    )
