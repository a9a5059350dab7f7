"""Size laws: what is predicted before a network is built, what is built, and how it grows."""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.circuits.assembly import assemble
from widthwise.circuits.size import predict_size
from widthwise.circuits.timetable import timetable
from widthwise.experiments import Claim, Shard, shards_of
from widthwise.numerics.fits import fit_power_law
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory
from widthwise.studies.circuit_emulation.catalogue import FAMILIES

if TYPE_CHECKING:
    from widthwise.studies.circuit_emulation.study import CircuitEmulation

PART = "sizes"
QUANTITIES = ("neurons", "depth", "max_width", "nonzeros")


def sizes(study: "CircuitEmulation") -> list[int]:
    """Sizes of all families: doubled ``doublings`` times."""
    return [study.smallest * 2**k for k in range(study.doublings + 1)]


def predict(study: "CircuitEmulation") -> xr.Dataset:
    """Formulas for the neurons, and the account of levels and live ranges, without a layer."""
    numbers = sizes(study)
    account = np.zeros((len(FAMILIES), len(numbers), len(QUANTITIES)))
    for i, family in enumerate(FAMILIES.values()):
        for j, n in enumerate(numbers):
            said = predict_size(timetable(family.make(n)))
            account[i, j] = [getattr(said, name) for name in QUANTITIES]
    laws = [[family.neurons(n) for n in numbers] for family in FAMILIES.values()]
    return xr.Dataset(
        {
            "law": (("family", "size"), np.array(laws, float)),
            "account": (("family", "size", "quantity"), account),
            "exponent": ("family", np.array([float(f.exponent) for f in FAMILIES.values()])),
        },
        coords={"family": list(FAMILIES), "size": numbers, "quantity": list(QUANTITIES)},
        attrs={"source": "gate emulators, levels and live ranges"},
    )


def shards(study: "CircuitEmulation") -> list[Shard]:
    """One network each."""
    return [
        shard
        for name in FAMILIES
        for n in sizes(study)
        for shard in shards_of(PART, {"family": name, "size": n}, members=1, batch=1)
    ]


def measure(study: "CircuitEmulation", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Count the arrays of the network that was built."""
    del study, key
    family = FAMILIES[str(shard.settings["family"])]
    network = assemble(family.make(int(shard.settings["size"])))
    layers = [weights for weights, _ in network.layers()]
    widths = [len(weights.indptr) - 1 for weights in layers[:-1]]
    counted = [sum(widths), len(widths), max(widths), sum(weights.nnz for weights in layers)]
    return xr.Dataset(
        {"built": (("member", "quantity"), np.array([counted], float))},
        coords={"quantity": list(QUANTITIES)},
    )


def claims(
    study: "CircuitEmulation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """What is built is what was said, and it grows with the power that the theory has."""
    found = []
    numbers = sizes(study)
    for name, family in FAMILIES.items():
        built = measurement.built.sel(family=name).isel(member=0)
        said = prediction.account.sel(family=name)
        found.append(
            Claim(
                name=f"size-{_word(name)}",
                statement=f"Neurons, depth, width and weights of the {name} network, summed over "
                f"{len(numbers)} sizes, as said before it is built",
                predicted=float(said.sum()),
                measured=float(built.sum()) + float(np.abs(built - said).sum()),
                standard_error=1e-6,  # a count
                tolerance=0.5,
            )
        )
        law = prediction.law.sel(family=name).values
        neurons = built.sel(quantity="neurons").values
        found.append(
            Claim(
                name=f"law-{_word(name)}",
                statement=f"Neurons of the {name} network of {numbers[-1]} {family.words}, by the "
                "size law",
                predicted=float(law[-1]),
                measured=float(neurons[-1]),
                standard_error=1e-6,
                tolerance=0.5,
            )
        )
        fit = fit_power_law(np.array(numbers, float), neurons)
        found.append(
            Claim(
                name=f"exponent-{_word(name)}",
                statement=f"Fitted power of the {family.words} with which the {name} network grows",
                predicted=float(prediction.exponent.sel(family=name)),
                measured=fit.exponent,
                standard_error=max(fit.exponent_error, 1e-9),
                tolerance=exponent_tolerance(numbers, law, family.exponent),
            )
        )
    return found


def exponent_tolerance(numbers: list[int], law: np.ndarray, exponent: int) -> float:
    """How far lower powers of the size law bend a fit: the local slope at the smallest size.

    Of a polynomial ``a n^k (1 + d(n))`` the local slope is ``k + n d'(n) / (1 + d(n))``, which is
    farthest from ``k`` at the smallest ``n``; it is estimated from the first two sizes, and doubled
    because that is half a step too late.
    """
    local = np.log(law[1] / law[0]) / np.log(numbers[1] / numbers[0])
    return max(2 * abs(float(local) - exponent), 0.01)


def _word(name: str) -> str:
    return name.lower().replace(" ", "-")


def pictures(
    study: "CircuitEmulation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Neurons and depth against size."""
    figure, (left, right) = new_figure(2, titles=("neurons", "depth"), size=(4.6, 4.0))
    numbers = np.array(sizes(study))
    for i, name in enumerate(FAMILIES):
        built = measurement.built.sel(family=name).isel(member=0)
        theory(left, numbers, prediction.law.sel(family=name), name, color=i)
        measured(left, numbers, built.sel(quantity="neurons"), label=name, color=i)
        depth = prediction.account.sel(family=name, quantity="depth")
        theory(right, numbers, depth, name, color=i)
        measured(right, numbers, built.sel(quantity="depth"), label=name, color=i)
    for ax in (left, right):
        log_axis(ax, "x", base=2, ticks=numbers)
        log_axis(ax, "y")
        ax.set_xlabel("bits, steps or nodes")
        legend(ax)
    return [
        Picture(
            "sizes",
            "How networks grow with their circuits",
            "Lines: size laws, and depth as predicted from levels. Points: networks as built, in "
            "which every layer reads the one before. An adder of one layer grows like its bits, "
            "one that ripples like their square, for it carries bits through all layers.",
            figure,
        )
    ]
