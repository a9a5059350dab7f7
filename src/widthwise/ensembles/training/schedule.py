"""When to record, and which samples each step takes."""

from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Array, Int, Key

from widthwise.numerics.choices import check_choice

ORDER = 0x5C4ED01E  # folded into keys: larger than the number of any member


def linear_steps(steps: int, count: int = 101) -> list[int]:
    """Return up to ``count`` steps from 0 to ``steps``, equally spaced as far as they can be.

    Examples
    --------
    >>> linear_steps(10, 3), linear_steps(2)
    ([0, 5, 10], [0, 1, 2])
    """
    _check(steps, count)
    return sorted({round(step) for step in np.linspace(0, steps, min(count, steps + 1))})


def log_steps(steps: int, count: int = 30) -> list[int]:
    """Return 0 and up to ``count - 1`` steps from 1 to ``steps``, with equal ratios.

    Examples
    --------
    >>> log_steps(1000, 5)
    [0, 1, 10, 100, 1000]
    """
    _check(steps, count)
    spaced = np.geomspace(1, max(steps, 1), count - 1)
    return sorted({0, *(min(round(step), steps) for step in spaced)})


def _check(steps: int, count: int) -> None:
    if steps < 0 or count < 2:
        raise ValueError(f"steps={steps}, count={count} were given: give at least 0 and 2")


def checked_steps(steps: int, at: Sequence[int] | np.ndarray | None) -> np.ndarray:
    """Check the number of steps, and after which of them to record.

    Raises
    ------
    TypeError, ValueError
        If they are not whole numbers from 0 to ``steps``, ascending.
    """
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer):
        raise TypeError(f"steps is {steps!r}: give a whole number")
    if steps < 1:
        raise ValueError(f"steps is {steps}: give a number of at least 1")
    moments = np.asarray(linear_steps(int(steps)) if at is None else at)
    valid = moments.ndim == 1 and moments.size > 0 and moments.dtype.kind in "iu"
    if not valid or moments[0] < 0 or moments[-1] > steps or np.any(np.diff(moments) <= 0):
        raise ValueError(
            f"at is {at}: give ascending whole numbers from 0 to steps={steps}, such as "
            "linear_steps(steps, count) or log_steps(steps, count)"
        )
    return moments


def checked_batch(batch_size: int | None, samples: int) -> int | None:
    """Check the number of samples in each step; None if it is all of them."""
    if batch_size is None:
        return None
    if not 1 <= batch_size <= samples:
        raise ValueError(
            f"batch_size is {batch_size} for {samples} samples: give 1 to {samples}, or None"
        )
    return batch_size


def shared_order(schedule: str, key: Key[Array, ""]) -> Key[Array, ""] | None:
    """Key of the order of samples, if all members share one."""
    check_choice("schedule", schedule, ("member", "shared"))
    return jax.random.fold_in(key, ORDER) if schedule == "shared" else None


def batch_of_step(
    key: Key[Array, ""], step: Int[Array, ""], *, samples: int, batch_size: int
) -> Int[Array, " b"]:
    """Return the samples of one step: every epoch goes once through a new random order.

    Samples that do not fill a last batch are left out of that epoch.
    """
    per_epoch = samples // batch_size
    order = jax.random.permutation(jax.random.fold_in(key, step // per_epoch), samples)
    start = (step % per_epoch) * batch_size
    return jax.lax.dynamic_slice_in_dim(order, start, batch_size)
