"""Judged claims as rows of a table: rounded numbers, a verdict, and a small drawing."""

import collections
import dataclasses
import math
from collections.abc import Sequence

from widthwise.experiments.claim import JudgedClaim
from widthwise.experiments.dial import dial
from widthwise.numerics.wording import number, with_error

SYMBOLS = {"holds": "✓", "fails": "✕", "undecided": "?"}
_RELATIONS = {"equal": "", "at_most": "≤ ", "at_least": "≥ "}


@dataclasses.dataclass(frozen=True)
class ClaimRow:
    """One row of the table of claims, every text ready to print and not yet escaped."""

    exact: JudgedClaim
    predicted: str
    measured: str
    error: str
    tolerance: str
    z: str
    symbol: str
    dial: str


@dataclasses.dataclass(frozen=True)
class Count:
    """How many claims share a verdict."""

    kind: str
    symbol: str
    count: int
    words: str


def rows(claims: Sequence[JudgedClaim]) -> list[ClaimRow]:
    """Return the claims in the order the study gave them."""
    return [_row(claim) for claim in claims]


def tally(claims: Sequence[JudgedClaim]) -> list[Count]:
    """Return how many claims hold, fail and are undecided, in this order."""
    counts = collections.Counter(claim.verdict for claim in claims)
    words = {
        "holds": ("holds", "hold"),
        "fails": ("fails", "fail"),
        "undecided": ("undecided",) * 2,
    }
    return [
        Count(kind, SYMBOLS[kind], counts[kind], words[kind][counts[kind] != 1])
        for kind in ("holds", "fails", "undecided")
    ]


def headline(claims: Sequence[JudgedClaim]) -> str:
    """Return the outcome of the run in one sentence."""
    total = len(claims)
    if not total:
        return "This study makes no claims."
    counts = {count.kind: count.count for count in tally(claims)}
    if counts["holds"] == total:
        return "The claim holds." if total == 1 else f"All {total} claims hold."
    return f"{counts['holds']} of {total} claims {'holds' if counts['holds'] == 1 else 'hold'}."


def _row(claim: JudgedClaim) -> ClaimRow:
    measured, error = with_error(claim.measured, claim.standard_error)
    predicted, _ = with_error(claim.predicted, claim.standard_error)
    signed = f"{claim.z:+.2f}" if abs(claim.z) < 1000 else number(claim.z, 3)
    return ClaimRow(
        exact=claim,
        predicted=_RELATIONS[claim.kind] + predicted,
        measured=measured,
        error=error,
        tolerance=number(claim.tolerance, 2),
        z=signed.replace("-", "−") if math.isfinite(claim.z) else "–",
        symbol=SYMBOLS[claim.verdict],
        dial=dial(
            claim.predicted,
            claim.allowed,
            measured=claim.measured,
            standard_error=claim.standard_error,
            quantile=claim.quantile,
            tone=claim.verdict,
        ),
    )
