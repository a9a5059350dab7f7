"""Judged claims as rows of the page: rounded numbers, a verdict, and a small drawing."""

import collections
import dataclasses
import math
from collections.abc import Sequence

from widthwise.experiments import JudgedClaim
from widthwise.report.wording import number, with_error

SYMBOLS = {"holds": "✓", "fails": "✕", "undecided": "?"}
_RELATIONS = {"equal": "", "at_most": "≤ ", "at_least": "≥ "}
_WIDTH, _HEIGHT = 168, 26


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
        dial=_dial(claim),
    )


def _dial(claim: JudgedClaim) -> str:
    """Draw what theory allows as a band, and the measured interval over it, as SVG text."""
    low, high = claim.allowed
    if math.isfinite(claim.measured) and math.isfinite(claim.standard_error):
        wide = claim.quantile * claim.standard_error
        ends = [claim.measured - wide, claim.measured + wide]
    else:
        wide, ends = math.nan, []
    reach = max(abs(x - claim.predicted) for x in (*ends, *filter(math.isfinite, (low, high))))
    scale = (_WIDTH / 2 - 5) / reach if reach > 0 else 0.0

    def place(x: float) -> float:
        return min(max(_WIDTH / 2 + (x - claim.predicted) * scale, 0.0), float(_WIDTH))

    band = max(place(high) - place(low), 2.0)
    middle = _HEIGHT / 2
    shapes = [
        f'<rect x="{place(low):.1f}" y="5" width="{band:.1f}" height="{_HEIGHT - 10}" rx="2" '
        'fill="currentColor" fill-opacity="0.13"/>',
        f'<path d="M{_WIDTH / 2} 2V{_HEIGHT - 2}" stroke="currentColor" stroke-width="1.5"/>',
    ]
    if ends:
        one = claim.standard_error
        thin, thick = (
            f"M{place(claim.measured - half):.1f} {middle}H{place(claim.measured + half):.1f}"
            for half in (wide, one)
        )
        tone = f'stroke="var(--{claim.verdict}, #555)"'
        shapes += [
            f'<path d="{thin}" {tone} stroke-width="1.5"/>',
            f'<path d="{thick}" {tone} stroke-width="4"/>',
            f'<circle cx="{place(claim.measured):.1f}" cy="{middle}" r="4.5" '
            f'fill="var(--{claim.verdict}, #555)"/>',
        ]
    words = f"measured {number(claim.measured)}, allowed {number(low)} to {number(high)}"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{words}">'
        + "".join(shapes)
        + "</svg>"
    )
