"""Smaller programs that compute the same: without dead nodes, without equal ones."""

import itertools

import numpy as np
import scipy.sparse as sp

from widthwise.circuits.program import Names, ReluProgram


def prune(program: ReluProgram) -> ReluProgram:
    """Remove every neuron and value that no output depends on; inputs stay.

    Gates keep their names, and own what is left of their nodes.
    """
    live = [False] * program.nodes
    for node in program.output_indices.tolist():
        live[node] = True
    indices, ends = program.indices.tolist(), program.indptr.tolist()
    for row in range(len(program.bias) - 1, -1, -1):
        if live[program.inputs + row]:
            for node in indices[ends[row] : ends[row + 1]]:
                live[node] = True
    kept = np.array(live[program.inputs :], bool)
    if kept.all():
        return program
    return _restrict(program, kept, np.arange(program.nodes))


def share(program: ReluProgram) -> ReluProgram:
    """Compute equal rows once: two neurons, or two values, that read the same with equal weights.

    The exclusive or and the conjunction ``a & ~b`` of two wires, for instance, have a neuron in
    common. The first gate that has the row keeps it.
    """
    same = list(range(program.nodes))
    found: dict[tuple, int] = {}
    indices, weights = program.indices.tolist(), program.weights.tolist()
    ends = itertools.pairwise(program.indptr.tolist())
    settings = zip(program.relu.tolist(), program.bias.tolist(), ends, strict=True)
    for row, (relu, bias, (start, end)) in enumerate(settings):
        terms = sorted(zip([same[n] for n in indices[start:end]], weights[start:end], strict=True))
        node = program.inputs + row
        same[node] = found.setdefault((relu, bias, *terms), node)
    target = np.array(same)
    kept = target[program.inputs :] == np.arange(program.inputs, program.nodes)
    return program if kept.all() else _restrict(program, kept, target)


def _restrict(program: ReluProgram, kept: np.ndarray, target: np.ndarray) -> ReluProgram:
    """Keep some rows; a node that is read stands for its target, which is kept."""
    stays = np.concatenate([np.ones(program.inputs, bool), kept])
    number = np.cumsum(stays) - 1
    # Column j of a matrix moves to the new number of the target of node j.
    place = (np.arange(program.nodes), number[target])
    move = sp.csr_array((np.ones(program.nodes), place), shape=(program.nodes, int(stays.sum())))
    names = program.names
    before = np.cumsum(np.concatenate([[0], stays]))
    return ReluProgram.from_rows(
        program.rows()[kept] @ move,
        program.output_rows() @ move,
        relu=program.relu[kept],
        bias=program.bias[kept],
        output_bias=program.output_bias,
        ranges=(program.lower[stays], program.upper[stays]),
        names=Names(names.inputs, names.outputs, names.gates, before[names.starts]),
        unit=program.unit,
    )
