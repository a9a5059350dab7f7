"""Why a network is exact in a number format: every partial sum of every row is a number of it.

All numbers in a network of a circuit are multiples of a power of two, the *unit*. A sum of such
numbers is computed without rounding, in any order of its terms, if no partial sum exceeds what the
format holds exactly: ``2^p`` units for a float with ``p`` significant bits. `bound_rows` bounds
them by interval arithmetic.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from widthwise.circuits.bounds import GateBound, RowBounds, bound_rows
from widthwise.circuits.network import ReluNetwork


class NumberFormat(NamedTuple):
    """What a number format holds exactly.

    Attributes
    ----------
    name
        ``"float32"`` and so on.
    bits
        All whole numbers up to ``2^bits`` are exact (integers: up to ``2^bits - 1``).
    smallest
        Exponent of the smallest power of two.
    largest
        The largest finite number.
    """

    name: str
    bits: int
    smallest: int
    largest: float


def _float(name: str, bits: int, exponent: int) -> NumberFormat:
    top = 2.0**exponent * (2 - 2.0 ** (1 - bits))
    return NumberFormat(name, bits, 2 - exponent - bits, top)


FORMATS = (
    NumberFormat("int8", 7, 0, 2.0**7 - 1),
    _float("bfloat16", 8, 127),
    _float("float16", 11, 15),
    NumberFormat("int16", 15, 0, 2.0**15 - 1),
    _float("float32", 24, 127),
    NumberFormat("int32", 31, 0, 2.0**31 - 1),
    _float("float64", 53, 1023),
    NumberFormat("int64", 63, 0, 2.0**63 - 1),
)
"""Number formats by growing range of exact whole numbers."""


class ExactnessError(ValueError):
    """A network would round in a number format; the message names the gate."""


@dataclass(frozen=True, eq=False)
class ExactnessProof:
    """Bounds on every gate of a network, and the format in which they make it exact.

    Attributes
    ----------
    format
        The number format.
    rows
        A bound for every row of the network.
    """

    format: NumberFormat
    rows: RowBounds

    @cached_property
    def gates(self) -> tuple[GateBound, ...]:
        """A bound for each gate with neurons and what carries its result on, and each output."""
        return tuple(self.rows.of_gates())

    @property
    def tightest(self) -> GateBound:
        """The gate that needs most bits."""
        return self.rows.of_row(int(np.argmax(self.rows.largest / self.rows.unit)))

    def __str__(self) -> str:
        return "\n".join(
            f"{bound}, and {self.format.name} holds 2^{self.format.bits}" for bound in self.gates
        )


def prove_exact(network: ReluNetwork, number_format: str = "float32") -> ExactnessProof:
    """Prove that a network computes without rounding in a number format, or refuse.

    Parameters
    ----------
    network
        The network, of any mode.
    number_format
        ``"float16"``, ``"bfloat16"``, ``"float32"``, ``"float64"``, ``"int8"`` to ``"int64"``.
        Sums must be accumulated in that format or a wider one; matrix units of accelerators that
        round operands (TF32, bfloat16) need ``precision="highest"``.

    Returns
    -------
    ExactnessProof
        Its text says of each gate why it is exact.

    Raises
    ------
    ExactnessError
        If a gate needs more; the message names the gate and the smallest format that suffices.
    ValueError
        If the format is unknown.
    """
    return ExactnessProof(*_held(network, number_format))


def require_exact(network: ReluNetwork, number_format: str) -> None:
    """Refuse a number format as `prove_exact` does, without saying why others are exact."""
    _held(network, number_format)


def smallest_format(network: ReluNetwork) -> str | None:
    """Return the float format of least width in which a network is exact, if there is one."""
    return _smallest(bound_rows(network))


def _held(network: ReluNetwork, number_format: str) -> tuple[NumberFormat, RowBounds]:
    """Bound all rows, and refuse if the format does not hold one."""
    known = {one.name: one for one in FORMATS}
    if number_format not in known:
        raise ValueError(f"number format {number_format!r}: give one of {', '.join(known)}")
    chosen, bounds = known[number_format], bound_rows(network)
    excess = _excess(bounds, chosen)
    if np.any(excess > 0):
        worst = bounds.of_row(int(np.argmax(excess)))
        raise ExactnessError(_refusal(worst, chosen, _smallest(bounds)))
    return chosen, bounds


def _smallest(bounds: RowBounds) -> str | None:
    for one in FORMATS:
        if one.name.startswith("float") and not np.any(_excess(bounds, one) > 0):
            return one.name
    return None


def _excess(bounds: RowBounds, number_format: NumberFormat) -> Float[np.ndarray, " rows"]:
    """How many times what the format holds is needed, minus one; not positive if it suffices."""
    integer = number_format.name.startswith("int")
    whole = 2.0**number_format.bits - (1 if integer else 0)
    ratio = bounds.largest / bounds.unit / whole - 1
    small = 2.0**number_format.smallest / bounds.unit
    ratio = np.where(small > 1, np.maximum(ratio, small), ratio)
    return np.maximum(ratio, bounds.largest / number_format.largest - 1)


def _refusal(bound: GateBound, chosen: NumberFormat, enough: str | None) -> str:
    advice = f"use {enough}" if enough else "no format is wide enough: use smaller words"
    if bound.unit < 2.0**chosen.smallest:
        return (
            f"gate {bound.gate!r} computes in units of {bound.unit:g}, and {chosen.name} has none "
            f"below {2.0**chosen.smallest:g}: {advice}"
        )
    if bound.bits <= chosen.bits:
        return (
            f"gate {bound.gate!r} needs numbers up to {bound.largest:g} > {chosen.largest:g}, the "
            f"largest of {chosen.name}: {advice}"
        )
    return (
        f"gate {bound.gate!r} has partial sums of up to {bound.largest / bound.unit:g} units of "
        f"{bound.unit:g}; {chosen.name} holds whole numbers up to 2^{chosen.bits}: needs "
        f"2^{bound.bits} > 2^{chosen.bits}: {advice}"
    )
