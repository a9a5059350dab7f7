"""Layers without weights: pooling, flattening, normalisation, dropout."""

from collections.abc import Sequence

from widthwise import networks as nn
from widthwise.compat.neural_tangents import settings as given
from widthwise.compat.neural_tangents.settings import Padding
from widthwise.compat.neural_tangents.steps import Single
from widthwise.compat.neural_tangents.triple import Triple, triple


def AvgPool(
    window_shape: Sequence[int],
    strides: Sequence[int] | None = None,
    padding: str | Padding = "VALID",
    normalize_edges: bool = False,
    batch_axis: int = 0,
    channel_axis: int = -1,
) -> Triple:
    """Average over windows, one position apart by default: :class:`widthwise.AvgPool`.

    Raises
    ------
    ValueError, NotImplementedError
        If a setting is out of range, unknown, or not offered.
    """
    given.axes("AvgPool", batch_axis, channel_axis)
    if given.named("padding of AvgPool", Padding, padding) == "SAME":  # the only padding with edges
        instead = "averages here divide by the size of the window: take padding 'VALID'"
        given.only("AvgPool", normalize_edges=(normalize_edges, False, instead))
    return _pool(nn.AvgPool, window_shape, strides, padding)


def SumPool(
    window_shape: Sequence[int],
    strides: Sequence[int] | None = None,
    padding: str | Padding = "VALID",
    batch_axis: int = 0,
    channel_axis: int = -1,
) -> Triple:
    """Sum over windows, one position apart by default: :class:`widthwise.SumPool`.

    Raises
    ------
    ValueError, NotImplementedError
        As :func:`AvgPool`.
    """
    given.axes("SumPool", batch_axis, channel_axis)
    return _pool(nn.SumPool, window_shape, strides, padding)


def _pool(
    make: type[nn.SumPool],
    window: Sequence[int],
    strides: Sequence[int] | None,
    padding: str | Padding,
) -> Triple:
    name = given.named(f"padding of {make.__name__}", Padding, padding)
    pooled = make(given.sizes(window), strides=given.sizes(strides), padding=name)  # pyright: ignore[reportArgumentType]
    return triple(Single(pooled))


def GlobalAvgPool(batch_axis: int = 0, channel_axis: int = -1) -> Triple:
    """Average over all positions: :class:`widthwise.GlobalAvgPool`."""
    given.axes("GlobalAvgPool", batch_axis, channel_axis)
    return triple(Single(nn.GlobalAvgPool()))


def GlobalSumPool(batch_axis: int = 0, channel_axis: int = -1) -> Triple:
    """Sum over all positions: :class:`widthwise.GlobalSumPool`."""
    given.axes("GlobalSumPool", batch_axis, channel_axis)
    return triple(Single(nn.GlobalSumPool()))


def Flatten(batch_axis: int = 0, batch_axis_out: int = 0) -> Triple:
    """All positions and channels in one axis: :class:`widthwise.Flatten`."""
    given.axes("Flatten", batch_axis)
    given.axes("Flatten", batch_axis_out)
    return triple(Single(nn.Flatten()))


def LayerNorm(
    axis: int | Sequence[int] = -1,
    eps: float | int = 1e-12,
    batch_axis: int = 0,
    channel_axis: int = -1,
) -> Triple:
    """Normalize over the channels, and over axes of positions.

    Parameters
    ----------
    axis
        That of the channels, alone or with axes of positions, such as (1, 2, 3) or (2, -1) for
        images; the last one is that of the channels.
    eps
        Added to the variance.
    batch_axis, channel_axis
        Examples first, channels last.

    Raises
    ------
    NotImplementedError
        For other axes.
    """
    given.axes("LayerNorm", batch_axis, channel_axis)
    over = (axis,) if isinstance(axis, int) else tuple(axis)
    *rest, channels = sorted(over, key=lambda index: (index == -1, index))
    if channels == 0 or channels < -1 or 0 in rest:
        raise NotImplementedError(
            f"axis={axis!r} of LayerNorm is not offered: give -1, the channels, or with them axes "
            "of positions, such as (1, 2, 3) for images"
        )
    everything = channels > 0 and rest == list(range(1, channels))
    positions = tuple(index - 1 if index > 0 else index + 1 for index in rest)
    over_positions = bool(rest) if everything else positions or False
    return triple(Single(nn.LayerNorm(positions=over_positions, epsilon=eps)))


def Dropout(rate: float | int, mode: str = "train") -> Triple:
    """Keep every number with probability ``rate``; nothing is dropped with mode ``"test"``.

    Raises
    ------
    ValueError
        If the mode is unknown, or the probability out of range.
    """
    layer = nn.Dropout(float(rate))
    if mode not in ("train", "test"):
        raise ValueError(f"mode of Dropout is {mode!r}: give 'train' or 'test'")
    return triple(Single(layer)) if mode == "train" else triple()
