"""Measuring the shards of a study: only the missing ones, anywhere, each into a file of its own."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr
from threadpoolctl import threadpool_limits

from widthwise.experiments import store
from widthwise.experiments.combine import Measured
from widthwise.experiments.executors import (
    Executor,
    Handle,
    Interrupted,
    ProcessPool,
    Serial,
    ShardError,
)
from widthwise.experiments.interruption import interruptible
from widthwise.experiments.progress import progress_bar
from widthwise.experiments.shard import Shard
from widthwise.experiments.study import Study

_log = logging.getLogger("widthwise")
_RESUME = "finished shards are kept, the same command resumes"
_DIED = (
    "a worker process died (out of memory, killed, or started from a script without "
    '`if __name__ == "__main__":`)'
)


def predict(study: Study) -> xr.DataTree:
    """Return the study's prediction, in double precision wherever it is computed."""
    with jax.enable_x64(True):
        return study.predict()


def measure_shard(study: Study, shard: Shard, path: Path) -> None:
    """Measure one shard and write its file: the work that executors are given.

    Linear algebra runs on one thread: with another number of threads LAPACK gives other last
    digits, and the numbers of a run must not depend on where its shards are measured.
    """
    wall, cpu = time.perf_counter(), time.process_time()
    with jax.enable_x64(True), threadpool_limits(1, user_api="blas"):
        measured = study.measure(shard, jax.random.key(study.seed, impl="threefry2x32"))
        measured = measured.map(_computed, keep_attrs=True)
    seconds = {
        "wall_seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
    }
    store.write_dataset(measured.assign_attrs(seconds), path)


def measure_missing(
    study: Study,
    folder: Path,
    *,
    workers: int = 1,
    executor: Executor | None = None,
    progress: bool | None = None,
) -> tuple[xr.DataTree, list[Measured]]:
    """Return the prediction and all shards, measured where ``folder`` has no sound file of them.

    The prediction is one more piece of work for the executor, and the first it gets.

    Raises
    ------
    ShardError
        At the first shard that fails, naming it.
    Interrupted
        When the user stops the run.
    """
    shards = study.shards()
    paths = {shard.stem: folder / f"{shard.stem}.nc" for shard in shards}
    if len(paths) < len(shards):
        raise ValueError(f"{study.name}: two shards are the same piece of the measurement")
    sound = {
        stem: piece for stem, path in paths.items() if (piece := _read_sound(path)) is not None
    }
    missing = [shard for shard in shards if shard.stem not in sound]
    if sound:
        _log.info("%d of %d shards are kept from before", len(sound), len(shards))
    workers = min(workers, 1 + len(missing))
    try:
        with (
            _executor(executor, workers) as place,
            interruptible(at_once=isinstance(place, Serial)) as check,
            progress_bar(study.name, len(shards), done=len(sound), show=progress) as advance,
        ):
            prediction = place.submit(predict, study)
            handles = [
                (shard, place.submit(measure_shard, study, shard, paths[shard.stem]))
                for shard in missing
            ]
            predicted = xr.DataTree()
            for shard, result in _collect([(None, prediction), *handles], check):
                if shard is None:
                    predicted = result
                else:
                    sound[shard.stem] = store.read_dataset(paths[shard.stem])
                    advance()
    except BrokenExecutor as error:
        raise ShardError(f"{_DIED}: {_RESUME}") from error
    except KeyboardInterrupt:
        kept = sum(path.exists() for path in paths.values())
        raise Interrupted(
            f"interrupted with {kept} of {len(shards)} shards in {folder}: {_RESUME}"
        ) from None
    return predicted, [(shard, sound[shard.stem]) for shard in shards]


def _computed(variable: xr.DataArray) -> xr.DataArray:
    """Wait for JAX, which computes while Python goes on."""
    return variable.copy(data=np.asarray(variable.data))


def _read_sound(path: Path) -> xr.Dataset | None:
    if not path.exists():
        return None
    try:
        return store.read_dataset(path)
    except store.DamagedFile as error:
        _log.warning("%s: measured again", error)
        return None


@contextlib.contextmanager
def _executor(given: Executor | None, workers: int) -> Iterator[Executor]:
    if given is not None:
        yield given
    elif workers > 1:
        with ProcessPool(workers) as pool:
            yield pool
    else:
        yield Serial()


def _collect(
    handles: Sequence[tuple[Shard | None, Handle]], check: Callable[[], None]
) -> Iterator[tuple[Shard | None, Any]]:
    """Yield shards (None for the prediction) with their results; the first failure stops all."""
    waiting = list(handles)
    while waiting:
        check()
        ready = [pair for pair in waiting if pair[1].done()]
        if not ready:
            time.sleep(0.02)
        for shard, handle in ready:
            try:
                result = handle.result()
            except BrokenExecutor as error:
                raise ShardError(f"{_DIED}: {_RESUME}") from error
            except Exception as error:
                if shard is None:
                    raise
                raise ShardError(
                    f"shard {shard.label} failed with {type(error).__name__}: {error}; {_RESUME}"
                ) from error
            waiting.remove((shard, handle))
            yield shard, result
