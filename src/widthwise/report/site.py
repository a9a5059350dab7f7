"""A folder of runs as a static site: an overview, a page for each run, and one for each sweep."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from widthwise.experiments import Run
from widthwise.experiments.store import write_text
from widthwise.report.entries import PAGE, Entry, run_files, unfinished
from widthwise.report.figures import FigureCard, cards
from widthwise.report.overview import NotShown, SweepLink, render_overview
from widthwise.report.page import Way, render
from widthwise.report.sweep_page import render_sweep
from widthwise.report.swept import SweptRuns, sweeps_of

INDEX = "index.html"


@dataclass(frozen=True)
class Site:
    """What was written.

    Attributes
    ----------
    index
        The first page.
    sweeps, runs
        The other pages.
    damaged
        Files of runs that cannot be shown, each with the reason.
    """

    index: Path
    sweeps: tuple[Path, ...]
    runs: tuple[Path, ...]
    damaged: tuple[tuple[Path, str], ...]


def write_site(folder: str | Path) -> Site:
    """Write the pages of all runs in a folder, and one that leads to them.

    Every page is one file that loads nothing from elsewhere; links between them are relative, so
    that the folder can be moved, zipped or served as it is. Runs that differ in a few parameters
    only, as those of a sweep do, are also joined on one page.

    Parameters
    ----------
    folder
        A folder with runs in it, or in folders below.

    Returns
    -------
    Site
        The pages.

    Raises
    ------
    ValueError
        If there are no runs in the folder.

    Examples
    --------
    >>> site = write_site("runs")  # doctest: +SKIP
    >>> site.index  # doctest: +SKIP
    PosixPath('runs/index.html')
    """
    folder = Path(folder)
    files, begun = run_files(folder), unfinished(folder)
    if not files and not begun:
        raise ValueError(f"{folder} holds no run: give the folder of a run, or one of runs")
    entries, damaged = _entries(folder, files)
    sweeps = sweeps_of(entries)
    links = _links(sweeps)
    up = {
        entry.identity: link for sweep, link in zip(sweeps, links, strict=True)
        for entry in sweep.entries
    }  # fmt: skip
    shown = []
    for sweep, link in zip(sweeps, links, strict=True):
        # drawn once for both: the page of the run and that of the sweep
        page = render_sweep(
            sweep, lambda entry: _write_run(folder, entry, up), [Way("Overview", INDEX)]
        )
        write_text(page, folder / link.page)
        shown += [entry.path for entry in sweep.entries]
    for entry in entries:
        if entry.path not in shown:
            _write_run(folder, entry, up)
    others = [
        *(NotShown(str(path.relative_to(folder)), "is unfinished") for path in begun),
        *(NotShown(str(path.relative_to(folder)), reason) for path, reason in damaged),
    ]
    write_text(render_overview(folder, entries, links, others), folder / INDEX)
    return Site(
        index=folder / INDEX,
        sweeps=tuple(folder / link.page for link in links),
        runs=tuple(entry.path.with_name(PAGE) for entry in entries),
        damaged=tuple(damaged),
    )


def _entries(folder: Path, files: Sequence[Path]) -> tuple[list[Entry], list[tuple[Path, str]]]:
    """Return the runs that can be read, and the files that cannot."""
    entries, damaged = [], []
    for file in files:
        try:
            run = Run.load(file)
            run.drawable()
        except ValueError as error:
            damaged.append((file, str(error)))
        else:
            entries.append(Entry.of(run, folder))
    return entries, damaged


def _links(sweeps: Sequence[SweptRuns]) -> list[SweepLink]:
    """Name the pages of sweeps; those of the same study and parameters are counted."""
    links: list[SweepLink] = []
    for sweep in sweeps:
        study = sweep.entries[0].study
        stem = "-".join([study, "over", *sweep.names]).replace("_", "-")
        alike = sum(link.page.startswith(f"{stem}.") for link in links)
        page = f"{stem}.{alike + 1}.html" if alike else f"{stem}.html"
        links.append(SweepLink(study, sweep.names, len(sweep.entries), page))
    return links


def _write_run(folder: Path, entry: Entry, up: dict[str, SweepLink]) -> list[FigureCard]:
    """Write the page of a run and return its figures."""
    run = Run.load(entry.path)
    figures = cards(run.figures(), run.study)
    above = "../" * entry.page.count("/")
    ways = [Way("Overview", above + INDEX)]
    if link := up.get(entry.identity):
        ways.append(Way("Sweep", above + link.page))
    write_text(render(run, figures=figures, ways=ways), folder / entry.page)
    return figures
