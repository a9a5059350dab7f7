"""Work on all cores by threads of our own."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


def cores() -> int:
    """Count the cores this process may use."""
    return len(os.sched_getaffinity(0))


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
        ThreadPoolExecutor(cores()) as pool,
    ):
        yield pool
