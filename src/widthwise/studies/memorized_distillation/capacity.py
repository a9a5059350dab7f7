"""How many random labels of three classes a linear teacher memorizes, as inputs grow.

Of each stream of samples, the largest beginning that is separable. At the largest size its mean is
within 2 % of the limit.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics.distillation import memorization_capacity
from widthwise.ensembles.distillation import is_separable, random_labels
from widthwise.experiments import Claim, Shard, shards_of
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, measured, new_figure, reference_line
from widthwise.studies.memorized_distillation.common import generators, mean_claim, per_member

if TYPE_CHECKING:
    from widthwise.studies.memorized_distillation.study import MemorizedDistillation

PART = "capacity"
CLASSES = 3
WITHIN = 0.02
_MOST = 6
"""Samples per input in a stream: far more than are ever separable."""


def predict(study: "MemorizedDistillation") -> xr.Dataset:
    """The capacity, and the error of its average."""
    del study
    found = memorization_capacity(CLASSES)
    return xr.Dataset(
        {"capacity": ((), found.value), "error": ((), found.standard_error)},
    )


def shards(study: "MemorizedDistillation") -> list[Shard]:
    """One for each size and block of streams."""
    return [
        shard
        for inputs in study.capacity_sizes
        for shard in shards_of(PART, {"inputs": inputs}, members=study.streams, batch=50)
    ]


def measure(study: "MemorizedDistillation", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Samples per input that each stream allows."""
    del study
    inputs = int(shard.settings["inputs"])
    rows = []
    for rng in generators(key, 3 * 10**6 + inputs, shard.members):
        x, y = random_labels(rng, _MOST * inputs, inputs=inputs, classes=CLASSES)
        rows.append({"capacity": np.array(_separable(x, y) / inputs)})
    return per_member(rows, ())


def _separable(x: np.ndarray, y: np.ndarray) -> int:
    """Return the length of the longest separable beginning: search outwards, then halve."""
    inputs = x.shape[1]
    low, high, step = 0, len(x), max(1, inputs // 6)
    middle = round(2.4 * inputs)
    while high - low > 1:
        if is_separable(x[:middle], y[:middle], classes=CLASSES):
            low = middle
            middle = low + step if high == len(x) else (low + high) // 2
        else:
            high = middle
            middle = high - step if low == 0 else (low + high) // 2
        middle = min(max(middle, low + 1), high - 1)
    return low


def claims(
    study: "MemorizedDistillation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """The mean at the largest size."""
    largest = max(study.capacity_sizes)
    exact = float(prediction.capacity)
    return [
        mean_claim(
            "capacity",
            f"Random labels of {CLASSES} classes that a linear teacher memorizes, per input: "
            f"{largest} inputs",
            exact,
            measurement.capacity.sel(inputs=largest).values,
            tolerance=WITHIN * exact,
        )
    ]


def pictures(
    study: "MemorizedDistillation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Mean capacity against the number of inputs."""
    figure, (ax,) = new_figure(1)
    found = [
        statistics.mean(measurement.capacity.sel(inputs=inputs).values)
        for inputs in study.capacity_sizes
    ]
    values = [float(f.value) for f in found]
    measured(ax, study.capacity_sizes, values, [float(f.standard_error) for f in found])
    exact = float(prediction.capacity)
    reference_line(ax, y=exact, label="limit")
    reference_line(ax, y=exact * (1 - WITHIN), label="± 2 %")
    reference_line(ax, y=exact * (1 + WITHIN))
    ax.set_xlabel("inputs d")
    ax.set_ylabel("memorized labels per input")
    legend(ax)
    return [
        Picture(
            "capacity",
            f"A linear teacher of {CLASSES} classes memorizes {exact:.3g} labels per input",
            f"The longest separable beginning of {study.streams} streams of random labels.",
            figure,
        )
    ]
