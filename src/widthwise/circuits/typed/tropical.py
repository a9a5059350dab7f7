"""Tropical numbers: min-plus or max-plus, with infinity as a finite sentinel."""

import functools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from widthwise.circuits.typed.affine import Affine
from widthwise.circuits.typed.gates import Recorder, Wire, gate, refuse


@dataclass(frozen=True)
class Tropical:
    """The type of tropical numbers: whole numbers ``0 ... largest`` and infinity.

    ``x + y`` is the minimum and ``x * y`` the ordinary sum; with ``kind="max"`` the maximum, and
    infinity is minus infinity. A network has no infinity: it travels as the number ``infinity``
    (or ``-infinity``), and every finite number must stay below it, which the gates watch.

    Parameters
    ----------
    largest
        Largest finite number.
    infinity
        What stands for infinity, above every finite number that the circuit can make.
    kind
        ``"min"`` or ``"max"``.
    beyond
        Largest sum of infinities that the wire can carry; for inputs and outputs one.

    Raises
    ------
    ValueError
        If infinity is not above the largest number, or the kind is unknown.
    """

    largest: int
    infinity: int
    kind: str = "min"
    beyond: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.largest < self.infinity:
            raise ValueError(
                f"infinity is {self.infinity} and the largest number {self.largest}: give "
                "0 <= largest < infinity"
            )
        if self.kind not in ("min", "max"):
            raise ValueError(f"kind is {self.kind!r}: give 'min' or 'max'")
        object.__setattr__(self, "beyond", max(self.beyond, self.infinity))

    @property
    def unit(self) -> float:
        """One."""
        return 1.0

    @property
    def codes(self) -> tuple[int, int]:
        """Least and largest code."""
        return (0, self.beyond) if self.kind == "min" else (-self.beyond, self.largest)

    def wire(self, recorder: Recorder, form: Affine) -> "TropicalWire":
        """Return a wire of this type."""
        return TropicalWire(recorder, self, form)

    def __str__(self) -> str:
        kind = "" if self.kind == "min" else f", kind={self.kind!r}"
        return f"Tropical({self.largest}, {self.infinity}{kind})"


class TropicalWire(Wire):
    """A wire of `Tropical`: ``+`` is the minimum (maximum), ``*`` the ordinary sum."""

    __slots__ = ()

    def coerce(self, kind: str, other: Any) -> "TropicalWire":
        """Return an operand as a tropical number; whole numbers and infinity are constants."""
        mine = self.type
        if isinstance(other, TropicalWire):
            if (other.type.infinity, other.type.kind) == (mine.infinity, mine.kind):
                return other
        elif isinstance(other, int | float | np.number) and not isinstance(other, bool):
            sign = 1 if mine.kind == "min" else -1
            if other == sign * np.inf:
                return self.affine(Affine({}, sign * mine.infinity))
            if other == np.floor(other) and 0 <= other < mine.infinity:
                type_ = replace(mine, largest=int(other))
                return type_.wire(self.recorder, Affine({}, int(other)))
        return refuse(kind, (self, other), "it takes tropical numbers of one kind and one infinity")

    def times(self, other: Any, *, at_most: int | None = None) -> "TropicalWire":
        """Return the ordinary sum of two numbers.

        Parameters
        ----------
        other
            A wire of the same kind and infinity, or a constant.
        at_most
            Largest finite result that matters, where more is known than the sum of the largest
            operands: in shortest paths, a walk longer than any path is never the shortest.

        Raises
        ------
        TypeError
            If a finite result could reach infinity.
        """
        factor = self.coerce("tropical_product", other)
        largest = self.type.largest + factor.type.largest
        largest = largest if at_most is None else min(largest, at_most)
        if largest >= self.type.infinity:
            refuse(
                "tropical_product", (self, other), f"finite numbers reach {largest}, so infinity "
                f"must be larger than {self.type.infinity}",
            )  # fmt: skip
        beyond = self.type.beyond + factor.type.beyond
        type_ = replace(self.type, largest=largest, beyond=beyond)
        return type_.wire(self.recorder, self.form + factor.form)

    def __mul__(self, other: Any) -> "TropicalWire":
        return self.times(other)

    __rmul__ = __mul__

    def __add__(self, other: Any) -> "TropicalWire":
        return _choose(self, self.coerce("tropical_sum", other))

    __radd__ = __add__

    def settle(self) -> "TropicalWire":
        """Return the number with every infinity as the one sentinel: what outputs carry.

        ``infinity - relu(infinity - x)``, 1 neuron; 2 for max-plus; none where nothing exceeds it.
        """
        kind, infinity = self.type.kind, self.type.infinity
        if kind == "min" and self.codes[1] > infinity:
            neurons, emulate = 1, lambda net, x: infinity - net.relu(infinity - x)
        elif kind == "max" and self.type.beyond > infinity:
            neurons, emulate = 2, lambda net, x: (
                (1 - infinity) * net.relu(x) + infinity * net.relu(x + 1) - infinity
            )  # fmt: skip
        else:
            return self
        (result,) = gate(
            "settle", (self,), (replace(self.type, beyond=infinity),),
            reference=functools.partial(_settled, kind=kind, infinity=infinity),
            emulate=emulate, neurons=neurons,
        )  # fmt: skip
        return result


def _choose(x: TropicalWire, y: TropicalWire) -> TropicalWire:
    """The smaller of two numbers, ``x - relu(x - y)``, or the larger, ``relu(y - x) + x``."""
    least = x.type.kind == "min"
    type_ = replace(
        x.type,
        largest=max(x.type.largest, y.type.largest),
        beyond=min(x.codes[1], y.codes[1]) if least else max(x.type.beyond, y.type.beyond),
    )
    sign, ends = (1 if least else -1), x.codes
    (result,) = gate(
        "tropical_sum", (x, y), (type_,), reference=np.minimum if least else np.maximum,
        emulate=lambda net, a, b: net.value(a, ends) - sign * net.relu(sign * (a - b)), neurons=1,
    )  # fmt: skip
    return result


def _settled(x: Any, *, kind: str, infinity: int) -> Any:
    if kind == "min":
        return np.minimum(x, infinity)
    return np.where(x < 0, -infinity, x)
