"""``widthwise weights``: how far the weights of a checkpoint are from noise."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from widthwise.observables.weight_statistics import Change, EnsembleLayer, Survey


_LEVEL = 0.001  # of the tests over independent networks: there are as many as matrices
_WIDE = 110  # columns of a terminal from which on all numbers have room
_SHOWN = 0.05  # share of a change that is worth a word


def weights(
    checkpoint: Path,
    /,
    *later: Path,
    role: tuple[str, ...] = (),
    layout: Literal["out-in", "in-out"] | None = None,
    independent: Annotated[bool, Parameter(negative="")] = False,
    draws: int = 99,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Print how far each matrix of a checkpoint is from noise of its shape, and in which way.

    Example: `widthwise weights model.safetensors --out weights.html`

    Reads .safetensors, .npz, .onnx, .pt, .pth and .eqx files and Hugging Face folders, and never
    runs code from them.

    Parameters
    ----------
    checkpoint
        A file or folder.
    later
        Further checkpoints, such as later epochs: each is compared with the first.
    role
        What arrays are for, as `PATTERN=ROLE` with a regular expression for their names, such as
        `--role "^body=MLP in"`; may be repeated.
    layout
        Whether matrices lie with outputs or inputs first, where the format does not tell.
    independent
        The checkpoints are of independent trainings, of three seeds or more, rather than epochs
        of one: test each matrix over all of them.
    draws
        Random matrices of each shape for the null distributions.
    out
        Write a page with pictures into this file (html).
    json
        Print one JSON object.
    """
    from time import perf_counter

    from widthwise.cli.output import line, print_json
    from widthwise.observables.weight_statistics import changes, ensemble_tests, plain, survey

    roles = dict(_role(words) for words in role)
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise ValueError(
            f"cannot write {out.name!r}: the page is HTML, give a name ending in .html"
        )
    start = perf_counter()
    surveys = [
        survey(path, roles=roles, layout=layout, draws=draws) for path in (checkpoint, *later)
    ]
    seconds = perf_counter() - start
    tests = ensemble_tests(surveys) if independent else []
    steps = [] if independent else [changes(surveys[0], one) for one in surveys[1:]]
    page = None
    if out is not None:
        from widthwise.report import write_weights_page

        page = write_weights_page(surveys, out, independent=independent, seconds=seconds)
    if json:
        print_json(
            {
                "checkpoints": [plain.survey_as_dict(one) for one in surveys],
                "changes": [[plain.change_as_dict(change) for change in step] for step in steps],
                "independent": [plain.ensemble_as_dict(one) for one in tests],
                "seconds": seconds,
                "page": None if page is None else str(page),
            }
        )
        return
    for one in surveys[:1] + surveys[1:][-1:]:
        _print_survey(one)
    for one, step in zip(surveys[1:], steps, strict=False):
        _print_changes(surveys[0], one, step)
    if independent:
        _print_tests(tests)
    if page:
        line(f"Page  {page}")


def _role(words: str) -> tuple[str, str]:
    pattern, equals, role = words.rpartition("=")
    if not equals:
        raise ValueError(f"--role {words!r}: give a pattern and a role, such as '^body=MLP in'")
    return pattern, role


def _print_survey(survey: "Survey") -> None:
    from rich.console import Console

    from widthwise.cli.output import line, table
    from widthwise.observables.weight_statistics import AgainstNull, verdict
    from widthwise.report.weights import headline

    wide = Console().width >= _WIDE

    def beside(number: AgainstNull) -> str:
        return f"{number.value:.3g} ({number.median:.3g})"

    rows = [
        (
            _name(layer.matrix.name, layer.matrix.role),
            f"{layer.matrix.shape[0]}×{layer.matrix.shape[1]}",
            f"{layer.statistics.kurtosis.value:+.3g}",
            *([beside(layer.statistics.stable_rank)] if wide else []),
            *([beside(layer.statistics.power_exponent)] if wide else []),
            verdict(layer.statistics),
        )
        for layer in survey.layers
    ]
    more = (">stable rank", ">exponent") if wide else ()
    columns = ("matrix", ">shape", ">kurtosis", *more, "verdict")
    checkpoint = survey.checkpoint
    title = f"{checkpoint.path} ({checkpoint.format}, {survey.parameters:,} numbers)" + (
        "; in brackets the median of noise" if wide else ""
    )
    table(columns, rows, title=title)
    line(headline(survey))
    for stack in survey.stacks:
        line(
            f"{len(stack.names)} matrices {stack.size}×{stack.size} of role {stack.role}: "
            f"{stack.test.verdict()}; trained together, they are not independent"
        )
    if survey.others:
        line(f"{len(survey.others)} arrays left out: biases, norms and others (--json lists them)")


def _print_tests(tests: "Sequence[EnsembleLayer]") -> None:
    from widthwise.cli.output import table

    rows = [
        (
            _name(one.name, one.role),
            f"{one.structured.p_value:.2g}",
            f"{one.tied.p_value:.2g}" if one.tied else "",
            (one.tied if one.tied and one.tied.p_value < _LEVEL else one.structured).verdict(
                _LEVEL
            ),
        )
        for one in tests
    ]
    title = f"{tests[0].law.count} independent networks"
    table(("matrix", ">rows, columns: p", ">tied: p", "verdict"), rows, title=title)


def _name(name: str, role: str) -> "Text":
    """Return a name that is folded rather than cut, with the role below."""
    from rich.text import Text

    return Text(f"{name}\n{role}", overflow="fold")


def _print_changes(first: "Survey", later: "Survey", step: "Sequence[Change]") -> None:
    from widthwise.cli.output import line, table

    if not step:
        line(f"{later.checkpoint.path} shares no matrix of the same name and shape")
        return
    rows = [
        (
            _name(change.name, change.role),
            f"{change.moved:.3g}",
            f"{change.wasserstein:.3g}",
            f"{change.floor:.2g}",
            ", ".join(f"{name} {x:.0%}" for name, x in change.parts.items() if x >= _SHOWN),
            f"{change.effective_rank:.3g}",
        )
        for change in step
    ]
    columns = ("matrix", ">moved", ">law moved", ">by chance", "shares", ">effective rank")
    table(columns, rows, title=f"{first.checkpoint.path} → {later.checkpoint.path}")
