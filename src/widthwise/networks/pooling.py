"""Averages and sums over windows of positions."""

import math
from dataclasses import KW_ONLY, dataclass, replace

import equinox as eqx
from jaxtyping import Array, Float, Key

from widthwise.networks.layer import Layer
from widthwise.networks.masks import Mask, Masking, real_windows
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
    window_sums,
)
from widthwise.numerics.draws import Draws


class Pooled(Masking):
    """The map x -> factor * sum over each window of x, of one example."""

    windows: tuple[Window, ...] = eqx.field(static=True)
    factor: float = eqx.field(static=True)

    def __call__(self, x: Float[Array, "*positions c"]) -> Float[Array, "*outputs c"]:
        """Apply the map."""
        steps = tuple((window, (axis,)) for axis, window in enumerate(self.windows))
        return self.factor * window_sums(x, steps=steps)

    def masked(
        self, x: Float[Array, "*positions c"], mask: Mask, key: Key[Array, ""] | None
    ) -> tuple[Float[Array, "*outputs c"], Mask]:
        """See :class:`Masking`."""
        del key
        return self(x), real_windows("pooling", mask, self.windows)


@dataclass(frozen=True)
class SumPool(Layer):
    """Sum over windows of positions, channel by channel.

    Parameters
    ----------
    window
        Size of the window, a tuple or one number for all axes.
    strides
        Distance between windows; None puts them side by side.
    padding
        ``"VALID"`` (none), ``"SAME"`` (zeros) or ``"CIRCULAR"``; see :class:`Conv`.
    """

    window: Sizes
    _: KW_ONLY
    strides: Sizes | None = None
    padding: str = "VALID"

    def __post_init__(self) -> None:
        name = type(self).__name__
        check_sizes(name, "window", self.window)
        if self.strides is not None:
            check_sizes(name, "strides", self.strides)
        check_padding(name, self.padding)

    def windows(self, features: Features) -> tuple[Window, ...]:
        """One window for each axis of positions."""
        positions = positions_of(self, features)
        name, axes = type(self).__name__, len(positions)
        size = sizes(name, "window", self.window, axes)
        strides = size if self.strides is None else sizes(name, "strides", self.strides, axes)
        per_axis = zip(positions, size, strides, strict=True)
        return tuple(padded(length, Window(s, t), self.padding) for length, s, t in per_axis)

    def factor(self, windows: tuple[Window, ...]) -> float:
        """What multiplies the sum."""
        del windows
        return 1.0

    def output(self, features: Features, place: Place) -> Features:
        """See :class:`Layer`: sums of Gaussian features are Gaussian."""
        del place
        positions = counts(self, features, self.windows(features))
        return replace(features, shape=(*positions, features.shape[-1]))

    def build(self, draws: Draws, features: Features, place: Place) -> Pooled:
        """See :class:`Layer`."""
        del draws, place
        windows = self.windows(features)
        return Pooled(windows, self.factor(windows))

    def propagate(self, state: State, place: Place) -> SpatialState:
        """See :class:`Layer`: K(p, p') is summed over the windows at p and at p'."""
        state = spatial(self, state)
        windows = self.windows(state.features)
        square = self.factor(windows) ** 2
        steps = tuple(
            (window, (one,))
            for axis, window in enumerate(windows)
            for one in state.position_axes(axis)
        )

        def pooled(k: Array) -> Array:
            return square * window_sums(k, steps=steps)

        summed = state.linear(pooled, self.output(state.features, place))
        return summed.remasked(lambda mask: real_windows(type(self).__name__, mask, windows))

    def needs_all_positions(self, wanted: bool) -> bool:
        """See :class:`Layer`."""
        del wanted
        return True

    def resized(self, width: int, place: Place) -> "SumPool":
        """See :class:`Layer`."""
        del width, place
        return self


@dataclass(frozen=True)
class AvgPool(SumPool):
    """Average over windows of positions, channel by channel.

    The parameters are those of :class:`SumPool`. Sums are divided by the size of the window also
    where it reaches over the edge.
    """

    def factor(self, windows: tuple[Window, ...]) -> float:
        """What multiplies the sum."""
        return 1 / math.prod(w.size for w in windows)
