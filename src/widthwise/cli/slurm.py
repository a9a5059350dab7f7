"""``widthwise slurm``: the script of an array of jobs."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def slurm(
    target: Path,
    /,
    *,
    out: Path = Path("runs"),
    pilot: Annotated[bool, Parameter(negative="")] = False,
    tasks: int = 1000,
    at_once: int | None = None,
    cpus: int = 1,
    sbatch: Annotated[tuple[str, ...], Parameter(allow_leading_hyphen=True)] = (),
    to: Path | None = None,
) -> None:
    """Write the sbatch script that computes a sweep as an array of jobs; nothing is submitted.

    Example: `widthwise slurm sweep.toml --pilot --sbatch=--partition=short`

    Parameters
    ----------
    target
        A TOML file of a sweep, the folder of a run, or a folder of runs.
    out
        Folder for the runs of a sweep; the nodes and this machine share it.
    pilot
        First compute the last missing piece of every part here, to estimate time limit and cost.
    tasks
        At most so many jobs in the array.
    at_once
        At most so many jobs at a time.
    cpus
        Cores of one job.
    sbatch
        Further options of sbatch, one each time.
    to
        The script; beside the target, with the ending .sbatch, unless given.
    """
    from widthwise.cli.output import line
    from widthwise.cli.shard import all_pieces
    from widthwise.experiments import keep_compiled
    from widthwise.experiments.slurm import ArrayJob
    from widthwise.experiments.status import cost, pilot_of
    from widthwise.report.wording import duration

    if tasks < 1 or cpus < 1 or (at_once is not None and at_once < 1):
        raise ValueError("--tasks, --cpus and --at-once are at least 1")
    pieces = all_pieces(target, out)
    left = [piece for piece in pieces if piece.folder.exists()]
    if not left:
        raise ValueError(f"every run of {target} is finished: nothing is left to submit")
    if pilot:
        keep_compiled()
        pilot_of(left)
    known = cost(left)
    job = ArrayJob(
        target=target,
        out=out,
        pieces=len(pieces),
        seconds=known.longest,
        tasks=tasks,
        at_once=at_once,
        cpus=cpus,
        lines=sbatch,
    )
    script = to or target.with_suffix(".sbatch")
    script.write_text(job.script(), encoding="utf-8")
    line(f"{script}: {job.jobs} jobs for {job.pieces} pieces, {job.minutes} minutes each")
    if known.left is None:
        line("No piece says yet what they take: --pilot computes one of each part here.")
    else:
        line(f"{duration(known.left)} of processor time are left, by the pieces that are done.")
