"""The runs of a sweep on one page: a slider for each swept parameter."""

import base64
import dataclasses
import gzip
import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from widthwise.experiments import JudgedClaim, claim_rows
from widthwise.experiments.parameters import value_in_words
from widthwise.report.citations import bibliography
from widthwise.report.closed_forms import closed_forms, free_parameters, theory_data
from widthwise.report.document import document, fragment
from widthwise.report.entries import Entry
from widthwise.report.figures import FigureCard
from widthwise.report.page import Way
from widthwise.report.swept import SweptRuns
from widthwise.report.tables import csv_text, download
from widthwise.report.wording import label

ROOM = 6_000_000
"""Characters of packed runs that one page carries; beyond, figures are on the runs' pages."""

_NUMBERS = ("predicted", "measured", "standard_error", "tolerance", "quantile")


@dataclass(frozen=True)
class SweptRun:
    """A run of a sweep as a row of the page's table."""

    values: list[str]
    tally: list[claim_rows.Count]
    page: str


def sweep_title(sweep: SweptRuns) -> str:
    """Return the name of a sweep: its study, and what varies."""
    return f"{label(sweep.entries[0].study)} over {' and '.join(sweep.names)}"


def render_sweep(
    sweep: SweptRuns, cards: Callable[[Entry], Sequence[FigureCard]], ways: Sequence[Way] = ()
) -> str:
    """Return the page of a sweep as HTML.

    Parameters
    ----------
    sweep
        Runs of one study on a grid of parameters.
    cards
        The figures of one of the runs, asked for once.
    ways
        Links to other pages of the site.
    """
    first = sweep.entries[0]
    share = ROOM // len(sweep.entries)
    packed = [_packed(entry, cards(entry), share) for entry in sweep.entries]
    claims = tuple(itertools.chain.from_iterable(entry.claims for entry in sweep.entries))
    bibtex = bibliography([first.reference])
    forms = closed_forms(sweep)
    return document(
        "sweep.html",
        "theory.js",
        "sweep.js",
        title=sweep_title(sweep),
        source=f"{len(sweep.entries)} runs",
        name=first.study,
        question=first.question,
        reference=first.reference,
        headline=claim_rows.headline(claims),
        tally=claim_rows.tally(claims),
        ways=ways,
        parameters=sweep.parameters,
        fixed=_fixed(sweep),
        rows=[_row(sweep, entry) for entry in sweep.entries],
        packed=packed,
        data=_script_data(_data(sweep)),
        forms=forms,
        free=free_parameters(sweep, forms),
        theory=_script_data(theory_data(sweep, forms)),
        claims_csv=download(f"{first.study}-sweep.csv", _csv(sweep)),
        bibtex=bibtex,
        bib=download(f"{first.study}.bib", bibtex),
    )


def _row(sweep: SweptRuns, entry: Entry) -> SweptRun:
    values = [value_in_words(entry.parameters[name]) for name in sweep.names]
    return SweptRun(values, claim_rows.tally(entry.claims), entry.page)


def _fixed(sweep: SweptRuns) -> list[tuple[str, str]]:
    """Return the parameters that are the same in all runs."""
    first = sweep.entries[0].parameters
    return [(k, value_in_words(v)) for k, v in first.items() if k not in sweep.names]


def _packed(entry: Entry, figures: Sequence[FigureCard], share: int) -> str:
    """Return claims and figures of a run as compressed HTML, no longer than its share.

    What does not fit is linked on the page of the run: first the PDFs, then figures.
    """
    whole = _compressed(entry, figures, 0)
    if len(whole) <= share:
        return whole
    light = [dataclasses.replace(figure, pdf=None) for figure in figures]
    kept = len(light)
    while True:
        packed = _compressed(entry, light[:kept], len(light) - kept)
        if len(packed) <= share or kept == 0:
            return packed
        kept = min(kept - 1, kept * share // len(packed))


def _compressed(entry: Entry, figures: Sequence[FigureCard], left_out: int) -> str:
    text = fragment(
        "swept_run.html",
        name=entry.study,
        run_page=entry.page,
        claims=claim_rows.rows(entry.claims),
        figures=figures,
        left_out=left_out,
    )
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _data(sweep: SweptRuns) -> dict[str, Any]:
    """Return what the page's script draws from."""
    statements: dict[str, JudgedClaim] = {}
    for claim in itertools.chain.from_iterable(entry.claims for entry in sweep.entries):
        statements.setdefault(claim.name, claim)
    by_name = [{claim.name: claim for claim in entry.claims} for entry in sweep.entries]
    return {
        "parameters": [
            {"name": one.name, "values": one.words, "numbers": one.numbers}
            for one in sweep.parameters
        ],
        "runs": [{"place": sweep.place(entry), "page": entry.page} for entry in sweep.entries],
        "claims": [
            {
                "name": name,
                "statement": claim.statement,
                "kind": claim.kind,
                "cells": [_cell(found.get(name), claim.statement) for found in by_name],
            }
            for name, claim in statements.items()
        ],
    }


def _cell(claim: JudgedClaim | None, statement: str) -> list[float | str | None] | None:
    """Return numbers, verdict, and the statement where it is not the usual one."""
    if claim is None:
        return None
    numbers = [getattr(claim, name) for name in _NUMBERS]
    own = claim.statement if claim.statement != statement else None
    return [*(x if math.isfinite(x) else None for x in numbers), claim.verdict, own]


def _script_data(values: Mapping[str, Any]) -> str:
    """Return JSON that cannot end the element it stands in."""
    return json.dumps(values, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _csv(sweep: SweptRuns) -> str:
    """Return the claims of all runs as one table, the swept parameters in front."""
    header = [*sweep.names, "claim", "kind", *_NUMBERS, "verdict", "run"]
    rows = (
        [
            *(value_in_words(entry.parameters[name]) for name in sweep.names),
            claim.name,
            claim.kind,
            *(getattr(claim, name) for name in _NUMBERS),
            claim.verdict,
            entry.identity,
        ]
        for entry in sweep.entries
        for claim in entry.claims
    )
    return csv_text(header, rows)
