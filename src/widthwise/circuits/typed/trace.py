"""Circuits written as ordinary Python functions on typed wires, recorded gate by gate.

Every wire carries whole numbers, its *codes*; what a user sees is code times the ``unit`` of the
wire's type. Adding wires and multiplying them by constants is affine and records nothing. Anything
else is a gate, of depth one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, runtime_checkable

import jax
import numpy as np
from jaxtyping import Float, Int, Num

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
        codes = _several(reference(*(np.int64(form.constant) for form in forms)))
        return tuple(
            t.wire(recorder, Affine({}, int(c))) for t, c in zip(types, codes, strict=True)
        )
    first = len(recorder.ranges)
    results = range(first, first + len(types))
    ranges = tuple(t.codes for t in types)
    name = f"{kind}_{len(recorder.gates)}"
    recorder.add(Gate(name, kind, forms, results, ranges, reference, emulate, neurons))
    return tuple(t.wire(recorder, Affine.of(r)) for t, r in zip(types, results, strict=True))


@dataclass(frozen=True, eq=False)
class TypedCircuit:
    """A finished circuit of typed gates: what `trace` returns.

    Attributes
    ----------
    name
        Of the function it was written as.
    inputs, outputs
        Names and types, in order.
    gates
        Those that reach an output, in topological order.
    output_forms
        The outputs as affine expressions over the values: first the inputs, then what gates make.
    values
        Number of values, those of pruned gates included.
    """

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    gates: tuple[Gate, ...]
    output_forms: tuple[Affine, ...]
    values: int

    @property
    def random(self) -> tuple[int, ...]:
        """Places of the random bits among the inputs."""
        flags = [getattr(port.type, "random", False) for port in self.inputs]
        return tuple(place for place, flag in enumerate(flags) if flag)

    @property
    def neurons(self) -> int:
        """Neurons of all gates, known from their kinds alone."""
        return sum(gate.neurons for gate in self.gates)

    @property
    def depth(self) -> int:
        """The largest number of gates on a path: the number of hidden layers."""
        level = np.zeros(self.values, np.int64)
        for gate in self.gates:
            read = {value for form in gate.operands for value in form.terms}
            level[gate.results.start : gate.results.stop] = 1 + max(level[v] for v in read)
        return int(max((level[v] for f in self.output_forms for v in f.terms), default=0))

    def encode(self, inputs: Num[np.ndarray, "batch inputs"]) -> Int[np.ndarray, "batch inputs"]:
        """Return the codes of inputs.

        Raises
        ------
        ValueError
            If the number of inputs is wrong, or a number is not of its input's type.
        """
        numbers = np.asarray(inputs, np.float64)
        if numbers.ndim != 2 or numbers.shape[1] != len(self.inputs):
            raise ValueError(
                f"{self.name} takes an array (batch, {len(self.inputs)}), not {numbers.shape}"
            )
        units = np.array([port.type.unit for port in self.inputs])
        codes = numbers / units
        ends = np.array([port.type.codes for port in self.inputs]).reshape(-1, 2).T
        with np.errstate(invalid="ignore"):
            wrong = ~((codes == np.floor(codes)) & (codes >= ends[0]) & (codes <= ends[1]))
        if np.any(wrong):
            row, column = np.argwhere(wrong)[0].tolist()
            port, number = self.inputs[column], float(numbers[row, column])
            raise ValueError(
                f"input {port.name!r} of {self.name} is {number!r} in row {row}: "
                f"{port.type} takes multiples of {port.type.unit:g} from "
                f"{ends[0][column] * port.type.unit:g} to {ends[1][column] * port.type.unit:g}"
            )
        return codes.astype(np.int64)

    def simulate(self, inputs: Num[np.ndarray, "batch inputs"]) -> Float[np.ndarray, "batch out"]:
        """Compute the outputs gate by gate in whole numbers: the circuit, not its network.

        Parameters
        ----------
        inputs
            One column for each of ``inputs``, numbers as a user has them.

        Returns
        -------
        Float[np.ndarray, "batch out"]
            One column for each of ``outputs``.

        Raises
        ------
        ValueError
            If an input is not of its type.
        """
        codes = self.encode(inputs)
        values: list[Any] = [None] * self.values
        values[: len(self.inputs)] = codes.T
        for gate in self.gates:
            found = _several(gate.reference(*(_codes(form, values) for form in gate.operands)))
            for value, code in zip(gate.results, found, strict=True):
                values[value] = code
        shape = (len(codes),)
        outputs = [
            np.broadcast_to(_codes(form, values), shape) * port.type.unit
            for form, port in zip(self.output_forms, self.outputs, strict=True)
        ]
        return np.stack(outputs, axis=1) if outputs else np.zeros((len(codes), 0))


def trace(function: Callable[..., Any], *types: Any, **named: Any) -> TypedCircuit:
    """Write down the circuit that a Python function on wires computes.

    Parameters
    ----------
    function
        Called once with wires; it returns a wire, or wires in lists, tuples or dictionaries.
    *types
        Type of each argument, or lists of types for arguments that are lists of wires.
    **named
        The same for arguments by name.

    Returns
    -------
    TypedCircuit
        Without the gates that reach no output.

    Raises
    ------
    TypeError
        If a gate does not take its operands (the message names the gate), or the function returns
        something else than wires of its own circuit.

    Examples
    --------
    >>> from widthwise.circuits.typed import Word, trace
    >>> circuit = trace(lambda x, y: x + y, Word(8), Word(8))
    >>> circuit.simulate(np.array([[200, 100], [1, 2]])).tolist()
    [[44.0], [3.0]]
    >>> circuit.neurons, circuit.depth
    (3, 1)
    """
    recorder = Recorder(getattr(function, "__name__", type(function).__name__))
    arguments = [_inputs(recorder, f"x{i}", type_) for i, type_ in enumerate(types)]
    named_arguments = {name: _inputs(recorder, name, type_) for name, type_ in named.items()}
    returned = function(*arguments, **named_arguments)
    leaves = jax.tree_util.tree_leaves_with_path(returned)
    for path, leaf in leaves:
        if not isinstance(leaf, Wire) or leaf.recorder is not recorder:
            raise TypeError(
                f"{recorder.name} returned {leaf!r} as output {_name('y', path)!r}: return wires "
                "made from its arguments"
            )
    leaves = [(path, wire.settle()) for path, wire in leaves]
    recorder.open = False
    outputs = tuple(Port(_name("y", path), wire.type) for path, wire in leaves)
    forms = tuple(wire.form for _, wire in leaves)
    return TypedCircuit(
        name=recorder.name,
        inputs=tuple(recorder.ports),
        outputs=outputs,
        gates=_live(recorder.gates, forms),
        output_forms=forms,
        values=len(recorder.ranges),
    )


def _inputs(recorder: Recorder, name: str, types: Any) -> Any:
    """Return wires in the structure in which their types are given."""

    def one(path: Any, type_: Any) -> Any:
        if not hasattr(type_, "wire"):
            raise TypeError(
                f"argument {_name(name, path)!r} of {recorder.name} is to have the type {type_!r}: "
                "give Bool(), Word(...), Grid(...), Tropical(...), or lists of them"
            )
        return recorder.input(Port(_name(name, path), type_))

    return jax.tree_util.tree_map_with_path(one, types)


def _name(name: str, path: Any) -> str:
    return name + jax.tree_util.keystr(path)


def _live(gates: Sequence[Gate], outputs: Sequence[Affine]) -> tuple[Gate, ...]:
    """Return the gates that reach an output."""
    needed = {value for form in outputs for value in form.terms}
    kept = []
    for gate in reversed(gates):
        if not needed.isdisjoint(gate.results):
            kept.append(gate)
            needed.update(value for form in gate.operands for value in form.terms)
    return tuple(reversed(kept))


def _codes(form: Affine, values: Sequence[Any]) -> Any:
    total = np.int64(form.constant)
    for value, coefficient in form.terms.items():
        total = total + np.int64(coefficient) * values[value]
    return total


def _several(found: Any) -> tuple[Any, ...]:
    return found if isinstance(found, tuple) else (found,)
