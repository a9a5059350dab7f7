"""All commands under one roof, and what happens to their errors."""

import logging
import os
import sys
import traceback
from importlib.metadata import version

from cyclopts import App, CycloptsError
from rich.console import Console

from widthwise.cli.activation import activation
from widthwise.cli.audit import audit
from widthwise.cli.circuits import compile_, simulate
from widthwise.cli.cite import cite
from widthwise.cli.compare import compare
from widthwise.cli.leak import leak
from widthwise.cli.listing import list_studies
from widthwise.cli.output import parse
from widthwise.cli.pages import report
from widthwise.cli.regress import regress
from widthwise.cli.run import run
from widthwise.cli.shard import combine, shard
from widthwise.cli.slurm import slurm
from widthwise.cli.status import status
from widthwise.cli.weights import weights

_HELP = """What a neural network does as its width grows: a prediction beside a measurement.

Example: `widthwise run no-coincidence`

Exit status: 0, 1 (a claim fails, an audit finds a fault), 2 (bad usage or input), 130
(interrupted).
`--debug` with any command shows the traceback of an error. `WIDTHWISE_CACHE` names the folder of
compiled programs, or is `off`.
"""


def root() -> App:
    """Return the command line."""
    app = App(
        name="widthwise",
        help=_HELP,
        help_format="markdown",
        version=version("widthwise"),
    )
    app.command(list_studies, name="list")
    app.command(run, help_flags=[], version_flags=[])
    app.command(report)
    app.command(compare)
    app.command(status)
    app.command(shard)
    app.command(combine)
    app.command(slurm)
    app.command(activation)
    app.command(audit)
    app.command(regress)
    app.command(weights)
    app.command(leak)
    app.command(compile_, name="compile")
    app.command(simulate)
    app.command(cite)
    return app


def dispatch(words: list[str]) -> int:
    """Run one command; every error becomes one line on standard error and an exit status."""
    debug = "--debug" in words
    sys.path.append(os.getcwd())  # for a study or an activation in a file of the user's
    _log_to_stderr()
    try:
        status = parse(root(), [word for word in words if word != "--debug"])
        sys.stdout.flush()
        return status
    except KeyboardInterrupt as interruption:
        _say(str(interruption) or "interrupted")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if debug:
            traceback.print_exc()
        else:
            _say(_one_line(error))
        return 2


def _one_line(error: Exception) -> str:
    from widthwise.experiments import ShardError

    text = " ".join(str(error).split())
    told = ValueError | TypeError | OSError | ImportError | ShardError | CycloptsError
    if isinstance(error, told):
        return text
    return f"{type(error).__name__}: {text} (unexpected: --debug shows where)"


def _say(text: str) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False).print(
        f"[red]widthwise:[/red] {_plain(text)}"
    )


def _plain(text: str) -> str:
    return text.replace("[", r"\[")


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("widthwise: %(message)s"))
    log = logging.getLogger("widthwise")
    log.handlers = [handler]
    log.setLevel(logging.INFO)
