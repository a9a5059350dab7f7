"""Convolutions, and transposed convolutions, with weights shared by all positions."""

import math
from dataclasses import KW_ONLY, dataclass, replace

import equinox as eqx
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Key

from widthwise.networks.layer import Layer
from widthwise.networks.linear import Linear, Scales, draw, gains, scales, through
from widthwise.networks.masks import Mask, Masking, real_windows
from widthwise.networks.parametrization import Real, check_std
from widthwise.networks.place import Features, Place
from widthwise.networks.positions import counts, positions_of, spatial
from widthwise.networks.spatial_state import SpatialState, State
from widthwise.networks.windows import (
    Sizes,
    Window,
    check_padding,
    check_sizes,
    padded,
    sizes,
)
from widthwise.numerics.draws import Draws


class Convolution(Linear, Masking):
    """The convolution of one example, positions first, channels last.

    ``weight`` has shape (width, channels, *filter), ``bias`` (width,).
    """

    windows: tuple[Window, ...] = eqx.field(static=True)

    def __call__(self, x: Float[Array, "*positions c"]) -> Float[Array, "*outputs k"]:
        """Apply the map."""
        for axis, window in enumerate(self.windows):
            x = window.wrapped(x, axis)
        y = lax.conv_general_dilated(
            jnp.moveaxis(x, -1, 0)[None],
            self.weight,
            window_strides=[w.stride for w in self.windows],
            padding=[w.pads() for w in self.windows],
            lhs_dilation=[w.spread for w in self.windows],
            rhs_dilation=[w.dilation for w in self.windows],
        )
        return self.scaled(jnp.moveaxis(y[0], 0, -1))

    def masked(
        self, x: Float[Array, "*positions c"], mask: Mask, key: Key[Array, ""] | None
    ) -> tuple[Float[Array, "*outputs k"], Mask]:
        """See :class:`Masking`: padding counts as zeros."""
        del key
        return self(x), real_windows("Conv", mask, self.windows)


@dataclass(frozen=True)
class Conv(Layer):
    """Convolution with Gaussian weights, of inputs with any number of axes of positions.

    Parameters
    ----------
    width
        Number of output channels.
    filter
        Size of the window, a tuple or one number for all axes.
    strides, dilation
        Distance between windows, and between the positions within one.
    padding
        ``"SAME"`` (zeros, one output for every ``strides`` inputs), ``"VALID"`` (none) or
        ``"CIRCULAR"`` (as SAME, with periodic continuation).
    weight_std, bias_std
        Gains of this layer; None takes those of the network's parametrization.
    bias
        False leaves the bias out whatever the parametrization says.

    Notes
    -----
    The scales count channels times positions of the window as inputs. Infinite-width limit:
    Novak et al. (2019, arXiv:1810.05148) and Arora et al. (2019, arXiv:1904.11955).
    """

    width: int
    filter: Sizes
    _: KW_ONLY
    strides: Sizes = 1
    padding: str = "SAME"
    dilation: Sizes = 1
    weight_std: Real | None = None
    bias_std: Real | None = None
    bias: bool = True

    def __post_init__(self) -> None:
        name = type(self).__name__
        if isinstance(self.width, bool) or not isinstance(self.width, int) or self.width < 1:
            raise ValueError(
                f"the width of {name} is {self.width!r}: give a whole number of at least 1"
            )
        for field in ("filter", "strides", "dilation"):
            check_sizes(name, field, getattr(self, field))
        self._check_padding(name)
        check_std("weight_std", self.weight_std)
        check_std("bias_std", self.bias_std)

    def _check_padding(self, name: str) -> None:
        check_padding(name, self.padding)

    def windows(self, features: Features) -> tuple[Window, ...]:
        """One window for each axis of positions."""
        positions = positions_of(self, features)
        name, axes = type(self).__name__, len(positions)
        per_axis = zip(
            positions,
            sizes(name, "filter", self.filter, axes),
            sizes(name, "strides", self.strides, axes),
            sizes(name, "dilation", self.dilation, axes),
            strict=True,
        )
        return tuple(self._window(length, Window(f, s, d)) for length, f, s, d in per_axis)

    def _window(self, length: int, window: Window) -> Window:
        return padded(length, window, self.padding)

    def fan_in(self, features: Features) -> int:
        """Channels times positions of the window."""
        return features.shape[-1] * math.prod(w.size for w in self.windows(features))

    def output(self, features: Features, place: Place) -> Features:
        """See :class:`Layer`."""
        positions = counts(self, features, self.windows(features))
        return replace(features, shape=(*positions, self.width), wide=not place.last, law="fresh")

    def scales(self, features: Features, place: Place) -> Scales:
        """Scales of the weights and, if there are any, of the biases."""
        return scales(
            features,
            place,
            fan_in=self.fan_in(features),
            width=self.width,
            weight_std=self.weight_std,
            bias_std=self.bias_std,
            bias=self.bias,
        )

    def build(self, draws: Draws, features: Features, place: Place) -> Linear:
        """See :class:`Layer`."""
        windows, rows = self.windows(features), self.scales(features, place)
        shape = (self.width, features.shape[-1], *(w.size for w in windows))
        parts = draw(draws, features, rows, weight=shape, bias=(self.width,))
        return Convolution(*parts, windows)

    def propagate(self, state: State, place: Place) -> SpatialState:
        """See :class:`Layer`.

        Before the weights, K(p, p') is averaged over the offsets of the window, the same offset
        at both positions: mean over o of K(p stride + o, p' stride + o).
        """
        state = spatial(self, state)
        features, output = state.features, self.output(state.features, place)
        windows = self.windows(features)
        moved = through(
            state,
            gains(self.scales(features, place), self.fan_in(features)),
            output,
            steps=tuple((w, state.position_axes(axis)) for axis, w in enumerate(windows)),
            size=math.prod(w.size for w in windows),
        )
        return moved.remasked(lambda mask: real_windows(type(self).__name__, mask, windows))

    def resized(self, width: int, place: Place) -> "Conv":
        """See :class:`Layer`."""
        return self if place.last else replace(self, width=width)


@dataclass(frozen=True)
class ConvTranspose(Conv):
    """Transposed convolution: the positions are laid out ``strides`` apart before convolving.

    The parameters are those of :class:`Conv`; ``padding`` is ``"SAME"``, with ``strides``
    outputs for every input, or ``"VALID"``. The scales are those of :class:`Conv` too.
    """

    def _check_padding(self, name: str) -> None:
        check_padding(name, self.padding, ("SAME", "VALID"))

    def _window(self, length: int, window: Window) -> Window:
        del length
        stride, reach = window.stride, window.reach
        total = reach + stride - 2
        if self.padding == "VALID":
            total += max(reach - stride, 0)
            low = reach - 1
        else:
            low = reach - 1 if stride > reach - 1 else -(-total // 2)
        return Window(
            window.size,
            1,
            window.dilation,
            low,
            total - low,
            spread=stride,
            same=self.padding == "SAME",
        )
