"""Where shards are measured: in this process, in a pool of processes, or wherever a user likes."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Protocol, runtime_checkable

from widthwise.experiments.compilation import keep_compiled


class ShardError(RuntimeError):
    """A shard could not be measured; the message names it. Finished shards are kept."""


class Interrupted(KeyboardInterrupt):
    """The user stopped the run; the message says what is kept and how to resume."""


@runtime_checkable
class Handle(Protocol):
    """Work under way."""

    def done(self) -> bool:
        """Whether ``result`` returns at once, or may be asked for now."""
        ...

    def result(self) -> Any:
        """Return what the function returned, or raise what it raised."""
        ...


@runtime_checkable
class Executor(Protocol):
    """Anything that takes work: a pool, a cluster client, or four lines around one."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Any:
        """Take the work and return its Handle."""
        ...


class _Deferred:
    """A call that happens when its result is asked for."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._call = lambda: function(*arguments)

    def done(self) -> bool:
        return True

    def result(self) -> Any:
        return self._call()


class Serial:
    """Measures in this process, one shard after the other, each when its result is asked for."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Handle:
        """Remember the call."""
        return _Deferred(function, arguments)


class ProcessPool:
    """Measures in processes of its own; use it as a context manager.

    Every worker starts afresh (never forked: JAX has threads), finds its settings in the
    environment before JAX is loaded, and ends with its parent whatever happens to that.

    Parameters
    ----------
    workers
        How many processes; at least 1.
    """

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ValueError(f"workers must be >= 1, not {workers}")
        self._environment = _environment(worker_settings())
        self._before = set(multiprocessing.active_children())
        self._pool = ProcessPoolExecutor(
            workers, mp_context=multiprocessing.get_context("spawn"), initializer=_start_worker
        )

    def __enter__(self) -> "ProcessPool":
        self._environment.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None and not issubclass(kind, Exception):
            for process in set(multiprocessing.active_children()) - self._before:
                process.terminate()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._environment.__exit__(None, None, None)

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Handle:
        """Hand the call to a worker."""
        return self._pool.submit(function, *arguments)


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables for the processes started meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def worker_settings() -> dict[str, str]:
    """Return the variables that must stand before JAX is loaded.

    Double precision. The threads of XLA are left as they are: with another number of them matrix
    products give other last digits than in the parent.
    """
    return {"JAX_ENABLE_X64": "1"}


def _start_worker() -> None:
    """Leave Ctrl-C to the parent, end when the parent has ended, and keep compiled programs."""
    keep_compiled()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
