"""Run a Boolean circuit itself, 64 inputs in one machine word: the reference of its network."""

import itertools
from collections.abc import Iterator
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Bool, Int, Shaped, UInt64

from widthwise.circuits.netlist import Kind, Netlist

Group = tuple[Int[np.ndarray, " gates"], Int[np.ndarray, "gates arity"]]

_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_GROUPS: WeakKeyDictionary[Netlist, list[Group]] = WeakKeyDictionary()


def simulate(
    netlist: Netlist, inputs: Shaped[np.ndarray, "batch inputs"]
) -> Bool[np.ndarray, "batch outputs"]:
    """Evaluate a circuit on a batch of inputs.

    Parameters
    ----------
    netlist
        The circuit.
    inputs
        Zeros and ones, one column for each input.

    Returns
    -------
    Bool[np.ndarray, "batch outputs"]

    Raises
    ------
    ValueError
        If the number of columns is not that of the inputs, or something else than 0 and 1 is given.

    Examples
    --------
    >>> from widthwise.circuits import Draft, Kind
    >>> draft = Draft()
    >>> draft.input("a"), draft.input("b"), draft.gate(Kind.XOR, "y", ["a", "b"]), draft.output("y")
    (None, None, None, None)
    >>> simulate(draft.finish(), np.array([[0, 1], [1, 1]])).tolist()
    [[True], [False]]
    """
    bits = as_bits(inputs, len(netlist.inputs))
    packed = simulate_words(netlist, pack(bits))
    return unpack(packed, len(bits))


def as_bits(inputs: Shaped[np.ndarray, "batch inputs"], width: int) -> np.ndarray:
    """Check that a batch holds zeros and ones, `width` in a row; return them as Booleans.

    Raises
    ------
    ValueError
        If it does not.
    """
    given = np.asarray(inputs)
    if given.ndim != 2 or given.shape[1] != width:
        raise ValueError(
            f"inputs of shape {given.shape} for a circuit of {width} inputs: give one row for "
            f"each example, with {width} columns"
        )
    if given.dtype != bool and not np.all((given == 0) | (given == 1)):
        wrong = given[~((given == 0) | (given == 1))][0]
        raise ValueError(f"an input is {wrong}: a Boolean circuit takes zeros and ones")
    return given.astype(bool)


def pack(bits: Bool[np.ndarray, "batch wires"]) -> UInt64[np.ndarray, "wires words"]:
    """Put 64 examples into each word, wires first."""
    padded = np.zeros((bits.shape[1], -(-len(bits) // 64) * 64), bool)
    padded[:, : len(bits)] = bits.T
    return np.packbits(padded, axis=1, bitorder="little").view(np.uint64)


def unpack(words: UInt64[np.ndarray, "wires words"], batch: int) -> np.ndarray:
    """Undo `pack`."""
    bits = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=1, bitorder="little")
    return bits[:, :batch].T.astype(bool)


def simulate_words(
    netlist: Netlist, words: UInt64[np.ndarray, "inputs words"]
) -> UInt64[np.ndarray, "outputs words"]:
    """Evaluate a circuit on packed inputs (see `pack`), all gates of a level and kind at once."""
    first = len(netlist.inputs)
    values = np.empty((netlist.nodes, words.shape[1]), np.uint64)
    values[:first] = words
    for gates, reads in groups(netlist):
        values[first + gates] = _apply(netlist, gates, _read(values, reads))
    return _read(values, netlist.output_literals)


def groups(netlist: Netlist) -> list[Group]:
    """Gates of one level, kind, arity and table with their literals, in order of levels."""
    if netlist not in _GROUPS:
        _GROUPS[netlist] = list(_group(netlist))
    return _GROUPS[netlist]


def _group(netlist: Netlist) -> Iterator[Group]:
    if not len(netlist.gates):
        return
    depth = np.array(gate_levels(netlist))
    arities = np.diff(netlist.indptr)
    table = np.full(len(arities), -1) if netlist.table is None else netlist.table
    order = np.lexsort((table, arities, netlist.kinds, depth))
    keys = np.stack([depth, netlist.kinds, arities, table])[:, order]
    cuts = np.flatnonzero(np.any(np.diff(keys, axis=1), axis=0)) + 1
    for gates in np.split(order, cuts):
        arity = int(arities[gates[0]])
        yield gates, netlist.literals[netlist.indptr[gates, None] + np.arange(arity)]


def gate_levels(netlist: Netlist) -> list[int]:
    """Longest path from an input to each gate, every gate counted."""
    first = len(netlist.inputs)
    found = [0] * netlist.nodes
    nodes, ends = (netlist.literals >> 1).tolist(), netlist.indptr.tolist()
    for gate, (start, end) in enumerate(itertools.pairwise(ends)):
        found[first + gate] = 1 + max([found[node] for node in nodes[start:end]], default=0)
    return found[first:]


def _read(values: np.ndarray, literals: np.ndarray) -> np.ndarray:
    flips = np.where(literals & 1, _ALL, np.uint64(0))
    return values[literals >> 1] ^ flips[..., None]


def _apply(netlist: Netlist, gates: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Compute gates of one kind; `x` holds what they read, shape (gates, arity, words)."""
    kind = Kind(netlist.kinds[gates[0]])
    match kind:
        case Kind.CONST:
            return np.zeros((len(gates), x.shape[2]), np.uint64)
        case Kind.BUF:
            return x[:, 0]
        case Kind.NOT:
            return ~x[:, 0]
        case Kind.AND:
            return np.bitwise_and.reduce(x, axis=1)
        case Kind.NAND:
            return ~np.bitwise_and.reduce(x, axis=1)
        case Kind.OR:
            return np.bitwise_or.reduce(x, axis=1)
        case Kind.NOR:
            return ~np.bitwise_or.reduce(x, axis=1)
        case Kind.XOR:
            return np.bitwise_xor.reduce(x, axis=1)
        case Kind.XNOR:
            return ~np.bitwise_xor.reduce(x, axis=1)
        case Kind.MUX:
            return (x[:, 0] & x[:, 2]) | (~x[:, 0] & x[:, 1])
        case Kind.MAJ:
            return _majority(x)
        case Kind.TABLE:
            table = netlist.truth_table(int(gates[0]))
            assert table is not None
            return _look_up(table, x)


def _majority(x: np.ndarray) -> np.ndarray:
    """Count in binary, bit by bit of the counter, and compare with half."""
    counts = np.unpackbits(np.ascontiguousarray(x).view(np.uint8), axis=2).sum(axis=1)
    return np.packbits(counts > x.shape[1] // 2, axis=1).view(np.uint64)


def _look_up(table: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Choose by one input after the other, the last one first: halves of the table."""
    rows = [np.full((1, 1), _ALL if entry else np.uint64(0)) for entry in table.tolist()]
    for place in range(x.shape[1]):
        bit = x[:, place]
        rows = [
            (bit & one) | (~bit & zero) for zero, one in zip(rows[::2], rows[1::2], strict=True)
        ]
    return np.broadcast_to(rows[0], (x.shape[0], x.shape[2]))
