"""``--executor`` and ``--executor-options``: where the shards of ``widthwise run`` are measured."""

import ast
import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from widthwise.experiments import Executor

Name = Literal["processes", "ray", "submitit"]
Options = Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative=())]


@contextlib.contextmanager
def chosen_executor(
    name: Name, options: Sequence[str], *, workers: int, out: Path
) -> "Iterator[Executor | None]":
    """Give the executor that the options mean; None for processes.

    Raises
    ------
    ValueError
        If an option is not ``name=value``, or the executor does not know it.
    """
    from widthwise.experiments.named_executors import named_executor

    given = dict(_option(word) for word in options)
    if name == "processes":
        if given:
            raise ValueError("--executor-options are for --executor ray and --executor submitit")
        yield None
        return
    with named_executor(name, workers=workers, out=out, options=given) as executor:
        yield executor


def _option(word: str) -> tuple[str, Any]:
    """Read ``name=value``: a number, a list in brackets, or text."""
    name, sign, value = word.partition("=")
    if not (name.isidentifier() and sign):
        raise ValueError(f"--executor-options: {word!r} is not name=value, such as gpus=1")
    with contextlib.suppress(ValueError, SyntaxError):
        return name, ast.literal_eval(value)
    return name, value
