"""Booleans and their gates; a Boolean wire carries 0 or 1."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from widthwise.circuits.typed.affine import Affine
from widthwise.circuits.typed.gates import Recorder, Wire, gate, refuse
from widthwise.circuits.typed.staircase import breakpoints, staircase


@dataclass(frozen=True)
class Bool:
    """The type of a wire that carries 0 or 1.

    Parameters
    ----------
    random
        An input of this type is a fair coin: see `widthwise.circuits.typed.acceptance`.
    """

    random: bool = False

    @property
    def unit(self) -> float:
        """One."""
        return 1.0

    @property
    def codes(self) -> tuple[int, int]:
        """Zero and one."""
        return 0, 1

    def wire(self, recorder: Recorder, form: Affine) -> "BoolWire":
        """Return a wire of this type."""
        return BoolWire(recorder, Bool(), form)

    def __str__(self) -> str:
        return "Bool(random=True)" if self.random else "Bool()"


class BoolWire(Wire):
    """A wire of `Bool`: takes ``&``, ``|``, ``^`` and ``~``."""

    __slots__ = ()

    def __invert__(self) -> "BoolWire":
        return self.affine(1 - self.form)

    def __and__(self, other: Any) -> "BoolWire":
        return and_(self, other)

    def __or__(self, other: Any) -> "BoolWire":
        return or_(self, other)

    def __xor__(self, other: Any) -> "BoolWire":
        return xor(self, other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__


def _bits(kind: str, *given: Any) -> list[BoolWire]:
    """Return operands as Boolean wires: True, False, 0 and 1 are constants."""
    first = next((wire for wire in given if isinstance(wire, BoolWire)), None)
    if first is None:
        refuse(kind, given, "it takes wires of Bool()")
    found = []
    for one in given:
        if isinstance(one, BoolWire):
            found.append(one)
        elif isinstance(one, bool | int | np.bool | np.integer) and int(one) in (0, 1):
            found.append(first.affine(Affine({}, int(one))))
        else:
            refuse(kind, given, "it takes wires of Bool(), or 0 and 1")
    return found


def _without(kind: str, bits: Sequence[Any], *, neutral: int) -> list[BoolWire]:
    """Return operands of AND or OR without constants; the constant alone if it decides."""
    wires = _bits(kind, *bits)
    constants = [wire for wire in wires if not wire.form.terms]
    deciding = [wire for wire in constants if wire.form.constant != neutral]
    return deciding[:1] or [wire for wire in wires if wire.form.terms] or constants[:1]


def _one(kind: str, bits: list[BoolWire], **rule: Any) -> BoolWire:
    (result,) = gate(kind, bits, (Bool(),), **rule)
    return result


def and_(*bits: Any) -> BoolWire:
    """All of any number of bits: ``relu(sum - (k - 1))``, 1 neuron."""
    wires = _without("and", bits, neutral=1)
    k = len(wires)
    return wires[0] if k == 1 else _one(
        "and", wires, reference=_least,
        emulate=lambda net, *a: net.relu(Affine.sum(a, 1 - k)), neurons=1,
    )  # fmt: skip


def or_(*bits: Any) -> BoolWire:
    """Any of the bits: ``1 - relu(1 - sum)``, 1 neuron."""
    wires = _without("or", bits, neutral=0)
    return wires[0] if len(wires) == 1 else _one(
        "or", wires, reference=_largest,
        emulate=lambda net, *a: 1 - net.relu(1 - Affine.sum(a)), neurons=1,
    )  # fmt: skip


def nand(*bits: Any) -> BoolWire:
    """Not all of the bits, 1 neuron."""
    return ~and_(*bits)


def nor(*bits: Any) -> BoolWire:
    """None of the bits: ``relu(1 - sum)``, 1 neuron."""
    return ~or_(*bits)


def and_not(a: Any, b: Any) -> BoolWire:
    """``a`` and not ``b``: ``relu(a - b)``, 1 neuron."""
    return _one(
        "and_not", _bits("and_not", a, b), reference=lambda a, b: a * (1 - b),
        emulate=lambda net, a, b: net.relu(a - b), neurons=1,
    )  # fmt: skip


def xor(*bits: Any) -> BoolWire:
    """Exclusive or: ``relu(a - b) + relu(b - a)``, 2 neurons; a chain for more than two bits.

    `parity` takes any number of bits in one layer.
    """
    wires = _bits("xor", *bits)
    return functools.reduce(_xor, wires)


def _xor(a: BoolWire, b: BoolWire) -> BoolWire:
    for one, other in ((a, b), (b, a)):
        if not one.form.terms:  # a constant: the other bit, or its negation
            return ~other if one.form.constant else other
    return _one(
        "xor", [a, b], reference=lambda a, b: a ^ b,
        emulate=lambda net, a, b: net.relu(a - b) + net.relu(b - a), neurons=2,
    )  # fmt: skip


def xnor(a: Any, b: Any) -> BoolWire:
    """Whether two bits are equal, 2 neurons."""
    return ~xor(a, b)


def mux(select: Any, if_0: Any, if_1: Any) -> Any:
    """Choose: ``if_0`` where ``select`` is 0, ``if_1`` where it is 1.

    Bits take 2 neurons, ``relu(x - select) + relu(y + select - 1)``. Numbers of one type are chosen
    likewise, shifted to be non-negative and scaled by their largest code.
    """
    numbers = [w for w in (if_0, if_1) if isinstance(w, Wire) and not isinstance(w, BoolWire)]
    if numbers:
        return _mux_numbers(select, if_0, if_1, like=numbers[0])
    return _one(
        "mux", _bits("mux", select, if_0, if_1), reference=lambda c, x, y: np.where(c, y, x),
        emulate=lambda net, c, x, y: net.relu(x - c) + net.relu(y + c - 1), neurons=2,
    )  # fmt: skip


def _mux_numbers(select: Any, if_0: Any, if_1: Any, *, like: Any) -> Any:
    x, y = (like.coerce("mux", one) for one in (if_0, if_1))
    if not isinstance(select, BoolWire) or x.type != y.type:
        refuse("mux", (select, if_0, if_1), "it chooses by a Bool() between two of one type")
    low, high = min(x.codes[0], y.codes[0]), max(x.codes[1], y.codes[1])
    size = high - low

    def emulate(net: Any, c: Affine, x: Affine, y: Affine) -> Affine:
        return net.relu(x - low - size * c) + net.relu(y - low - size * (1 - c)) + low

    (result,) = gate(
        "mux", (select, x, y), (x.type,), reference=lambda c, x, y: np.where(c, y, x),
        emulate=emulate, neurons=2,
    )  # fmt: skip
    return result


def threshold(bits: Sequence[Any], at_least: int) -> BoolWire:
    """Whether at least so many bits are 1: ``relu(s - t + 1) - relu(s - t)``, at most 2 neurons."""
    counts = [int(s >= at_least) for s in range(len(bits) + 1)]
    return _count("threshold", bits, counts)


def majority(*bits: Any) -> BoolWire:
    """Whether more than half of the bits are 1, 2 neurons."""
    return _count("majority", bits, [int(2 * s > len(bits)) for s in range(len(bits) + 1)])


def parity(*bits: Any) -> BoolWire:
    """Whether an odd number of bits is 1, in one layer of as many neurons as bits."""
    return _count("parity", bits, [s % 2 for s in range(len(bits) + 1)])


def _count(kind: str, bits: Sequence[Any], outputs: Sequence[int]) -> BoolWire:
    """A function of the number of ones."""
    return _table(kind, _bits(kind, *bits), [1] * len(bits), [outputs])[0]


def half_adder(a: Any, b: Any) -> tuple[BoolWire, BoolWire]:
    """Sum bit and carry of two bits, 2 neurons shared."""
    low, carry = counter(a, b, kind="half_adder")
    return low, carry


def full_adder(a: Any, b: Any, c: Any) -> tuple[BoolWire, BoolWire]:
    """Sum bit and carry of three bits, 3 neurons shared."""
    low, carry = counter(a, b, c, kind="full_adder")
    return low, carry


def counter(*bits: Any, kind: str = "counter") -> list[BoolWire]:
    """How many bits are 1, as bits, least significant first: as many neurons as bits, shared."""
    totals = np.arange(len(bits) + 1)
    rows = [((totals >> place) & 1).tolist() for place in range(len(bits).bit_length())]
    return _table(kind, _bits(kind, *bits), [1] * len(bits), rows)


def lookup(table: Sequence[Any], *bits: Any) -> Any:
    """Any function of up to 16 bits, by its truth table.

    Parameters
    ----------
    table
        Entry ``m`` is the output where ``m = bits[0] + 2 bits[1] + 4 bits[2] + ...``; or several
        such tables, whose gates share their neurons.
    *bits
        The inputs, least significant first.

    Returns
    -------
    BoolWire
        Or a list of them, for several tables. One neuron for each second difference of the tables
        that is not zero.
    """
    wires = _bits("lookup", *bits)
    rows = np.asarray(table, np.int64)
    single = rows.ndim == 1
    rows = np.atleast_2d(rows)
    if len(bits) > 16 or rows.shape[1] != 2 ** len(bits) or not np.isin(rows, (0, 1)).all():
        refuse(
            "lookup", bits, f"a table of {len(bits)} bits has {2 ** len(bits)} entries 0 or 1, and "
            f"at most 16 bits are taken; its shape is {np.shape(table)}",
        )  # fmt: skip
    found = _table("lookup", wires, [2**i for i in range(len(bits))], rows.tolist())
    return found[0] if single else found


def _table(
    kind: str, wires: Sequence[BoolWire], weights: Sequence[int], rows: Sequence[Sequence[int]]
) -> list[BoolWire]:
    """Functions of one weighted sum of bits."""
    tables = [np.array(row, np.int64) for row in rows]
    ramps = [breakpoints(range(len(row)), row) for row in rows]
    used = set().union(*ramps)
    found = gate(
        kind, wires, [Bool()] * len(rows), reference=partial(_look_up, tables, weights),
        emulate=partial(_staircases, ramps, weights, [row[0] for row in rows]), neurons=len(used),
    )  # fmt: skip
    return list(found)


def _look_up(tables: Sequence[np.ndarray], weights: Sequence[int], *bits: Any) -> tuple:
    """Read tables at a weighted sum of bits."""
    place = sum((w * b for w, b in zip(weights, bits, strict=True)), start=np.int64(0))
    return tuple(table[place] for table in tables)


def _staircases(
    ramps: Sequence[dict[int, int]],
    weights: Sequence[int],
    starts: Sequence[int],
    net: Any,
    *bits: Affine,
) -> tuple:
    """Make the neurons of functions of a weighted sum of bits."""
    s = Affine.sum(w * b for w, b in zip(weights, bits, strict=True))
    return tuple(staircase(net, s, ramp, one) for ramp, one in zip(ramps, starts, strict=True))


def toffoli(target: Any, a: Any, b: Any) -> BoolWire:
    """Flip the target where ``a`` and ``b`` are 1, 3 neurons."""
    rows = [[0, 0, 1, 1, 0]]  # of 2 t + a + b
    return _table("toffoli", _bits("toffoli", target, a, b), [2, 1, 1], rows)[0]


def fredkin(control: Any, u: Any, v: Any) -> tuple[BoolWire, BoolWire]:
    """Exchange ``u`` and ``v`` where the control is 1, 4 neurons."""
    return mux(control, u, v), mux(control, v, u)


def _least(*bits: Any) -> Any:
    return functools.reduce(np.minimum, bits)


def _largest(*bits: Any) -> Any:
    return functools.reduce(np.maximum, bits)
