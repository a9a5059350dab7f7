"""Executors by name: what ``executor="ray"`` and ``--executor ray`` mean."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from widthwise.experiments.executors import Executor
from widthwise.experiments.parameters import nearest

NAMES = ("processes", "ray", "submitit")


@contextlib.contextmanager
def opened(
    executor: Executor | str | None, *, workers: int, out: Path
) -> Iterator[Executor | None]:
    """Give the executor that is meant, and close it in the end if it was made here.

    Parameters
    ----------
    executor
        An executor, one of ``NAMES``, or None for processes of this machine.
    workers
        See :func:`named_executor`.
    out
        A folder for files of the executor's own.
    """
    if executor is None or executor == "processes":
        yield None
    elif isinstance(executor, str):
        with named_executor(executor, workers=workers, out=out) as made:
            yield made
    else:
        yield executor


def named_executor(
    name: str, *, workers: int, out: Path, options: Mapping[str, Any] | None = None
) -> Any:
    """Make an executor.

    Parameters
    ----------
    name
        ``"ray"`` or ``"submitit"``.
    workers
        Processes of a Ray that is started here, or jobs of submitit.
    out
        A folder for files of the executor's own, below ``submitit``.
    options
        Keywords of :class:`RayCluster` or :class:`SubmititJobs`.

    Raises
    ------
    ImportError
        If its package is not installed.
    ValueError
        If there is no such executor, or it has no such option.
    """
    if name not in NAMES:
        raise ValueError(
            f"executor is one of {', '.join(NAMES)}, or an object with submit(function, "
            f"*arguments), not {name!r}{nearest(name, NAMES)}"
        )
    given: dict[str, Any] = dict(options or {})
    if name == "submitit":
        from widthwise.experiments.submitit_jobs import SubmititJobs

        given.setdefault("folder", out / "submitit")
        return SubmititJobs(workers, **given)
    from widthwise.experiments.ray_cluster import RayCluster

    known = ("address", "cpus", "gpus")
    wrong = [f"{key}{nearest(key, known)}" for key in given if key not in known]
    if wrong:
        raise ValueError(f"ray has no option {', '.join(wrong)}: give {', '.join(known)}")
    return RayCluster(workers, **given)
