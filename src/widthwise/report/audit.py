"""The page about an audit of a user's own network."""

import dataclasses
from pathlib import Path

from widthwise.experiments.store import write_text
from widthwise.numerics.wording import number
from widthwise.observables.audit import Audit, AuditedLayer, Finding
from widthwise.report.audit_figures import audit_pictures
from widthwise.report.document import document
from widthwise.report.figures import cards
from widthwise.report.tables import csv_text, download
from widthwise.report.wording import duration


@dataclasses.dataclass(frozen=True)
class AuditRow:
    """A layer as the page shows it."""

    name: str
    kind: str
    signal: str
    gradient: str
    speed: str
    std: str
    power: str
    start: str
    rate: str
    tone: str
    words: str


def write_audit_page(audit: Audit, path: str | Path, *, source: str) -> Path:
    """Write a page about an audit; the file appears whole or not at all.

    Parameters
    ----------
    audit
        Of :func:`~widthwise.audit`.
    path
        The HTML file.
    source
        What was audited, in the user's words.

    Returns
    -------
    Path
        The file.
    """
    path = Path(path)
    write_text(render_audit(audit, source=source), path)
    return path


def render_audit(audit: Audit, *, source: str) -> str:
    """Return the page as HTML; see `write_audit_page`."""
    powers = audit.slopes()
    rows = [_row(audit, layer, powers) for layer in audit.layers]
    return document(
        "audit.html",
        title=audit.name,
        source=source,
        headline=audit.headline(),
        tally={
            "fails": len(audit.faults),
            "undecided": len(audit.findings) - len(audit.faults),
            "holds": sum(row.tone == "holds" for row in rows),
        },
        facts=_facts(audit),
        findings=[_finding(one) for one in audit.findings],
        rows=rows,
        powers=bool(powers),
        code="" if audit.plan is None else audit.paste(),
        plan=audit.plan,
        notes=audit.notes,
        figures=cards(audit_pictures(audit), "audit"),
        table=download("audit.csv", _table(audit)),
    )


def _row(audit: Audit, layer: AuditedLayer, powers: dict[str, str]) -> AuditRow:
    own = [one for one in audit.findings if one.layer == layer.name]
    sure = [one for one in own if one.sure]
    tone = "fails" if sure else "undecided" if own else "holds"
    words = ", ".join(one.fault for one in own) or "sound"
    if not own and audit.width is not None:
        scaling = {row.layer: row.scaling for row in audit.width.slopes()}.get(layer.name, "")
        if scaling in ("grows", "shrinks", "diverged"):
            tone = "fails"
            words = scaling if scaling == "diverged" else f"{scaling} with width"
    plan = next(
        (
            row
            for row in (audit.plan.rows if audit.plan else ())
            if row.path in (f"{layer.name}.weight", layer.name)
        ),
        None,
    )
    return AuditRow(
        layer.name,
        layer.kind,
        number(layer.signal, 3),
        "–" if layer.gradient is None else number(layer.gradient, 3),
        number(layer.speed, 2),
        "–" if layer.std is None else number(layer.std, 3),
        powers.get(layer.name, "–").replace("-", "−"),
        "–" if plan is None or not plan.init_std else number(plan.init_std, 3),
        "–" if plan is None else f"× {number(plan.learning_rate, 3)}",
        tone,
        words,
    )


def _finding(one: Finding) -> dict[str, str]:
    return {
        "layer": one.layer,
        "fault": one.fault,
        "tone": "fails" if one.sure else "undecided",
        "message": _sentence(one.message),
        "change": _sentence(one.change),
        "certainty": _sentence(one.certainty),
    }


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _facts(audit: Audit) -> list[tuple[str, str]]:
    sizes = [
        (f"{check.axis}s".capitalize(), ", ".join(map(str, check.data["size"].values.tolist())))
        for check in (audit.width, audit.depth)
        if check is not None
    ]
    return [
        ("Trained by", audit.title),
        ("Loss, and after one step", f"{number(audit.loss, 4)}, {number(audit.loss_after, 4)}"),
        *sizes,
        ("Models", str(audit.cost.models)),
        ("Cost in training steps", f"{audit.cost.passes:.3g} for each size"),
        ("Time", duration(audit.cost.seconds)),
    ]


def _table(audit: Audit) -> str:
    powers = audit.slopes()
    header = [*AuditedLayer._fields, "power_of_width", "findings"]
    rows: list[list[object]] = [
        [
            *layer,
            powers.get(layer.name, ""),
            "; ".join(one.fault for one in audit.findings if one.layer == layer.name),
        ]
        for layer in audit.layers
    ]
    return csv_text(header, rows)
