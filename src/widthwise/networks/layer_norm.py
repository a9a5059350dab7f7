"""Layer normalization."""

from dataclasses import KW_ONLY, dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from widthwise.networks.layer import Layer
from widthwise.networks.masks import Mask, Masking
from widthwise.networks.place import Features, Place
from widthwise.networks.spatial_state import SpatialState, State
from widthwise.numerics.draws import Draws


class Normalized(Masking):
    """The map x -> (x - mean) / sqrt(variance + epsilon) of one example."""

    positions: bool | tuple[int, ...] = eqx.field(static=True)
    epsilon: float = eqx.field(static=True)

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Apply the map."""
        return self._over(x, None)

    def masked(
        self, x: Float[Array, "*positions c"], mask: Mask, key: Key[Array, ""] | None
    ) -> tuple[Float[Array, "*positions c"], Mask]:
        """See :class:`Masking`: mean and variance of real positions."""
        del key
        return self._over(x, mask[..., None]), mask

    def _over(self, x: Array, real: Array | None) -> Array:
        axes = (*over(self.positions, x.ndim - 1), x.ndim - 1)
        centred = x - _mean(x, axes, real)
        return centred * jax.lax.rsqrt(_mean(centred**2, axes, real) + self.epsilon)


@dataclass(frozen=True)
class LayerNorm(Layer):
    """Subtract the mean of an example's features and divide by their standard deviation.

    It has no trained scale or shift.

    Parameters
    ----------
    positions
        Whether mean and variance are taken over positions and channels together, otherwise over
        the channels of each position. Or some of the axes of positions, such as (0,) for the
        height of images, to be taken together with the channels.
    epsilon
        Added to the variance.
    """

    _: KW_ONLY
    positions: bool | tuple[int, ...] = False
    epsilon: float = 1e-12

    def __post_init__(self) -> None:
        if not 0.0 <= self.epsilon < float("inf"):
            raise ValueError(f"epsilon of LayerNorm is {self.epsilon}: give at least 0")

    def output(self, features: Features, place: Place) -> Features:
        """See :class:`Layer`: over many channels a fixed factor, so Gaussian stays Gaussian."""
        del place
        axes = len(features.shape) - 1
        if not isinstance(self.positions, bool) and any(
            not -axes <= axis < axes for axis in self.positions
        ):
            raise ValueError(
                f"positions of {self!r} are axes of positions, but an example has {axes} of them "
                f"here: give some of 0 to {axes - 1}, or True for all"
            )
        return features

    def build(self, draws: Draws, features: Features, place: Place) -> Normalized:
        """See :class:`Layer`."""
        del draws, features, place
        return Normalized(self.positions, self.epsilon)

    def propagate(self, state: State, place: Place) -> State:
        """See :class:`Layer`.

        K / sqrt(m m') and T / sqrt(m m'), with m the mean of the variances that are normalized
        together: of Gaussian features of mean zero, many of them.
        """
        if state.features.law == "other" or not state.features.wide:
            raise ValueError(
                f"{self!r} has no kernel here: it needs wide Gaussian features, so put a Dense or "
                "convolutional layer (or sums of them) directly before it"
            )
        del place
        q1, q2 = state.own_variances()
        mask1, mask2 = None, None
        if isinstance(state, SpatialState):
            mask1, mask2 = state.mask1, state.mask2
        return state.divided(self._norm(q1, state, mask1), self._norm(q2, state, mask2))

    def _norm(self, q: Array, state: State, mask: Mask | None) -> Array:
        axes = tuple(1 + axis for axis in over(self.positions, len(state.features.shape) - 1))
        mean = _mean(q, axes, mask) if axes else q
        return jnp.broadcast_to(mean + self.epsilon, q.shape)

    def resized(self, width: int, place: Place) -> "LayerNorm":
        """See :class:`Layer`."""
        del width, place
        return self


def over(positions: bool | tuple[int, ...], axes: int) -> tuple[int, ...]:
    """Axes of positions, of so many, that are normalized together."""
    if isinstance(positions, bool):
        return tuple(range(axes)) if positions else ()
    return tuple(axis % axes for axis in positions)


def _mean(x: Array, axes: tuple[int, ...], real: Array | None) -> Array:
    """Mean of what is real, None for all; zero where nothing is."""
    if real is None:
        return jnp.mean(x, axes, keepdims=True)
    real = jnp.broadcast_to(real.reshape((1,) * (x.ndim - real.ndim) + real.shape), x.shape)
    count = jnp.maximum(jnp.sum(real, axes, keepdims=True), 1)
    return jnp.sum(x, axes, keepdims=True, where=real) / count.astype(x.dtype)
