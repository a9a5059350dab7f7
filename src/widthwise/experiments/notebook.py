"""Claims and runs as a notebook shows them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from widthwise.experiments.claim import Claim, JudgedClaim
from widthwise.experiments.claim_rows import ClaimRow, headline, rows
from widthwise.numerics.wording import number, with_error
from widthwise.plotting.notebook import Html, block, element, escape, joined, table

if TYPE_CHECKING:
    from widthwise.experiments.run import Run

_COLUMNS = ("claim", ">predicted", ">measured ± s.e.", ">tolerance", ">z", "verdict", "")


def claim_html(claim: Claim) -> str:
    """Return a claim as HTML, with its verdict if it has one."""
    if isinstance(claim, JudgedClaim):
        return claims_html([claim])
    measured, error = with_error(claim.measured, claim.standard_error)
    numbers = (number(claim.predicted), f"{measured} ± {error}", number(claim.tolerance, 2))
    named = _named(claim)
    return block("Claim", table((*_COLUMNS[:4], "kind"), [(named, *numbers, claim.kind)]))


def claims_html(claims: Sequence[JudgedClaim]) -> str:
    """Return judged claims as HTML."""
    return block(headline(claims), _table(claims))


def run_html(run: "Run") -> str:
    """Return a run as HTML: its question, its claims, where it is."""
    return block(
        f"{run.study}: {headline(run.claims)}",
        element("p", joined([run.question, element("small", f" ({run.reference.short})")])),
        _table(run.claims) if run.claims else "",
        *(element("p", f"Note: {warning}.") for warning in run.warnings),
        element(
            "small", f"{run.path}, {run.seconds:.1f} s, on {run.provenance.get('device', '?')}"
        ),
    )


def _table(claims: Sequence[JudgedClaim]) -> Html:
    return table(_COLUMNS, [_cells(row) for row in rows(claims)])


def _cells(row: ClaimRow) -> tuple[object, ...]:
    verdict = f"{row.symbol} {row.exact.verdict}"
    return (
        _named(row.exact),
        row.predicted,
        f"{row.measured} ± {row.error}",
        row.tolerance,
        row.z,
        element("strong", verdict, class_=row.exact.verdict),
        element("div", Html(row.dial), class_="dial"),
    )


def _named(claim: Claim) -> Html:
    return joined(
        [element("b", claim.name), Html("<br>"), element("small", escape(claim.statement))]
    )
