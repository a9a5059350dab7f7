"""The networks of the study, the images they learn, and starts of any scale in one program."""

from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PyTree

from widthwise import data
from widthwise.networks import Dense, Layer, Relu, Sequential, Standard

CLASSES = 10
SIDE = 7
INPUTS = SIDE**2


class Start(NamedTuple):
    """Standard deviations of the weights of every layer."""

    sizes: tuple[int, ...]
    stds: tuple[float, ...]

    def network(self) -> Sequential:
        """Return the ReLU network without biases that starts so."""
        layers: list[Layer] = []
        for before, after, std in zip(self.sizes, self.sizes[1:], self.stds, strict=False):
            layers += [Dense(after, weight_std=std * before**0.5, bias=False), Relu()]
        return Sequential(*layers[:-1], parametrization=Standard())


def sizes(width: int, depth: int) -> tuple[int, ...]:
    """Sizes of all layers, inputs and classes included."""
    return (INPUTS, *[width] * depth, CLASSES)


@lru_cache(maxsize=4)
def images(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of 7 x 7 pixels with mean 0 and variance 1 each, and their classes."""
    pixels, labels = data.fashion_mnist_subset(split="train", count=count)
    block = pixels.shape[1] // SIDE
    coarse = pixels.reshape(count, SIDE, block, SIDE, block).mean(axis=(2, 4))
    unit = data.as_unit_inputs(coarse, subtract_mean=True)
    return np.asarray(unit, np.float32), labels.astype(np.int32)


class RescaledStart:
    """An optimizer whose first update multiplies the weights of layer l by ``scale ** power_l``.

    So starts of all scales are one compiled program. All further updates are those of the
    optimizer. It is called with the scale, and equal settings make equal objects.
    """

    def __init__(self, powers: tuple[float, ...], kind: str, learning_rate: float) -> None:
        self.settings = (powers, kind, learning_rate)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RescaledStart) and self.settings == other.settings

    def __hash__(self) -> int:
        return hash(self.settings)

    def __call__(self, scale: Any) -> optax.GradientTransformation:
        """Return the transformation."""
        powers, kind, rate = self.settings
        inner = {"sgd": optax.sgd, "adam": optax.adam}[kind](rate)

        def init(params: PyTree) -> PyTree:
            return jnp.zeros((), jnp.int32), inner.init(params)

        def update(updates: PyTree, state: PyTree, params: PyTree = None) -> tuple[PyTree, PyTree]:
            count, held = state
            leaves, structure = jax.tree.flatten(params)
            scaled = [
                (jnp.asarray(scale, leaf.dtype) ** power - 1) * leaf
                for power, leaf in zip(powers, leaves, strict=True)
            ]
            first = jax.tree.unflatten(structure, scaled)
            later, after = inner.update(updates, held, params)

            def choose(start: PyTree, other: PyTree) -> PyTree:
                return jax.tree.map(lambda a, b: jnp.where(count == 0, a, b), start, other)

            return choose(first, later), (count + 1, choose(held, after))

        return optax.GradientTransformation(init, update)
