"""Numbers on a grid that never wrap: sums, products, comparisons, and any function as a table."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from widthwise.circuits.typed.affine import Affine, Number
from widthwise.circuits.typed.booleans import Bool, BoolWire
from widthwise.circuits.typed.gates import Recorder, Wire, gate, refuse
from widthwise.circuits.typed.staircase import breakpoints, staircase

LARGEST_TABLE = 2**16
"""Most points of a table: beyond, take a function apart into gates."""


@dataclass(frozen=True)
class Grid:
    """The type of numbers ``lower, lower + unit, ..., upper``; the results of gates widen it.

    Parameters
    ----------
    lower, upper
        Least and largest number, multiples of the unit.
    unit
        Spacing, a power of two.

    Raises
    ------
    ValueError
        If the spacing is no power of two, or the ends are no multiples of it or in wrong order.

    Examples
    --------
    >>> Grid(-1, 1, unit=0.25).codes
    (-4, 4)
    """

    lower: Number
    upper: Number
    unit: Number = 1.0

    def __post_init__(self) -> None:
        if not (self.unit > 0 and math.frexp(self.unit)[0] == 0.5):
            raise ValueError(f"unit is {self.unit!r}: give a power of two, such as 0.25")
        ends = self.lower / self.unit, self.upper / self.unit
        if not (all(math.isfinite(e) and e == math.floor(e) for e in ends) and ends[0] <= ends[1]):
            raise ValueError(
                f"the ends {self.lower!r} and {self.upper!r} must be multiples of the unit "
                f"{self.unit!r}, in order"
            )

    @property
    def codes(self) -> tuple[int, int]:
        """Least and largest code."""
        return int(self.lower / self.unit), int(self.upper / self.unit)

    def wire(self, recorder: Recorder, form: Affine) -> "GridWire":
        """Return a wire of this type."""
        return GridWire(recorder, self, form)

    def __str__(self) -> str:
        unit = "" if self.unit == 1 else f", unit={self.unit:g}"
        return f"Grid({self.lower:.16g}, {self.upper:.16g}{unit})"


class GridWire(Wire):
    """A wire of `Grid`: takes ``+``, ``-``, ``*`` and the order relations."""

    __slots__ = ()

    def coerce(self, kind: str, other: Any) -> "GridWire":
        """Return an operand as a wire on a grid: numbers are constants, other wires are read."""
        if isinstance(other, BoolWire):
            return Grid(0, 1).wire(other.recorder, other.form)
        if isinstance(other, Wire):
            number = getattr(other, "number", None)
            if number is None:
                refuse(kind, (self, other), "it takes numbers on a grid")
            return number()
        if isinstance(other, bool) or not isinstance(other, int | float | np.number):
            refuse(kind, (self, other), "it takes numbers on a grid")
        numerator, denominator = Fraction(float(other)).as_integer_ratio()
        type_ = Grid(float(other), float(other), 1 / denominator)
        return type_.wire(self.recorder, Affine({}, numerator))

    def number(self) -> "GridWire":
        """Return this wire."""
        return self

    def _like(self, form: Affine, unit: Number) -> "GridWire":
        """Return a wire with another expression, on the grid that it needs."""
        low, high = form.interval(self.recorder.ranges)
        return Grid(low * unit, high * unit, unit).wire(self.recorder, form)

    def __add__(self, other: Any) -> "GridWire":
        a, b, unit = _aligned("add", self, other)
        return self._like(a + b, unit)

    __radd__ = __add__

    def __neg__(self) -> "GridWire":
        return self._like(-self.form, self.type.unit)

    def __sub__(self, other: Any) -> "GridWire":
        return self + -self.coerce("subtract", other)

    def __rsub__(self, other: Any) -> "GridWire":
        return -self + other

    def __mul__(self, other: Any) -> "GridWire":
        if isinstance(other, BoolWire):
            return times_bit(other, self)
        if isinstance(other, Wire):
            return multiply(self, other)
        if not isinstance(other, int | float | np.number):
            refuse("multiply", (self, other), "it takes numbers on a grid")
        numerator, denominator = Fraction(float(other)).as_integer_ratio()
        return self._like(self.form * numerator, self.type.unit / denominator)

    __rmul__ = __mul__

    def __gt__(self, other: Any) -> BoolWire:
        return step(self - other, above=True)

    def __lt__(self, other: Any) -> BoolWire:
        return step(-(self - other), above=True)

    def __ge__(self, other: Any) -> BoolWire:
        return step(self - other)

    def __le__(self, other: Any) -> BoolWire:
        return step(-(self - other))


def _aligned(kind: str, x: Any, y: Any) -> tuple[Affine, Affine, Number]:
    """Return two numbers as codes of one unit."""
    first = x if isinstance(x, GridWire) else y
    if not isinstance(first, Wire):
        refuse(kind, (x, y), "it takes at least one wire")
    if not isinstance(first, GridWire):
        first = as_number(kind, first)
    x, y = first.coerce(kind, x), first.coerce(kind, y)
    if x.recorder is not y.recorder:
        refuse(kind, (x, y), "its operands belong to different circuits")
    unit = min(x.type.unit, y.type.unit)
    return x.form * (x.type.unit / unit), y.form * (y.type.unit / unit), unit


def as_number(kind: str, wire: Any) -> GridWire:
    """Return a wire as a number on a grid, or refuse the gate."""
    if isinstance(wire, GridWire):
        return wire
    if isinstance(wire, BoolWire):
        return Grid(0, 1).wire(wire.recorder, wire.form)
    if not isinstance(wire, Wire) or not hasattr(wire, "number"):
        refuse(kind, (wire,), "it takes numbers on a grid")
    return wire.number()  # pyright: ignore[reportAttributeAccessIssue]


def _pair(kind: str, x: Any, y: Any) -> tuple[GridWire, GridWire]:
    """Return two numbers as wires of one unit."""
    a, b, unit = _aligned(kind, x, y)
    any_ = next(as_number(kind, w) for w in (x, y) if isinstance(w, Wire))
    return any_._like(a, unit), any_._like(b, unit)


def step(x: Any, *, above: bool = False) -> BoolWire:
    """Whether a number is at least zero (or above it): ``relu(x + 1) - relu(x)`` in codes.

    At most 2 neurons; none where the range of ``x`` decides.
    """
    wire = as_number("step", x)
    low, high = wire.codes
    first = int(above)
    if low >= first or high < first:
        return Bool().wire(wire.recorder, Affine({}, int(low >= first)))
    ramps = {at: sign for at, sign in ((first - 1, 1), (first, -1)) if at < high}
    (result,) = gate(
        "step", (wire,), (Bool(),), reference=lambda s: (s >= first).astype(np.int64),
        emulate=lambda net, s: staircase(net, s, ramps, 0), neurons=len(ramps),
    )  # fmt: skip
    return result


def equal(x: Any, y: Any) -> BoolWire:
    """Whether two numbers are equal: ``relu(d + 1) - 2 relu(d) + relu(d - 1)``, 3 neurons."""
    a, b = _pair("equal", x, y)
    (result,) = gate(
        "equal", (a, b), (Bool(),), reference=lambda a, b: (a == b).astype(np.int64),
        emulate=lambda net, a, b: (
            net.relu(a - b + 1) - 2 * net.relu(a - b) + net.relu(a - b - 1)
        ),
        neurons=3,
    )  # fmt: skip
    return result


def maximum(x: Any, y: Any) -> GridWire:
    """The larger number: ``relu(x - y) + y``, 1 neuron while ``y`` is carried along."""
    a, b = _pair("maximum", x, y)
    low, high = (max(ends) for ends in zip(a.codes, b.codes, strict=True))
    (result,) = gate(
        "maximum", (a, b), (_grid(low, high, a),), reference=np.maximum,
        emulate=lambda net, x, y: net.relu(x - y) + net.value(y, b.codes), neurons=1,
    )  # fmt: skip
    return result


def minimum(x: Any, y: Any) -> GridWire:
    """The smaller number: ``x - relu(x - y)``, 1 neuron while ``x`` is carried along."""
    a, b = _pair("minimum", x, y)
    low, high = (min(ends) for ends in zip(a.codes, b.codes, strict=True))
    (result,) = gate(
        "minimum", (a, b), (_grid(low, high, a),), reference=np.minimum,
        emulate=lambda net, x, y: net.value(x, a.codes) - net.relu(x - y), neurons=1,
    )  # fmt: skip
    return result


def tournament(better: Callable[[Any, Any], Any], wires: Sequence[Any]) -> Any:
    """Join many numbers by a gate of two in a balanced tree, ``ceil(log2 m)`` gates deep."""
    left = list(wires)
    while len(left) > 1:
        pairs = [better(*left[i : i + 2]) for i in range(0, len(left) - 1, 2)]
        left = pairs + left[len(pairs) * 2 :]
    return left[0]


def absolute(x: Any) -> GridWire:
    """``relu(x) + relu(-x)``, 2 neurons."""
    wire = as_number("absolute", x)
    low, high = wire.codes
    ends = (0 if low <= 0 <= high else min(abs(low), abs(high)), max(abs(low), abs(high)))
    (result,) = gate(
        "absolute", (wire,), (_grid(*ends, wire),), reference=np.abs,
        emulate=lambda net, x: net.relu(x) + net.relu(-x), neurons=2,
    )  # fmt: skip
    return result


def relay(x: Any, *, pair: bool = False) -> Any:
    """The number itself one layer later: ``relu(x - low) + low``, 1 neuron.

    Parameters
    ----------
    x
        Any wire.
    pair
        Whether it is carried as ``relu(x) - relu(-x)``, 2 neurons: right for any number, not only
        from the least code of the type on, and without the rounding of a shift by a large one.
    """
    low = x.codes[0]

    def emulate(net: Any, x: Affine) -> Affine:
        return net.relu(x) - net.relu(-x) if pair else net.relu(x - low) + low

    (result,) = gate(
        "relay", (x,), (x.type,), reference=lambda x: x, emulate=emulate, neurons=1 + pair
    )
    return result


def times_bit(bit: Any, x: Any) -> GridWire:
    """The number where the bit is 1, else zero: ``relu(x - largest (1 - bit))``, 1 neuron.

    A number that can be negative is shifted by its least value, times the bit.
    """
    wire = as_number("times_bit", x)
    if not isinstance(bit, BoolWire):
        refuse("times_bit", (bit, x), "it takes a Bool() and a number")
    low, high = min(wire.codes[0], 0), wire.codes[1]
    (result,) = gate(
        "times_bit", (bit, wire), (_grid(min(low, high), max(high, 0), wire),),
        reference=lambda c, x: c * x,
        emulate=lambda net, c, x: net.relu(x - low - (high - low) * (1 - c)) + low * c, neurons=1,
    )  # fmt: skip
    return result


def multiply(x: Any, y: Any) -> GridWire:
    """The product as a difference of squares, ``((x + y)^2 - (x - y)^2) / 4``, in one layer.

    A square on a grid takes a neuron for each step of the grid.
    """
    a, b = as_number("multiply", x), as_number("multiply", y)
    (al, ah), (bl, bh) = a.codes, b.codes
    plus, minus = (al + bl, ah + bh), (al - bh, ah - bl)
    if plus[1] - plus[0] + minus[1] - minus[0] > LARGEST_TABLE:
        refuse("multiply", (x, y), f"its squares have more than {LARGEST_TABLE} points")
    ramps = [_squares(*ends) for ends in (plus, minus)]
    start = plus[0] ** 2 - minus[0] ** 2

    def emulate(net: Any, x: Affine, y: Affine) -> Affine:
        sums = staircase(net, x + y, ramps[0], start)
        return (sums - staircase(net, x - y, ramps[1], 0)) * 0.25

    corners = [p * q for p in a.codes for q in b.codes]
    unit = a.type.unit * b.type.unit
    type_ = Grid(min(corners) * unit, max(corners) * unit, unit)
    (result,) = gate(
        "multiply", (a, b), (type_,), reference=lambda x, y: x * y,
        emulate=emulate, neurons=sum(map(len, ramps)),
    )  # fmt: skip
    return result


def _squares(low: int, high: int) -> dict[int, int]:
    codes = range(low, high + 1)
    return breakpoints(codes, [code**2 for code in codes])


def _grid(low: int, high: int, like: GridWire) -> Grid:
    unit = like.type.unit
    return Grid(low * unit, high * unit, unit)
