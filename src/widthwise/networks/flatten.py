"""From positions to plain features: all of them, their average or their sum."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from widthwise.networks.layer import Layer
from widthwise.networks.masks import Mask, Masking
from widthwise.networks.place import Features, Place
from widthwise.networks.positions import positions_of, spatial
from widthwise.networks.spatial_state import SpatialState, State, position_diagonal
from widthwise.networks.state import DenseState
from widthwise.numerics.draws import Draws


class Flat(Masking):
    """All numbers of one example in one axis."""

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, " d"]:
        """Apply the map."""
        return x.reshape(-1)

    def masked(
        self, x: Float[Array, "*shape"], mask: Mask, key: Key[Array, ""] | None
    ) -> tuple[Float[Array, " d"], None]:
        """See :class:`Masking`: padding stays, as zeros."""
        del mask, key
        return self(x), None


class Summed(Masking):
    """The sum, or average, over positions of one example."""

    average: bool = eqx.field(static=True)

    def __call__(self, x: Float[Array, "*positions c"]) -> Float[Array, " c"]:
        """Apply the map."""
        return (jnp.mean if self.average else jnp.sum)(x, axis=tuple(range(x.ndim - 1)))

    def masked(
        self, x: Float[Array, "*positions c"], mask: Mask, key: Key[Array, ""] | None
    ) -> tuple[Float[Array, " c"], None]:
        """See :class:`Masking`: real positions only."""
        del key
        total = jnp.sum(x, axis=tuple(range(x.ndim - 1)))
        return (total / jnp.maximum(jnp.sum(mask), 1) if self.average else total), None


@dataclass(frozen=True)
class Flatten(Layer):
    """All positions and channels in one axis of features.

    The kernel is the mean over positions of those of a position with itself, so the layers
    before it are computed for these alone, unless one of them combines positions.
    """

    def output(self, features: Features, place: Place) -> Features:
        """See :class:`Layer`: features of unequal variances have no common Gaussian law."""
        del place
        if len(features.shape) == 1:
            return features
        return replace(features, shape=(math.prod(features.shape),), law="other")

    def build(self, draws: Draws, features: Features, place: Place) -> Flat:
        """See :class:`Layer`."""
        del draws, features, place
        return Flat()

    def propagate(self, state: State, place: Place) -> DenseState:
        """See :class:`Layer`."""
        if not isinstance(state, SpatialState):
            return state
        axes = state.axes

        def mean(k: Array) -> Array:
            aligned = k if state.aligned else position_diagonal(k, axes)
            return jnp.mean(aligned, axis=tuple(range(-axes, 0)))

        return state.collapsed(mean, self.output(state.features, place))

    def needs_all_positions(self, wanted: bool) -> bool:
        """See :class:`Layer`."""
        del wanted
        return False

    def resized(self, width: int, place: Place) -> "Flatten":
        """See :class:`Layer`."""
        del width, place
        return self


@dataclass(frozen=True)
class GlobalSumPool(Layer):
    """Sum over all positions, channel by channel."""

    average: ClassVar[bool] = False

    def output(self, features: Features, place: Place) -> Features:
        """See :class:`Layer`: sums of Gaussian features are Gaussian."""
        del place
        positions_of(self, features)
        return replace(features, shape=features.shape[-1:])

    def build(self, draws: Draws, features: Features, place: Place) -> Summed:
        """See :class:`Layer`."""
        del draws, features, place
        return Summed(self.average)

    def propagate(self, state: State, place: Place) -> DenseState:
        """See :class:`Layer`: K(p, p') is summed over all pairs of real positions."""
        state = spatial(self, state)
        positions = tuple(range(-2 * state.axes, 0))

        def pooled(k: Array) -> Array:
            return jnp.sum(k, axis=positions)

        total = state.collapsed(pooled, self.output(state.features, place))
        if not self.average:
            return total
        first, second = (count**2 for count in state.counts())
        if state.pairwise:
            first, second = first[:, None], second[None]
        return total.divided(first, second)

    def needs_all_positions(self, wanted: bool) -> bool:
        """See :class:`Layer`."""
        del wanted
        return True

    def resized(self, width: int, place: Place) -> "GlobalSumPool":
        """See :class:`Layer`."""
        del width, place
        return self


@dataclass(frozen=True)
class GlobalAvgPool(GlobalSumPool):
    """Average over all positions, channel by channel."""

    average: ClassVar[bool] = True
