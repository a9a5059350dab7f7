"""Rounding: up to which word length number formats are exact, and that it fails beyond.

An adder of one layer sums words of n bits as numbers. Its proof holds while every partial sum, in
any order, is a whole number that the format holds: n <= p - 2 for p significant bits. One that has
more than p bits must fail, for the bias ``1 - 2^n`` is then rounded and its last carry is lost.
"""

from typing import TYPE_CHECKING

import jax
import ml_dtypes
import numpy as np
import xarray as xr

from widthwise.circuits.assembly import assemble
from widthwise.circuits.exactness import FORMATS, ExactnessError, prove_exact
from widthwise.circuits.network import ReluNetwork
from widthwise.circuits.typed import TypedCircuit, add_bits, emulate, trace
from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.plotting import Picture, legend, measured, new_figure
from widthwise.studies.circuit_emulation.catalogue import bits

if TYPE_CHECKING:
    from widthwise.studies.circuit_emulation.study import CircuitEmulation

PART = "rounding"
DTYPES = {"bfloat16": ml_dtypes.bfloat16, "float16": np.float16, "float32": np.float32}
WIDTHS = {"bfloat16": range(5, 11), "float16": range(8, 14), "float32": range(21, 27)}
"""Word lengths around the significant bits of each format, 8, 11 and 24."""
INPUTS = 256


def adder(n: int) -> TypedCircuit:
    """Return the adder of one layer."""
    return trace(add_bits, *bits(n, n))


def predict(study: "CircuitEmulation") -> xr.Dataset:
    """First word length that the proof refuses, and the first whose biases cannot be written."""
    del study
    refused, certain = [], []
    for name, widths in WIDTHS.items():
        refused.append(next(n for n in widths if not _proved(n, name)))
        held = next(one.bits for one in FORMATS if one.name == name)
        certain.append(held + 1)
    return xr.Dataset(
        {
            "refused": ("format", np.array(refused, float)),
            "certain": ("format", np.array(certain, float)),
        },
        coords={"format": list(WIDTHS)},
        attrs={"source": "interval arithmetic over every partial sum"},
    )


def _proved(n: int, name: str) -> bool:
    try:
        prove_exact(assemble(emulate(adder(n))), name)
    except ExactnessError:
        return False
    return True


def shards(study: "CircuitEmulation") -> list[Shard]:
    """One format each; a member draws its inputs and its order of summation."""
    members = study.orders
    return [
        shard
        for name in WIDTHS
        for shard in shards_of(PART, {"format": name}, members=members, batch=members)
    ]


def measure(study: "CircuitEmulation", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Inputs on which the rounded network errs, by word length."""
    del study
    name = str(shard.settings["format"])
    keys = member_keys(key, list(WIDTHS).index(name), shard.members)
    share = np.zeros((shard.size, len(WIDTHS[name])))
    for row, one in enumerate(keys):
        generator = np.random.default_rng(np.asarray(jax.random.key_data(one)).ravel().tolist())
        for column, n in enumerate(WIDTHS[name]):
            circuit = adder(n)
            inputs = _inputs(n, generator)
            network = assemble(emulate(circuit))
            found = rounded(network, inputs, DTYPES[name], generator)
            share[row, column] = np.mean(np.any(found != circuit.simulate(inputs), axis=1))
    # Formats are compared by the number of bits beyond their own.
    held = next(one.bits for one in FORMATS if one.name == name)
    beyond = np.array(WIDTHS[name]) - held
    return xr.Dataset({"share": (("member", "beyond"), share)}, coords={"beyond": beyond})


def _inputs(n: int, generator: np.random.Generator) -> np.ndarray:
    """Return pairs of words: random ones, sums of all ones or one more, and almost full words."""
    one = generator.integers(0, 2, (INPUTS, n))
    other = generator.integers(0, 2, (INPUTS, n))
    quarter = INPUTS // 4
    other[:quarter] = 1 - one[:quarter]
    one[quarter // 2 : quarter, 0] = other[quarter // 2 : quarter, 0] = 1  # the carry runs through
    one[-quarter:, 2:] = other[-quarter:, 2:] = 1
    return np.concatenate([one, other], axis=1).astype(float)


def rounded(
    network: ReluNetwork, inputs: np.ndarray, dtype: type, generator: np.random.Generator
) -> np.ndarray:
    """Run a network with weights, products and sums rounded to a format.

    Parameters
    ----------
    network
        A network of layers.
    inputs
        One row for each example.
    dtype
        The format: every operation is rounded to it.
    generator
        Draws the order in which the terms of each row, its bias among them, are added.

    Returns
    -------
    np.ndarray
        The outputs, in float64.
    """
    state = inputs.astype(dtype)
    for number, (weights, bias) in enumerate(network.layers()):
        rows = []
        for row in range(len(bias)):
            entries = slice(weights.indptr[row], weights.indptr[row + 1])
            terms = [
                dtype(weight) * state[:, column]
                for weight, column in zip(
                    weights.data[entries], weights.indices[entries], strict=True
                )
            ]
            terms.append(np.full(len(inputs), bias[row]).astype(dtype))
            total = np.zeros(len(inputs), dtype)
            for term in generator.permutation(len(terms)):
                total = total + terms[term]
            rows.append(total)
        state = np.stack(rows, axis=1)
        state = state if number == network.depth else np.maximum(state, dtype(0))
    return state.astype(float)


def claims(
    study: "CircuitEmulation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """The first word length that errs lies between what the proof refuses and what must fail."""
    del study
    found = []
    for name in WIDTHS:
        refused = float(prediction.refused.sel(format=name))
        certain = float(prediction.certain.sel(format=name))
        share = measurement.share.sel(format=name).max("member").values
        wrong = np.array(WIDTHS[name])[share > 0]
        found.append(
            Claim(
                name=f"rounding-{name}",
                statement=f"Shortest words that an adder of one layer, rounded to {name}, adds "
                "wrongly",
                predicted=(refused + certain) / 2,
                measured=float(wrong.min()) if wrong.size else float("nan"),
                standard_error=1e-6,  # a count
                tolerance=abs(certain - refused) / 2 + 1e-3,
            )
        )
    return found


def pictures(
    study: "CircuitEmulation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Share of wrong sums against word length."""
    del study
    figure, axes = new_figure(len(WIDTHS), titles=list(WIDTHS), sharey=True)
    for i, (ax, (name, widths)) in enumerate(zip(axes, WIDTHS.items(), strict=True)):
        share = measurement.share.sel(format=name)
        error = share.std("member", ddof=1) / max(share.sizes["member"], 2) ** 0.5
        measured(ax, np.array(widths), share.mean("member"), error, label="wrong sums", color=i)
        ax.axvspan(
            float(prediction.refused.sel(format=name)) - 0.5,
            widths[-1] + 0.5,
            color="0.92",
            zorder=0,
        )
        ax.axvline(
            float(prediction.certain.sel(format=name)), color="0.4", linewidth=1, linestyle="--"
        )
        ax.set_xlabel("bits of the words")
        ax.set_xlim(widths[0] - 0.5, widths[-1] + 0.5)
        ax.set_ylabel("share of inputs")
        legend(ax)
    return [
        Picture(
            "rounding",
            "What rounding breaks first",
            "An adder of one layer whose every operation is rounded, its sums in random order. "
            "Grey: the proof refuses. Dashed: here a bias cannot be written any more, so it must "
            "fail.",
            figure,
        )
    ]
