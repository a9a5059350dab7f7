"""Running studies: compute what is missing, combine, compare, write one file each."""

import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import jax

from widthwise.experiments import store
from widthwise.experiments.alike import read_alike
from widthwise.experiments.claim import JudgedClaim, judge
from widthwise.experiments.combine import combine, count_not_finite
from widthwise.experiments.executors import Executor, ShardError
from widthwise.experiments.folders import (
    SHARDS,
    discard,
    finished_run,
    is_finished,
    open_folder,
    run_folder,
)
from widthwise.experiments.formula import disagreement
from widthwise.experiments.measuring import Failure, compute_missing
from widthwise.experiments.named_executors import opened
from widthwise.experiments.piece import Piece, pieces_of
from widthwise.experiments.provenance import provenance
from widthwise.experiments.run import FILE, Run
from widthwise.experiments.study import Study

_log = logging.getLogger("widthwise")


def execute(
    study: Study,
    out: Path,
    *,
    workers: int = 1,
    executor: Executor | str | None = None,
    progress: bool | None = None,
    again: bool = False,
    keep_shards: bool = False,
) -> Run:
    """Make the run of a study, or load it if it is finished; see ``Study.run``."""
    (run,), _ = execute_all(
        [study],
        out,
        workers=workers,
        executor=executor,
        progress=progress,
        again=again,
        keep_shards=keep_shards,
    )
    return run


def execute_all(
    studies: Sequence[Study],
    out: Path,
    *,
    workers: int = 1,
    executor: Executor | str | None = None,
    progress: bool | None = None,
    again: bool = False,
    keep_shards: bool = False,
    time_limit: float | None = None,
    keep_going: bool = False,
) -> tuple[list[Run], list[Failure]]:
    """Make the runs of several studies, their shards side by side.

    Returns
    -------
    The runs that are finished, and the pieces that failed (with ``keep_going``).
    """
    if workers < 1:
        raise ValueError(f"workers must be >= 1, not {workers}")
    runs: dict[int, Run] = {}
    pieces: dict[int, list[Piece]] = {}
    for index, study in enumerate(studies):
        folder = run_folder(study, out)
        if again:
            discard(folder)
        finished = finished_run(folder)
        if finished is not None:
            _log.info("%s is finished: loaded, not measured again", finished.path)
            runs[index] = finished
            continue
        open_folder(study, folder)
        pieces[index] = pieces_of(study, folder / SHARDS)
    failures: list[Failure] = []
    start = time.perf_counter()
    if pieces:
        todo = [piece for group in pieces.values() for piece in group]
        names = dict.fromkeys(study.name for study in studies)
        try:
            with opened(executor, workers=workers, out=out) as place:
                failures = compute_missing(
                    todo,
                    title=", ".join(names),
                    workers=workers,
                    executor=place,
                    progress=progress,
                    time_limit=time_limit,
                    keep_going=keep_going,
                )
        except (ShardError, FileNotFoundError):
            # Another driver on the same folder may have finished and cleared it meanwhile.
            if not all(is_finished(group[0].folder.parent) for group in pieces.values()):
                raise
    broken = {failure.piece.folder for failure in failures}
    for index, group in pieces.items():
        if group[0].folder not in broken:
            runs[index] = finish(group, workers=workers, start=start, keep_shards=keep_shards)
    return [runs[index] for index in sorted(runs)], failures


def finish(
    pieces: Sequence[Piece],
    *,
    workers: int | None = None,
    start: float | None = None,
    keep_shards: bool = False,
) -> Run:
    """Combine the pieces of one study, which are all there, and write its run.

    Parameters
    ----------
    pieces
        Those of ``pieces_of``.
    workers
        For the record.
    start
        When the work began, by ``time.perf_counter``; the seconds of the shards without it.
    keep_shards
        Leave the files of the pieces.
    """
    study, folder = pieces[0].study, pieces[0].folder.parent
    try:
        prediction = store.read_tree(pieces[0].path)
        shards = [(piece.shard, piece.path) for piece in pieces if piece.shard is not None]
        read = read_alike(path for _, path in shards)
        measured = [(shard, dataset) for (shard, _), dataset in zip(shards, read, strict=True)]
    except FileNotFoundError:
        finished = finished_run(folder)  # by another driver, which cleared its shards
        if finished is None:
            raise
        return finished
    cpu = time.process_time()
    with jax.enable_x64(True):
        measurement = combine(measured)
        claims, doubts = _checked(judge(study.compare(prediction, measurement)), study)
    used = {
        name: float(sum(piece.attrs[name] for _, piece in measured))
        for name in ("wall_seconds", "cpu_seconds")
    }
    seconds = used["wall_seconds"] if start is None else time.perf_counter() - start
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
            **{f"shard_{name}": value for name, value in used.items()},
            **provenance(),
        },
        warnings=(*count_not_finite(measured), *doubts),
        path=folder / FILE,
    )
    run.save()
    if not keep_shards:
        shutil.rmtree(folder / SHARDS, ignore_errors=True)
    return run


def _checked(
    claims: Sequence[JudgedClaim], study: Study
) -> tuple[tuple[JudgedClaim, ...], list[str]]:
    """Take away formulas that do not give what is predicted, and say so: a run is not lost."""
    kept, doubts = [], []
    for claim in claims:
        wrong = claim.formula and disagreement(claim.formula, claim.predicted, study.parameters)
        kept.append(replace(claim, formula="") if wrong else claim)
        if wrong:
            doubts.append(f"claim {claim.name}: {wrong}; it is left out")
    return tuple(kept), doubts
