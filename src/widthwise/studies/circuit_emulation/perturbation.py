"""Noise: how far all weights may move until a circuit's network errs.

Outputs are read at the threshold 1/2. Interval arithmetic gives a guarantee: if no weight and no
bias moves by more than ``epsilon``, every number moves by at most

    e_out = sum_i (|w_i| e_i + epsilon (largest |x_i| + e_i)) + epsilon,

and outputs stay right while that is below 1/2 for each. For the adder of one layer the mean square
of the error under Gaussian noise follows to first order. With noise of standard deviation ``sigma``
a pre-activation moves by ``sigma sqrt(1 + |x|^2)`` times a normal number: above the kink of the
ReLU the neuron moves as much, below it does not, and *at* the kink, where many neurons of a circuit
are, it moves if upwards: with half the mean square, and a mean of ``1/sqrt(2 pi)``.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import scipy.sparse as sp
import xarray as xr
from jaxtyping import Float

from widthwise.circuits.assembly import assemble
from widthwise.circuits.network import ReluNetwork
from widthwise.circuits.typed import add_bits, emulate, ripple_adder, trace
from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory
from widthwise.studies.circuit_emulation.catalogue import bits

if TYPE_CHECKING:
    from widthwise.studies.circuit_emulation.study import CircuitEmulation

PART = "perturbation"
ADDERS = {"one layer": add_bits, "ripple": ripple_adder}
CLAIMED = 0.02
"""Standard deviation at which the mean square is claimed; small against the gaps of one."""


def _built(study: "CircuitEmulation", adder: str) -> ReluNetwork:
    return assemble(emulate(trace(ADDERS[adder], *bits(study.noise_bits, study.noise_bits))))


def all_inputs(count: int) -> Float[np.ndarray, "inputs count"]:
    """Return all inputs of so many bits."""
    return ((np.arange(2**count)[:, None] >> np.arange(count)) & 1).astype(float)


def guarantee(network: ReluNetwork) -> float:
    """Return the largest movement of all weights that leaves every output within 1/2.

    Parameters
    ----------
    network
        A network of layers.
    """
    size = np.maximum(*map(np.abs, network.ranges()))
    neuron = size[network.inputs :]

    def error(epsilon: float) -> float:
        moved, largest = np.zeros(network.inputs), size[: network.inputs]
        for number, (weights, _) in enumerate(network.layers()):
            moved = abs(weights) @ moved + epsilon * (_ones(weights) @ (largest + moved) + 1)
            if number < network.depth:
                largest = neuron[network.starts[number] : network.starts[number + 1]]
        return float(moved.max())

    low, high = 0.0, 1.0
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if error(middle) < 0.5 else (low, middle)
    return low


def mean_square(network: ReluNetwork, inputs: Float[np.ndarray, "inputs count"]) -> float:
    """Return the mean square error of the outputs of a one-layer network, over sigma squared.

    Noise is on every weight that is not zero and on every bias; the mean is over inputs and
    outputs, to first order.
    """
    (first, bias), (readout, _) = network.layers()
    before = inputs @ first.T + bias
    hidden = np.maximum(before, 0)
    used, read = _ones(first), _ones(readout)
    spread = 1 + inputs**2 @ used.T
    square = spread * np.where(before > 0, 1.0, np.where(before == 0, 0.5, 0.0))
    mean = np.where(before == 0, np.sqrt(spread / (2 * np.pi)), 0.0)
    square_out = (square - mean**2) @ (readout.multiply(readout)).T
    total = square_out + (mean @ readout.T) ** 2 + hidden**2 @ read.T + 1
    return float(np.mean(total))


def _ones(weights: sp.csr_array) -> sp.csr_array:
    """Return which weights there are, as ones."""
    ones = weights.copy()
    ones.data = np.ones_like(weights.data)
    return ones


def expansion(study: "CircuitEmulation", sigma: float) -> float:
    """Return what is expanded in: the noise on the widest pre-activation, over its gap of one."""
    return sigma * (1 + 2 * study.noise_bits) ** 0.5


def predict(study: "CircuitEmulation") -> xr.Dataset:
    """Guarantees, and the first-order mean square of the adder of one layer."""
    safe = [guarantee(_built(study, adder)) for adder in ADDERS]
    network = _built(study, "one layer")
    return xr.Dataset(
        {
            "guarantee": ("adder", np.array(safe)),
            "mean_square": mean_square(network, all_inputs(2 * study.noise_bits)),
            "wrong": ("adder", np.zeros(len(safe))),
        },
        coords={"adder": list(ADDERS)},
        attrs={"source": "interval arithmetic; first order in the noise"},
    )


def scales(study: "CircuitEmulation", safe: float) -> list[float]:
    """Noise shown: from below the guarantee to where everything errs."""
    return np.geomspace(safe / 2, 0.5, study.noise_scales).tolist()


def shards(study: "CircuitEmulation") -> list[Shard]:
    """One adder each; a member is a draw of all noise, scaled."""
    members = study.noise_members
    return [
        shard
        for adder in ADDERS
        for shard in shards_of(PART, {"adder": adder}, members=members, batch=members)
    ]


def measure(study: "CircuitEmulation", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Errors of each perturbed network, over all inputs."""
    adder = str(shard.settings["adder"])
    network = _built(study, adder)
    safe = guarantee(network)
    inputs = all_inputs(2 * study.noise_bits)
    right = network.evaluate(inputs)
    keys = member_keys(key, list(ADDERS).index(adder), shard.members)
    sigmas = scales(study, safe)
    share = np.zeros((shard.size, len(sigmas)))
    at_guarantee, square = np.zeros(shard.size), np.zeros(shard.size)
    for row, one in enumerate(keys):
        generator = np.random.default_rng(np.asarray(jax.random.key_data(one)).ravel().tolist())
        noise = generator.standard_normal(len(network.weights)), generator.standard_normal(
            len(network.bias)
        )  # fmt: skip
        for column, sigma in enumerate(sigmas):
            share[row, column] = np.mean(_wrong(network, inputs, right, sigma, noise))
        signs = np.sign(noise[0]), np.sign(noise[1])
        at_guarantee[row] = np.sum(_wrong(network, inputs, right, safe, signs))
        square[row] = np.mean((_moved(network, inputs, CLAIMED, noise) - right) ** 2) / CLAIMED**2
    return xr.Dataset(
        {
            "share": (("member", "scale"), share),
            "wrong": ("member", at_guarantee),
            "mean_square": ("member", square),
            "sigma": ("scale", np.array(sigmas)),
        }
    )


def _wrong(
    network: ReluNetwork,
    inputs: np.ndarray,
    right: np.ndarray,
    sigma: float,
    noise: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Tell on which inputs an output of a perturbed network is read wrongly."""
    found = _moved(network, inputs, sigma, noise)
    return np.any((found > 0.5) != (right > 0.5), axis=1)


def _moved(
    network: ReluNetwork, inputs: np.ndarray, sigma: float, noise: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Run a network whose weights and biases have moved by ``sigma`` times the noise."""
    state, end = inputs.T, 0
    for number, (weights, bias) in enumerate(network.layers()):
        start, end = end, end + weights.nnz
        first = int(network.starts[number])
        moved = weights.copy()
        moved.data = weights.data + sigma * noise[0][start:end]
        offset = bias + sigma * noise[1][first : first + len(bias)]
        state = moved @ state + offset[:, None]
        state = state if number == network.depth else np.maximum(state, 0)
    return state.T


def claims(
    study: "CircuitEmulation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """No error within the guarantee, and the first-order mean square."""
    found = []
    for adder in ADDERS:
        safe = float(prediction.guarantee.sel(adder=adder))
        found.append(
            Claim(
                name=f"guarantee-{adder.replace(' ', '-')}",
                statement=f"Wrong sums of {study.noise_members} {adder} adders of "
                f"{study.noise_bits} bits whose weights all move by {safe:.2g}",
                predicted=float(prediction.wrong.sel(adder=adder)),
                measured=float(measurement.wrong.sel(adder=adder).sum()),
                standard_error=1e-6,  # a count
                tolerance=0.5,
            )
        )
    first = float(prediction.mean_square)
    square = statistics.mean(measurement.mean_square.sel(adder="one layer").values)
    found.append(
        Claim(
            name="noise-mean-square",
            statement="Mean square error of a one-layer adder over the variance of the noise on "
            f"its weights, at standard deviation {CLAIMED}",
            predicted=first,
            measured=float(square.value),
            standard_error=float(square.standard_error),
            tolerance=2 * expansion(study, CLAIMED) * first,
            members=study.noise_members,
        )
    )
    return found


def pictures(
    study: "CircuitEmulation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Share of wrong sums against noise."""
    figure, (ax,) = new_figure(1, size=(6.4, 4.0))
    for i, adder in enumerate(ADDERS):
        one = measurement.sel(adder=adder)
        error = one.share.std("member", ddof=1) / study.noise_members**0.5
        measured(
            ax, one.sigma, one.share.mean("member"), error, label=f"{adder}, measured", color=i
        )
        safe = float(prediction.guarantee.sel(adder=adder))
        theory(ax, [safe, safe], [0.0, 1.0], f"{adder}, guarantee", color=i, dash="dashed")
    log_axis(ax, "x")
    ax.set_xlabel("standard deviation of the noise on all weights")
    ax.set_ylabel("share of wrong sums")
    legend(ax)
    return [
        Picture(
            "noise",
            "How much noise a circuit's network bears",
            f"Adders of {study.noise_bits} bits, Gaussian noise on every weight and bias, all "
            "inputs; outputs are read at 1/2. Dashed: no sum is wrong if no weight moves farther. "
            "The adder that ripples has small numbers but many layers.",
            figure,
        )
    ]
