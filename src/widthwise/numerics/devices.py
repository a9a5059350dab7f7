"""Work shared by several devices: each computes its part of a leading axis."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree

Device = Any  # of jax.devices()
WIDE_VECTORS = {"xla_cpu_prefer_vector_width": "512"}
"""Options of XLA for loops over numbers on a CPU, where it takes vectors of 256 bits by itself."""
ONE_CORE = {"xla_disable_hlo_passes": "cpu-parallel-task-assigner,cse_barrier_expander"}
"""Options of XLA for a CPU's programs that are called on every core already: not split again.

They also keep what ``jax.lax.optimization_barrier`` says, which is dropped on a CPU otherwise.
"""
_AXIS = "devices"


def chosen_devices(devices: Sequence[Device] | None) -> tuple[Device, ...]:
    """Return the devices that are meant: all that this process has, if none are named.

    Where ``jax.default_device`` is set, it is that one.

    Raises
    ------
    ValueError
        If there are none, one is named twice, or they are of different kinds.
    """
    if devices is None:
        default = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]
        return tuple(jax.local_devices()) if default is None else (_as_device(default),)
    found = tuple(devices)
    kinds = {device.platform for device in found}
    if not found or len(set(found)) < len(found) or len(kinds) > 1:
        raise ValueError(
            f"devices is {found}: give at least one, each once, all of one kind, such as "
            "jax.devices()[:2]; None takes all"
        )
    return found


def _as_device(named: Any) -> Device:
    return jax.local_devices(backend=named)[0] if isinstance(named, str) else named


def spread(function: Callable[..., PyTree], devices: tuple[Device, ...]) -> Callable[..., PyTree]:
    """Let every device compute its part of the leading axis of all arguments and results.

    Parameters
    ----------
    function
        What is computed of a part, and by one device of the whole; entries along the leading axis
        do not depend on each other.
    devices
        Which; the length of the axis is a multiple of their number.
    """
    if len(devices) == 1:
        return function
    parts = PartitionSpec(_AXIS)
    mesh = Mesh(np.array(devices), (_AXIS,))
    # Whether values vary between devices is known here: nothing is summed over them.
    return jax.shard_map(function, mesh=mesh, in_specs=parts, out_specs=parts, check_vma=False)


def everywhere(tree: PyTree, devices: tuple[Device, ...]) -> PyTree:
    """Put the arrays of a tree on all devices, whole; they stay where one computes by default."""
    if devices == chosen_devices(None)[:1]:
        return tree
    mesh = Mesh(np.array(devices), (_AXIS,))
    arrays, rest = eqx.partition(tree, eqx.is_array)
    return eqx.combine(jax.device_put(arrays, NamedSharding(mesh, PartitionSpec())), rest)
