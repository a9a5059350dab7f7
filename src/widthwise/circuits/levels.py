"""Where the nodes of a program stand: levels, live ranges of values, the range of every number."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

from widthwise.circuits.program import ReluProgram


def levels(program: ReluProgram) -> Int[np.ndarray, " nodes"]:
    """Return the level of every node, as early as possible.

    Inputs have level 0; a value has the largest level of what it reads; a neuron one more. The
    neurons of level ``l`` form layer ``l`` of the network.
    """
    return _longest(program, program.relu)


def stages(program: ReluProgram) -> Iterator[Int[np.ndarray, " rows"]]:
    """Yield the rows in groups; the rows of a group read inputs and earlier groups only."""
    rank = _longest(program, np.ones_like(program.relu))[program.inputs :]
    order = np.argsort(rank, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(rank[order])) + 1) if order.size else ()


def _longest(program: ReluProgram, steps: np.ndarray) -> np.ndarray:
    """Longest path to every node, on which each row counts as `steps` says."""
    found = [0] * program.inputs
    indices, ends = program.indices.tolist(), program.indptr.tolist()
    for step, start, end in zip(steps.tolist(), ends, ends[1:], strict=False):
        found.append(step + max([found[node] for node in indices[start:end]], default=0))
    return np.array(found, np.int64)


def intervals(
    program: ReluProgram,
) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Bound every node by interval arithmetic, and by the bounds that the program declares.

    Returns
    -------
    lower, upper
        Finite bounds of every node.
    """
    rows = program.rows()
    lower, upper = program.lower.copy(), program.upper.copy()
    for stage in stages(program):
        part = rows[stage]
        readers = np.repeat(np.arange(len(stage)), np.diff(part.indptr))
        ends = part.data * lower[part.indices], part.data * upper[part.indices]
        nodes = program.inputs + stage
        for bound, of, tighter in (
            (lower, np.minimum(*ends), np.maximum),
            (upper, np.maximum(*ends), np.minimum),
        ):
            sums = np.bincount(readers, of, len(stage)) + program.bias[stage]
            made = np.where(program.relu[stage], np.maximum(sums, 0), sums)
            bound[nodes] = tighter(bound[nodes], made)
    return lower, upper


def evaluate(
    program: ReluProgram, inputs: Float[np.ndarray, "batch inputs"]
) -> tuple[Float[np.ndarray, "batch outputs"], Float[np.ndarray, "batch nodes"]]:
    """Run a program on a batch in float64, with NumPy: outputs, and the number at every node."""
    rows = program.rows()
    values = np.zeros((program.nodes, len(inputs)))
    values[: program.inputs] = inputs.T
    for stage in stages(program):
        made = rows[stage] @ values + program.bias[stage, None]
        values[program.inputs + stage] = np.where(
            program.relu[stage, None], np.maximum(made, 0), made
        )
    return (program.output_rows() @ values + program.output_bias[:, None]).T, values.T
