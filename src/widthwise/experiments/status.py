"""How far runs are: counted from the files that lie there, without running anything."""

import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import h5py
import numpy as np

from widthwise.experiments.folders import SHARDS, is_finished
from widthwise.experiments.measuring import compute_missing
from widthwise.experiments.piece import Piece, alive, pieces_of, read_note
from widthwise.experiments.run import MANIFEST
from widthwise.experiments.store import DamagedFile
from widthwise.experiments.study import Study


@dataclass(frozen=True)
class Failed:
    """A piece whose last attempt failed.

    Attributes
    ----------
    label, error
        The piece, and why it failed.
    command
        What computes it alone.
    """

    label: str
    error: str
    command: str


@dataclass(frozen=True)
class Progress:
    """How far one run is.

    Attributes
    ----------
    folder
        The folder of the run.
    finished
        Whether its file is there; then the counts are zero.
    done, running, missing
        Numbers of pieces: shards, and the prediction. Those that failed or are damaged count as
        missing too.
    failed
        The pieces whose last attempt failed.
    cpu_hours
        Processor time of the shards that are done.
    seconds_left
        Processor time that the missing pieces will take, from the mean of the shards of the same
        part (of all, where that part has none yet); None before the first is done.
    """

    folder: Path
    finished: bool
    done: int = 0
    running: int = 0
    missing: int = 0
    failed: tuple[Failed, ...] = ()
    cpu_hours: float = 0.0
    seconds_left: float | None = None


def progress_of(folder: Path, study: Study) -> Progress:
    """Count what the folder of a run holds.

    Parameters
    ----------
    folder
        The folder of the run.
    study
        Whose run it is.
    """
    if is_finished(folder):
        return Progress(folder, finished=True)
    pieces = pieces_of(study, folder / SHARDS)
    known = cost(pieces)
    return Progress(
        folder,
        finished=False,
        done=len(pieces) - len(known.missing),
        running=sum(_is_running(piece) for piece in known.missing),
        missing=len(known.missing),
        failed=tuple(
            Failed(piece.label, note["error"], note["command"])
            for piece in known.missing
            if (note := read_note(piece.failed)) is not None
        ),
        cpu_hours=known.spent / 3600,
        seconds_left=known.left,
    )


class Cost(NamedTuple):
    """What pieces took, and will take.

    Attributes
    ----------
    missing
        The pieces that are not there, or damaged.
    spent
        Processor seconds of the shards that are there.
    left
        Processor seconds of the missing pieces, each as the mean of its part; None if no shard is
        there.
    longest
        Most wall seconds of one shard; None if no shard is there.
    """

    missing: list[Piece]
    spent: float
    left: float | None
    longest: float | None


def cost(pieces: Sequence[Piece]) -> Cost:
    """Add up what the pieces that are there took, and what the others will take."""
    taken: dict[str, list[tuple[float, float]]] = defaultdict(list)
    missing = []
    for piece in pieces:
        seconds = _seconds(piece)
        if seconds is None:
            missing.append(piece)
        elif piece.shard is not None:
            taken[piece.shard.part].append(seconds)
    known = [seconds for values in taken.values() for seconds in values]
    if not known:
        return Cost(missing, 0.0, None, None)
    means = {part: mean(cpu for cpu, _ in values) for part, values in taken.items()}
    overall = mean(cpu for cpu, _ in known)
    each = (means.get(piece.shard.part if piece.shard else "", overall) for piece in missing)
    spent, longest = sum(cpu for cpu, _ in known), max(wall for _, wall in known)
    return Cost(missing, spent, sum(each, 0.0), longest)


def pilot_of(pieces: Sequence[Piece]) -> None:
    """Compute the last missing piece of every part that has no piece yet.

    The last, since studies list their larger settings last.

    Raises
    ------
    ShardError
        If one fails.
    """
    chosen: dict[str, Piece] = {}
    begun: set[str] = set()
    for piece in pieces:
        if piece.shard is not None and piece.path.exists():
            begun.add(piece.shard.part)
        elif piece.shard is not None:
            chosen[piece.shard.part] = piece
    wanted = [piece for part, piece in chosen.items() if part not in begun]
    compute_missing(wanted, title="pilot")


def run_folders(path: Path) -> list[Path]:
    """Return the folders of runs at a path: itself, or those below it.

    Raises
    ------
    ValueError
        If there are none.
    """
    found = [path] if (path / MANIFEST).exists() else sorted(path.glob(f"*/{MANIFEST}"))
    if not found:
        raise ValueError(f"{path} holds no run: give the folder of a run, or one of runs")
    return [file if file.is_dir() else file.parent for file in found]


def manifest(folder: Path) -> dict[str, object]:
    """Read the file that says whose run a folder is.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return {"class": content["class"], "parameters": content["parameters"]}
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError(f"{folder / MANIFEST} is damaged: delete {folder}") from None


def _seconds(piece: Piece) -> tuple[float, float] | None:
    """Processor and wall seconds of a piece that is there and sound; zero for a prediction."""
    try:
        if not piece.verify():
            return None
    except (DamagedFile, OSError):
        return None
    if piece.shard is None:
        return 0.0, 0.0
    with h5py.File(piece.path, "r") as file:
        cpu, wall = (
            np.asarray(file.attrs[name]).item() for name in ("cpu_seconds", "wall_seconds")
        )
        return cpu, wall


def _is_running(piece: Piece) -> bool:
    """Tell whether somebody works on a piece; on another machine, whether it was begun today."""
    note = read_note(piece.running)
    if note is None:
        return False
    known = alive(note["host"], note["pid"])
    return abs(time.time() - note["start"]) < 86400 if known is None else known
