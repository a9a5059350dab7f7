"""Running a study: predict, measure what is missing, combine, compare, write one file."""

import logging
import shutil
import time
from pathlib import Path

import jax

from widthwise.experiments.claim import judge
from widthwise.experiments.combine import combine, count_not_finite
from widthwise.experiments.executors import Executor
from widthwise.experiments.folders import SHARDS, discard, finished_run, open_folder, run_folder
from widthwise.experiments.measuring import measure_missing
from widthwise.experiments.provenance import provenance
from widthwise.experiments.run import FILE, Run
from widthwise.experiments.study import Study

_log = logging.getLogger("widthwise")


def execute(
    study: Study,
    out: Path,
    *,
    workers: int = 1,
    executor: Executor | None = None,
    progress: bool | None = None,
    again: bool = False,
    keep_shards: bool = False,
) -> Run:
    """Make the run of a study, or load it if it is finished; see ``Study.run``."""
    if workers < 1:
        raise ValueError(f"workers must be >= 1, not {workers}")
    folder = run_folder(study, out)
    if again:
        discard(folder)
    finished = finished_run(folder)
    if finished is not None:
        _log.info("%s is finished: loaded, not measured again", finished.path)
        return finished
    open_folder(study, folder)
    wall, cpu = time.perf_counter(), time.process_time()
    with jax.enable_x64(True):
        prediction, measured = measure_missing(
            study, folder / SHARDS, workers=workers, executor=executor, progress=progress
        )
        measurement = combine(measured)
        claims = judge(study.compare(prediction, measurement))
    seconds = time.perf_counter() - wall
    shard_seconds = {
        name: float(sum(piece.attrs[name] for _, piece in measured))
        for name in ("wall_seconds", "cpu_seconds")
    }
    run = Run(
        study=study.name,
        question=study.question,
        reference=study.reference,
        parameters=study.parameters,
        described=study.describe(),
        identity=study.identity,
        claims=claims,
        prediction=prediction,
        measurement=measurement,
        seconds=seconds,
        provenance={
            "class": study.source,
            "revision": study.revision,
            "command": study.command,
            "seed": study.seed,
            "workers": workers,
            "shards": len(measured),
            "wall_seconds": seconds,
            "driver_cpu_seconds": time.process_time() - cpu,
            **{f"shard_{name}": value for name, value in shard_seconds.items()},
            **provenance(),
        },
        warnings=tuple(count_not_finite(measured)),
        path=folder / FILE,
    )
    run.save()
    if not keep_shards:
        shutil.rmtree(folder / SHARDS)
    return run
