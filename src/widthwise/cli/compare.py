"""``widthwise compare``: two runs of one study side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from widthwise.experiments.claim_rows import ClaimRow
    from widthwise.experiments.comparison import Comparison
    from widthwise.report.comparison import PairRow

_COLOURS = {"agree": "green", "differ": "bold red"}


def compare(
    first: Path,
    second: Path,
    /,
    *,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Set two runs of one study side by side: parameters, claims, environment.

    Example: `widthwise compare runs/no-coincidence-4c34f2c16e runs/no-coincidence-58b8ecab30`

    Parameters
    ----------
    first
        A run file or the folder of a run.
    second
        Another of the same study.
    out
        HTML file of the page; beside the second run unless given.
    json
        Print one JSON object and nothing else on standard output.
    """
    from widthwise.cli.output import line, print_json
    from widthwise.experiments import compare
    from widthwise.report import write_comparison

    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise ValueError(
            f"cannot write {out.name!r}: the page is HTML, give a name ending in .html"
        )
    found = compare(first, second)
    beside = found.second.path.with_name(f"compared-with-{found.first.identity}.html")
    page = write_comparison(found, out or beside)
    if json:
        print_json(found.to_json() | {"page": str(page)})
        return
    _print(found)
    line(f"Page  {page}")


def _print(found: "Comparison") -> None:
    from widthwise.cli.output import line, table
    from widthwise.report.comparison import pair_rows, summary

    columns = ("name", "A", "B")
    for differences, title in (
        (found.parameters, "Parameters that differ"),
        (found.surroundings, "Environment that differs"),
    ):
        if differences:
            rows = [(one.name, one.first, one.second) for one in differences]
            line(title)
            table(columns, rows)
    columns = ("claim", ">A", ">B", ">B − A ± se", ">expected", ">z", "measurements")
    table(columns, [_row(row) for row in pair_rows(found.claims)], title=found.first.question)
    for note in found.notes:
        line(f"Note: {note}")
    line(summary(found))


def _row(row: "PairRow") -> list[Any]:
    from rich.text import Text

    difference = f"{row.difference} ± {row.error}" if row.error else row.difference
    return [
        row.pair.name,
        _side(row.first),
        _side(row.second),
        difference,
        row.expected,
        row.z,
        Text(row.agreement, style=_COLOURS.get(row.pair.agreement, "yellow")),
    ]


def _side(row: "ClaimRow | None") -> str:
    return f"{row.measured} ± {row.error} {row.symbol}" if row else "–"
