"""Functions on a finite grid as sums of unit-slope ramps: exact, with no steep weights."""

from collections.abc import Sequence

from widthwise.circuits.typed.affine import Affine
from widthwise.circuits.typed.gates import Neurons


def breakpoints(codes: Sequence[int], outputs: Sequence[int]) -> dict[int, int]:
    """Return the ramps of a staircase: change of slope at each breakpoint, without zeros.

    The function is ``outputs[0]`` up to ``codes[0]`` and steps to ``outputs[p]`` on the last unit
    before ``codes[p]``: ``outputs[0] + sum_p d_p [relu(s - codes[p] + 1) - relu(s - codes[p])]``.
    Ramps that begin at the last code would be zero on all of the grid and are left out.

    Parameters
    ----------
    codes
        Whole numbers in increasing order.
    outputs
        What the function is there.

    Examples
    --------
    >>> breakpoints([0, 1, 2, 3], [0, 1, 1, 0])  # exclusive or, on a + 2 b
    {0: 1, 1: -1, 2: -1}
    """
    changes: dict[int, int] = {}
    for code, before, after in zip(codes[1:], outputs, outputs[1:], strict=False):
        step = int(after) - int(before)
        changes[code - 1] = changes.get(code - 1, 0) + step
        changes[code] = changes.get(code, 0) - step
    return {at: change for at, change in changes.items() if change and at < codes[-1]}


def staircase(net: Neurons, s: Affine, ramps: dict[int, int], start: int) -> Affine:
    """Return ``start + sum ramps[t] relu(s - t)``: a neuron for each ramp."""
    return Affine.sum((change * net.relu(s - at) for at, change in ramps.items()), start)
