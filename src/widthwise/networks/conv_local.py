"""Convolution without sharing: every position has weights of its own."""

from dataclasses import dataclass

import equinox as eqx
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Key

from widthwise.networks.conv import Conv
from widthwise.networks.linear import Linear, draw
from widthwise.networks.masks import Mask, Masking, real_windows
from widthwise.networks.place import Features, Place
from widthwise.networks.spatial_state import SpatialState, State
from widthwise.networks.windows import Window
from widthwise.numerics.draws import Draws


class LocalConvolution(Linear, Masking):
    """The unshared convolution of one example, positions first, channels last.

    ``weight`` has shape (*outputs, width, channels * filter), ``bias`` (*outputs, width).
    """

    windows: tuple[Window, ...] = eqx.field(static=True)

    def __call__(self, x: Float[Array, "*positions c"]) -> Float[Array, "*outputs k"]:
        """Apply the map."""
        for axis, window in enumerate(self.windows):
            x = window.wrapped(x, axis)
        patches = lax.conv_general_dilated_patches(
            jnp.moveaxis(x, -1, 0)[None],
            filter_shape=[w.size for w in self.windows],
            window_strides=[w.stride for w in self.windows],
            padding=[w.pads() for w in self.windows],
            rhs_dilation=[w.dilation for w in self.windows],
        )
        y = jnp.einsum("...kf,f...->...k", self.weight, patches[0])
        return self.scaled(y)

    def masked(
        self, x: Float[Array, "*positions c"], mask: Mask, key: Key[Array, ""] | None
    ) -> tuple[Float[Array, "*outputs k"], Mask]:
        """See :class:`Masking`: padding counts as zeros."""
        del key
        return self(x), real_windows("ConvLocal", mask, self.windows)


@dataclass(frozen=True)
class ConvLocal(Conv):
    """Convolution whose weights and biases differ from position to position.

    The parameters are those of :class:`Conv`. At infinite width different positions are
    independent: only kernels of a position with itself survive.
    """

    def build(self, draws: Draws, features: Features, place: Place) -> Linear:
        """See :class:`Layer`."""
        rows, outputs = self.scales(features, place), self.output(features, place).shape
        shape = (*outputs, self.fan_in(features))
        parts = draw(draws, features, rows, weight=shape, bias=outputs)
        return LocalConvolution(*parts, self.windows(features))

    def propagate(self, state: State, place: Place) -> SpatialState:
        """See :class:`Layer`; as for :class:`Conv`, and zero at different positions."""
        state = super().propagate(state, place)
        if state.aligned:
            return state
        same = state.same_positions()

        def kept(k: Array) -> Array:
            return jnp.where(same.reshape((1,) * (k.ndim - same.ndim) + same.shape), k, 0.0)

        return state.linear(kept, state.features)
