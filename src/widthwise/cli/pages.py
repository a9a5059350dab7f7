"""``widthwise report``: the pages of finished runs, written anew."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def report(
    path: Path = Path("runs"), /, *, json: Annotated[bool, Parameter(negative="")] = False
) -> int:
    """Write the page of a run, or the site of a folder of runs, from their stored numbers.

    Of a folder: an overview `index.html` of all claims, a page beside every run, and one for each
    sweep, with sliders. They load nothing from elsewhere. Exit status 2 if a run cannot be shown.

    Example: `widthwise report runs/`

    Parameters
    ----------
    path
        A run file, the folder of a run, or a folder of runs.
    json
        Print one JSON list of the pages written, the overview first.
    """
    from widthwise.cli.output import line, print_json
    from widthwise.experiments import Run, keep_compiled
    from widthwise.experiments.run import FILE, MANIFEST
    from widthwise.report import write_page, write_site

    keep_compiled()  # some studies compute what they draw
    if not path.is_dir() or (path / FILE).exists() or (path / MANIFEST).exists():
        pages, damaged = [write_page(Run.load(path))], ()
    else:
        site = write_site(path)
        pages, damaged = [site.index, *site.sweeps, *site.runs], site.damaged
    if json:
        print_json([str(page) for page in pages])
    else:
        for page in pages:
            line(str(page))
    if damaged:
        raise ValueError(f"not shown: {'; '.join(reason for _, reason in damaged)}")
    return 0
