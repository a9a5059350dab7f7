"""Computing the pieces of runs: only the missing ones, anywhere, each into a file of its own."""

import contextlib
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
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
    todo = {piece.path: piece for piece in pieces if not sound(piece)}
    kept, total = _counts(pieces, todo.values())
    if kept:
        _log.info("%d of %d shards are kept from before", kept, total)
    for piece in todo.values():
        piece.failed.unlink(missing_ok=True)
    workers = min(workers, len(todo))
    own = executor is None and (time_limit is not None or workers > 1)
    failures: list[Failure] = []
    deaths: Counter[Path] = Counter()
    try:
        with (
            interruptible(at_once=executor is None and not own) as check,
            progress_bar(title, total, done=kept, show=progress) as advance,
        ):
            while todo:
                # What a worker died of is tried again on its own, so that the culprit is known.
                suspects = [piece for path, piece in todo.items() if deaths[path]]
                batch = suspects or list(todo.values())
                orphans: list[Piece] = []
                found: list[Failure] = []
                with _place(executor, own, 1 if suspects else workers) as place:
                    for piece, error in _collect(place, batch, time_limit, check):
                        if isinstance(error, BrokenExecutor):
                            orphans.append(piece)
                            continue
                        if error is not None:
                            _stop(piece, error, keep_going)
                            found.append(Failure(piece, f"{type(error).__name__}: {error}"))
                        del todo[piece.path]
                        if piece.shard is not None:
                            advance()
                lost = _lost(orphans, deaths)
                if lost and not keep_going:
                    raise ShardError(f"{lost[0].piece.label} failed: {lost[0].error}; {_RESUME}")
                for piece, _ in lost:
                    del todo[piece.path]
                failures += found + lost
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


def _counts(pieces: Sequence[Piece], missing: Collection[Piece]) -> tuple[int, int]:
    """Count the shards that are there, and all of them; predictions are not shards."""
    total = sum(piece.shard is not None for piece in pieces)
    return total - sum(piece.shard is not None for piece in missing), total


def _lost(orphans: Sequence[Piece], deaths: Counter[Path]) -> list[Failure]:
    """Tell which pieces without a worker are given up: too slow, or it died of them twice.

    Raises
    ------
    ShardError
        If no worker had begun any: trying again would end no better.
    """
    given_up, begun = [], not orphans
    for piece in orphans:
        if (note := read_note(piece.failed)) is not None:
            given_up.append(Failure(piece, note["error"]))
            continue
        running = read_note(piece.running)
        if running is None or alive(running["host"], running["pid"]):
            begun = begun or piece.path.exists()
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
    """Yield the pieces as they are finished, with what went wrong if anything did.

    A BrokenExecutor says that the worker died before the piece was finished.
    """
    waiting: list[tuple[Piece, Handle]] = []
    for sent, piece in enumerate(pieces):
        try:
            waiting.append((piece, place.submit(compute, piece, time_limit)))
        except BrokenExecutor as broken:
            yield from ((unsent, broken) for unsent in pieces[sent:])
            break
    while waiting:
        check()
        later = []
        for piece, handle in waiting:
            if not handle.done():
                later.append((piece, handle))
                continue
            error = None
            try:
                handle.result()
            except Exception as raised:
                error = raised
            yield piece, error
            check()
        if len(later) == len(waiting):
            # looking costs a microsecond each: never more than a few percent of the time
            time.sleep(max(0.02, 2e-5 * len(waiting)))
        waiting = later
