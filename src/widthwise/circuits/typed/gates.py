"""Typed wires and the gates between them, recorded as they are made.

Every wire carries whole numbers, its *codes*; what a user sees is code times the ``unit`` of the
wire's type. Adding wires and multiplying them by constants is affine and records nothing. Anything
else is a gate, of depth one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int

from widthwise.circuits.typed.affine import Affine, Number

Codes = Int[np.ndarray, "..."]
Reference = Callable[..., Any]
"""From the codes of the operands to the codes of the result, or of several results in a tuple."""
Emulator = Callable[..., Any]
"""From a `Neurons` and the operands as affine expressions to the result, or to several."""


@runtime_checkable
class WireType(Protocol):
    """What numbers a wire carries: ``unit`` times the whole numbers from ``codes[0]`` on."""

    @property
    def codes(self) -> tuple[int, int]:
        """Least and largest code."""
        ...

    @property
    def unit(self) -> float:
        """What a code counts, a power of two."""
        ...

    def wire(self, recorder: "Recorder", form: Affine) -> Any:
        """Return a wire of this type."""
        ...


@runtime_checkable
class Neurons(Protocol):
    """What the emulator of a gate may make."""

    def relu(self, form: Affine) -> Affine:
        """Return a neuron."""
        ...

    def value(self, form: Affine, codes: tuple[Number, Number]) -> Affine:
        """Return an expression as one number that a network carries as one."""
        ...


@dataclass(frozen=True)
class Port:
    """An input or an output: its name and its type."""

    name: str
    type: Any


@dataclass(frozen=True)
class Gate:
    """A gate of depth one.

    Attributes
    ----------
    name, kind
        ``"xor_17"`` and ``"xor"``.
    operands
        Affine expressions over earlier values of the circuit.
    results
        Numbers of the values it makes, and ``ranges``, their codes.
    ranges
        Least and largest code of each result.
    reference
        What it computes, on arrays of codes.
    emulate
        Its neurons.
    neurons
        How many it takes, known without making them.
    """

    name: str
    kind: str
    operands: tuple[Affine, ...]
    results: range
    ranges: tuple[tuple[int, int], ...]
    reference: Reference
    emulate: Emulator
    neurons: int


class Recorder:
    """A circuit while it is written."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ports: list[Port] = []
        self.gates: list[Gate] = []
        self.ranges: list[tuple[int, int]] = []
        self.open = True

    def input(self, port: Port) -> Any:
        """Add an input."""
        self.ports.append(port)
        self.ranges.append(port.type.codes)
        return port.type.wire(self, Affine.of(len(self.ranges) - 1))

    def add(self, gate: Gate) -> None:
        """Add a gate whose results are the next values."""
        self.gates.append(gate)
        self.ranges.extend(gate.ranges)


class Wire:
    """A number in a circuit that is being written: an affine expression over its values."""

    __slots__ = ("form", "recorder", "type")
    __array_ufunc__ = None  # NumPy numbers leave operators to the wire

    def __init__(self, recorder: Recorder, type_: Any, form: Affine) -> None:
        self.recorder = recorder
        self.type = type_
        self.form = form

    @property
    def codes(self) -> tuple[int, int]:
        """Least and largest code the wire can carry."""
        low, high = self.form.interval(self.recorder.ranges)
        least, largest = self.type.codes
        return max(int(low), least), min(int(high), largest)

    def affine(self, form: Affine) -> Any:
        """Return a wire of the same type with another expression."""
        return self.type.wire(self.recorder, form)

    def settle(self) -> Any:
        """Return what an output carries: the wire itself, unless its type says otherwise."""
        return self

    def __bool__(self) -> NoReturn:
        raise TypeError(
            f"a wire of {self.type} has no truth value while its circuit is written: choose "
            "between wires with mux(condition, if_false, if_true)"
        )

    def __repr__(self) -> str:
        return f"<wire of {self.type}>"


def refuse(kind: str, wires: Sequence[Any], reason: str) -> NoReturn:
    """Raise the TypeError of a gate that does not take its operands."""
    recorder = next((w.recorder for w in wires if isinstance(w, Wire)), None)
    place = f"{kind}_{len(recorder.gates)}" if recorder else kind
    circuit = f" of circuit {recorder.name!r}" if recorder else ""
    given = ", ".join(str(w.type) if isinstance(w, Wire) else repr(w) for w in wires)
    raise TypeError(f"gate {place}{circuit}: {reason}; it got ({given})")


def gate(
    kind: str,
    operands: Sequence[Wire],
    types: Sequence[WireType],
    *,
    reference: Reference,
    emulate: Emulator,
    neurons: int,
) -> tuple[Any, ...]:
    """Record a gate, and return the wires of its results.

    Parameters
    ----------
    kind
        What it is called; its name adds its number.
    operands
        Wires of one circuit.
    types
        Type of each result.
    reference
        Function of the operands' codes, arrays of int64, returning the result's codes, or a tuple
        of them if there are several results.
    emulate
        Function of a `Neurons` and of the operands as affine expressions of codes, returning the
        results as affine expressions: the gate's neurons in one layer.
    neurons
        Number of neurons that `emulate` makes.

    Returns
    -------
    tuple of wires
        One for each of ``types``; constants if all operands are.

    Raises
    ------
    TypeError
        If the operands belong to different circuits, or to one that is finished.
    """
    recorder = operands[0].recorder
    if any(wire.recorder is not recorder for wire in operands):
        refuse(kind, operands, "its operands belong to different circuits")
    if not recorder.open:
        refuse(kind, operands, "the circuit of its operands is finished")
    forms = tuple(wire.form for wire in operands)
    if not any(form.terms for form in forms):
        codes = several(reference(*(np.int64(form.constant) for form in forms)))
        return tuple(
            t.wire(recorder, Affine({}, int(c))) for t, c in zip(types, codes, strict=True)
        )
    first = len(recorder.ranges)
    results = range(first, first + len(types))
    ranges = tuple(t.codes for t in types)
    name = f"{kind}_{len(recorder.gates)}"
    recorder.add(Gate(name, kind, forms, results, ranges, reference, emulate, neurons))
    return tuple(t.wire(recorder, Affine.of(r)) for t, r in zip(types, results, strict=True))


def several(found: Any) -> tuple[Any, ...]:
    """Return the results of a gate as a tuple, one result too."""
    return found if isinstance(found, tuple) else (found,)
