"""Numbers of a run as comma-separated text that the page carries inside itself."""

import base64
import csv
import dataclasses
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np
import xarray as xr

from widthwise.experiments import JudgedClaim, Run

LIMIT = 1_000_000
"""Longest table, in characters, that the page carries; longer ones stay in the netCDF file."""

ROOM = 7_000_000
"""Characters of drawings and files that one page carries in all; drawings come first."""


class Room:
    """What is left of the space on a page."""

    def __init__(self, size: int = ROOM) -> None:
        self.left = size

    def take(self, make: "Callable[[], Download]") -> "Download | None":
        """Make a file and return it if it still fits; None, and nothing made, if nothing does."""
        if self.left <= 0:
            return None
        file = make()
        if len(file.href) > self.left:
            return None
        self.left -= len(file.href)
        return file


@dataclasses.dataclass(frozen=True)
class Download:
    """A file that the page carries as a link."""

    filename: str
    href: str
    note: str = ""


_KINDS = {
    ".csv": "text/csv;charset=utf-8",
    ".bib": "application/x-bibtex;charset=utf-8",
    ".pdf": "application/pdf",
}


def download(filename: str, content: str | bytes, note: str = "") -> Download:
    """Return a CSV, BibTeX or PDF file as a link that saves it."""
    kind = _KINDS[filename[filename.rindex(".") :]]
    raw = content.encode() if isinstance(content, str) else content
    return Download(filename, f"data:{kind};base64,{base64.b64encode(raw).decode()}", note)


def claims_csv(claims: Sequence[JudgedClaim]) -> str:
    """Return the claims with all their digits."""
    names = [field.name for field in dataclasses.fields(JudgedClaim)]
    rows = ([getattr(claim, name) for name in names] + [claim.z] for claim in claims)
    return csv_text([*names, "z"], rows)


def summaries(run: Run, room: Room | None = None) -> tuple[list[Download], list[str]]:
    """Return the tables of a run, one per part and side, and what was too long to include."""
    room = room or Room()
    found, omitted = [], []
    sides = (
        ("prediction", run.prediction, "what theory says"),
        ("measurement", run.measurement, "mean, standard error and count over the members"),
    )
    for side, tree, note in sides:
        for node in tree.subtree:
            dataset = node.to_dataset(inherit=False)
            if not dataset.data_vars:
                continue
            part = node.path.strip("/").replace("/", "-") or "all"
            name = f"{run.study}-{side}-{part}.csv"
            size = sum(variable.size for variable in dataset.data_vars.values())
            text = "" if size > 100 * LIMIT else summary_csv(dataset)
            short = bool(text) and len(text) <= LIMIT
            if short and (file := room.take(partial(download, name, text, note))):
                found.append(file)
            else:
                omitted.append(f"{name} would be too long for this page; the netCDF file has it.")
    return found, omitted


def summary_csv(dataset: xr.Dataset) -> str:
    """Return a dataset as one long table.

    One row for each number: the name of the variable, the coordinates of its place, then mean,
    standard error and count over the members. Without members the mean is the number itself.
    """
    numeric = {
        str(name): variable
        for name, variable in dataset.data_vars.items()
        if variable.dtype.kind in "biuf"
    }
    dims = [str(dim) for dim in dataset.dims if dim != "member"]
    rows = (row for name, variable in numeric.items() for row in _long(name, variable, dims))
    return csv_text(["quantity", *dims, "mean", "standard_error", "count"], rows)


def _long(name: str, variable: xr.DataArray, dims: Sequence[str]) -> Iterator[list[object]]:
    columns = _over_members(variable) if "member" in variable.dims else [variable.astype(float)]
    own = [str(dim) for dim in columns[0].dims]
    labels = [columns[0][dim].values for dim in own]
    blanks = [""] * (3 - len(columns))
    for index in np.ndindex(columns[0].shape):
        place = {dim: axis[i] for dim, axis, i in zip(own, labels, index, strict=True)}
        numbers = [column.values[index] for column in columns]
        yield [name, *(place.get(dim, "") for dim in dims), *numbers, *blanks]


def _over_members(variable: xr.DataArray) -> list[xr.DataArray]:
    """Return mean, standard error and count; what is not a number is left out of all three."""
    values = variable.astype(float)
    count = values.notnull().sum("member")
    mean = values.sum("member") / count.where(count > 0)
    squares = ((values - mean) ** 2).sum("member")
    return [mean, (squares / (count - 1).where(count > 1) / count) ** 0.5, count]


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as comma-separated text with a line of names."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
