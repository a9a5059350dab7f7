"""What commands share: parsing their words; tables for people, JSON for machines."""

import json
from collections.abc import Sequence
from typing import Any

from cyclopts import App
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

Cell = str | Text


def parse(app: App, words: Sequence[str]) -> int:
    """Run the command that the words name, and return its exit status."""
    app.suppress_keyboard_interrupt = False
    app.result_action = "return_value"
    status = app(list(words), exit_on_error=False, print_error=False)
    return status if isinstance(status, int) else 0


def print_json(value: Any) -> None:
    """Print one JSON value."""
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, title: str = "") -> None:
    """Print a table; a column named with a leading ``>`` is flush right."""
    drawn = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left")
    for column in columns:
        drawn.add_column(
            column.removeprefix(">"), justify="right" if column.startswith(">") else "left"
        )
    for row in rows:
        drawn.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    Console().print(drawn)


def line(text: str) -> None:
    """Print one line as it is, however long."""
    Console(soft_wrap=True, highlight=False, markup=False).print(text)
