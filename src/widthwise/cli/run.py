"""``widthwise run``: one study, whose fields are options."""

import inspect
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

from cyclopts import App, Group, Parameter

from widthwise.cli.executor import Name, Options, chosen_executor

if TYPE_CHECKING:
    from widthwise.experiments import JudgedClaim, Run, Study

_CORES = os.cpu_count() or 1
_EXAMPLE = "Example: `widthwise run {name} --preset quick --out runs`"
_COLOURS = {"holds": "green", "fails": "bold red", "undecided": "yellow"}


def run(*words: Annotated[str, Parameter(allow_leading_hyphen=True)]) -> int:
    """Predict, measure, compare: `widthwise run STUDY --help` shows the options of a study.

    Example: `widthwise run no-coincidence --preset quick`. `widthwise run sweep.toml` makes all
    runs of a sweep.
    """
    from widthwise.cli.output import parse

    if words and words[0].endswith(".toml"):
        from widthwise.cli.sweep import sweep_app

        return parse(sweep_app(), list(words))
    if not words or words[0].startswith("-"):
        if not {"--help", "-h"} & set(words):
            raise ValueError("run needs the name of a study first: `widthwise list` shows them")
        return parse(_general_app(), ["--help"])
    from widthwise.studies import find_study

    return parse(_study_app(find_study(words[0]), words[0]), list(words[1:]))


def _options(
    *,
    preset: Literal["default", "quick", "paper"] = "default",
    params: Path | None = None,
    workers: int = _CORES,
    executor: Name = "processes",
    executor_options: Options = (),
    out: Path = Path("runs"),
    json: Annotated[bool, Parameter(negative="")] = False,
    again: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Take the options that all studies share.

    Parameters
    ----------
    preset
        Where the parameters start from: quick is for tests, paper the published scale.
    params
        A TOML file of parameters; it overrides the preset, and options override it.
    workers
        Processes that measure side by side; all cores unless given.
    executor
        Where they run: processes of this machine, ray or submitit.
    executor_options
        What Ray or submitit should know, such as address=auto or slurm_partition=short.
    out
        Folder for runs, or the folder of a run to resume.
    json
        Print one JSON object and nothing else on standard output.
    again
        Measure anew although the run is finished.
    """


def _general_app() -> App:
    app = App(
        name="widthwise run STUDY",
        help="Predict, measure, compare. `widthwise run STUDY --help` shows more options.",
        help_epilogue=_EXAMPLE.format(name="no-coincidence"),
        help_format="markdown",
        version_flags=[],
    )
    app.default(_options)
    return app


def _study_app(study: "type[Study]", name: str) -> App:
    """Return the command line of one study: the shared options and one for each field."""

    def command(**given: Any) -> int:
        return _run(study, given)

    shared = list(inspect.signature(_options).parameters.values())
    fields = _field_options(study)
    clash = {option.name for option in shared} & {option.name for option in fields}
    if clash:
        raise ValueError(f"{study.name}: a field may not be called {', '.join(sorted(clash))}")
    options = [*shared, *fields]
    command.__doc__ = _options.__doc__
    command.__annotations__ = {option.name: option.annotation for option in options}
    command.__signature__ = inspect.Signature(options)  # pyright: ignore[reportFunctionMemberAccess]
    app = App(
        name=f"widthwise run {name}",
        help=f"{study.question} ({study.reference.short})",
        help_epilogue=_EXAMPLE.format(name=name),
        help_format="markdown",
        version_flags=[],
    )
    app.default(command)
    return app


def _field_options(study: "type[Study]") -> list[inspect.Parameter]:
    """Return one keyword for each field of a study, with its help, range and default."""
    group = Group("Parameters of the study", sort_key=1)
    bare = get_type_hints(study)  # the study itself checks ranges, all at once
    options = []
    for row in study.describe():
        words = f"{row.help} ({row.range})" if row.range else row.help
        shown = Parameter(
            help=words,
            group=group,
            consume_multiple=True,
            negative=None if row.type == "bool" else (),
            show_default=lambda _, default=row.default: default,
        )
        options.append(
            inspect.Parameter(
                row.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=getattr(study, row.name),
                annotation=Annotated[bare[row.name], shown],
            )
        )
    return options


def _run(study: "type[Study]", given: dict[str, Any]) -> int:
    """Make the study from preset, file and options; run it; print claims and write the page."""
    from widthwise.cli.output import line, print_json
    from widthwise.experiments import keep_compiled
    from widthwise.report import write_page

    shared = {
        name: given.pop(name) for name in inspect.signature(_options).parameters if name in given
    }
    values = study.preset(shared.get("preset", "default")).parameters
    if shared.get("params"):
        values |= study.read_toml(shared["params"])
    json = shared.get("json", False)
    made = study.from_parameters(values | given)
    keep_compiled()
    workers, out = shared.get("workers", _CORES), shared.get("out", Path("runs"))
    where, how = shared.get("executor", "processes"), shared.get("executor_options", ())
    with chosen_executor(where, how, workers=workers, out=out) as place:
        finished = made.run(
            out,
            workers=workers,
            executor=place,
            progress=False if json else None,
            again=shared.get("again", False),
        )
    page = write_page(finished, pdf=False)
    if json:
        print_json(finished.to_json())
    else:
        _claims_table(finished)
        line(f"Run   {finished.path}")
        line(f"Page  {page}")
    return 1 if finished.failed else 0


def _claims_table(run: "Run") -> None:
    from widthwise.cli.output import line, table
    from widthwise.experiments.claim_rows import headline
    from widthwise.report.wording import duration

    columns = ("claim", ">predicted", ">measured ± se", ">tolerance", ">z", "verdict")
    table(columns, [_claim_row(claim) for claim in run.claims], title=run.question)
    for claim in run.claims:
        if claim.reason:
            line(f"{claim.name}: {claim.reason}")
    for warning in run.warnings:
        line(f"Warning: {warning}")
    line(f"{headline(run.claims)} It took {duration(run.seconds)}.")


def _claim_row(claim: "JudgedClaim") -> list[Any]:
    from rich.text import Text

    from widthwise.experiments.claim_rows import rows

    (row,) = rows([claim])
    return [
        claim.name,
        row.predicted,
        f"{row.measured} ± {row.error}",
        row.tolerance,
        row.z,
        Text(f"{row.symbol} {claim.verdict}", style=_COLOURS[claim.verdict]),
    ]
