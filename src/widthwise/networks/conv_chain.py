"""Which networks are convolutional chains: read from their layers."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

import jax
import numpy as np
from jaxtyping import Float

from widthwise.activations import Activation
from widthwise.networks.conv import Conv
from widthwise.networks.conv_steps import Runs
from widthwise.networks.dense import Dense
from widthwise.networks.elementwise import Elementwise
from widthwise.networks.flatten import Flatten, GlobalSumPool
from widthwise.networks.layer import Layer
from widthwise.networks.linear import Gains, gains
from widthwise.networks.place import Features, Place
from widthwise.networks.windows import Window

Placed = list[tuple[Layer, Place]]


@dataclass(frozen=True)
class ConvChain:
    """Blocks of a convolution and an activation, then a mean or a sum over positions.

    Parameters
    ----------
    runs
        Activations and windows, each with how many blocks in a row have them.
    rows
        What the convolutions do to sums over their windows: gain and own, each over the positions
        of a window, shift and own shift.
    outputs
        Positions that each convolution leaves.
    circles
        Lengths of the axes of positions, made circles; see `conv_steps`.
    wrapped
        Whether an axis is a circle by itself.
    together
        Whether all pairs of positions are summed, or only those of a position with itself.
    factor
        What multiplies the sum.
    closing
        What Dense layers that follow it do to kernels.
    features
        What one example looks like behind these.
    tail
        The other layers that follow.
    """

    runs: Runs
    rows: Float[np.ndarray, "blocks 4"]
    outputs: tuple[tuple[int, ...], ...]
    circles: tuple[int, ...]
    wrapped: tuple[bool, ...]
    together: bool
    factor: float
    closing: tuple[Gains, ...]
    features: Features
    tail: Placed

    def inside(self) -> Float[np.ndarray, "blocks *positions"]:
        """One at the positions that each convolution leaves, zero elsewhere."""
        mask = np.zeros((len(self.outputs), *self.circles))
        for one, lengths in zip(mask, self.outputs, strict=True):
            one[tuple(slice(length) for length in lengths)] = 1
        return mask


def as_conv_chain(placed: Iterable[tuple[Layer, Place]], features: Features) -> ConvChain | None:
    """Read layers as a chain; None if they are not, or their scales are traced and not known.

    Convolutions have stride one, and on each axis all have the same kind of edges; activations are
    continuous and have closed forms.
    """
    layers, positions = list(placed), features.shape[:-1]
    blocks: list[tuple[Activation, tuple[Window, ...]]] = []
    rows, outputs = [], []
    while len(layers) > 1 and isinstance(conv := layers[0][0], Conv):
        place, (layer, after) = layers[0][1], layers[1]
        if type(conv) is not Conv or not (
            isinstance(layer, Elementwise) and layer.phi.continuous and layer.phi.forms
        ):
            return None
        windows = conv.windows(features)
        size = math.prod(w.size for w in windows)
        gain, own, *shifts = gains(conv.scales(features, place), conv.fan_in(features))
        blocks.append((layer.phi, windows))
        rows.append([gain / size, own / size, *shifts])
        features = layer.output(conv.output(features, place), after)
        outputs.append(features.shape[:-1])
        layers = layers[2:]
    if not blocks or not layers:
        return None
    pool, place = layers[0]
    circles = _circles(positions, [windows for _, windows in blocks])
    if circles is None or not isinstance(pool, Flatten | GlobalSumPool):
        return None
    together = isinstance(pool, GlobalSumPool)
    count = math.prod(features.shape[:-1])
    if isinstance(pool, GlobalSumPool):
        factor = 1 / count**2 if pool.average else 1.0
    else:
        factor = 1 / count
    kinds = [(phi, tuple(_offsets(w) for w in windows)) for phi, windows in blocks]
    runs = tuple((*kind, len(list(same))) for kind, same in groupby(kinds))
    features, tail, closing = pool.output(features, place), layers[1:], []
    while tail and isinstance(dense := tail[0][0], Dense):
        closing.append(gains(dense.scales(features, tail[0][1]), features.shape[-1]))
        features, tail = dense.output(features, tail[0][1]), tail[1:]
    try:
        table, behind = np.asarray(rows, float), np.asarray(closing, float)
    except jax.errors.TracerArrayConversionError:
        return None
    axes = zip(*(windows for _, windows in blocks), strict=True)
    wrapped = tuple(any(window.wrap for window in along) for along in axes)
    return ConvChain(
        runs,
        table,
        tuple(outputs),
        circles,
        wrapped,
        together,
        factor,
        tuple(Gains(*row) for row in behind.tolist()),
        features,
        tail,
    )


def _offsets(window: Window) -> tuple[int, ...]:
    return tuple(i * window.dilation - window.low for i in range(window.size))


def _circles(
    positions: tuple[int, ...], windows: list[tuple[Window, ...]]
) -> tuple[int, ...] | None:
    """Lengths that leave room for the zeros at the edges; None if there are none that do."""
    circles = []
    for length, along in zip(positions, zip(*windows, strict=True), strict=True):
        wrapped = any(w.wrap for w in along)
        edge = max(max(w.low, w.high) for w in along)
        zeros = any(not w.wrap and w.reach > 1 for w in along)
        if any(w.stride > 1 for w in along) or (wrapped and (zeros or edge > length)):
            return None
        circles.append(length if wrapped else length + edge)
    return tuple(circles)
