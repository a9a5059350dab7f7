"""The bridge to the no-coincidence conjecture: reversible circuits beside random networks.

Random reversible circuits of three-wire gates are compiled to ReLU networks, a layer for each layer
of gates and at most seven neurons for each gate. Beside them stand random ReLU networks of the same
depth and width, with the same numbers of input bits and outputs. A *violation* is an input whose
outputs are all zero (all negative, for the random networks); property P is to have none.

Each input of a random reversible circuit has a uniformly random output, so the mean number of
violations is ``2^n`` at any depth; a uniformly random permutation draws the outputs without
replacement, which gives the variance.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr
from scipy.stats import hypergeom

from widthwise import activations
from widthwise.circuits import (
    ReversibleCircuit,
    count_violations,
    permutation_probability,
    random_reversible,
    special_inputs,
)
from widthwise.circuits.assembly import assemble
from widthwise.circuits.typed import emulate, reversible_circuit
from widthwise.ensembles import count_violations as count_network_violations
from widthwise.ensembles import natural_network
from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.kernels import summarize
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, measured, new_figure, theory

if TYPE_CHECKING:
    from widthwise.studies.circuit_emulation.study import CircuitEmulation

PART = "bridge"
GATES = 2
NEURONS = 7
"""Most neurons of a three-wire gate."""
KINDS = ("reversible circuits", "random networks")


def predict(study: "CircuitEmulation") -> xr.Dataset:
    """Violations of a random permutation, and of a network whose outputs are alike for all inputs.

    Random ReLU networks approach the latter with depth: all or none violate.
    """
    del study
    special, total = 4**GATES, 8**GATES
    mean = special * special / total
    variance = mean * (1 - special / total) * (total - special) / (total - 1)
    chance = 2.0**-GATES  # of one input, or of all alike
    return xr.Dataset(
        {
            "mean": ("kind", [mean, mean]),
            "variance": ("kind", [variance, special**2 * chance * (1 - chance)]),
            "independent": mean * (1 - special / total),
            "property": ("kind", [permutation_probability(GATES), 1 - chance]),
            "differences": 0.0,
        },
        coords={"kind": list(KINDS)},
        attrs={"source": "drawing without replacement; outputs alike for all inputs"},
    )


def shards(study: "CircuitEmulation") -> list[Shard]:
    """Blocks of circuits, and as many random networks."""
    return [
        shard
        for kind in KINDS
        for shard in shards_of(PART, {"kind": kind}, members=study.circuits_drawn, batch=500)
    ]


def measure(study: "CircuitEmulation", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Violations of each network, by running it on all inputs that matter."""
    kind = str(shard.settings["kind"])
    keys = member_keys(key, KINDS.index(kind), shard.members)
    if kind == "random networks":
        net = natural_network(
            activations.get("relu"), GATES, width=NEURONS * GATES, depth=study.layers
        )
        found = count_network_violations(net, 2 * GATES, key=keys)
        counts = np.where(found.finite, found.counts.astype(float), np.nan)
        zeros = np.zeros(shard.size)
        sizes = np.full(shard.size, float(NEURONS * GATES * study.layers))
        return _dataset(counts, zeros, sizes)
    inputs = np.asarray(special_inputs(GATES), float)
    counts, differences, sizes = (np.zeros(shard.size) for _ in range(3))
    drawn = jax.jit(jax.vmap(lambda one: random_reversible(one, GATES, study.layers)))(keys)
    direct = np.asarray(jax.jit(jax.vmap(count_violations))(drawn), float)
    for member in range(shard.size):
        circuit = ReversibleCircuit(drawn.wires[member], drawn.tables[member])
        network = assemble(emulate(reversible_circuit(circuit)))
        outputs = network.evaluate(inputs)
        counts[member] = np.sum(np.all(outputs[:, 2 * GATES :] == 0, axis=1))
        differences[member] = abs(counts[member] - direct[member])
        sizes[member] = network.neurons
    return _dataset(counts, differences, sizes)


def _dataset(counts: np.ndarray, differences: np.ndarray, sizes: np.ndarray) -> xr.Dataset:
    return xr.Dataset(
        {
            "violations": ("member", counts),
            "differences": ("member", differences),
            "neurons": ("member", sizes),
        }
    )


def claims(
    study: "CircuitEmulation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Compiled circuits are random permutations, random networks of that size are not."""
    circuits, networks = (measurement.sel(kind=kind) for kind in KINDS)
    counts = circuits.violations.values
    mean, variance = statistics.mean(counts), statistics.variance(counts)
    exact, alike = prediction.variance.values.tolist()
    apart = abs(float(prediction.independent) - exact) / 2
    others = networks.violations.values
    share = summarize(others[np.isfinite(others)])
    spread = share.variance
    members = study.circuits_drawn
    return [
        Claim(
            name="bridge-differences",
            statement=f"Violations counted on {members} compiled networks and on their reversible "
            "circuits differ by",
            predicted=float(prediction.differences),
            measured=float(circuits.differences.sum()),
            standard_error=1e-6,  # a count
            tolerance=0.5,
        ),
        Claim(
            name="bridge-mean",
            statement="Mean number of violations of networks compiled from random reversible "
            f"circuits on {3 * GATES} bits",
            predicted=float(prediction["mean"][0]),
            measured=float(mean.value),
            standard_error=float(mean.standard_error),
            tolerance=apart,
            members=members,
        ),
        Claim(
            name="bridge-variance",
            statement="Variance of the number of violations of networks compiled from random "
            f"reversible circuits on {3 * GATES} bits: that of random permutations",
            predicted=exact,
            measured=float(variance.value),
            standard_error=float(variance.standard_error),
            tolerance=apart,
            members=members,
        ),
        Claim(
            name="bridge-networks",
            statement="The variance of the violations of random ReLU networks of equal depth and "
            "width is nearer to that of outputs alike for all inputs than to random permutations",
            predicted=(exact + alike) / 2,
            measured=float(spread.value),
            standard_error=float(spread.standard_error),
            tolerance=0.0,
            kind="at_least",
            members=members,
        ),
        Claim(
            name="bridge-property",
            statement="So is the share of them with property P",
            predicted=float(prediction.property.mean()),
            measured=float(share.probability.value),
            standard_error=float(share.probability.standard_error),
            tolerance=0.0,
            kind="at_least",
            members=members,
        ),
    ]


def pictures(
    study: "CircuitEmulation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Distribution of the number of violations."""
    figure, axes = new_figure(2, titles=KINDS, sharey=True)
    numbers = np.arange(4**GATES + 1)
    for i, (ax, kind) in enumerate(zip(axes, KINDS, strict=True)):
        counts = measurement.violations.sel(kind=kind).values
        counts = counts[np.isfinite(counts)]
        share = np.array([np.mean(counts == number) for number in numbers])
        error = np.sqrt(share * (1 - share) / max(len(counts), 1))
        theory(ax, numbers, _hypergeometric(numbers), "random permutation", color=2)
        measured(ax, numbers, share, error, kind, color=i)
        ax.set_xlabel(f"violations among {4**GATES} inputs")
        ax.set_ylabel("share of networks")
        legend(ax)
    del prediction
    return [
        Picture(
            "bridge",
            "Compiled reversible circuits beside random networks of their size",
            f"{study.circuits_drawn} random reversible circuits of {study.layers} layers on "
            f"{3 * GATES} bits as ReLU networks, and random ReLU networks of that depth and width. "
            "Random networks give all inputs alike outputs: none or all violate.",
            figure,
        )
    ]


def _hypergeometric(numbers: np.ndarray) -> np.ndarray:
    """Return how probable each number of violations is for a random permutation."""
    return hypergeom.pmf(numbers, 8**GATES, 4**GATES, 4**GATES)
