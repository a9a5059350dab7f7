"""Adders, multipliers and sorting networks: blocks of many gates' work."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from widthwise.circuits.typed.affine import Affine
from widthwise.circuits.typed.booleans import (
    Bool,
    BoolWire,
    and_,
    counter,
    full_adder,
    half_adder,
    or_,
    xor,
)
from widthwise.circuits.typed.gates import Neurons, gate, refuse
from widthwise.circuits.typed.grids import Grid, maximum, minimum, relay, times_bit
from widthwise.circuits.typed.words import split_bits


def add_bits(*numbers: Sequence[BoolWire], bits: int | None = None) -> tuple[BoolWire, ...]:
    """Add numbers given by their bits, all bits of the sum in one layer.

    The carry into bit ``i + 1`` is ``floor(S_i / 2^(i + 1))``, a staircase over the sum ``S_i`` of
    all lower bits; the sum's bit is ``column_i + carry_i - 2 carry_(i + 1)``.

    Parameters
    ----------
    *numbers
        Bits of each, least significant first.
    bits
        Bits of the result; what lies above overflows. One more than the longest number if left
        out, as the sum of two needs.

    Returns
    -------
    tuple of BoolWire
        Two numbers of n bits take 3 n neurons: two for each carry, one for ``a_i + b_i``. The
        partial sums reach 5/2 2^n, which float32 holds up to n = 22.

    Raises
    ------
    TypeError
        If an operand is not made of wires of `Bool`.
    """
    wires = [bit for number in numbers for bit in number]
    if not wires or not all(isinstance(bit, BoolWire) for bit in wires):
        refuse("add_bits", wires, "it takes bits as wires of Bool()")
    recorder = wires[0].recorder
    longest = max(map(len, numbers))
    size = longest + 1 if bits is None else bits
    forms = [
        Affine.sum(number[i].form for number in numbers if i < len(number))
        for i in range(min(size, longest))
    ]
    tops = [int(form.interval(recorder.ranges)[1]) for form in forms]
    columns = [Grid(0, top).wire(recorder, form) for form, top in zip(forms, tops, strict=True)]
    tops += [0] * (size - len(tops))
    sums = [sum(2**j * top for j, top in enumerate(tops[: i + 1])) for i in range(size)]
    steps = [range(2 ** (i + 1), top + 1, 2 ** (i + 1)) for i, top in enumerate(sums)]

    return gate(
        "add_bits", columns, [Bool()] * size, reference=partial(_sum_bits, size),
        emulate=partial(_column_adder, steps),
        neurons=2 * sum(map(len, steps)) + sum(1 for form in forms if form.terms),
    )  # fmt: skip


def _sum_bits(size: int, *columns: Any) -> tuple:
    """Return the bits of a sum of columns."""
    total = sum(column << i for i, column in enumerate(columns))
    return tuple((total >> i) & 1 for i in range(size))


def _column_adder(steps: Sequence[range], net: Neurons, *columns: Affine) -> tuple:
    """Make the neurons of a sum of columns: carries step at the multiples of ``2^(i + 1)``."""
    found, below, carry = [], Affine({}), Affine({})
    for i, places in enumerate(steps):
        column = columns[i] if i < len(columns) else Affine({})
        below = below + 2**i * column
        out = Affine.sum(
            sign * net.relu(below - at + up) for at in places for sign, up in ((1, 1), (-1, 0))
        )
        found.append(net.relu(column) + carry - 2 * out)
        carry = out
    return tuple(found)


def add_many(*numbers: Sequence[BoolWire], bits: int, chunk: int = 16) -> tuple[BoolWire, ...]:
    """Add many numbers given by their bits, with partial sums that stay small.

    Columns of bits are counted, one layer each time, until two bits a column are left; then
    `add_bits` adds ``chunk`` places at a time.

    Parameters
    ----------
    *numbers
        Bits of each, least significant first.
    bits
        Bits of the result; what lies above overflows.
    chunk
        Places that are added in one layer; partial sums reach ``5/2 2^chunk``.

    Returns
    -------
    tuple of BoolWire
    """
    columns = [[number[i] for number in numbers if i < len(number)] for i in range(bits)]
    columns = [_without_constants(column) for column in columns]
    if max(map(len, columns)) <= 2:  # a layer between two adders keeps their weights apart
        columns = [[relay(bit) for bit in column] for column in columns]
    while max(map(len, columns)) > 2:
        counted: list[list[Any]] = [[] for _ in range(bits)]
        for i, column in enumerate(columns):
            outputs = counter(*column) if len(column) > 2 else column
            step = 1 if len(column) > 2 else 0
            for place, bit in enumerate(outputs):
                if i + place * step < bits:
                    counted[i + place * step].append(bit)
        columns = counted
    zero = numbers[0][0].affine(Affine({}))
    rows = [[(*column, zero, zero)[k] for column in columns] for k in range(2)]
    found: tuple[BoolWire, ...] = ()
    carry: tuple[BoolWire, ...] = ()
    for start in range(0, bits, chunk):
        size = min(chunk, bits - start)
        parts = [row[start : start + size] for row in rows]
        last = start + size == bits
        total = add_bits(*parts, carry, bits=size if last else size + 1)
        found, carry = (*found, *total[:size]), total[size:]
    return found


def _without_constants(column: Sequence[BoolWire]) -> list[BoolWire]:
    """Leave out constant zeros."""
    return [bit for bit in column if bit.form.terms or bit.form.constant]


def multiply_bits(x: Sequence[BoolWire], y: Sequence[BoolWire]) -> tuple[BoolWire, ...]:
    """Multiply numbers given by their bits: as many layers as the product has bits.

    One layer takes ``y`` where a bit of ``x`` is 1, the others take the sum apart from the top. Two
    numbers of n bits: 7 n - 3 + (2 n - 1)(n - 1) neurons in a network of layers.

    Parameters
    ----------
    x, y
        Bits, least significant first.

    Returns
    -------
    tuple of BoolWire
        ``len(x) + len(y)`` bits.
    """
    form = Affine.sum(2**i * bit.form for i, bit in enumerate(y))
    number = Grid(0, 2 ** len(y) - 1).wire(y[0].recorder, form)
    parts = [times_bit(bit, number).form * 2**i for i, bit in enumerate(x)]
    return split_bits(x[0].recorder, Affine.sum(parts), len(x) + len(y))


def ripple_adder(x: Sequence[Any], y: Sequence[Any]) -> tuple[Any, ...]:
    """Add bit by bit with AND, OR and XOR alone, as a Boolean circuit does; the carry comes last.

    A half adder, then full adders of two XOR, two AND and one OR: 7 n - 4 neurons, depth 2 n - 1.
    """
    found, carry = [xor(x[0], y[0])], and_(x[0], y[0])
    for a, b in zip(x[1:], y[1:], strict=True):
        either = xor(a, b)
        found.append(xor(either, carry))
        carry = or_(and_(a, b), and_(either, carry))
    return (*found, carry)


def array_multiplier(x: Sequence[Any], y: Sequence[Any]) -> tuple[Any, ...]:
    """Multiply with AND, OR and XOR alone: rows of partial products, added one after the other."""
    found, row = [], [and_(x[0], bit) for bit in y]
    carry = None
    for bit in x[1:]:
        found.append(row[0])
        upper = row[1:] if carry is None else [*row[1:], carry]
        partial = [and_(bit, other) for other in y]
        row, carry = [], None
        for i, part in enumerate(partial):
            operands = [part, *upper[i : i + 1], *([carry] if carry is not None else [])]
            total, carry = _gates_adder(*operands)
            row.append(total)
    return (*found, *row, *([carry] if carry is not None else []))


def _gates_adder(*bits: Any) -> tuple[Any, Any]:
    """Half or full adder of Boolean gates."""
    a, b = bits[:2]
    either, both = xor(a, b), and_(a, b)
    if len(bits) == 2:
        return either, both
    return xor(either, bits[2]), or_(both, and_(either, bits[2]))


def compact_ripple_adder(x: Sequence[Any], y: Sequence[Any]) -> tuple[Any, ...]:
    """Add bit by bit with half and full adders that share their neurons: 3 n - 1 neurons."""
    total, carry = half_adder(x[0], y[0])
    found = [total]
    for a, b in zip(x[1:], y[1:], strict=True):
        total, carry = full_adder(a, b, carry)
        found.append(total)
    return (*found, carry)


def sort(wires: Sequence[Any]) -> list[Any]:
    """Sort numbers by Batcher's odd-even merge network, smallest first.

    Each comparator is a minimum and a maximum: 2 neurons while both numbers are carried along. For
    bits they are AND and OR.

    Examples
    --------
    >>> import numpy as np
    >>> from widthwise.circuits.typed import Grid, trace
    >>> trace(sort, [Grid(0, 9)] * 4).simulate(np.array([[3, 9, 0, 4]])).tolist()
    [[0.0, 3.0, 4.0, 9.0]]
    """
    found = list(wires)
    for i, j in comparators(len(found)):
        a, b = found[i], found[j]
        if isinstance(a, BoolWire):
            found[i], found[j] = and_(a, b), or_(a, b)
        else:
            found[i], found[j] = minimum(a, b), maximum(a, b)
    return found


def comparators(n: int) -> list[tuple[int, int]]:
    """Return Batcher's odd-even merge sort of ``n`` numbers as pairs of places, in order."""
    pairs = []
    p = 1
    while p < n:
        k = p
        while k >= 1:
            for j in range(k % p, n - k, 2 * k):
                pairs += [
                    (i, i + k)
                    for i in range(j, min(j + k, n - k))
                    if i // (2 * p) == (i + k) // (2 * p)
                ]
            k //= 2
        p *= 2
    return pairs
