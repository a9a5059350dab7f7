"""One run as one HTML file: it opens offline and asks the network for nothing."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from widthwise.experiments import Run, claim_rows
from widthwise.experiments.parameters import value_in_words
from widthwise.experiments.store import write_text
from widthwise.report.citations import bibliography
from widthwise.report.document import document
from widthwise.report.figures import FigureCard, cards
from widthwise.report.tables import Room, claims_csv, download, summaries
from widthwise.report.wording import duration, label


@dataclasses.dataclass(frozen=True)
class ParameterRow:
    """A parameter with its value in this run."""

    name: str
    value: str
    default: str
    accepted: str
    help: str

    @property
    def changed(self) -> bool:
        """Whether the run departs from the default."""
        return self.value != self.default


@dataclasses.dataclass(frozen=True)
class Way:
    """A link to another page of the site."""

    words: str
    href: str


def write_page(run: Run, path: str | Path | None = None, *, pdf: bool = True) -> Path:
    """Write the report page of a run; the file appears whole or not at all.

    Parameters
    ----------
    run
        A finished run.
    path
        The HTML file, by default ``report.html`` beside the run file.
    pdf
        Whether figures can be saved as PDF as well; drawing those takes longer than the page.

    Returns
    -------
    Path
        The file.
    """
    path = run.path.with_name("report.html") if path is None else Path(path)
    write_text(render(run, folder=path.parent, pdf=pdf), path)
    return path


def render(
    run: Run,
    *,
    folder: Path | None = None,
    figures: Sequence[FigureCard] | None = None,
    ways: Sequence[Way] = (),
    pdf: bool = True,
) -> str:
    """Return the report page of a run as HTML.

    Parameters
    ----------
    run
        A finished run.
    folder
        Where the page will lie, by default beside the run file: it names the file from there.
    figures
        Its pictures, if they are drawn already.
    ways
        Links to the pages of a site that this one belongs to.
    pdf
        Whether figures that are not drawn yet come as PDF as well.
    """
    room = Room()
    shown = cards(run.figures(), run.study, room, pdf=pdf) if figures is None else figures
    tables, omitted = summaries(run, room)
    netcdf = Path(os.path.relpath(run.path, folder or run.path.parent)).as_posix()
    bibtex = bibliography([run.reference])
    return document(
        "page.html",
        source=netcdf,
        name=run.study,
        title=label(run.study),
        question=run.question,
        reference=run.reference,
        bibtex=bibtex,
        bib=download(f"{run.study}.bib", bibtex),
        headline=claim_rows.headline(run.claims),
        tally=claim_rows.tally(run.claims),
        claims=claim_rows.rows(run.claims),
        claims_csv=download(f"{run.study}-claims.csv", claims_csv(run.claims)),
        warnings=run.warnings,
        facts=_facts(run),
        figures=shown,
        ways=ways,
        parameters=_parameters(run),
        provenance=_provenance(run),
        command=run.provenance["command"],
        python=_python(run),
        netcdf=netcdf,
        opening=_opening(netcdf),
        downloads=tables,
        omitted=omitted,
    )


def _facts(run: Run) -> list[tuple[str, str]]:
    origin = run.provenance
    return [
        ("Computing time", duration(run.seconds)),
        ("Finished", str(origin["finished"]).replace("T", " ").replace("+00:00", " UTC")),
        ("Device", str(origin["device"])),
        ("Seed", str(run.parameters["seed"])),
        ("Identity", run.identity),
    ]


def _parameters(run: Run) -> list[ParameterRow]:
    return [
        ParameterRow(
            name=row.name,
            value=value_in_words(run.parameters[row.name]),
            default=row.default,
            accepted=", ".join(filter(None, (row.type, row.range))),
            help=row.help,
        )
        for row in run.described
    ]


def _provenance(run: Run) -> list[tuple[str, str]]:
    """Return what is known of the run's origin, except what the page says elsewhere."""
    rows = []
    for name, value in run.provenance.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{key} {item}" for key, item in value.items())
        elif name.endswith("_seconds"):
            name, value = name.replace("_seconds", "_time"), duration(float(value))
        if name != "command" and value is not None:
            rows.append((label(name), str(value)))
    return rows


def _python(run: Run) -> str:
    """Return the lines of Python that make the same run."""
    module, _, name = run.provenance["class"].partition(":")
    given = [
        f"{row.name}={_literal(run.parameters[row.name])}"
        for row in _parameters(run)
        if row.changed
    ]
    return (
        f"from {module} import {name}\n\n"
        f"study = {name}({', '.join(given)})\n"
        'run = study.run("runs")\n'
        "run.claims, run.figures()"
    )


def _literal(value: Any) -> str:
    if isinstance(value, list):
        inner = ", ".join(_literal(item) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(value)


def _opening(netcdf: str) -> str:
    return (
        "from widthwise.experiments import Run\n"
        f"run = Run.load({netcdf!r})\n\n"
        "# or without Widthwise:\n"
        "import xarray as xr\n"
        f'tree = xr.open_datatree({netcdf!r}, engine="h5netcdf")'
    )
