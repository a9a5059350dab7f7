"""Randomized circuits: Freivalds' test, and a majority of copies.

The test of a matrix product over two elements accepts ``A B = C`` with probability
``2^-rank(A B - C)`` over its random bits. A circuit that errs with probability 1/4, run k times
with its majority, errs with the tail of a binomial distribution.
"""

from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import xarray as xr

from widthwise.circuits.assembly import assemble
from widthwise.circuits.typed import (
    Bool,
    TypedCircuit,
    acceptance,
    amplified,
    emulate,
    freivalds,
    majority_error,
    trace,
)
from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory

if TYPE_CHECKING:
    from widthwise.studies.circuit_emulation.study import CircuitEmulation

PART = "chance"
SIZE = 3
RANKS = (0, 1, 2, 3)
COPIES = (1, 3, 5, 11, 21)
EXHAUSTIVE = 5
"""Most copies whose random bits are all run; more are drawn."""
ERROR = 0.25


def product_test() -> TypedCircuit:
    """Return the test of products of matrices of size three."""
    matrix = [[Bool()] * SIZE] * SIZE
    return trace(freivalds, matrix, matrix, matrix, coins=[Bool(random=True)] * SIZE)


def _unsure(x: Any, *, coins: Any) -> Any:
    """Return a bit, but its opposite with probability 1/4."""
    return x ^ (coins[0] & coins[1])


def unsure_majority(copies: int) -> TypedCircuit:
    """Return the majority of copies of a circuit that errs with probability 1/4."""
    coins = [[Bool(random=True)] * 2] * copies
    return trace(amplified(_unsure, copies), Bool(), coins=coins)


def predict(study: "CircuitEmulation") -> xr.Dataset:
    """Powers of two, and binomial tails."""
    del study
    return xr.Dataset(
        {
            "acceptance": ("rank", 2.0 ** -np.array(RANKS)),
            "error": ("copies", [majority_error(ERROR, k) for k in COPIES]),
        },
        coords={"rank": list(RANKS), "copies": list(COPIES)},
        attrs={"source": "Freivalds 1977; binomial distribution"},
    )


def shards(study: "CircuitEmulation") -> list[Shard]:
    """One shard; a member draws its matrices and the random bits that are drawn."""
    return shards_of(PART, {}, members=study.draws, batch=study.draws)


def measure(study: "CircuitEmulation", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Run the networks of both circuits on random bits."""
    test = product_test()
    run = assemble(emulate(test)).evaluate
    circuits = [unsure_majority(k) for k in COPIES]
    networks = [assemble(emulate(circuit)) for circuit in circuits]
    accepted, errors = np.zeros((shard.size, len(RANKS))), np.zeros((shard.size, len(COPIES)))
    for row, one in enumerate(member_keys(key, SIZE, shard.members)):
        seed = np.asarray(jax.random.key_data(one)).ravel().tolist()
        generator = np.random.default_rng(seed)
        cases = [_matrices(rank, generator) for rank in RANKS]
        accepted[row] = acceptance(test, np.array(cases), run=run)[:, 0]
        for column, (circuit, network) in enumerate(zip(circuits, networks, strict=True)):
            samples = None if COPIES[column] <= EXHAUSTIVE else study.samples
            # `study.samples` draws for each member, different ones.
            bit = acceptance(
                circuit, np.array([[1]]), run=network.evaluate, samples=samples,
                seed=int(generator.integers(2**32)),
            )  # fmt: skip
            errors[row, column] = 1 - bit[0, 0]
    return xr.Dataset(
        {"acceptance": (("member", "rank"), accepted), "error": (("member", "copies"), errors)},
        coords={"rank": list(RANKS), "copies": list(COPIES)},
    )


def _matrices(rank: int, generator: np.random.Generator) -> np.ndarray:
    """Return random A, B and a C for which A B - C has a rank, row by row."""
    a, b = generator.integers(0, 2, (2, SIZE, SIZE))
    # A unit triangular matrix on either side keeps the rank of the middle one.
    left, right = (np.tril(m, -1) + np.eye(SIZE, dtype=int) for m in (a, b))
    wrong = left @ np.diag(np.arange(SIZE) < rank).astype(int) @ right.T % 2
    return np.concatenate([m.ravel() for m in (a, b, (a @ b + wrong) % 2)])


def claims(
    study: "CircuitEmulation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Probabilities over all random bits are exact; over some, within their errors."""
    del study
    found = [
        Claim(
            name=f"freivalds-{rank}",
            statement="Probability, over all random bits, that the network of Freivalds' test "
            f"accepts a product that is wrong by a matrix of rank {rank}",
            predicted=float(prediction.acceptance.sel(rank=rank)),
            measured=float(measurement.acceptance.sel(rank=rank).mean("member")),
            standard_error=1e-12,
            tolerance=1e-9,
        )
        for rank in RANKS[1:]
    ]
    for k in COPIES[-2:]:
        error = statistics.mean(measurement.error.sel(copies=k).values)
        tail = float(prediction.error.sel(copies=k))
        bound = float(np.exp(-2 * k * (0.5 - ERROR) ** 2))
        found.append(
            Claim(
                name=f"majority-{k}",
                statement=f"Error of the majority of {k} copies of a circuit that errs with "
                "probability 1/4",
                predicted=tail,
                measured=float(error.value),
                standard_error=max(float(error.standard_error), 1e-12),
                tolerance=(bound - majority_error(ERROR, k)) / 2,
                members=error.count,
            )
        )
    return found


def pictures(
    study: "CircuitEmulation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Error against the number of copies."""
    del study
    figure, (ax,) = new_figure(1, size=(5.6, 3.8))
    copies = np.array(COPIES)
    error = [statistics.mean(measurement.error.sel(copies=k).values) for k in COPIES]
    values = np.array([e.value for e in error])
    theory(ax, copies, prediction.error, "majority", color=0)
    measured(ax, copies, values, np.array([e.standard_error for e in error]), "majority", color=0)
    bound = np.exp(-2 * copies * (0.5 - ERROR) ** 2)
    theory(ax, copies, bound, "Hoeffding's bound", color=1, dash="dashed")
    log_axis(ax, "y")
    ax.set_xlabel("copies")
    ax.set_ylabel("probability of error")
    legend(ax)
    return [
        Picture(
            "majority",
            "A majority of random circuits errs less",
            "Networks of circuits with random bits as inputs; each copy errs with probability 1/4. "
            "Points: all random bits, or draws of them. Line: binomial distribution.",
            figure,
        )
    ]
