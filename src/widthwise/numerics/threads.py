"""Work on all cores by threads of our own."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import jax
import jax.numpy as jnp
from threadpoolctl import ThreadpoolController

T = TypeVar("T")
R = TypeVar("R")


def cores() -> int:
    """Count the cores this process may use."""
    return len(os.sched_getaffinity(0))


def thread_pool(workers: int) -> ThreadPoolExecutor:
    """Give a pool of threads that compute in the precision of this one.

    ``jax.enable_x64`` as a context holds for the thread that enters it alone: in others, numbers in
    double precision would silently become single ones.
    """
    double = jnp.result_type(float) == jnp.float64
    return ThreadPoolExecutor(workers, initializer=_compute_in, initargs=(double,))


def on_threads(function: Callable[[T], R], items: Sequence[T]) -> tuple[R, ...]:
    """Apply a function to all items at once: to the first in this thread, which saves one.

    Parameters
    ----------
    function
        What each thread computes, without the lock of Python.
    items
        One for every thread; at least one.
    """
    if len(items) == 1:
        return (function(items[0]),)
    pool = thread_pool(len(items) - 1)
    try:
        others = pool.map(function, items[1:])
        return (function(items[0]), *others)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _compute_in(double: bool) -> None:
    jax.enable_x64(double).__enter__()


@cache
def _libraries() -> ThreadpoolController:
    """Look for the libraries of linear algebra once: that takes as long as a small product."""
    return ThreadpoolController()


@contextmanager
def one_thread_per_core() -> Iterator[ThreadPoolExecutor]:
    """Give a pool with a thread for each core, whose products of matrices use no other threads.

    The threads of BLAS would wait for each other, busily.
    """
    with (
        _libraries().limit(limits=1, user_api="blas"),
        thread_pool(cores()) as pool,
    ):
        yield pool
