"""``widthwise shard`` and ``widthwise combine``: the two halves of a run on a cluster."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from widthwise.experiments.piece import Piece


def shard(
    target: Path,
    /,
    *,
    index: int | None = None,
    of: int | None = None,
    only: str | None = None,
    out: Path = Path("runs"),
    time_limit: float | None = None,
) -> int:
    """Compute some pieces of a sweep or of a run: what one job of an array does.

    Pieces that are there and sound are skipped, damaged ones done again.

    Example: `widthwise shard sweep.toml --index $SLURM_ARRAY_TASK_ID --of 100`

    Parameters
    ----------
    target
        A TOML file of a sweep, the folder of a run, or a folder of runs.
    index
        Number of this job, from 0.
    of
        Number of jobs; job i does the pieces i, i + of, and so on. By default a piece a job.
    only
        The name of one piece, as `widthwise status` shows it.
    out
        Folder for the runs of a sweep.
    time_limit
        Seconds for one piece.
    """
    from widthwise.cli.output import line
    from widthwise.experiments import keep_compiled
    from widthwise.experiments.measuring import compute_missing

    pieces = all_pieces(target, out)
    chosen = _named(pieces, only) if only is not None else _dealt(pieces, index, of)
    keep_compiled()
    failures = compute_missing(
        chosen, title="shards", progress=False, time_limit=time_limit, keep_going=True
    )
    for failure in failures:
        line(f"{failure.piece.label} failed with {failure.error}: {failure.piece.failed}")
    line(f"{len(chosen) - len(failures)} of {len(chosen)} pieces are there ({len(pieces)} in all)")
    return 2 if failures else 0


def combine(
    target: Path = Path("runs"),
    /,
    *,
    out: Path = Path("runs"),
    keep_shards: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Join the shards of every run that is complete; judge its claims and write its page.

    Example: `widthwise combine sweep.toml`

    Parameters
    ----------
    target
        A TOML file of a sweep, the folder of a run, or a folder of runs.
    out
        Folder of the runs of a sweep.
    keep_shards
        Leave the files of the shards.
    json
        Print one JSON list of runs, as `widthwise run --json` prints one.
    """
    from widthwise.cli.output import line, print_json, table
    from widthwise.cli.target import runs_at, title
    from widthwise.experiments.claim_rows import headline
    from widthwise.experiments.driver import finish
    from widthwise.experiments.folders import SHARDS, finished_run
    from widthwise.experiments.measuring import sound
    from widthwise.experiments.piece import pieces_of
    from widthwise.report import write_page

    found = runs_at(target, out)
    studies = [study for study, _ in found]
    runs, rows, incomplete = [], [], 0
    for study, folder in found:
        run = finished_run(folder)
        if run is None:
            pieces = pieces_of(study, folder / SHARDS)
            absent = sum(not sound(piece) for piece in pieces)
            if absent:
                incomplete += 1
                rows.append((title(study, studies), f"{absent} of {len(pieces)} missing", ""))
                continue
            run = finish(pieces, keep_shards=keep_shards)
        write_page(run, pdf=False)
        runs.append(run)
        rows.append((title(study, studies), headline(run.claims), str(run.path)))
    if json:
        print_json([run.to_json() for run in runs])
    else:
        table(("run", "claims", "file"), rows)
    if incomplete:
        line(f"{incomplete} of {len(found)} runs are incomplete: `widthwise status {target}`")
        return 2
    return 1 if any(run.failed for run in runs) else 0


def all_pieces(target: Path, out: Path) -> "list[Piece]":
    """Return the pieces of all runs at a target, so that every job of an array counts alike.

    The folders of unfinished runs are made; finished ones have none left.
    """
    from widthwise.cli.target import runs_at
    from widthwise.experiments.folders import SHARDS, is_finished, open_folder
    from widthwise.experiments.piece import pieces_of

    pieces = []
    for study, folder in runs_at(target, out):
        if not is_finished(folder):
            open_folder(study, folder)
        pieces += pieces_of(study, folder / SHARDS)
    return pieces


def _dealt(pieces: "list[Piece]", index: int | None, of: int | None) -> "list[Piece]":
    jobs = len(pieces) if of is None else of
    if index is None:
        raise ValueError("say which pieces: --index I (with --of N), or --only NAME")
    if jobs < 1 or not 0 <= index < jobs:
        raise ValueError(f"--index is {index}: give a number from 0 to {max(jobs, 1) - 1}")
    return [piece for piece in pieces[index::jobs] if piece.folder.exists()]


def _named(pieces: "list[Piece]", name: str) -> "list[Piece]":
    from widthwise.experiments.parameters import nearest

    chosen = [piece for piece in pieces if piece.stem == name]
    if not chosen:
        hint = nearest(name, [piece.stem for piece in pieces])
        raise ValueError(f"there is no piece {name!r}{hint}")
    return chosen
