"""Shards on a Ray cluster: nodes may come and go while a run is measured."""

import contextlib
import io
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future
from typing import Any

from widthwise.experiments.carried import Carried
from widthwise.experiments.executors import Handle, worker_settings

_log = logging.getLogger("widthwise")
_RETRIES = 1  # by Ray, at once, on another node if there is one; the driver tries once more
_HERE: Any = {"object_store_memory": 10**8, "include_dashboard": False}  # results are files


class RayCluster:
    """Measures in the tasks of a Ray cluster; use it as a context manager.

    What a lost node was working on is taken up by the others; what had finished lies in its file.
    The folder of the runs, the working directory and the packages must be the same on all nodes.

    Parameters
    ----------
    workers
        How many processes, if Ray is started here; a cluster has as many as it has room for.
    address
        A running cluster: ``"host:port"``, or ``"auto"`` for that of this machine. None takes the
        environment variable ``RAY_ADDRESS``, or starts Ray on this machine and ends it again.
    cpus, gpus
        What one shard takes of a node, for Ray's bookkeeping.

    Raises
    ------
    ImportError
        If Ray is not installed.
    ValueError
        If there are less than one worker, or nothing that a shard takes.
    """

    def __init__(
        self,
        workers: int = 1,
        *,
        address: str | None = None,
        cpus: float | int = 1,
        gpus: float | int = 0,
    ) -> None:
        if workers < 1:
            raise ValueError(f"workers must be >= 1, not {workers}")
        if min(cpus, gpus) < 0 or max(cpus, gpus) == 0:
            raise ValueError(f"a shard takes cpus={cpus} and gpus={gpus}: one must be above 0")
        try:
            import ray
            from ray import cloudpickle
        except ImportError:
            raise ImportError("Ray is not installed: pip install 'widthwise[ray]'") from None
        self._ray = ray
        self._dumps = cloudpickle.dumps  # pyright: ignore[reportPrivateImportUsage]
        self._workers = workers
        self._address = address or os.environ.get("RAY_ADDRESS")
        self._takes: Any = {"num_cpus": cpus, "num_gpus": gpus}
        self._task: Any = None
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> "RayCluster":
        return self

    def __exit__(self, *error: object) -> None:
        self._task = None
        self._exit.close()

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Handle:
        """Hand the call to the cluster, which is joined or started by the first one."""
        self._task = self._task or self._connect()
        call = Carried.packed(self._dumps, function, arguments)
        return _Task(self._task.remote(call).future())

    def _connect(self) -> Any:
        """Join the cluster, or the one that the user has joined already; return the task."""
        self._exit.enter_context(_without_raylets())
        if not self._ray.is_initialized():
            self._ray.init(
                self._address or "local",
                log_to_driver=False,
                logging_level=logging.ERROR,
                **({} if self._address else _HERE | {"num_cpus": self._workers}),
            )
            self._exit.callback(self._disconnect)
        return self._ray.remote(
            max_retries=_RETRIES, runtime_env={"env_vars": worker_settings()}, **self._takes
        )(Carried.call)

    def _disconnect(self) -> None:
        """Leave the cluster, and with it the last it has to print."""
        with contextlib.redirect_stdout(io.StringIO()):
            self._ray.shutdown()


class _Task:
    """A task of Ray, with errors as other executors raise them."""

    def __init__(self, future: Future) -> None:
        self._future = future

    def done(self) -> bool:
        return self._future.done()

    def result(self) -> Any:
        from ray import exceptions

        try:
            return self._future.result()
        except exceptions.RayTaskError as error:
            cause = getattr(error, "cause", None)
            if cause is None or isinstance(cause, exceptions.RayError):
                raise RuntimeError(str(cause or error).splitlines()[0]) from None
            raise cause from None
        except (
            exceptions.WorkerCrashedError,
            exceptions.NodeDiedError,
            exceptions.LocalRayletDiedError,
            exceptions.OutOfMemoryError,
        ) as error:
            raise BrokenExecutor(str(error)) from None


@contextlib.contextmanager
def _without_raylets() -> Iterator[None]:
    """Keep off standard output what Ray prints there when a node or a worker dies."""
    before = sys.stdout
    sys.stdout = _Quiet(before)
    try:
        yield
    finally:
        sys.stdout = before


class _Quiet(io.TextIOBase):
    """A stream that logs what threads of Ray write, and passes on everything else."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        if threading.current_thread().name.startswith("ray_"):
            _log.debug("%s", text)
            return len(text)
        return self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
