"""``widthwise run sweep.toml``: the runs of a sweep, their shards side by side."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from widthwise.cli.executor import Name, Options, chosen_executor

_CORES = os.cpu_count() or 1


def sweep_app() -> App:
    """Return the command line of a sweep."""
    app = App(
        name="widthwise run",
        help="Make all runs of a sweep: its file says the study, what is fixed, what is crossed.",
        help_epilogue="Example: `widthwise run sweep.toml --workers 8 --out runs`",
        help_format="markdown",
        version_flags=[],
    )
    app.default(run_sweep)
    return app


def run_sweep(
    path: Path,
    /,
    *,
    workers: int = _CORES,
    executor: Name = "processes",
    executor_options: Options = (),
    out: Path = Path("runs"),
    json: Annotated[bool, Parameter(negative="")] = False,
    again: Annotated[bool, Parameter(negative="")] = False,
    time_limit: float | None = None,
) -> int:
    """Make all runs of a sweep.

    Parameters
    ----------
    path
        A TOML file that names the study and crosses its parameters.
    workers
        Processes that measure side by side; all cores unless given.
    executor
        Where they run: processes of this machine, ray or submitit.
    executor_options
        What Ray or submitit should know, such as address=auto or slurm_partition=short.
    out
        Folder for runs.
    json
        Print one JSON list of runs and nothing else on standard output.
    again
        Measure anew although runs are finished.
    time_limit
        Seconds for one shard; a worker that takes longer is ended.
    """
    from widthwise.cli.output import line, print_json, table
    from widthwise.cli.target import read_sweep, title
    from widthwise.experiments import keep_compiled
    from widthwise.experiments.claim_rows import headline
    from widthwise.report import write_page

    sweep = read_sweep(path)
    keep_compiled()
    with chosen_executor(executor, executor_options, workers=workers, out=out) as place:
        runs = sweep.run(
            out,
            workers=workers,
            executor=place,
            progress=False if json else None,
            again=again,
            time_limit=time_limit,
        )
    for run in runs:
        write_page(run, pdf=False)
    if json:
        print_json([run.to_json() for run in runs])
    else:
        studies = list(sweep.studies)
        rows = [
            (title(study, studies), headline(run.claims), str(run.path))
            for study, run in zip(studies, runs, strict=True)
        ]
        table(("run", "claims", "file"), rows, title=studies[0].question)
        line(f"{len(runs)} runs in {out}")
    return 1 if any(run.failed for run in runs) else 0
