"""Computing the pieces of runs: only the missing ones, anywhere, each into a file of its own."""

import contextlib
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import NamedTuple

from widthwise.experiments import store
from widthwise.experiments.executors import (
    Executor,
    Handle,
    Interrupted,
    ProcessPool,
    Serial,
    ShardError,
)
from widthwise.experiments.interruption import interruptible
from widthwise.experiments.piece import Piece, alive, compute, read_note
from widthwise.experiments.progress import progress_bar

_log = logging.getLogger("widthwise")
_RESUME = "finished shards are kept, the same command resumes"
_DIED = (
    "a worker process died (out of memory, killed, or started from a script without "
    '`if __name__ == "__main__":`)'
)
_ATTEMPTS = 2  # of a piece whose worker dies: it may have died of another one's memory


class Failure(NamedTuple):
    """A piece that could not be computed, and why."""

    piece: Piece
    error: str


def sound(piece: Piece) -> bool:
    """Tell whether a piece is there and sound; say it if it is damaged."""
    try:
        return piece.verify()
    except store.DamagedFile as error:
        _log.warning("%s: measured again", error)
        return False


def compute_missing(
    pieces: Sequence[Piece],
    *,
    title: str,
    workers: int = 1,
    executor: Executor | None = None,
    progress: bool | None = None,
    time_limit: float | None = None,
    keep_going: bool = False,
) -> list[Failure]:
    """Compute the pieces that have no sound file.

    Parameters
    ----------
    pieces
        Of one run or of many; the results lie in their files.
    title
        What the progress bar says.
    workers, executor, progress
        See ``Study.run``.
    time_limit
        Seconds for one piece; a worker that takes longer is ended, so there is always a worker.
    keep_going
        Go on after a failure, and return them all.

    Raises
    ------
    ShardError
        At the first failure, naming the shard, unless ``keep_going``.
    Interrupted
        When the user stops the run.
    """
    missing = [piece for piece in pieces if not sound(piece)]
    kept, total = _counts(pieces, missing)
    if kept:
        _log.info("%d of %d shards are kept from before", kept, total)
    for piece in missing:
        piece.failed.unlink(missing_ok=True)
    workers = min(workers, len(missing))
    own = executor is None and (time_limit is not None or workers > 1)
    failures: list[Failure] = []
    deaths: Counter[Path] = Counter()
    try:
        with (
            interruptible(at_once=executor is None and not own) as check,
            progress_bar(title, total, done=kept, show=progress) as advance,
        ):
            while missing:
                # What a worker died of is tried again on its own, so that the culprit is known.
                suspects = [piece for piece in missing if deaths[piece.path]]
                batch = suspects or list(missing)
                found: list[Failure] = []
                try:
                    with _place(executor, own, 1 if suspects else workers) as place:
                        for piece, error in _collect(place, batch, time_limit, check):
                            if error is not None:
                                _stop(piece, error, keep_going)
                                found.append(Failure(piece, f"{type(error).__name__}: {error}"))
                            missing.remove(piece)
                            if piece.shard is not None:
                                advance()
                except BrokenExecutor as error:
                    if not own:
                        raise ShardError(f"{_DIED}: {_RESUME}") from error
                    lost = _lost(batch, deaths)
                    if lost and not keep_going:
                        raise ShardError(
                            f"{lost[0].piece.label} failed: {lost[0].error}; {_RESUME}"
                        ) from error
                    found += lost
                    for piece, _ in lost:
                        missing.remove(piece)
                failures += found
    except KeyboardInterrupt:
        absent = [piece for piece in pieces if not piece.path.exists()]
        folders = [str(piece.folder) for piece in pieces]
        kept, total = _counts(pieces, absent)
        raise Interrupted(
            f"interrupted with {kept} of {total} shards in {os.path.commonpath(folders)}: {_RESUME}"
        ) from None
    return failures


def _stop(piece: Piece, error: Exception, keep_going: bool) -> None:
    """Raise for a failure, unless it is to be passed over."""
    if keep_going:
        return
    if piece.shard is None:
        raise error
    raise ShardError(
        f"{piece.label} failed with {type(error).__name__}: {error}; {_RESUME}"
    ) from error


def _counts(pieces: Sequence[Piece], missing: Sequence[Piece]) -> tuple[int, int]:
    """Count the shards that are there, and all of them; predictions are not shards."""
    total = sum(piece.shard is not None for piece in pieces)
    return total - sum(piece.shard is not None for piece in missing), total


def _lost(batch: Sequence[Piece], deaths: Counter[Path]) -> list[Failure]:
    """Tell which pieces are given up after a worker died: too slow, or it died of them twice."""
    given_up, begun = [], False
    for piece in batch:
        if (note := read_note(piece.failed)) is not None:
            given_up.append(Failure(piece, note["error"]))
            continue
        running = read_note(piece.running)
        if running is None or alive(running["host"], running["pid"]) is not False:
            continue
        begun = True
        piece.running.unlink(missing_ok=True)
        deaths[piece.path] += 1
        if deaths[piece.path] >= _ATTEMPTS:
            piece.fail(_DIED)
            given_up.append(Failure(piece, _DIED))
    if not begun and not given_up:
        raise ShardError(f"{_DIED}: {_RESUME}")
    return given_up


@contextlib.contextmanager
def _place(given: Executor | None, own: bool, workers: int) -> Iterator[Executor]:
    if given is not None:
        yield given
    elif own:
        with ProcessPool(workers) as pool:
            yield pool
    else:
        yield Serial()


def _collect(
    place: Executor,
    pieces: Sequence[Piece],
    time_limit: float | None,
    check: Callable[[], None],
) -> Iterator[tuple[Piece, Exception | None]]:
    """Yield the pieces as they are finished, with what went wrong if anything did."""
    waiting: list[tuple[Piece, Handle]] = [
        (piece, place.submit(compute, piece, time_limit)) for piece in pieces
    ]
    while waiting:
        check()
        ready = [pair for pair in waiting if pair[1].done()]
        if not ready:
            time.sleep(0.02)
        for pair in ready:
            error = None
            try:
                pair[1].result()
            except BrokenExecutor:
                raise
            except Exception as raised:
                error = raised
            waiting.remove(pair)
            yield pair[0], error
