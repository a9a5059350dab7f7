"""The progress bar: on standard error, with an estimate of the time left."""

import contextlib
import math
import sys
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


@contextlib.contextmanager
def progress_bar(
    title: str, total: int, *, done: int = 0, show: bool | None = None
) -> Iterator[Callable[[], None]]:
    """Draw a bar while the body runs; the body calls what it is given after each step.

    By default (``show=None``) the bar is drawn only where standard error is a terminal.
    """
    if not (sys.stderr.isatty() if show is None else show):
        yield lambda: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("shards,"),
        TimeElapsedColumn(),
        TextColumn("so far,"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=total, completed=done)
        yield lambda: progress.advance(task)


@contextlib.contextmanager
def steps(*, show: bool | None = None) -> Iterator[Callable[[str], None]]:
    """Say on one line which step runs, and for how long; the body calls what it is given."""
    if not (sys.stderr.isatty() if show is None else show):
        yield lambda _: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)

        def say(text: str) -> None:
            progress.reset(task, description=text, total=None)

        yield say


@contextlib.contextmanager
def residual_bar(
    title: str, tolerance: float, *, show: bool | None = None
) -> Iterator[Callable[[int, float], None]]:
    """Draw a bar while the body iterates; it says after each iteration which residual is left.

    The bar is full when the residual, which starts at one, has fallen to ``tolerance``: on a scale
    of logarithms, on which many iterations are steady.
    """
    if not (sys.stderr.isatty() if show is None else show):
        yield lambda *_: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("so far,"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        total = -math.log(tolerance)
        task = progress.add_task(title, total=total)

        def advance(iteration: int, residual: float) -> None:
            done = min(max(-math.log(max(residual, tolerance)), 0.0), total)
            words = f"{title}: iteration {iteration}, residual {residual:.1e}"
            progress.update(task, completed=done, description=words)

        yield advance
