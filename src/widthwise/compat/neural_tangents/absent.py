"""What the archived library offers and this face does not: what to use instead."""

import difflib
from collections.abc import Iterable

_INTERNAL = "it serves to write layers of the archived kind: write a widthwise.networks.Layer"

STAX = {
    "Aggregate": "put widthwise.Aggregate(adjacency) among the layers of stax.serial: the graph is "
    "one matrix, the same for all examples",
    "AggregateImplementation": "widthwise.Aggregate(adjacency) has one way to compute",
    "Bool": _INTERNAL,
    "Diagonal": _INTERNAL,
    "DotGeneral": "multiply the inputs by the constant before the network, or between positions "
    "use widthwise.Aggregate(matrix)",
    "ExpNormalized": "it has no finite network: use stax.Exp() or stax.Rbf()",
    "ImageResize": "resize the images before the network with jax.image.resize, or pool by "
    "stax.AvgPool",
    "Index": "index the inputs before the network, or the outputs after it",
    "MaskedArray": "outputs are plain arrays, zero in the padding; give mask_constant=... to "
    "kernel_fn and apply_fn",
    "Slice": "slice the inputs before the network, or the outputs after it",
    "layer": _INTERNAL,
    "requires": _INTERNAL,
    "supports_masking": _INTERNAL,
}
PACKAGE = {
    "experimental": "the tangent kernel of a TensorFlow function is not offered: rewrite the "
    "function in JAX for empirical_ntk_fn",
}


def missing(module: str, name: str, absent: dict[str, str], known: Iterable[str]) -> Exception:
    """Say what to use instead of a name that a module lacks.

    Dunder names give the plain AttributeError by which Python asks whether something is there.
    """
    where = f"widthwise.compat.neural_tangents.{module}".rstrip(".")
    if name in absent:
        return NotImplementedError(f"{name} is not offered: {absent[name]}")
    public = [other for other in known if not other.startswith("_")]
    close = difflib.get_close_matches(name, public, n=1)
    near = f"; did you mean {close[0]!r}?" if close and not name.startswith("_") else ""
    return AttributeError(f"{where} has no {name!r}{near}")
