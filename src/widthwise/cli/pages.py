"""``widthwise report``: the pages of finished runs, written anew."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def report(
    path: Path = Path("runs"), /, *, json: Annotated[bool, Parameter(negative="")] = False
) -> None:
    """Write the page of a run, or of every run in a folder, from its stored numbers.

    Example: `widthwise report runs/`

    Parameters
    ----------
    path
        A run file, the folder of a run, or a folder of runs.
    json
        Print one JSON list of the pages written.
    """
    from widthwise.cli.output import line, print_json
    from widthwise.experiments import Run
    from widthwise.report import write_page

    files = sorted(path.glob("*/run.nc")) or [path]
    pages = [write_page(run, run.path.with_name("report.html")) for run in map(Run.load, files)]
    if json:
        print_json([str(page) for page in pages])
    else:
        for page in pages:
            line(str(page))
