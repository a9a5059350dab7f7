"""How many networks are trained side by side: as fit in a core's cache, and in memory."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from widthwise.ensembles.training.problem import Problem
from widthwise.ensembles.training.recorders import Kept
from widthwise.networks import Sequential
from widthwise.numerics import memory
from widthwise.numerics.devices import Device
from widthwise.numerics.threads import cores


class Sizes(NamedTuple):
    """How the work is cut: threads or devices at the same time, and networks side by side in each.

    Of several devices each has its batch, in one program that one thread calls.
    """

    threads: int
    batch: int
    devices: tuple[Device, ...]

    @property
    def at_once(self) -> int:
        """How many networks are trained at the same time."""
        return self.threads * self.batch * len(self.devices)


def fitting(
    problem: Problem,
    kept: Sequence[Kept],
    *,
    records: int,
    count: int,
    held: int,
    side_by_side: int | None,
    devices: tuple[Device, ...],
    many_threads: bool,
) -> Sizes:
    """Choose threads and batch from estimates of the memory that networks take.

    Parameters
    ----------
    problem
        What is trained.
    kept
        What is recorded at one time.
    records
        Number of times.
    count
        Number of networks.
    held
        How many networks' records are held at the end.
    side_by_side
        The batch that the user wants, or None.
    devices
        Those that are given.
    many_threads
        Whether more than one program may run at once on a CPU.

    Raises
    ------
    ValueError
        If not even one network fits, or the records do not.
    """
    cpu = devices[0].platform == "cpu"
    if cpu and not many_threads:
        devices = devices[:1]
    threads = cores() if cpu and many_threads and len(devices) == 1 else 1
    numbers = numbers_of(problem.net, problem.x.shape)
    room, most = (2**18, 32) if cpu else (2**30, 2**14)
    lanes = threads * len(devices)
    batch = side_by_side or max(1, min(most, room // numbers, -(-count // lanes)))
    records_of_one = records * sum(math.prod(k.shape) * np.dtype(k.dtype).itemsize for k in kept)
    # Weights, gradients, three of an optimizer and what XLA keeps beside them.
    one = 3 * numbers * problem.x.dtype.itemsize + 2 * records_of_one
    there = memory.available() or 2**62
    rest = there - held * records_of_one
    shared = len(devices) if cpu else 1  # memory; accelerators have their own
    while threads * batch > 1 and threads * shared * batch * one > rest:
        if batch > 1 and side_by_side is None:
            batch = -(-batch // 2)
        elif threads > 1:
            threads -= 1
        else:
            break
    memory.refuse_beyond_memory(
        batch * one + held * records_of_one,
        f"training {batch} network{'s' * (batch > 1)} of {numbers // 3} weights and features side "
        f"by side, and what is recorded of {held}",
        "record less (record, at), give out=... to keep the records on disk, smaller widths or "
        "fewer samples, or a smaller side_by_side",
    )
    return Sizes(threads, batch, devices)


@lru_cache(maxsize=256)
def numbers_of(net: Sequential, inputs: tuple[int, ...]) -> int:
    """Count the numbers that a step of one network touches: three for a weight or a feature."""
    rows = net.parameter_table(inputs[1:])
    weights = sum(math.prod(row.shape) for row in rows)
    features = sum(row.shape[0] for row in rows) * inputs[0]
    return 3 * (weights + features)
