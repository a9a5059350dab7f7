"""Beyond the theory: deep ReLU networks on images, whose inputs are scaled.

The theory of linear networks says that larger weights turn faster from three layers on. Networks
on real images with larger inputs are expected to classify better early; there is no prediction of
by how much.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import optax
import xarray as xr

from widthwise.data import fashion_mnist_subset
from widthwise.ensembles import train
from widthwise.experiments import Claim, Shard, shards_of
from widthwise.networks import Dense, Relu, Sequential, Standard
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, measured, new_figure

if TYPE_CHECKING:
    from widthwise.studies.directional_convergence.study import DirectionalConvergence

PART = "images"
LAYERS, RATE, BATCH, TEST = 5, 0.01, 100, 500
FACTORS = (1.0, 10.0)
"""Of the inputs."""
OPTIMIZER = optax.sgd(RATE)
"""One object, so that both factors share a compiled program."""


def predict(study: "DirectionalConvergence") -> xr.Dataset:
    """The error of a guess, which both start from."""
    return xr.Dataset({"guess": ("record", np.full(len(records(study)), 0.9))})


def records(study: "DirectionalConvergence") -> list[int]:
    """Numbers of steps at which to record."""
    return [study.image_steps * i // 5 for i in range(6)]


def shards(study: "DirectionalConvergence") -> list[Shard]:
    """One for each factor."""
    return [
        shard
        for factor in FACTORS
        for shard in shards_of(
            PART, {"factor": factor}, members=study.image_members, batch=study.image_members
        )
    ]


def measure(study: "DirectionalConvergence", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Test error while training."""
    factor = float(shard.settings["factor"])
    known, unknown = fashion_mnist_subset(), fashion_mnist_subset(split="test", count=TEST)
    hidden = [layer for _ in range(LAYERS - 1) for layer in (Dense(study.image_width), Relu())]
    # Weights as PyTorch draws them, of variance 1 / (3 fan-in).
    net = Sequential(*hidden, Dense(10), parametrization=Standard(weight_std=3**-0.5))
    x, x_test = (factor * _rows(images.images) for images in (known, unknown))
    history = train(
        net,
        (x, known.labels.astype(np.int32)),
        key=key,
        members=shard.members,
        steps=study.image_steps,
        optimizer=OPTIMIZER,
        batch_size=BATCH,
        loss="cross_entropy",
        record="output",
        at=records(study),
        test=x_test,
    ).isel(width=0, drop=True)
    guesses = history.test_output.argmax("channel").transpose("member", "step", "test_input")
    wrong = (guesses.values != unknown.labels[None, None]).mean(axis=-1)
    return xr.Dataset({"error": (("member", "record"), wrong)})


def claims(
    study: "DirectionalConvergence", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Larger inputs give a smaller error early."""
    del prediction
    small, large = (
        measurement.error.sel(factor=f).transpose("member", "record").values[:, 1] for f in FACTORS
    )
    mean = statistics.mean(large - small)
    return [
        Claim(
            "images-larger-is-faster",
            f"Test error after {records(study)[1]} steps with inputs {FACTORS[1]:g} times larger, "
            f"less that without: ReLU, {LAYERS} layers, Fashion-MNIST",
            0.0,
            float(mean.value),
            float(mean.standard_error),
            0.0,
            "at_most",
            members=study.image_members,
        )
    ]


def pictures(
    study: "DirectionalConvergence", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Test error against steps."""
    del prediction
    figure, (ax,) = new_figure(1)
    for i, factor in enumerate(FACTORS):
        mean = statistics.mean(measurement.error.sel(factor=factor).transpose("member", ...).values)
        label = f"inputs × {factor:g}"
        measured(ax, records(study), mean.value, mean.standard_error, label, color=i)
    ax.set_xlabel("steps")
    ax.set_ylabel("test error")
    legend(ax)
    return [
        Picture(
            "images",
            "Larger inputs are learnt earlier",
            f"ReLU networks of {LAYERS} layers, width {study.image_width}, on a subset of "
            f"Fashion-MNIST; learning rate {RATE:g}, batches of {BATCH}.",
            figure,
        )
    ]


def _rows(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32) / 255
