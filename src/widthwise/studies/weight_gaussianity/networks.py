"""The networks of the study, the images they learn, and their weights through training."""

from functools import lru_cache, partial
from typing import TYPE_CHECKING

import jax
import numpy as np
import optax
import xarray as xr

from widthwise import data
from widthwise.ensembles import train, weights
from widthwise.networks import Dense, Layer, Relu, Residual, Sequential, Standard

if TYPE_CHECKING:
    from widthwise.studies.weight_gaussianity.study import WeightGaussianity

CLASSES = 10
BATCH = 100
SIDE_BY_SIDE = 20
"""Networks in one program: measured, for batches of this size."""
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 0.01
VARIANTS = ("normal", "uniform", "weight decay", "residual", "deep")
"""As published, but for the last two: skips around hidden layers, and more layers."""
RECORDED = weights(roles=("hidden", "output"))


def network(variant: str, depth: int, width: int) -> Sequential:
    """ReLU layers without biases: ``depth`` hidden ones, and the outputs of ten classes.

    PyTorch's default weights are uniform, of a third of the variance of the others.
    """
    law = {"weight_std": 3**-0.5, "distribution": "uniform"} if variant == "uniform" else {}
    dense = partial(Dense, **law)
    hidden: list[Layer] = [dense(width), Relu()]
    for _ in range(depth - 1):
        block = (dense(width), Relu())
        hidden += [Residual(Sequential(*block))] if variant == "residual" else block
    return Sequential(*hidden, dense(CLASSES), parametrization=Standard())


def hidden_layers(study: "WeightGaussianity", variant: str) -> int:
    """How many a variant has."""
    return 2 * study.depth - 1 if variant == "deep" else study.depth


def start_variance(variant: str, width: int) -> float:
    """Variance of the entries of hidden and output matrices before training."""
    return (1 / 3 if variant == "uniform" else 1.0) / width


def steps_at(study: "WeightGaussianity") -> np.ndarray:
    """When weights are recorded: at the start, and equally often until the end."""
    return np.linspace(0, study.steps, study.records).round().astype(int)


@lru_cache(maxsize=4)
def images(source: str, count: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Images averaged to side x side pixels between -1 and 1, and their classes."""
    read = {
        "fashion-mnist-subset": data.fashion_mnist_subset,
        "fashion-mnist": data.fashion_mnist,
        "mnist": data.mnist,
    }[source]
    pixels, labels = read(split="train", count=count)
    block = pixels.shape[1] // side
    coarse = pixels.reshape(count, side, block, side, block).mean(axis=(2, 4))
    return (coarse.reshape(count, -1) / 127.5 - 1).astype(np.float32), labels.astype(np.int32)


@lru_cache
def optimizer(variant: str) -> optax.GradientTransformation:
    """Adam; weight decay is that of a squared norm added to the loss."""
    adam = optax.adam(LEARNING_RATE)
    if variant == "weight decay":
        return optax.chain(optax.add_decayed_weights(WEIGHT_DECAY), adam)
    return adam


def trained(
    study: "WeightGaussianity",
    net: Sequential,
    optimizer: optax.GradientTransformation,
    *,
    at: np.ndarray,
    members: tuple[int, int],
    key: jax.Array,
) -> xr.Dataset:
    """Train members of one ensemble, and keep their matrices between hidden layers and after.

    Returns
    -------
    ``weight_0 (member, step, row_0, column_0)``, ...: the last is that of the outputs. Members that
    diverged have no numbers.
    """
    history = train(
        net,
        images(study.dataset, study.images, study.side),
        key=key,
        members=members,
        steps=study.steps,
        optimizer=optimizer,
        rates="adam",
        loss="cross_entropy",
        batch_size=BATCH if study.images > BATCH else None,
        schedule="shared",  # given the order of images, networks are independent
        side_by_side=SIDE_BY_SIDE,
        record=RECORDED,
        at=at.tolist(),
    )
    return history.isel(width=0, drop=True)
