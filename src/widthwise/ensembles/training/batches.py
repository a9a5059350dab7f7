"""Many jobs in batches of equal shape, on every core."""

from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from widthwise.ensembles.training.problem import Job
from widthwise.numerics.threads import cores, thread_pool


def workers() -> int:
    """Count the threads that work at the same time: one per core, one for an accelerator."""
    return cores() if jax.default_backend() == "cpu" else 1


@eqx.filter_jit
def _run(train: Callable[[Job], PyTree], jobs: Job) -> PyTree:
    with jax.default_matmul_precision("highest"):
        return jax.vmap(train)(jobs)


def in_batches(
    train: Callable[[Job], PyTree], jobs: Job, *, batch_size: int
) -> Iterator[tuple[slice, PyTree]]:
    """Train all jobs, a batch on every core at a time.

    Parameters
    ----------
    train
        Trains one job.
    jobs
        All jobs, along the first axis of every array.
    batch_size
        Jobs side by side in one batch; all batches are compiled as one shape.

    Yields
    ------
    Which jobs they are, and what ``train`` returns for each of them as NumPy arrays, in order.
    """
    count = len(jobs.richness)
    words = np.asarray(jax.random.key_data(jobs.key))
    kind = str(jax.random.key_impl(jobs.key))
    rest = [np.asarray(part) for part in jobs[1:]]

    def batch(start: int) -> tuple[slice, Any]:
        # The last batch repeats jobs from the start, so that it has the shape of the others.
        index = np.arange(start, start + batch_size) % count
        keys = jax.random.wrap_key_data(jnp.asarray(words[index]), impl=kind)
        found = _run(train, Job(keys, *(jnp.asarray(part[index]) for part in rest)))
        stop = min(start + batch_size, count)
        return slice(start, stop), jax.tree.map(lambda a: np.asarray(a)[: stop - start], found)

    with thread_pool(workers()) as pool:
        yield from pool.map(batch, range(0, count, batch_size))
