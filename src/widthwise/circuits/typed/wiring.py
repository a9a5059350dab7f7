"""Reversible circuits as typed circuits: layers of three-wire gates, chains of Toffoli gates.

Bits are wires that gates read and write; a reversible circuit of random gates is the reference
model of the computational no-coincidence conjecture.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from widthwise.circuits.reversible import ReversibleCircuit
from widthwise.circuits.typed.booleans import Bool, lookup, toffoli
from widthwise.circuits.typed.grids import relay
from widthwise.circuits.typed.trace import TypedCircuit, trace


def reversible_circuit(circuit: ReversibleCircuit) -> TypedCircuit:
    """Return a reversible circuit of permutations of three bits, gate by gate.

    Each gate is three truth tables over ``4 a + 2 b + c`` that share at most 7 neurons; all gates
    of a layer stand in one layer of the network, so that nothing has to be carried.

    Parameters
    ----------
    circuit
        For example of `random_reversible`.

    Returns
    -------
    TypedCircuit
        A bit in and a bit out for each wire.
    """
    wires, tables = np.asarray(circuit.wires), np.asarray(circuit.tables)

    def reversible(bits: Sequence[Any]) -> list[Any]:
        state = list(bits)
        for places, gates in zip(wires.tolist(), tables, strict=True):
            for (a, b, c), table in zip(places, gates, strict=True):
                rows = [(table >> 2) & 1, (table >> 1) & 1, table & 1]
                state[a], state[b], state[c] = lookup(rows, state[c], state[b], state[a])
        return state

    return trace(reversible, [Bool()] * circuit.width)


def toffoli_circuit(gates: Sequence[tuple[int, int, int]], wires: int) -> TypedCircuit:
    """Return a chain of Toffoli gates, one layer each.

    Parameters
    ----------
    gates
        Target and two controls of each gate, three different wires.
    wires
        Number of wires ``N``.

    Returns
    -------
    TypedCircuit
        A gate takes 3 neurons and the other wires one each: ``(N + 2)`` neurons for every gate.

    Raises
    ------
    ValueError
        If a gate does not name three different wires.
    """
    for target, a, b in gates:
        if len({target, a, b}) < 3 or not {target, a, b} <= set(range(wires)):
            raise ValueError(
                f"the gate {(target, a, b)} on {wires} wires: give three different ones, from 0 to "
                f"{wires - 1}"
            )

    def toffoli_chain(bits: Sequence[Any]) -> list[Any]:
        state = list(bits)
        for target, a, b in gates:
            flipped = toffoli(state[target], state[a], state[b])
            state = [flipped if i == target else relay(bit) for i, bit in enumerate(state)]
        return state

    return trace(toffoli_chain, [Bool()] * wires)
