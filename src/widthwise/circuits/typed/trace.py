"""Circuits written as ordinary Python functions on typed wires."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int, Num

from widthwise.circuits.typed.affine import Affine
from widthwise.circuits.typed.gates import Gate, Port, Recorder, Wire, several


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
            found = several(gate.reference(*(_codes(form, values) for form in gate.operands)))
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
