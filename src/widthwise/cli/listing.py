"""``widthwise list``: the studies, one line each."""

from typing import Annotated

from cyclopts import Parameter


def list_studies(*, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """List the studies: name, question, source.

    Example: `widthwise list --json`

    Parameters
    ----------
    json
        Print one JSON list of objects with name, question and source.
    """
    from widthwise.cli.output import print_json, table
    from widthwise.studies import find_study, study_names

    rows = []
    for name in study_names():
        try:
            study = find_study(name)
            rows.append((name, study.question, study.reference.short))
        except ValueError as error:
            rows.append((name, str(error), ""))
    columns = ("name", "question", "source")
    if json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        table(columns, rows)
