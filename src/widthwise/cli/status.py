"""``widthwise status``: how far runs are, what failed, and what is left."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from widthwise.experiments.status import Progress


def status(
    target: Path = Path("runs"),
    /,
    *,
    out: Path = Path("runs"),
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Count what is done, running, failed and missing, and estimate the time that is left.

    Nothing is run. Exit status 2 if a piece failed.

    Example: `widthwise status runs/`

    Parameters
    ----------
    target
        A TOML file of a sweep, the folder of a run, or a folder of runs.
    out
        Folder of the runs of a sweep.
    json
        Print one JSON list with one object a run.
    """
    from widthwise.cli.output import line, print_json, table
    from widthwise.cli.target import runs_at, title
    from widthwise.experiments.status import progress_of
    from widthwise.report.wording import duration

    found = runs_at(target, out)
    studies = [study for study, _ in found]
    states = [(study, progress_of(folder, study)) for study, folder in found]
    failures = [failed for _, state in states for failed in state.failed]
    if json:
        print_json(
            [
                {"study": study.name, "parameters": study.parameters}
                | dataclasses.asdict(state)
                | {"folder": str(state.folder)}
                for study, state in states
            ]
        )
        return 2 if failures else 0
    columns = ("run", ">done", ">running", ">failed", ">missing", ">CPU time", ">left (CPU)")
    rows = []
    for study, state in states:
        if state.finished:
            rows.append((title(study, studies), "finished", "", "", "", "", ""))
            continue
        numbers = (state.done, state.running, len(state.failed), state.missing)
        left = "?" if state.seconds_left is None else duration(state.seconds_left)
        spent = duration(3600 * state.cpu_hours)
        rows.append((title(study, studies), *map(str, numbers), spent, left))
    table(columns, rows)
    line(_summary([state for _, state in states]))
    for failed in failures:
        line(f"{failed.label} failed: {failed.error}")
        line(f"  again, alone: {failed.command}")
    return 2 if failures else 0


def _summary(states: "Sequence[Progress]") -> str:
    """Return one sentence; runs of which no shard is done are taken to be like the others."""
    from widthwise.report.wording import duration

    finished = sum(state.finished for state in states)
    told = f"{finished} of {len(states)} runs are finished"
    unfinished = [state for state in states if not state.finished]
    begun = [state for state in unfinished if state.seconds_left is not None]
    if unfinished and not begun:
        return f"{told}; no shard says yet what the others take."
    done = sum(state.done for state in begun)
    each = 3600 * sum(state.cpu_hours for state in begun) / done if done else 0.0
    left = sum(
        each * state.missing if state.seconds_left is None else state.seconds_left
        for state in unfinished
    )
    return f"{told}; about {duration(left)} of processor time are left."
