"""Do norms survive depth? Zero mean is not enough: chi_par decides.

One input, many layers. Where chi_par < 1 the squared norm fluctuates around one with variance
V_1111/width for ever; where chi_par >= 1 nothing pulls it back and a growing share of networks runs
away, which brings correlations back up. Beyond first order the theory is the exact Markov chain of
the kernel, which is sampled: its tolerance is its own sampling error.
"""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from widthwise import activations
from widthwise.ensembles import empirical_kernels, kernel_chain, natural_network
from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.kernels import norm_stability, norm_variance
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory
from widthwise.studies.no_coincidence.covariance import DIMENSION, SAMPLING, expansion

if TYPE_CHECKING:
    from widthwise.studies.no_coincidence.study import NoCoincidence

PART = "norms"
WIDTH = 16
RUNAWAY = 10.0
"""A squared norm beyond this multiple of its infinite-width value has run away."""
CHAINS = 1000


def predict(study: "NoCoincidence") -> xr.Dataset:
    """First-order variance of the squared norm, and the exact chain's share of runaway networks."""
    depth = study.runaway_depth
    keys = member_keys(jax.random.key(study.seed + 1), WIDTH, (0, CHAINS))
    share, variance, marginal = [], [], []
    for name in study.activations:
        phi = activations.get(name)
        chain = kernel_chain(phi, jnp.ones((1, 1)), keys, depth=depth, width=WIDTH)
        share.append(_runaway(np.asarray(chain)[..., 0, 0]).mean(axis=0))
        variance.append(norm_variance(phi, depth))
        marginal.append(norm_stability(phi, depth=depth, width=WIDTH).marginal)
    dims = ("activation", "layer")
    return xr.Dataset(
        {
            "runaway": (dims, np.stack(share)),
            "V1111": (dims, np.stack(variance)),
            "marginal": ("activation", marginal),
        },
        coords={"activation": list(study.activations)},
        attrs={"source": f"exact kernel chain, {CHAINS} samples; first-order recursion"},
    )


def shards(study: "NoCoincidence") -> list[Shard]:
    """Many more networks than sampled chains, whose error is the tolerance."""
    members = max(64, 2 * study.members)
    return [
        shard
        for name in study.activations
        for shard in shards_of(PART, {"activation": name}, members=members, batch=members)
    ]


def measure(study: "NoCoincidence", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Squared norm of one input at every layer of real networks."""
    phi = activations.get(str(shard.settings["activation"]))
    net = natural_network(phi, 1, depth=study.runaway_depth, width=WIDTH)
    keys = member_keys(key, WIDTH, shard.members)
    measured = empirical_kernels(net, jnp.ones((1, DIMENSION), jnp.float32), key=keys)
    norms = measured.kernel.values[..., 0, 0]
    return xr.Dataset({"norm": (("member", "layer"), norms.astype(np.float32))})


def claims(study: "NoCoincidence", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """Stable activations keep their norms; for the others the exact chain tells who runs away."""
    found = []
    members = measurement.sizes["member"]
    for name in study.activations:
        limits = prediction.sel(activation=name)
        limit = limits.isel(layer=-1)
        norm = measurement.norm.sel(activation=name).isel(layer=-1).values.astype(float)
        where = f"{name}, width {WIDTH}, {study.runaway_depth} hidden layers"
        if bool(limit["marginal"]):
            share = float(limit["runaway"])
            runaway = statistics.mean(_runaway(norm).astype(float))
            found.append(
                Claim(
                    name=f"runaway-{name}",
                    statement=f"Share of networks whose squared norm exceeds {RUNAWAY:g} times its "
                    f"infinite-width value: {where}",
                    predicted=share,
                    measured=float(runaway.value),
                    standard_error=max(float(runaway.standard_error), 1 / members),
                    tolerance=SAMPLING * max(np.sqrt(share * (1 - share) / CHAINS), 1 / CHAINS),
                    members=members,
                )
            )
        else:
            first = float(limit["V1111"])
            variance = statistics.variance(np.sqrt(WIDTH) * norm)
            found.append(
                Claim(
                    name=f"V1111-{name}",
                    statement=f"Norms stay: width times the variance of the squared norm: {where}",
                    predicted=first,
                    formula=closed_form(limits["V1111"].values),
                    measured=float(variance.value),
                    standard_error=float(variance.standard_error),
                    tolerance=2 * expansion(limit["V1111"].values, WIDTH) * first,
                    members=members,
                )
            )
    return found


def pictures(
    study: "NoCoincidence", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Share of runaway networks, and spread of the norm, against depth."""
    layers = np.arange(1, prediction.sizes["layer"])
    figure, (left, right) = new_figure(2, titles=("runaway norms", "spread of the norm"))
    for i, name in enumerate(study.activations):
        limit = prediction.sel(activation=name)
        norm = measurement.norm.sel(activation=name).values.astype(float)[:, 1:]
        share = statistics.mean(_runaway(norm).astype(float))
        theory(left, layers, limit["runaway"].values[1:], name, color=i)
        measured(left, layers, share.value, share.standard_error, name, color=i)
        theory(right, layers, np.sqrt(limit["V1111"].values[1:] / WIDTH), name, color=i)
        spread = statistics.variance(norm)
        deviation = np.sqrt(spread.value)
        measured(right, layers, deviation, spread.standard_error / (2 * deviation), name, color=i)
    left.set_ylabel(f"share with squared norm > {RUNAWAY:g}")
    right.set_ylabel("standard deviation of the squared norm")
    log_axis(right, "y")
    for ax in (left, right):
        ax.set_xlabel("hidden layers")
    legend(left)
    return [
        Picture(
            "norms",
            "Zero mean is not enough: which activations keep their norms",
            f"Networks of width {WIDTH}. Left: lines are the exact kernel chain, sampled {CHAINS} "
            "times; points are real networks. Right: lines are first order in 1/width. Where "
            "chi_par < 1 (tanh) the norm stays; where chi_par >= 1 (ReLU, GELU, centred or not) it "
            "runs away.",
            figure,
        )
    ]


def closed_form(series: np.ndarray) -> str:
    """Return the variance after ``runaway_depth`` layers as a formula.

    Each layer multiplies what came before by one factor and adds the same amount, so that the
    series from layer 0 on, of length >= 3, is a geometric sum.
    """
    source = float(series[1])
    factor = float(series[2]) / source - 1
    if abs(factor - 1) < 1e-6:
        return f"{source!r} * runaway_depth"
    return f"{source!r} * (1 - {factor!r}**runaway_depth) / {1 - factor!r}"


def _runaway(norm: np.ndarray) -> np.ndarray:
    """A norm that overflowed has run away as well."""
    return ~(norm <= RUNAWAY)
