"""Why a network is exact in a number format: every partial sum of every row is a number of it.

All numbers in a network of a circuit are multiples of a power of two, the *unit*. A sum of such
numbers is computed without rounding, in any order of its terms, if no partial sum exceeds what the
format holds exactly: ``2^p`` units for a float with ``p`` significant bits. Partial sums are
bounded by interval arithmetic: the sum of all positive parts, and that of all negative ones.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from widthwise.circuits.levels import intervals
from widthwise.circuits.network import ReluNetwork
from widthwise.circuits.program import ReluProgram

_NO_BITS = 2000  # the exponent of zero: a multiple of everything


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


@dataclass(frozen=True)
class GateBound:
    """What the proof says of one gate.

    Attributes
    ----------
    gate
        Name of the gate, or of an output.
    largest
        Bound on the magnitude of every number and partial sum of its rows.
    unit
        Power of two of which they are all multiples.
    """

    gate: str
    largest: float
    unit: float

    @property
    def bits(self) -> int:
        """Significant bits that suffice: ``largest <= 2^bits unit``."""
        return int(np.ceil(np.log2(max(self.largest / self.unit, 1))))

    def __str__(self) -> str:
        return (
            f"{self.gate}: all partial sums are multiples of {self.unit:g} and at most "
            f"{self.largest:g} <= 2^{self.bits} x {self.unit:g}"
        )


@dataclass(frozen=True)
class ExactnessProof:
    """Bounds on every gate of a network, and the format in which they make it exact.

    Attributes
    ----------
    format
        The number format.
    gates
        A bound for each gate with neurons, for what carries its result on, and for each output.
    """

    format: NumberFormat
    gates: tuple[GateBound, ...]

    @property
    def tightest(self) -> GateBound:
        """The gate that needs most bits."""
        return max(self.gates, key=lambda bound: bound.largest / bound.unit)

    def __str__(self) -> str:
        return "\n".join(
            f"{bound}, and {self.format.name} holds 2^{self.format.bits}" for bound in self.gates
        )


def bound_rows(program: ReluProgram, network: ReluNetwork) -> list[GateBound]:
    """Bound all partial sums of a network, gate by gate.

    Parameters
    ----------
    program
        What the network was made of: it knows the range of every value.
    network
        The network.

    Returns
    -------
    list of GateBound
        The gates in the order in which the network computes them, then the outputs.
    """
    lower, upper = intervals(program)
    node = network.node
    # A carried number may be shifted to be non-negative.
    shift = np.where(network.relay, np.maximum(-lower[node], 0), 0)
    low = np.concatenate([network.lower, np.maximum(lower[node] + shift, 0)])
    high = np.concatenate([network.upper, np.maximum(upper[node] + shift, 0)])
    size = np.maximum(np.abs(low), np.abs(high))
    exponent = np.full(network.inputs + network.neurons, int(np.log2(network.unit)))
    largest, units = [], []
    for layer, (weights, bias) in enumerate(network.layers()):
        start = 0 if network.mode == "skip" or layer == 0 else network.inputs
        start += int(network.starts[layer - 1]) if network.mode == "layered" and layer > 0 else 0
        columns = start + weights.indices
        ends = weights.data * low[columns], weights.data * high[columns]
        ups = _row_sums(weights, np.maximum(np.maximum(*ends), 0)) + np.maximum(bias, 0)
        downs = _row_sums(weights, np.minimum(np.minimum(*ends), 0)) + np.minimum(bias, 0)
        terms = _lowest_bit(weights.data) + exponent[columns]
        unit = np.minimum(_row_least(weights, terms), _lowest_bit(bias))
        # Single numbers must be held too: what the row reads, and its weights.
        own = np.maximum(
            size[columns] * 2.0 ** -exponent[columns].astype(float), _odd_part(weights.data)
        )
        sums = np.maximum(ups, -downs)
        largest.append(
            np.maximum(
                sums,
                _row_most(weights, own) * 2.0 ** np.where(unit == _NO_BITS, 0, unit).astype(float),
            )
        )
        units.append(unit)
        if layer < network.depth:
            first = network.inputs + int(network.starts[layer])
            exponent[first : first + len(bias)] = np.where(unit == _NO_BITS, 0, unit)
    return _by_gate(network, np.concatenate(largest), np.concatenate(units))


def _by_gate(
    network: ReluNetwork, largest: Float[np.ndarray, " rows"], units: Int[np.ndarray, " rows"]
) -> list[GateBound]:
    """Join the rows of each gate: the most that any of them needs."""
    names = network.names
    owner = np.searchsorted(names.starts, network.node, side="right") - 1
    owner = np.where(network.node < network.inputs, -1 - network.node, owner)
    labels = np.concatenate([owner, len(names.gates) + np.arange(network.outputs)])
    _, first, group = np.unique(labels, return_index=True, return_inverse=True)
    need = np.log2(np.maximum(largest, 1e-300)) - units
    worst = np.lexsort((need, group))
    ends = np.flatnonzero(np.diff(group[worst], append=len(first)))
    found = []
    for row in worst[ends][np.argsort(first)].tolist():
        label = int(labels[row])
        if label < 0:
            name = f"{names.inputs[-1 - label]} (carried)"
        elif label < len(names.gates):
            name = names.gates[label]
        else:
            name = f"output {names.outputs[label - len(names.gates)]}"
        unit = 0 if units[row] == _NO_BITS else int(units[row])
        found.append(GateBound(name, float(largest[row]), 2.0**unit))
    return found


def prove_exact(
    program: ReluProgram, network: ReluNetwork, number_format: str = "float32"
) -> ExactnessProof:
    """Prove that a network computes without rounding in a number format, or refuse.

    Parameters
    ----------
    program
        What the network was made of.
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
    known = {one.name: one for one in FORMATS}
    if number_format not in known:
        raise ValueError(f"number format {number_format!r}: give one of {', '.join(known)}")
    chosen = known[number_format]
    bounds = bound_rows(program, network)
    worst = max(bounds, key=lambda bound: _excess(bound, chosen), default=None)
    if worst is not None and _excess(worst, chosen) > 0:
        raise ExactnessError(_refusal(worst, chosen, smallest_format(bounds)))
    return ExactnessProof(chosen, tuple(bounds))


def smallest_format(bounds: list[GateBound]) -> str | None:
    """Return the float format of least width in which all gates are exact, if there is one."""
    for one in FORMATS:
        if one.name.startswith("float") and all(_excess(b, one) <= 0 for b in bounds):
            return one.name
    return None


def _excess(bound: GateBound, number_format: NumberFormat) -> float:
    """How many times what the format holds is needed, minus one; not positive if it suffices."""
    integer = number_format.name.startswith("int")
    whole = 2.0**number_format.bits - (1 if integer else 0)
    ratio = bound.largest / bound.unit / whole - 1
    if bound.unit < 2.0**number_format.smallest:
        ratio = max(ratio, 2.0**number_format.smallest / bound.unit)
    return max(ratio, bound.largest / number_format.largest - 1)


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


def _row_sums(matrix: sp.csr_array, entries: np.ndarray) -> np.ndarray:
    return np.bincount(_row_numbers(matrix), entries, len(matrix.indptr) - 1)


def _row_least(matrix: sp.csr_array, entries: np.ndarray) -> np.ndarray:
    least = np.full(len(matrix.indptr) - 1, _NO_BITS)
    np.minimum.at(least, _row_numbers(matrix), entries)
    return least


def _row_most(matrix: sp.csr_array, entries: np.ndarray) -> np.ndarray:
    most = np.zeros(len(matrix.indptr) - 1)
    np.maximum.at(most, _row_numbers(matrix), entries)
    return most


def _row_numbers(matrix: sp.csr_array) -> np.ndarray:
    return np.repeat(np.arange(len(matrix.indptr) - 1), np.diff(matrix.indptr))


def _odd_part(numbers: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    """Return the numbers in units of their lowest bit."""
    return np.abs(numbers) * 2.0 ** -np.where(numbers == 0, 0, _lowest_bit(numbers)).astype(float)


def _lowest_bit(numbers: Float[np.ndarray, " k"]) -> Int[np.ndarray, " k"]:
    """Return the exponent of the lowest bit that is set: 0 for odd numbers, -1 for halves."""
    fraction, exponent = np.frexp(numbers)
    whole = np.abs(fraction * 2.0**53).astype(np.int64)
    lowest = np.log2(np.maximum(whole & -whole, 1)).astype(np.int64)
    return np.where(whole == 0, _NO_BITS, exponent - 53 + lowest)
