"""The nodes of a network: every value that leaves one of its parts."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Shaped

from widthwise.ensembles.watched import module_paths, watched
from widthwise.numerics.choices import check_choice
from widthwise.observables.feature_speed.dependence import reached

OUTPUT = "output"


class Node(NamedTuple):
    """A value inside a network that belongs to one call of one of its modules.

    Parameters
    ----------
    name
        Path of the module in the model, with ``#2`` for its second call; ``"output"`` for what
        the model returns.
    path, call
        The path, and the number of the call from 0.
    shape, dtype
        Of the value, for one call of the model.
    upstream
        For every array of parameters, whether the value depends on it.
    cut
        Whether these arrays reach the output through this value alone.
    """

    name: str
    path: str
    call: int
    shape: tuple[int, ...]
    dtype: Any
    upstream: tuple[bool, ...]
    cut: bool


def find_nodes(
    model: eqx.Module, x: jax.ShapeDtypeStruct | Array, *, names: Sequence[str] | None = None
) -> list[Node]:
    """Find the nodes that depend on parameters, in the order in which they are computed.

    Read off the program that JAX traces, at the cost of no arithmetic. Of modules that return the
    same value, as a chain and its last layer do, the outermost gives its name. Calls inside a
    transformation of the model's own (``vmap``, ``scan``, ``jit``) cannot be seen from outside.

    Parameters
    ----------
    model
        An Equinox module.
    x
        What it is called with: one example.
    names
        The nodes that are wanted; None for all.

    Raises
    ------
    ValueError
        If there is no node of a name, or none at all.
    """
    arrays, frozen = eqx.partition(model, eqx.is_inexact_array)
    paths = ["", *module_paths(model)]
    seen: list[tuple[str, int, Any]] = []

    def program(arrays: Any, x: Array) -> tuple[list[Array], Array]:
        calls: dict[str, int] = {}
        values = []

        def watch(path: str, part: Any, *args: Any, **kwargs: Any) -> Any:
            value = part(*args, **kwargs)
            call = calls[path] = calls.get(path, -1) + 1
            if _is_feature(value) and _usable(value):
                seen.append((path, call, jax.ShapeDtypeStruct(value.shape, value.dtype)))
                values.append(value)
            return value

        return values, watched(eqx.combine(arrays, frozen), paths, watch)(x)

    jaxpr = jax.make_jaxpr(program)(arrays, x).jaxpr
    count = len(jax.tree.leaves(arrays))
    marks = [1 << i for i in range(count)] + [0] * (len(jaxpr.invars) - count)
    found = reached(jaxpr, marks)
    visible = {id(v) for step in jaxpr.eqns for v in step.outvars}
    variables = [id(v) for v in jaxpr.outvars]
    output = variables[-1]
    nodes: dict[int, Node] = {}
    for variable, (path, call, shape) in zip(variables[: len(seen)], seen, strict=True):
        upstream = found.get(variable, 0)
        if variable not in visible or not upstream:
            continue
        beyond = reached(jaxpr, marks, cut=variable).get(output, 0)
        name = (path or OUTPUT) + (f"#{call + 1}" if call else "")
        bits = tuple(bool(upstream >> i & 1) for i in range(count))
        nodes.pop(variable, None)
        nodes[variable] = Node(
            name, path, call, shape.shape, shape.dtype, bits, not beyond & upstream
        )
    return _chosen(list(nodes.values()), names)


def tapped(
    model: eqx.Module, nodes: Sequence[Node], shifts: Sequence[Array]
) -> Callable[[Shaped[Array, "..."]], tuple[Any, list[Array]]]:
    """Return the model with something added at its nodes, and their values beside its output."""
    wanted = {(node.path, node.call): i for i, node in enumerate(nodes)}

    def run(x: Array) -> tuple[Any, list[Array]]:
        calls: dict[str, int] = {}
        values: dict[int, Array] = {}

        def watch(path: str, part: Any, *args: Any, **kwargs: Any) -> Any:
            value = part(*args, **kwargs)
            call = calls[path] = calls.get(path, -1) + 1
            index = wanted.get((path, call))
            if index is not None:
                value = values[index] = value + shifts[index]
            return value

        output = watched(model, {node.path for node in nodes}, watch)(x)
        return output, [values[i] for i in range(len(nodes))]

    return run


def _is_feature(value: Any) -> bool:
    return eqx.is_array(value) and jnp.issubdtype(value.dtype, jnp.floating)


def _usable(value: Array) -> bool:
    """Tell whether a value is one of the program's own, not of a transformation inside it."""
    try:
        jnp.shape(value + 0)
    except jax.errors.UnexpectedTracerError:
        return False
    return True


def _chosen(nodes: list[Node], names: Sequence[str] | None) -> list[Node]:
    if not nodes:
        raise ValueError(
            "the model has no part whose output depends on its parameters: give a module with "
            "floating-point arrays that it uses"
        )
    if names is None:
        return nodes
    known = {node.name: node for node in nodes}
    for name in names:
        check_choice("a name of nodes", name, tuple(known))
    return [node for node in nodes if node.name in set(names)]
