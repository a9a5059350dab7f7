"""Many jobs in batches of equal shape, on every core."""

from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from widthwise.ensembles.training.problem import Job
from widthwise.ensembles.training.sizes import Sizes
from widthwise.numerics.devices import Device, chosen_devices, everywhere, spread
from widthwise.numerics.threads import thread_pool


@eqx.filter_jit
def _run(train: Callable[[Job], PyTree], jobs: Job, devices: tuple[Device, ...]) -> PyTree:
    with jax.default_matmul_precision("highest"):
        return spread(jax.vmap(train), devices)(jobs)


def program_text(train: Callable[[Job], PyTree], jobs: Job) -> str:
    """Return the program that trains these jobs, as text: equal programs have equal texts.

    It is that of one device: where the jobs are trained does not change their numbers.
    """
    here = chosen_devices(None)[:1]
    return _run.lower(train, jobs, here).as_text()  # pyright: ignore[reportFunctionMemberAccess]


def in_batches(
    train: Callable[[Job], PyTree], jobs: Job, sizes: Sizes
) -> Iterator[tuple[slice, PyTree]]:
    """Train all jobs, a batch on every core at a time.

    Parameters
    ----------
    train
        Trains one job.
    jobs
        All jobs, along the first axis of every array.
    sizes
        Threads or devices, and jobs side by side in one batch of each; all batches are compiled as
        one shape.

    Yields
    ------
    Which jobs they are, and what ``train`` returns for each of them as NumPy arrays, in order.
    """
    count, batch_size = len(jobs.richness), sizes.batch * len(sizes.devices)
    train = everywhere(train, sizes.devices)
    words = np.asarray(jax.random.key_data(jobs.key))
    kind = str(jax.random.key_impl(jobs.key))
    rest = [np.asarray(part) for part in jobs[1:]]

    def batch(start: int) -> tuple[slice, Any]:
        # The last batch repeats jobs from the start, so that it has the shape of the others.
        index = np.arange(start, start + batch_size) % count
        keys = jax.random.wrap_key_data(jnp.asarray(words[index]), impl=kind)
        some = Job(keys, *(jnp.asarray(part[index]) for part in rest))
        found = _run(train, some, sizes.devices)
        stop = min(start + batch_size, count)
        return slice(start, stop), jax.tree.map(lambda a: np.asarray(a)[: stop - start], found)

    pool = thread_pool(sizes.threads)
    try:
        yield from pool.map(batch, range(0, count, batch_size))
    finally:
        pool.shutdown(cancel_futures=True)  # also on Ctrl-C: what has not begun is left
