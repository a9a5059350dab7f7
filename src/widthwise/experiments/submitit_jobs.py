"""Shards in jobs of submitit: an array on SLURM, or processes of this machine."""

import logging
import pickle
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

from widthwise.experiments.carried import Carried
from widthwise.experiments.executors import Handle

_LOOK = 0.5  # seconds between two looks at a job


class SubmititJobs:
    """Measures in jobs that submitit sends; use it as a context manager.

    The calls are dealt out to the jobs of one array. A job that is requeued, or runs into its time
    limit and is sent again, goes on behind what it has finished.

    Parameters
    ----------
    workers
        How many jobs, at most.
    folder
        For submitit's files and the logs of the jobs; the nodes share it.
    cluster
        ``"slurm"``, ``"local"`` or None for SLURM where there is one.
    parameters
        Of submitit's ``update_parameters``, such as ``slurm_partition="short"`` or
        ``timeout_min=60``, the time limit unless another is given (ten days for ``"local"``).

    Raises
    ------
    ImportError
        If submitit is not installed.
    ValueError
        If submitit knows no such cluster or parameter.
    """

    def __init__(
        self,
        workers: int = 1,
        *,
        folder: str | Path = "submitit",
        cluster: str | None = None,
        **parameters: Any,
    ) -> None:
        if workers < 1:
            raise ValueError(f"workers must be >= 1, not {workers}")
        try:
            import cloudpickle
            import submitit
        except ImportError:
            raise ImportError(
                "submitit is not installed: pip install 'widthwise[submitit]'"
            ) from None
        try:
            self._executor = submitit.AutoExecutor(Path(folder), cluster=cluster)
            limit = 60 if self._executor.cluster == "slurm" else 14400
            parameters = {"timeout_min": limit, "name": "widthwise"} | parameters
            self._executor.update_parameters(**parameters)
        except (ValueError, TypeError, NameError, AssertionError, RuntimeError) as error:
            raise ValueError(f"submitit: {error}") from None
        _keep_off_standard_output()
        self._dumps = cloudpickle.dumps
        self._workers = workers
        self._waiting: list[tuple[Carried, _Reply]] = []
        self._jobs: list[_Job] = []

    def __enter__(self) -> "SubmititJobs":
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None:
            for job in self._jobs:
                job.cancel()

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Handle:
        """Take the call; it is sent, with all others, when one of them is asked for."""
        reply = _Reply(self)
        self._waiting.append((Carried.packed(self._dumps, function, arguments), reply))
        return reply

    def send(self) -> None:
        """Send what waits, as one array of jobs."""
        shares = [self._waiting[start :: self._workers] for start in range(self._workers)]
        self._waiting = []
        shares = [share for share in shares if share]
        with self._executor.batch():
            sent = [self._executor.submit(Share([call for call, _ in share])) for share in shares]
        for share, job in zip(shares, sent, strict=True):
            self._jobs.append(_Job(job))
            for number, (_, reply) in enumerate(share):
                reply.job, reply.number = self._jobs[-1], number


def _keep_off_standard_output() -> None:
    """Let submitit's warnings go to standard error alone: they also go where ``--json`` prints."""
    log = logging.getLogger("submitit")
    for handler in [one for one in log.handlers if one.get_name() == "submitit_out"]:
        log.removeHandler(handler)


class Share:
    """The calls of one job; made again from the same calls when the job is sent again."""

    def __init__(self, calls: list[Carried]) -> None:
        self._calls = calls

    def __call__(self) -> list[tuple[Any, Exception | None]]:
        """Return for each call what it returned, and what it raised."""
        return [_outcome(call) for call in self._calls]

    def checkpoint(self) -> Any:
        """Tell submitit to send the same calls again: what is finished is skipped."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def _outcome(call: Carried) -> tuple[Any, Exception | None]:
    try:
        return call.call(), None
    except Exception as error:
        return None, _portable(error)


def _portable(error: Exception) -> Exception:
    """Return an error that survives the way back."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


class _Job:
    """A job of submitit, at which one does not look all the time."""

    def __init__(self, job: Any) -> None:
        self._job = job
        self._looked, self._done = 0.0, False
        self._outcomes: list[tuple[Any, Exception | None]] | None = None

    def done(self) -> bool:
        if not self._done and time.monotonic() - self._looked > _LOOK:
            self._done, self._looked = self._job.done(), time.monotonic()
        return self._done

    def outcome(self, number: int) -> tuple[Any, Exception | None]:
        from submitit.core.utils import FailedJobError, UncompletedJobError

        if self._outcomes is None:
            try:
                self._outcomes = self._job.result()
            except FailedJobError as error:  # before the first call: packages differ, for instance
                lines = [line for line in str(error).splitlines() if line.strip(" -")]
                raise RuntimeError(f"{lines[-2]} (log: {self._job.paths.stderr})") from None
            except UncompletedJobError as error:
                raise BrokenExecutor(str(error)) from None
        assert self._outcomes is not None
        return self._outcomes[number]

    def cancel(self) -> None:
        if not self._done:
            self._job.cancel(check=False)


class _Reply:
    """The place of one call in one of the jobs."""

    def __init__(self, jobs: SubmititJobs) -> None:
        self._jobs = jobs
        self.job: _Job | None = None
        self.number = 0

    def done(self) -> bool:
        return self._sent().done()

    def result(self) -> Any:
        value, error = self._sent().outcome(self.number)
        if error is not None:
            raise error
        return value

    def _sent(self) -> _Job:
        if self.job is None:
            self._jobs.send()
        assert self.job is not None
        return self.job
