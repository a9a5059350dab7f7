"""Amounts of memory in words, how much there is, and memory that JAX takes as it is."""

import math
import os
import re

import jax
import numpy as np
from jaxtyping import DTypeLike

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def as_bytes(name: str, amount: str | int) -> int:
    """Read an amount of memory.

    Parameters
    ----------
    name
        What it is called in errors.
    amount
        A number of bytes, or words such as ``"8GB"`` (units of 1000).

    Raises
    ------
    ValueError
        If it is neither.

    Examples
    --------
    >>> as_bytes("memory", "1.5 GB"), as_bytes("memory", 64)
    (1500000000, 64)
    """
    found = re.fullmatch(r"\s*([0-9.]+)\s*([KMGT]?B?)\s*", str(amount).upper())
    try:
        return int(float(found[1]) * _UNITS[found[2]])  # pyright: ignore[reportOptionalSubscript]
    except (TypeError, KeyError, ValueError):
        raise ValueError(
            f"{name} is {amount!r}: give a number of bytes, or words such as '8GB'"
        ) from None


def available() -> int | None:
    """Bytes that JAX's first device still has; None where that is not known."""
    device = jax.devices()[0]
    if device.platform != "cpu":
        stats = device.memory_stats() or {}
        return stats["bytes_limit"] - stats["bytes_in_use"] if "bytes_limit" in stats else None
    try:
        with open("/proc/meminfo") as lines:
            found = dict(line.split(":", 1) for line in lines)
        return int(found["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def refuse_beyond_memory(needed: int, what: str, instead: str) -> None:
    """Refuse to allocate what does not fit.

    Parameters
    ----------
    needed
        Estimate in bytes.
    what
        What would be allocated.
    instead
        What to do then.

    Raises
    ------
    ValueError
        If it is known that so much is not available.
    """
    there = available()
    if there is not None and needed > there:
        raise ValueError(
            f"{what} would take about {in_words(needed)}, and {in_words(there)} are available: "
            f"{instead}"
        )


def in_words(count: int) -> str:
    """Write a number of bytes with three digits.

    Examples
    --------
    >>> in_words(7_200_000_000), in_words(20)
    ('7.2 GB', '20 B')
    """
    unit = next(
        unit for unit in ("TB", "GB", "MB", "KB", "B") if count >= _UNITS[unit] or unit == "B"
    )
    return f"{count / _UNITS[unit]:.3g} {unit}"


def aligned(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """Return an array that is not filled yet and starts at a multiple of 64 bytes.

    ``jax.device_put(array, may_alias=True)`` takes it on a CPU without a copy; do not write to it
    after that.

    Examples
    --------
    >>> aligned((3, 5), "float32").shape
    (3, 5)
    """
    kind = np.dtype(dtype)
    size = math.prod(shape) * kind.itemsize
    room = np.empty(size + 64, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + size].view(kind).reshape(shape)
