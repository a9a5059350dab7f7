"""Layers one after the other and side by side."""

from typing import Any

from widthwise.compat.neural_tangents.steps import (
    Branches,
    Fork,
    Join,
    Merge,
    Steps,
    common_form,
)
from widthwise.compat.neural_tangents.triple import Triple, steps_of, triple


def serial(*layers: Any) -> Triple:
    """Apply layers one after the other.

    Parameters
    ----------
    layers
        Triples; layers of this library, such as ``widthwise.Aggregate(...)``, may stand among them.

    Raises
    ------
    TypeError
        If something else was given.
    ValueError
        If the layers have different parametrizations.
    """
    steps = tuple(step for layer in layers for step in steps_of("serial", layer))
    return _checked(steps)


def repeat(layer: Any, n: int) -> Triple:
    """Apply the same kind of layer n times, each with weights of its own.

    Raises
    ------
    ValueError
        If n is negative.
    """
    if n < 0:
        raise ValueError(f"repeat was asked for {n} layers: give a number of at least 0")
    return triple(*steps_of("repeat", layer) * n)


def parallel(*layers: Any) -> Triple:
    """Apply each layer to its own input, between :func:`FanOut` and a FanIn.

    Raises
    ------
    TypeError, ValueError
        As :func:`serial`.
    """
    return _checked((Branches(tuple(steps_of("parallel", layer) for layer in layers)),))


def FanOut(num: int) -> Triple:
    """Copy one input, once for every branch of the :func:`parallel` that follows.

    Raises
    ------
    ValueError
        If there would be no copy.
    """
    if isinstance(num, bool) or not isinstance(num, int) or num < 1:
        raise ValueError(f"FanOut was given {num!r}: give the number of branches, at least 1")
    return triple(Fork(num))


def FanInSum() -> Triple:
    """Add the outputs of branches."""
    return _merge("sum")


def FanInProd() -> Triple:
    """Multiply the outputs of branches, entry by entry."""
    return _merge("product")


def FanInConcat(axis: int = -1) -> Triple:
    """Put the channels of branches side by side.

    Raises
    ------
    NotImplementedError
        For another axis than the last.
    """
    if axis != -1:
        raise NotImplementedError(
            f"FanInConcat(axis={axis}) is not offered: give axis=-1, the channels"
        )
    return _merge("concatenation")


def Identity() -> Triple:
    """Hand the input on."""
    return triple()


def _merge(join: Join) -> Triple:
    return triple(Merge(join))


def _checked(steps: Steps) -> Triple:
    common_form(steps)
    return triple(*steps)
