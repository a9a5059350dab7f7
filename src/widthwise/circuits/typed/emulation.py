"""Typed circuits as ReLU programs: each gate gives its neurons, affine expressions give none."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from widthwise.circuits.program import Names, ReluProgram
from widthwise.circuits.typed.affine import Affine, Number
from widthwise.circuits.typed.trace import TypedCircuit

_UNKNOWN = (-np.inf, np.inf)


class _Builder:
    """Rows of a program while it grows; numbers in `Affine` are nodes."""

    def __init__(self, inputs: Sequence[tuple[Number, Number]]) -> None:
        self.ranges = list(inputs)
        self.rows: list[Affine] = []
        self.is_relu: list[bool] = []
        self._made: dict[tuple, Affine] = {}

    def start(self) -> None:
        """Begin a gate: neurons are shared within it."""
        self._made.clear()

    def relu(self, form: Affine) -> Affine:
        """Return a neuron; an equal one that exists already is shared."""
        if not form.terms:
            return Affine({}, max(form.constant, 0))
        key = (frozenset(form.terms.items()), form.constant)
        if key not in self._made:
            self._made[key] = self._row(form, _UNKNOWN, relu=True)
        return self._made[key]

    def value(self, form: Affine, codes: tuple[Number, Number]) -> Affine:
        """Return an expression as one node, unless it is one already."""
        if not form.terms or (form.constant == 0 and list(form.terms.values()) == [1]):
            return form
        return self._row(form, codes, relu=False)

    def _row(self, form: Affine, codes: tuple[Number, Number], *, relu: bool) -> Affine:
        self.rows.append(form)
        self.is_relu.append(relu)
        self.ranges.append(codes)
        return Affine.of(len(self.ranges) - 1)


def emulate(circuit: TypedCircuit) -> ReluProgram:
    """Replace every gate by its ReLU emulator.

    Parameters
    ----------
    circuit
        What `trace` returned.

    Returns
    -------
    ReluProgram
        Each gate owns its neurons, as many as `TypedCircuit.neurons` says. Inputs and outputs are
        numbers as a user has them. `compile_circuit` turns it into a network.

    Examples
    --------
    >>> from widthwise.circuits.typed import Bool, trace
    >>> program = emulate(trace(lambda a, b: (a & b, a ^ b), Bool(), Bool()))
    >>> program.neurons, program.names.gates
    (3, ('and_0', 'xor_1'))
    """
    units = np.array([port.type.unit for port in circuit.inputs])
    codes = np.array([port.type.codes for port in circuit.inputs], float).reshape(-1, 2)
    builder = _Builder([(low, high) for low, high in (codes * units[:, None]).tolist()])
    values: list[Affine] = [Affine({})] * circuit.values
    for place, port in enumerate(circuit.inputs):
        values[place] = Affine({place: 1 / port.type.unit})
    starts = [len(units)]
    for gate in circuit.gates:
        builder.start()
        found = gate.emulate(builder, *(form.replace(values) for form in gate.operands))
        forms = found if isinstance(found, tuple) else (found,)
        for value, form, ends in zip(gate.results, forms, gate.ranges, strict=True):
            values[value] = builder.value(form, ends)
        starts.append(len(builder.ranges))
    outputs = [
        port.type.unit * form.replace(values)
        for form, port in zip(circuit.output_forms, circuit.outputs, strict=True)
    ]
    lower, upper = np.array(builder.ranges, float).reshape(-1, 2).T
    return ReluProgram.from_rows(
        _matrix(builder.rows, len(lower)),
        _matrix(outputs, len(lower)),
        relu=np.array(builder.is_relu, bool),
        bias=np.array([form.constant for form in builder.rows], float),
        output_bias=np.array([form.constant for form in outputs], float),
        ranges=(lower.copy(), upper.copy()),
        names=Names(
            tuple(port.name for port in circuit.inputs),
            tuple(port.name for port in circuit.outputs),
            tuple(gate.name for gate in circuit.gates),
            np.array(starts),
        ),
        unit=float(np.min(units, initial=1.0)),
    )


def _matrix(forms: Sequence[Affine], nodes: int) -> sp.csr_array:
    """Return expressions as the rows of a sparse matrix."""
    sizes = [len(form.terms) for form in forms]
    indices = np.array([node for form in forms for node in form.terms], np.int64)
    data = np.array([w for form in forms for w in form.terms.values()], np.float64)
    indptr = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    return sp.csr_array((data, indices, indptr), shape=(len(forms), nodes))
