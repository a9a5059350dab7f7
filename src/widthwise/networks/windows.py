"""Sliding windows on axes of positions: geometry, padding, and sums over the window."""

from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from widthwise.numerics.choices import check_choice

Padding = Literal["SAME", "VALID", "CIRCULAR"]
Sizes = int | tuple[int, ...]


@dataclass(frozen=True)
class Window:
    """A window sliding along one axis.

    Parameters
    ----------
    size, stride, dilation
        Number of positions in the window, distance between windows, distance within one.
    low, high
        Padding before and after the axis.
    wrap
        Whether the axis is continued periodically, otherwise by zeros.
    spread
        Distance at which the positions are laid out before sliding, with zeros between them.
    same
        Whether ``low`` and ``high`` were chosen for the length of the axis.
    """

    size: int
    stride: int = 1
    dilation: int = 1
    low: int = 0
    high: int = 0
    wrap: bool = False
    spread: int = 1
    same: bool = False

    @property
    def reach(self) -> int:
        """Length from the first to the last position of the window."""
        return self.dilation * (self.size - 1) + 1

    def count(self, length: int) -> int:
        """Number of windows along an axis of ``length`` positions."""
        padded = self.spread * (length - 1) + 1 + self.low + self.high
        return (padded - self.reach) // self.stride + 1

    def wrapped(self, x: Float[Array, "*shape"], axis: int) -> Float[Array, "*padded"]:
        """Continue an axis periodically, if that is the kind of padding."""
        if not self.wrap:
            return x
        widths = [(0, 0)] * x.ndim
        widths[axis] = (self.low, self.high)
        return jnp.pad(x, widths, mode="wrap")

    def pads(self) -> tuple[int, int]:
        """Zeros still to be added after :meth:`wrapped`."""
        return (0, 0) if self.wrap else (self.low, self.high)


Steps = tuple[tuple[Window, tuple[int, ...]], ...]


@partial(jax.jit, static_argnames="steps")
def window_sums(x: Float[Array, "*shape"], *, steps: Steps) -> Float[Array, "*summed"]:
    """Sum over windows, one step after the other.

    Parameters
    ----------
    x
        An array.
    steps
        A window and the axes it slides along with one offset common to all: along one axis
        y[p] = sum over o of x[p stride + o]; along two y[p, p'] = sum over o of
        x[p stride + o, p' stride + o], as weights shared by two positions ask for.
    """
    for window, axes in steps:
        x = _window_sum(x, window, axes)
    return x


def _window_sum(x: Array, window: Window, axes: tuple[int, ...]) -> Array:
    counts = {axis: window.count(x.shape[axis]) for axis in axes}
    config = [(0, 0, 0)] * x.ndim
    for axis in axes:
        x = window.wrapped(x, axis)
        config[axis] = (*window.pads(), window.spread - 1)
    x = lax.pad(x, jnp.zeros((), x.dtype), config)

    def shifted(offset: int) -> Array:
        index = [slice(None)] * x.ndim
        for axis, count in counts.items():
            index[axis] = slice(offset, offset + (count - 1) * window.stride + 1, window.stride)
        return x[tuple(index)]

    return sum((shifted(i * window.dilation) for i in range(1, window.size)), shifted(0))


def sizes(owner: str, name: str, value: Sizes, axes: int) -> tuple[int, ...]:
    """One number per axis of positions: a single one stands for all."""
    per_axis = (value,) * axes if isinstance(value, int) else value
    if len(per_axis) != axes:
        raise ValueError(
            f"{name} of {owner} is {value}, but its inputs have {axes} axes of positions: give "
            f"{axes} numbers, or one for all"
        )
    return per_axis


def check_sizes(owner: str, name: str, value: Sizes) -> None:
    """Refuse anything but a whole number of at least 1, or a tuple of them."""
    numbers = value if isinstance(value, tuple) else (value,)
    if not numbers or any(isinstance(s, bool) or not isinstance(s, int) or s < 1 for s in numbers):
        raise ValueError(
            f"{name} of {owner} is {value!r}: give a whole number of at least 1, or a tuple of "
            "them, one for each axis of positions"
        )


def check_padding(owner: str, padding: str, accepted: tuple[str, ...] = get_args(Padding)) -> None:
    """Refuse an unknown kind of padding."""
    check_choice(f"padding of {owner}", padding, accepted)


def padded(length: int, window: Window, padding: str) -> Window:
    """Give a window the padding of an axis of ``length`` positions.

    SAME keeps one output for every ``stride`` positions, the odd zero coming last; CIRCULAR does
    so with periodic continuation.
    """
    if padding == "VALID":
        return window
    outputs = -(-length // window.stride)
    total = max((outputs - 1) * window.stride + window.reach - length, 0)
    return Window(
        window.size,
        window.stride,
        window.dilation,
        total // 2,
        total - total // 2,
        padding == "CIRCULAR",
        same=padding == "SAME",
    )
