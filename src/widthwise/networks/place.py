"""Where a layer stands: shape, width and position, which decide its scales."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from widthwise.networks.parametrization import Parametrization, Role

_FLOAT32 = np.dtype("float32")
Law = Literal["other", "gaussian", "fresh"]


@dataclass(frozen=True)
class Features:
    """What one example looks like on its way through a network.

    Parameters
    ----------
    shape
        Shape of the array.
    wide
        Whether its last axis is a width: one that grows in the infinite limit.
    law
        How the features are distributed in a wide random network: ``"fresh"`` if weights were
        just applied, so that they are Gaussian and uncorrelated with everything before;
        ``"gaussian"`` for sums of such; otherwise ``"other"`` (data, or after an activation).
    dtype
        Floating type of the numbers.
    """

    shape: tuple[int, ...]
    wide: bool = False
    law: Law = "other"
    dtype: np.dtype = _FLOAT32


@dataclass(frozen=True)
class Place:
    """Where in a network a layer stands: with the shapes, all that decides its scales.

    Parameters
    ----------
    parametrization
        That of the whole network.
    last
        Whether the layer ends the network, so that its width is the number of outputs.
    depth
        Number of residual branches in the network.
    in_branch
        Whether the layer lies inside a residual branch.
    """

    parametrization: Parametrization
    last: bool = False
    depth: int = 0
    in_branch: bool = False

    def inside(self) -> "Place":
        """Place of a layer that does not end the network."""
        return replace(self, last=False)

    def branch(self) -> "Place":
        """Place of a layer inside a residual branch."""
        return replace(self, last=False, in_branch=True)

    def role(self, features: Features) -> Role:
        """Role of a weight matrix that reads ``features``."""
        if not features.wide:
            return "input"
        return "output" if self.last else "hidden"
