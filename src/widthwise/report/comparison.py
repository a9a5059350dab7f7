"""Two runs side by side as one page."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from widthwise.experiments import Run, claim_rows
from widthwise.experiments.comparison import ClaimPair, Comparison
from widthwise.experiments.dial import dial
from widthwise.experiments.store import write_text
from widthwise.numerics.wording import with_error
from widthwise.report.citations import bibliography
from widthwise.report.document import document
from widthwise.report.entries import PAGE
from widthwise.report.figure_pairs import figure_pairs
from widthwise.report.tables import csv_text, download
from widthwise.report.wording import duration, label

AGREEMENT = {"agree": "agree", "differ": "differ", "unknown": "not in both"}


@dataclasses.dataclass(frozen=True)
class PairRow:
    """A claim of two runs, every text ready to print and not yet escaped."""

    pair: ClaimPair
    first: claim_rows.ClaimRow | None
    second: claim_rows.ClaimRow | None
    difference: str
    error: str
    expected: str
    z: str
    agreement: str
    dial: str

    @property
    def statement(self) -> str:
        """What is claimed, in the words of the first run that claims it."""
        shown = self.first or self.second
        return shown.exact.statement if shown else ""


@dataclasses.dataclass(frozen=True)
class RunHead:
    """One of the runs."""

    letter: str
    identity: str
    file: str
    page: str
    headline: str
    tally: list[claim_rows.Count]
    facts: list[tuple[str, str]]


def pair_rows(pairs: Sequence[ClaimPair]) -> list[PairRow]:
    """Return the claims of a comparison in their order."""
    return [_pair_row(pair) for pair in pairs]


def summary(comparison: Comparison) -> str:
    """Return the outcome of a comparison in one sentence."""
    shared = [pair for pair in comparison.claims if pair.first and pair.second]
    differ = sum(pair.agreement == "differ" for pair in shared)
    turned = sum(
        pair.first.verdict != pair.second.verdict for pair in shared if pair.first and pair.second
    )
    single = len(comparison.claims) - len(shared)
    counted = (
        f"{differ or 'None'} of {len(shared)} measurements {'differs' if differ == 1 else 'differ'}"
    )
    verdicts = f"{turned or 'no'} {'verdict' if turned == 1 else 'verdicts'} changed"
    alone = f"; {single} {'claim is' if single == 1 else 'claims are'} made by one run only"
    return f"{counted}, {verdicts}{alone if single else ''}."


def write_comparison(comparison: Comparison, path: str | Path) -> Path:
    """Write two runs side by side as one page; the file appears whole or not at all.

    Parameters
    ----------
    comparison
        What `compare` returned.
    path
        The HTML file.

    Returns
    -------
    Path
        The file.
    """
    path = Path(path)
    runs = (comparison.first, comparison.second)
    bibtex = bibliography(run.reference for run in runs)
    pairs, missing = figure_pairs(comparison)
    page = document(
        "comparison.html",
        title=f"{label(comparison.first.study)}: two runs",
        source=" and ".join(_from(path, run.path) for run in runs),
        name=comparison.first.study,
        question=comparison.first.question,
        headline=summary(comparison),
        heads=[_head(letter, run, path) for letter, run in zip("AB", runs, strict=True)],
        parameters=comparison.parameters,
        rows=pair_rows(comparison.claims),
        quantile=comparison.claims[0].quantile if comparison.claims else 0.0,
        surroundings=comparison.surroundings,
        notes=(*comparison.notes, *missing),
        pairs=pairs,
        table=download(f"{comparison.first.study}-comparison.csv", _csv(comparison)),
        bibtex=bibtex,
        bib=download(f"{comparison.first.study}.bib", bibtex),
    )
    write_text(page, path)
    return path


def _from(page: Path, file: Path) -> str:
    return Path(os.path.relpath(file, page.parent)).as_posix()


def _head(letter: str, run: Run, path: Path) -> RunHead:
    beside = run.path.with_name(PAGE)
    return RunHead(
        letter=letter,
        identity=run.identity,
        file=_from(path, run.path),
        page=_from(path, beside) if beside.exists() else "",
        headline=claim_rows.headline(run.claims),
        tally=claim_rows.tally(run.claims),
        facts=[
            ("Computing time", duration(run.seconds)),
            ("Finished", str(run.provenance["finished"])[:16].replace("T", " ")),
        ],
    )


def _pair_row(pair: ClaimPair) -> PairRow:
    first, second = (
        claim_rows.rows([claim])[0] if claim else None for claim in (pair.first, pair.second)
    )
    known = pair.agreement != "unknown"
    difference, error = with_error(pair.difference, pair.standard_error)
    expected, _ = with_error(pair.predicted_difference, pair.standard_error)
    return PairRow(
        pair=pair,
        first=first,
        second=second,
        difference=difference if known else "–",
        error=error if known else "",
        expected=expected if first and second else "–",
        z=f"{pair.z:+.2f}".replace("-", "−") if known else "–",
        agreement=AGREEMENT[pair.agreement],
        dial=dial(
            0.0,
            (0.0, 0.0),
            measured=pair.difference,
            standard_error=pair.standard_error,
            quantile=pair.quantile,
            tone="fails" if pair.agreement == "differ" else "holds",
        )
        if known
        else "",
    )


def _csv(comparison: Comparison) -> str:
    sides = ("predicted", "measured", "standard_error", "verdict")
    own = ("difference", "standard_error", "predicted_difference", "z", "agreement")
    header = [
        "claim", *(f"{side}_{run}" for run in "ab" for side in sides),
        "difference", "standard_error_of_difference", *own[2:],
    ]  # fmt: skip
    rows = (
        [
            pair.name,
            *(
                getattr(claim, side) if claim else ""
                for claim in (pair.first, pair.second)
                for side in sides
            ),
            *(getattr(pair, name) for name in own),
        ]
        for pair in comparison.claims
    )
    return csv_text(header, rows)
