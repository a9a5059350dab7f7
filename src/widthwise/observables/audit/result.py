"""The result of an audit: a table of layers, findings, and what to paste."""

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from widthwise.networks.scaling import Plan
from widthwise.observables.audit.finding import Finding
from widthwise.observables.coordinate_check import CoordinateCheck


class AuditedLayer(NamedTuple):
    """What one layer does in one step.

    Parameters
    ----------
    name, kind
        Its name and class.
    signal, gradient
        Root mean squares of what leaves it, and of the gradient of the loss by that; None where no
        gradient comes back.
    speed
        Change of what leaves it in one step, relative to it.
    std, gain
        Root mean square of its weights, and that times sqrt(fan-in); None without a matrix.
    """

    name: str
    kind: str
    signal: float | int
    gradient: float | int | None
    speed: float | int
    std: float | int | None
    gain: float | int | None


class Cost(NamedTuple):
    """What the audit has cost.

    Parameters
    ----------
    models
        Number of models that were looked at, over all sizes.
    passes
        Forward and backward passes of one training step at the largest number of any size; a
        second forward pass counts a third, and a part of the examples its share.
    seconds
        In all, with compilation.
    """

    models: int
    passes: float | int
    seconds: float | int


@dataclass(frozen=True, eq=False)
class Audit:
    """What an audit has found: see :func:`~widthwise.audit`.

    Attributes
    ----------
    name
        Of the model.
    layers
        In forward order.
    findings
        What is wrong, in forward order, the sure ones and the others.
    loss, loss_after
        Of the batch before and after the step.
    width, depth
        Changes of all layers against the size, if the constructor takes one.
    plan
        How weights must start and learn at the width of the audit, by muP, if it takes a width.
    notes
        What was guessed, and what could not be looked at.
    title
        How the model is trained.
    cost
        What it has cost.
    details
        Learning rate, optimizer and framework, for `paste`.
    """

    name: str
    layers: list[AuditedLayer]
    findings: list[Finding]
    loss: float | int
    loss_after: float | int
    width: CoordinateCheck | None
    depth: CoordinateCheck | None
    plan: Plan | None
    notes: list[str]
    title: str
    cost: Cost
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def faults(self) -> list[Finding]:
        """What is surely wrong."""
        return [one for one in self.findings if one.sure]

    @property
    def healthy(self) -> bool:
        """Whether nothing is surely wrong."""
        return not self.faults

    def headline(self) -> str:
        """Return what was found in one sentence."""
        sure, open_ = self.faults, len(self.findings) - len(self.faults)
        more = f" {open_} more may be." if open_ else ""
        if not sure:
            return f"Nothing is wrong that one step shows.{more}"
        kinds = ", ".join(dict.fromkeys(one.fault for one in sure))
        things = "thing is" if len(sure) == 1 else "things are"
        return f"{len(sure)} {things} wrong: {kinds}.{more}"

    def slopes(self) -> dict[str, str]:
        """Power of the width by which the change of each layer grows, with its interval."""
        if self.width is None:
            return {}
        found = {}
        for row in self.width.slopes():
            told = "" if row.scaling == "no change" else row.scaling
            if row.slope is not None:
                reach = (row.slope.upper - row.slope.lower) / 2
                told = f"{row.slope.value:+.2f} ± {reach:.2f}"
            found[row.layer] = told
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return all that was found as plain values, ready for JSON."""
        checks = {"width": self.width, "depth": self.depth}
        return {
            "name": self.name,
            "title": self.title,
            "healthy": self.healthy,
            "loss": self.loss,
            "loss_after": self.loss_after,
            "layers": [_plain(one) for one in self.layers],
            "findings": [
                _plain(one) | {"sure": one.sure, "certainty": one.certainty}
                for one in self.findings
            ],
            "slopes": {
                axis: [
                    {
                        "layer": row.layer,
                        "role": row.role,
                        "slope": None if row.slope is None else row.slope.value,
                        "low": None if row.slope is None else row.slope.lower,
                        "high": None if row.slope is None else row.slope.upper,
                        "scaling": row.scaling,
                    }
                    for row in check.slopes()
                ]
                for axis, check in checks.items()
                if check is not None
            },
            "parameters": [] if self.plan is None else [_plain(row) for row in self.plan.rows],
            "notes": self.notes,
            "cost": _plain(self.cost),
        }

    def paste(self) -> str:
        """Return code that starts the weights, and groups them for the optimizer, as they should.

        Raises
        ------
        ValueError
            If the constructor takes no width, so that there is nothing to derive them from.
        """
        from widthwise.observables.audit.paste import code

        return code(self)

    def __str__(self) -> str:
        """Return a table of the layers, and the findings."""
        lines = [("layer", "kind", "signal", "gradient", "moves", "weights")]
        for one in self.layers:
            lines.append((
                one.name, one.kind, f"{one.signal:.3g}",
                "" if one.gradient is None else f"{one.gradient:.3g}", f"{one.speed:.3g}",
                "" if one.std is None else f"{one.std:.3g}",
            ))  # fmt: skip
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = [
            "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
            for row in lines
        ]
        told = [
            f"{one.layer}: {one.fault}: {one.message}. {one.change[:1].upper()}{one.change[1:]}. "
            f"({one.certainty})"
            for one in self.findings
        ]
        return "\n".join([f"{self.name}, {self.title}", *table, *told, self.headline()])


def _plain(one: tuple) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in one._asdict().items()  # pyright: ignore[reportAttributeAccessIssue]
    }
