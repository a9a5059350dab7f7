"""Machine words: integers and fixed-point numbers of n bits that wrap around."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from widthwise.circuits.typed.affine import Affine
from widthwise.circuits.typed.booleans import Bool, BoolWire, and_, or_, xor
from widthwise.circuits.typed.gates import Neurons, Recorder, Wire, gate, refuse
from widthwise.circuits.typed.grids import Grid, GridWire, times_bit
from widthwise.circuits.typed.staircase import staircase


@dataclass(frozen=True)
class Word:
    """The type of machine words: whole numbers modulo ``2^bits``, or fixed-point ones.

    Parameters
    ----------
    bits
        Number of bits, 1 to 50.
    signed
        Two's complement, ``-2^(bits - 1) ... 2^(bits - 1) - 1``, instead of ``0 ... 2^bits - 1``.
    fraction
        Bits after the binary point: numbers are multiples of ``2^-fraction``.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> Word(8, signed=True).codes, Word(8, fraction=4).unit
    ((-128, 127), 0.0625)
    """

    bits: int
    signed: bool = False
    fraction: int = 0

    def __post_init__(self) -> None:
        if not (1 <= self.bits <= 50 and 0 <= self.fraction <= self.bits):
            raise ValueError(
                f"a word of {self.bits} bits, {self.fraction} of them after the point: give 1 to "
                "50 bits, and at most as many after the point"
            )

    @property
    def modulus(self) -> int:
        """The number of words, ``2^bits``."""
        return 2**self.bits

    @property
    def codes(self) -> tuple[int, int]:
        """Least and largest code."""
        low = -self.modulus // 2 if self.signed else 0
        return low, low + self.modulus - 1

    @property
    def unit(self) -> float:
        """``2^-fraction``."""
        return 2.0**-self.fraction

    def wire(self, recorder: Recorder, form: Affine) -> "WordWire":
        """Return a wire of this type."""
        return WordWire(recorder, self, form)

    def __str__(self) -> str:
        signed = ", signed=True" if self.signed else ""
        fraction = f", fraction={self.fraction}" if self.fraction else ""
        return f"Word({self.bits}{signed}{fraction})"


class WordWire(Wire):
    """A wire of `Word`: takes ``+ - *`` modulo ``2^bits``, order relations, ``& | ^ ~ << >>``."""

    __slots__ = ("_bits",)

    def __init__(self, recorder: Recorder, type_: Word, form: Affine) -> None:
        super().__init__(recorder, type_, form)
        self._bits: tuple[BoolWire, ...] | None = None

    def number(self) -> GridWire:
        """Return the word as a number on a grid, which does not wrap."""
        low, high = self.codes
        unit = self.type.unit
        return Grid(low * unit, high * unit, unit).wire(self.recorder, self.form)

    def coerce(self, kind: str, other: Any) -> "WordWire":
        """Return an operand as a word of this type; numbers are constants."""
        if isinstance(other, WordWire) and other.type == self.type:
            return other
        if isinstance(other, int | float | np.number) and not isinstance(other, bool):
            code = float(other) / self.type.unit
            if code == np.floor(code) and self.type.codes[0] <= code <= self.type.codes[1]:
                return self.affine(Affine({}, int(code)))
        return refuse(
            kind, (self, other), f"it takes words of one type, or constants of {self.type}"
        )

    def __add__(self, other: Any) -> "WordWire":
        return wrap(self.type, self, self.form + self.coerce("add", other).form, kind="add")

    __radd__ = __add__

    def __sub__(self, other: Any) -> "WordWire":
        form = self.form - self.coerce("subtract", other).form
        return wrap(self.type, self, form, kind="subtract")

    def __rsub__(self, other: Any) -> "WordWire":
        return self.coerce("subtract", other) - self

    def __neg__(self) -> "WordWire":
        return wrap(self.type, self, -self.form, kind="negate")

    def __mul__(self, other: Any) -> "WordWire":
        return multiply_words(self, self.coerce("multiply", other))

    __rmul__ = __mul__

    def __gt__(self, other: Any) -> BoolWire:
        return self.number() > self.coerce("compare", other).number()

    def __lt__(self, other: Any) -> BoolWire:
        return self.number() < self.coerce("compare", other).number()

    def __ge__(self, other: Any) -> BoolWire:
        return self.number() >= self.coerce("compare", other).number()

    def __le__(self, other: Any) -> BoolWire:
        return self.number() <= self.coerce("compare", other).number()

    def bits(self) -> tuple[BoolWire, ...]:
        """Return the bits of the code in two's complement, least significant first.

        Free for a word made from bits; otherwise a layer of 3 neurons for each but the last.
        """
        if self._bits is None:
            signed = self.type.signed
            shifted = self.form + self.type.modulus // 2 if signed else self.form
            found = split_bits(self.recorder, shifted, self.type.bits)
            self._bits = (*found[:-1], ~found[-1]) if signed else found
        return self._bits

    def _bitwise(self, kind: str, function: Any, other: Any) -> "WordWire":
        pairs = zip(self.bits(), self.coerce(kind, other).bits(), strict=True)
        return from_bits([function(a, b) for a, b in pairs], self.type)

    def __and__(self, other: Any) -> "WordWire":
        return self._bitwise("and", and_, other)

    def __or__(self, other: Any) -> "WordWire":
        return self._bitwise("or", or_, other)

    def __xor__(self, other: Any) -> "WordWire":
        return self._bitwise("xor", xor, other)

    def __invert__(self) -> "WordWire":
        return self.affine((-1 if self.type.signed else self.type.modulus - 1) - self.form)

    def __lshift__(self, places: int) -> "WordWire":
        zeros = [self._constant(0)] * min(places, self.type.bits)
        return from_bits([*zeros, *self.bits()[: self.type.bits - len(zeros)]], self.type)

    def __rshift__(self, places: int) -> "WordWire":
        bits = self.bits()
        fill = bits[-1] if self.type.signed else self._constant(0)
        kept = bits[min(places, len(bits)) :]
        return from_bits([*kept, *[fill] * (len(bits) - len(kept))], self.type)

    def rotate_right(self, places: int) -> "WordWire":
        """Return the word with its bits turned round."""
        bits, places = self.bits(), places % self.type.bits
        return from_bits([*bits[places:], *bits[:places]], self.type)

    def _constant(self, bit: int) -> BoolWire:
        return Bool().wire(self.recorder, Affine({}, bit))


def wrap(type_: Word, like: Wire, form: Affine, *, kind: str = "wrap") -> WordWire:
    """Return the word of a whole number modulo ``2^bits``.

    ``t + M (steps below) - M (steps above)``: 1 neuron for ``t`` and 2 for each step, which is
    ``relu(t - c + 1) - relu(t - c)``. A sum of two words takes 3, of signed ones 5.
    """
    low, size = type_.codes[0], type_.modulus
    least, largest = (int(end) for end in form.interval(like.recorder.ranges))
    up = {low + size * j: -size for j in range(1, (largest - low) // size + 1)}
    down = {low - size * j: size for j in range(0, (low - 1 - least) // size + 1)}
    if not up and not down:
        return type_.wire(like.recorder, form)
    wire = Grid(least, largest).wire(like.recorder, form)
    rising = _steps(up, largest, 1)
    falling = _steps({1 - at: change for at, change in down.items()}, -least, 1)

    def emulate(net: Any, t: Affine) -> Affine:
        kept = net.relu(t - least) + least
        return kept + staircase(net, t, rising, 0) + staircase(net, -t, falling, 0)

    (result,) = gate(
        kind, (wire,), (type_,), reference=lambda t: (t - low) % size + low,
        emulate=emulate, neurons=1 + len(rising) + len(falling),
    )  # fmt: skip
    return result


def _steps(changes: dict[int, int], largest: int, unit: int) -> dict[int, int]:
    """Return the ramps of unit steps up to each place."""
    ramps: dict[int, int] = {}
    for at, change in changes.items():
        for place, slope in ((at - unit, change), (at, -change)):
            if place < largest:
                ramps[place] = ramps.get(place, 0) + slope
    return {at: slope for at, slope in ramps.items() if slope}


def split_bits(recorder: Recorder, form: Affine, bits: int) -> tuple[BoolWire, ...]:
    """Return the bits of a non-negative number below ``2^bits``, least significant first.

    From the top: ``bit = relu(r - 2^j + 1) - relu(r - 2^j)``, ``r <- r - 2^j bit``; one layer of 3
    neurons for each bit but the last, which is what remains.
    """
    found = []
    for j in range(bits - 1, 0, -1):
        bit, form = _top_bit(recorder, form, j)
        found.append(bit)
    return (Bool().wire(recorder, form), *reversed(found))


def _top_bit(recorder: Recorder, form: Affine, j: int) -> tuple[BoolWire, Affine]:
    """Return bit ``j`` of a number below ``2^(j + 1)``, and the number without it."""
    size = 2**j
    wire = Grid(0, 2 * size - 1).wire(recorder, form)

    bit, rest = gate(
        "bit", (wire,), (Bool(), Grid(0, size - 1)),
        reference=lambda r: (r >> j, r & (size - 1)),
        emulate=lambda net, r: _take_off(net, r, size), neurons=3,
    )  # fmt: skip
    return bit, rest.form


def _take_off(net: Neurons, r: Affine, size: int) -> tuple[Affine, Affine]:
    """Make the neurons of a top bit, and of what remains."""
    bit = net.value(net.relu(r - size + 1) - net.relu(r - size), (0, 1))
    return bit, net.relu(r) - size * bit


def from_bits(bits: Sequence[Any], type_: Word | None = None) -> WordWire:
    """Return the word with these bits, least significant first; it costs no neuron.

    Parameters
    ----------
    bits
        Wires of `Bool`, at least one.
    type_
        The word's type; unsigned of as many bits if it is left out.

    Raises
    ------
    TypeError
        If a bit is not a wire of `Bool`, or their number is not that of the type.
    """
    type_ = type_ or Word(len(bits))
    if len(bits) != type_.bits or not all(isinstance(bit, BoolWire) for bit in bits):
        refuse("from_bits", bits, f"it takes {type_.bits} wires of Bool() for {type_}")
    sign = -1 if type_.signed else 1
    weights = [2**i for i in range(type_.bits - 1)] + [sign * 2 ** (type_.bits - 1)]
    form = Affine.sum(weight * bit.form for weight, bit in zip(weights, bits, strict=True))
    word = type_.wire(bits[0].recorder, form)
    word._bits = tuple(bits)
    return word


def multiply_words(x: WordWire, y: WordWire) -> WordWire:
    """Multiply modulo ``2^bits``: each bit of ``x`` times ``y``, and the bits of their sum.

    About ``3 bits`` layers; fixed-point words are rounded down to their grid.
    """
    type_ = x.type
    if type_.signed:
        refuse("multiply", (x, y), "it takes unsigned words: multiply numbers on a grid, or wrap")
    n, extra = type_.bits, type_.fraction
    parts = [times_bit(bit, y.number()).form * 2**i for i, bit in enumerate(x.bits())]
    product = split_bits(x.recorder, Affine.sum(parts), 2 * n)
    return from_bits(product[extra : extra + n], type_)
