"""Any function of numbers on a grid, as one table."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from widthwise.circuits.typed.affine import Affine
from widthwise.circuits.typed.gates import gate, refuse
from widthwise.circuits.typed.grids import LARGEST_TABLE, Grid, GridWire, as_number
from widthwise.circuits.typed.staircase import breakpoints, staircase


def square(x: Any) -> GridWire:
    """The square: on 0..N it takes N neurons, ``relu(x) + 2 sum_m relu(x - m)``."""
    wire = as_number("square", x)
    low, high = wire.codes
    unit = wire.type.unit**2
    ends = (0 if low <= 0 <= high else min(low**2, high**2), max(low**2, high**2))
    return table(np.square, Grid(ends[0] * unit, ends[1] * unit, unit), wire)


def floor(x: Any) -> GridWire:
    """The largest whole number below: a step of 2 neurons at each."""
    wire = as_number("floor", x)
    ends = (math.floor(code * wire.type.unit) for code in wire.codes)
    return table(np.floor, Grid(*ends), wire)


def table(function: Callable[..., Any], type_: Any, *wires: Any) -> Any:
    """Any function of numbers on finite grids, in one layer.

    The arguments become one whole number, ``sum_i stride_i code_i``, and the function a staircase
    over it: exact in floats, for its slopes are steps of the result and its ramps one unit long.
    What is analytic (exp, sin, division) is on a digital machine such a table.

    Parameters
    ----------
    function
        Of as many arrays as there are wires; evaluated at all points once.
    type_
        Type of the result; values are rounded to its unit.
    *wires
        Numbers with at most 2^16 points together.

    Returns
    -------
    wire of ``type_``

    Raises
    ------
    TypeError
        If there are more points, or the function leaves the range of ``type_``; the message names
        the gate.

    Examples
    --------
    >>> from widthwise.circuits.typed import trace
    >>> octant = Grid(0, 1, unit=1 / 8)
    >>> sine = trace(lambda x: table(np.sin, Grid(0, 1, unit=1 / 256), x), octant)
    >>> sine.simulate(np.array([[0.5]])).item(), sine.neurons
    (0.48046875, 7)
    """
    numbers = [as_number("table", wire) for wire in wires]
    ends = [wire.codes for wire in numbers]
    sizes = [high - low + 1 for low, high in ends]
    if math.prod(sizes) > LARGEST_TABLE:
        refuse("table", wires, f"{math.prod(sizes)} points are more than {LARGEST_TABLE}")
    strides = np.cumprod([1, *sizes[:-1]]).tolist()
    axes = [
        np.arange(low, high + 1) * wire.type.unit
        for (low, high), wire in zip(ends, numbers, strict=True)
    ]
    grids = np.meshgrid(*axes, indexing="ij")
    found = np.asarray(function(*grids), float).ravel(order="F") / type_.unit
    low, high = type_.codes
    if not np.all((np.rint(found) >= low) & (np.rint(found) <= high)):
        at = int(np.argmin((np.rint(found) >= low) & (np.rint(found) <= high)))
        point = ", ".join(f"{grid.ravel(order='F')[at]:g}" for grid in grids)
        refuse("table", wires, f"at ({point}) it is {found[at] * type_.unit:g}, outside {type_}")
    outputs = np.rint(found).astype(np.int64)
    ramps = breakpoints(range(len(outputs)), outputs.tolist())
    shift = sum(stride * low for stride, (low, _) in zip(strides, ends, strict=True))

    def reference(*codes: Any) -> Any:
        return outputs[sum(s * c for s, c in zip(strides, codes, strict=True)) - shift]

    def emulate(net: Any, *forms: Affine) -> Affine:
        place = Affine.sum((s * f for s, f in zip(strides, forms, strict=True)), -shift)
        return staircase(net, place, ramps, int(outputs[0]))

    (result,) = gate(
        "table", numbers, (type_,), reference=reference, emulate=emulate, neurons=len(ramps)
    )
    return result
