"""From positions to plain features: all of them, their average or their sum."""

import math
from dataclasses import dataclass, replace

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from widthwise.networks.layer import Layer
from widthwise.networks.place import Features, Place
from widthwise.networks.positions import positions_of, spatial
from widthwise.networks.spatial_state import SpatialState, State, position_diagonal
from widthwise.networks.state import DenseState
from widthwise.numerics.draws import Draws


class Flat(eqx.Module):
    """All numbers of one example in one axis."""

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, " d"]:
        """Apply the map."""
        return x.reshape(-1)


class Summed(eqx.Module):
    """The map x -> factor * sum over positions of x, of one example."""

    factor: float = eqx.field(static=True)

    def __call__(self, x: Float[Array, "*positions c"]) -> Float[Array, " c"]:
        """Apply the map."""
        return self.factor * jnp.sum(x, axis=tuple(range(x.ndim - 1)))


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

    def factor(self, features: Features) -> float:
        """What multiplies the sum."""
        del features
        return 1.0

    def output(self, features: Features, place: Place) -> Features:
        """See :class:`Layer`: sums of Gaussian features are Gaussian."""
        del place
        positions_of(self, features)
        return replace(features, shape=features.shape[-1:])

    def build(self, draws: Draws, features: Features, place: Place) -> Summed:
        """See :class:`Layer`."""
        del draws, place
        return Summed(self.factor(features))

    def propagate(self, state: State, place: Place) -> DenseState:
        """See :class:`Layer`: K(p, p') is summed over all pairs of positions."""
        state = spatial(self, state)
        square, positions = self.factor(state.features) ** 2, tuple(range(-2 * state.axes, 0))

        def pooled(k: Array) -> Array:
            return square * jnp.sum(k, axis=positions)

        return state.collapsed(pooled, self.output(state.features, place))

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

    def factor(self, features: Features) -> float:
        """What multiplies the sum."""
        return 1 / math.prod(features.shape[:-1])
