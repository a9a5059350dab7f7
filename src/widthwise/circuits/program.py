"""A circuit as a list of ReLU neurons and affine values: what every front end lowers to.

Nodes are numbered: first the inputs, then in topological order

- *neurons*, ``relu(sum_i w_i node_i + b)``, and
- *values*, ``sum_i w_i node_i + b`` without the ReLU,

each over earlier nodes. A value costs no neuron. It is what a gate hands on as one number although
several neurons make it, such as ``a xor b = relu(a - b) + relu(b - a)``: a network that has to
carry it to a later layer carries one number. An affine expression that is not made a value is
folded into the rows that read it, and then its parts are carried one by one.
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float, Int


@dataclass(frozen=True)
class Names:
    """What the parts of a program are called.

    Attributes
    ----------
    inputs, outputs
        A name for each input and each output.
    gates
        A name for each gate.
    starts
        Gate ``g`` owns the nodes ``starts[g] : starts[g + 1]``, which may be none; together the
        gates own every node that is no input.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    gates: tuple[str, ...]
    starts: Int[np.ndarray, " gates_and_end"]

    def nodes_of(self, gate: str) -> range:
        """Return the nodes that belong to a gate.

        Raises
        ------
        KeyError
            If no gate has that name.
        """
        try:
            place = self.gates.index(gate)
        except ValueError:
            raise KeyError(f"no gate is called {gate!r}; there are {len(self.gates)}") from None
        return range(int(self.starts[place]), int(self.starts[place + 1]))

    def gate_of(self, node: int) -> str:
        """Return the name of the gate that owns a node; that of the input for an input."""
        gate = int(self.owners(np.array([node]))[0])
        return self.inputs[node] if gate < 0 else self.gates[gate]

    def owners(self, nodes: Int[np.ndarray, " nodes"]) -> Int[np.ndarray, " nodes"]:
        """Return the number of the gate that owns each node, -1 for inputs."""
        return np.searchsorted(self.starts, nodes, side="right") - 1


@dataclass(frozen=True, eq=False)
class ReluProgram:
    """Neurons and values over inputs, in topological order.

    Attributes
    ----------
    inputs
        Number of inputs: nodes ``0 : inputs``. Row ``i`` below is node ``inputs + i``.
    relu
        Whether a row is a neuron; otherwise it is a value.
    indptr, indices, weights, bias
        The rows in compressed form: row ``i`` reads node ``indices[k]`` with weight ``weights[k]``
        for ``k`` in ``indptr[i] : indptr[i + 1]``. No node is read twice by one row, and no weight
        is zero.
    output_indptr, output_indices, output_weights, output_bias
        The outputs: affine rows over all nodes.
    lower, upper
        Range of every node. For inputs it is declared and finite. For the other nodes it is what
        their gate proves, or infinite: `intervals` then fills in what follows from the rows.
    unit
        Spacing of the grid of the inputs, a power of two: 1 for Booleans and integers.
    names
        Names of inputs, outputs and gates.

    Raises
    ------
    ValueError
        If the arrays do not fit together, a row reads itself or a later node, or a weight is zero
        or not finite.
    """

    inputs: int
    relu: Bool[np.ndarray, " rows"]
    indptr: Int[np.ndarray, " row_ends"]
    indices: Int[np.ndarray, " weights"]
    weights: Float[np.ndarray, " weights"]
    bias: Float[np.ndarray, " rows"]
    output_indptr: Int[np.ndarray, " output_ends"]
    output_indices: Int[np.ndarray, " output_weights"]
    output_weights: Float[np.ndarray, " output_weights"]
    output_bias: Float[np.ndarray, " outputs"]
    lower: Float[np.ndarray, " nodes"]
    upper: Float[np.ndarray, " nodes"]
    names: Names
    unit: float = 1.0

    def __post_init__(self) -> None:
        rows, outputs = self.rows(), self.output_rows()
        readers = self.inputs + np.repeat(np.arange(len(self.bias)), np.diff(self.indptr))
        if np.any(self.indices >= readers) or np.any(self.indices < 0):
            late = int(readers[np.argmax((self.indices >= readers) | (self.indices < 0))])
            raise ValueError(
                f"gate {self.names.gate_of(late)!r} (node {late}) reads a node that does not come "
                "before it: give rows in topological order"
            )
        for what, matrix, bias in (
            ("row", rows, self.bias),
            ("output", outputs, self.output_bias),
        ):
            if not (np.all(np.isfinite(matrix.data)) and np.all(np.isfinite(bias))):
                raise ValueError(f"a {what} has a weight or bias that is not finite")
            if np.any(matrix.data == 0) or not matrix.has_canonical_format:
                raise ValueError(
                    f"a {what} has a zero weight, or reads a node twice or out of order: make the "
                    "program with ReluProgram.from_rows"
                )
        self._check_ranges()
        self._check_names()

    def _check_ranges(self) -> None:
        if self.lower.shape != (self.nodes,) or self.upper.shape != (self.nodes,):
            raise ValueError(
                f"{len(self.lower)} lower and {len(self.upper)} upper bounds for "
                f"{self.nodes} nodes: give one of each for every node"
            )
        wrong = ~(self.lower <= self.upper)
        for bound in (self.lower, self.upper):
            wrong[: self.inputs] |= ~np.isfinite(bound[: self.inputs])
        if np.any(wrong):
            node = int(np.argmax(wrong))
            raise ValueError(
                f"node {node} ({self.names.gate_of(node)!r}) has the range "
                f"[{self.lower[node]:g}, {self.upper[node]:g}]: the lower bound must not exceed "
                "the upper one, and inputs need finite bounds"
            )
        if not (self.unit > 0 and math.frexp(self.unit)[0] == 0.5):
            raise ValueError(f"unit is {self.unit!r}: give a power of two")

    def _check_names(self) -> None:
        names = self.names
        counts = (len(names.inputs), len(names.outputs), len(names.starts))
        if counts != (self.inputs, self.outputs, len(names.gates) + 1):
            raise ValueError(
                f"{counts[0]} names for {self.inputs} inputs, {counts[1]} for {self.outputs} "
                f"outputs, {counts[2]} starts for {len(names.gates)} gates (one more is needed)"
            )
        ends = (int(names.starts[0]), int(names.starts[-1]))
        if ends != (self.inputs, self.nodes) or np.any(np.diff(names.starts) < 0):
            raise ValueError(
                f"the gates own nodes {ends[0]} to {ends[1]}: together they must own "
                f"{self.inputs} to {self.nodes}, in order"
            )

    @property
    def nodes(self) -> int:
        """Inputs, neurons and values together."""
        return self.inputs + len(self.bias)

    @property
    def neurons(self) -> int:
        """The number of neurons."""
        return int(np.count_nonzero(self.relu))

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return len(self.output_bias)

    def rows(self) -> sp.csr_array:
        """Return the rows as a sparse matrix over nodes."""
        shape = (len(self.bias), self.nodes)
        return sp.csr_array((self.weights, self.indices, self.indptr), shape=shape)

    def output_rows(self) -> sp.csr_array:
        """Return the outputs as a sparse matrix over nodes."""
        shape = (self.outputs, self.nodes)
        arrays = (self.output_weights, self.output_indices, self.output_indptr)
        return sp.csr_array(arrays, shape=shape)

    @classmethod
    def from_rows(
        cls,
        rows: sp.sparray,
        outputs: sp.sparray,
        *,
        relu: Bool[np.ndarray, " rows"],
        bias: Float[np.ndarray, " rows"],
        output_bias: Float[np.ndarray, " outputs"],
        ranges: tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]],
        names: Names,
        unit: float = 1.0,
    ) -> "ReluProgram":
        """Make a program from sparse rows; weights to one node are added, zeros are dropped.

        Parameters
        ----------
        rows, outputs
            Sparse matrices over all nodes, of shapes (rows, nodes) and (outputs, nodes).
        relu, bias, output_bias, names, unit
            As the attributes.
        ranges
            Lower and upper bounds of all nodes.

        Examples
        --------
        >>> import numpy as np, scipy.sparse as sp
        >>> names = Names(("a", "b"), ("y",), ("xor",), np.array([2, 5]))
        >>> a_xor_b = ReluProgram.from_rows(
        ...     sp.csr_array([[1.0, -1, 0, 0, 0], [-1, 1, 0, 0, 0], [0, 0, 1, 1, 0]]),
        ...     sp.csr_array([[0.0, 0, 0, 0, 1]]),
        ...     relu=np.array([True, True, False]), bias=np.zeros(3), output_bias=np.zeros(1),
        ...     ranges=(np.zeros(5), np.ones(5)), names=names)
        >>> a_xor_b.neurons, a_xor_b.nodes
        (2, 5)
        """
        matrices = [sp.csr_array(matrix) for matrix in (rows, outputs)]
        for matrix in matrices:
            matrix.sum_duplicates()
            matrix.eliminate_zeros()
        inner, outer = matrices
        return cls(
            inputs=len(ranges[0]) - len(bias),
            relu=relu,
            indptr=inner.indptr,
            indices=inner.indices,
            weights=inner.data.astype(np.float64),
            bias=bias,
            output_indptr=outer.indptr,
            output_indices=outer.indices,
            output_weights=outer.data.astype(np.float64),
            output_bias=output_bias,
            lower=ranges[0],
            upper=ranges[1],
            names=names,
            unit=unit,
        )
