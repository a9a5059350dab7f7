"""All runs of a folder at a glance: the first page of a site."""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from widthwise.experiments import JudgedClaim, claim_rows
from widthwise.experiments.parameters import value_in_words
from widthwise.report.citations import bibliography
from widthwise.report.document import document
from widthwise.report.entries import Entry
from widthwise.report.tables import csv_text, download
from widthwise.report.wording import duration, label

_FIELDS = ("name", "predicted", "measured", "standard_error", "tolerance", "kind", "verdict")


@dataclass(frozen=True)
class RunRow:
    """A run as a row of the list."""

    title: str
    page: str
    claims: tuple[JudgedClaim, ...]
    tally: list[claim_rows.Count]
    date: str
    time: str

    @property
    def verdicts(self) -> str:
        """The verdicts that occur, for the filter."""
        return " ".join(sorted({claim.verdict for claim in self.claims}))

    @property
    def words(self) -> str:
        """What a search looks through."""
        return " ".join([self.title, *(claim.name for claim in self.claims)]).lower()


@dataclass(frozen=True)
class StudyCard:
    """A study with its runs and sweeps."""

    name: str
    title: str
    entry: Entry
    tally: list[claim_rows.Count]
    headline: str
    runs: list[RunRow]
    sweeps: list["SweepLink"]


@dataclass(frozen=True)
class SweepLink:
    """A sweep as the list shows it."""

    study: str
    names: tuple[str, ...]
    runs: int
    page: str


@dataclass(frozen=True)
class NotShown:
    """A folder whose run has no page, and why."""

    path: str
    reason: str


def render_overview(
    folder: Path, entries: Sequence[Entry], sweeps: Sequence[SweepLink], others: Sequence[NotShown]
) -> str:
    """Return the first page of a site as HTML.

    Parameters
    ----------
    folder
        What the site shows; its name is the title.
    entries
        The finished runs.
    sweeps
        Links to the pages of sweeps.
    others
        Runs that have no page.
    """
    studies: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        studies[entry.study].append(entry)
    claims = tuple(itertools.chain.from_iterable(entry.claims for entry in entries))
    bibtex = bibliography(entry.reference for entry in entries)
    return document(
        "index.html",
        "filter.js",
        title=label(folder.resolve().name) or "Runs",
        source=f"{len(entries)} runs",
        headline=_headline(len(studies), entries, claims),
        tally=claim_rows.tally(claims),
        symbols=claim_rows.SYMBOLS,
        facts=_facts(entries),
        studies=[_card(name, studies[name], sweeps) for name in sorted(studies)],
        others=others,
        table=download("claims.csv", _csv(entries)),
        bibtex=bibtex,
        bib=download("references.bib", bibtex),
    )


def _headline(studies: int, entries: Sequence[Entry], claims: Sequence[JudgedClaim]) -> str:
    if not entries:
        return "No run is finished."
    counted = f"{studies} {'study' if studies == 1 else 'studies'}, {len(entries)} "
    return f"{counted}{'run' if len(entries) == 1 else 'runs'}: {claim_rows.headline(claims)}"


def _facts(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    if not entries:
        return []
    return [
        ("Computing time", duration(sum(entry.seconds for entry in entries))),
        ("Last finished", _date(max(entry.finished for entry in entries))),
    ]


def _date(moment: str) -> str:
    return moment[:16].replace("T", " ")


def _card(name: str, entries: Sequence[Entry], sweeps: Sequence[SweepLink]) -> StudyCard:
    claims = tuple(itertools.chain.from_iterable(entry.claims for entry in entries))
    ordered = sorted(entries, key=lambda entry: entry.finished, reverse=True)
    return StudyCard(
        name=name,
        title=label(name),
        entry=entries[0],
        tally=claim_rows.tally(claims),
        headline=claim_rows.headline(claims),
        runs=[_row(entry, entries) for entry in ordered],
        sweeps=[sweep for sweep in sweeps if sweep.study == name],
    )


def _row(entry: Entry, others: Sequence[Entry]) -> RunRow:
    """Return a run, named by the parameters in which it differs from the others of its study."""
    told = [
        f"{name} = {_short(value)}"
        for name, value in entry.parameters.items()
        if any(other.keys.get(name) != entry.keys[name] for other in others)
    ]
    return RunRow(
        title=", ".join(told) or f"run {entry.identity}",
        page=entry.page,
        claims=entry.claims,
        tally=claim_rows.tally(entry.claims),
        date=_date(entry.finished),
        time=duration(entry.seconds),
    )


def _short(value: Any) -> str:
    words = value_in_words(value)
    return words if len(words) <= 40 else f"{words[:39]}…"


def _csv(entries: Sequence[Entry]) -> str:
    rows = (
        [entry.study, entry.identity, *(getattr(claim, name) for name in _FIELDS)]
        for entry in entries
        for claim in entry.claims
    )
    return csv_text(["study", "run", *_FIELDS], rows)
