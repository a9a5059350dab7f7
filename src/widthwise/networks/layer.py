"""The interface of a layer: one class, two faces."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import fields

import equinox as eqx

from widthwise.networks.place import Features, Place
from widthwise.networks.spatial_state import State
from widthwise.numerics.draws import Draws


class Layer(ABC):
    """One step of a network, as a finite map and as a map of kernels.

    A layer is a frozen dataclass and holds no arrays. Its finite face is ``build``, which draws
    the weights and returns an Equinox module that maps ONE example; its infinite face is
    ``propagate``, which maps the kernel state of its inputs to that of its outputs.
    """

    @abstractmethod
    def output(self, features: Features, place: Place) -> Features:
        """Say what leaves the layer; raise ``ValueError`` if ``features`` cannot enter it."""

    @abstractmethod
    def build(self, draws: Draws, features: Features, place: Place) -> eqx.Module:
        """Draw the weights and return the finite map of one example."""

    @abstractmethod
    def propagate(self, state: State, place: Place) -> State:
        """Map the kernel state of the layer's inputs to that of its outputs."""

    def needs_all_positions(self, wanted: bool) -> bool:
        """Say whether kernels of all pairs of positions must enter.

        Parameters
        ----------
        wanted
            Whether the later layers want those of all pairs of its outputs' positions. A layer
            that combines no different positions needs no more than they do.
        """
        return wanted

    @abstractmethod
    def resized(self, width: int, place: Place) -> "Layer":
        """Return the same layer with every width that may grow set to ``width``."""


def walk(layer: Layer) -> Iterator[Layer]:
    """Yield a layer and, in order, every layer it is made of."""
    yield layer
    for field in fields(layer):  # pyright: ignore[reportArgumentType]
        value = getattr(layer, field.name)
        for child in value if isinstance(value, tuple) else (value,):
            if isinstance(child, Layer):
                yield from walk(child)
