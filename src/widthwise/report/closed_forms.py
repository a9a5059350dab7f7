"""Predictions of a sweep that a page computes by itself: closed forms in the swept parameters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from widthwise.experiments import Formula
from widthwise.report.swept import SweptParameter, SweptRuns

_STEPS = 1000


@dataclass(frozen=True)
class ClosedForm:
    """A claim whose prediction is one formula in all runs that make it."""

    claim: str
    statement: str
    formula: Formula


@dataclass(frozen=True)
class FreeParameter:
    """A swept parameter of formulas, which a reader may set to values without a run."""

    name: str
    low: float | int
    high: float | int
    whole: bool

    @property
    def step(self) -> float | int:
        """Of the slider."""
        return 1 if self.whole else (self.high - self.low) / _STEPS


def closed_forms(sweep: SweptRuns) -> tuple[ClosedForm, ...]:
    """Return the claims with a closed form.

    Where formulas of runs differ, as their numbers do if they depend on parameters in other ways,
    there is none for the sweep.
    """
    texts: dict[str, set[str]] = {}
    statements: dict[str, str] = {}
    for entry in sweep.entries:
        for claim in entry.claims:
            texts.setdefault(claim.name, set()).add(claim.formula)
            statements.setdefault(claim.name, claim.statement)
    return tuple(
        ClosedForm(name, statements[name], Formula(*found))
        for name, found in texts.items()
        if len(found) == 1 and found != {""}
    )


def free_parameters(sweep: SweptRuns, forms: Sequence[ClosedForm]) -> tuple[FreeParameter, ...]:
    """Return the swept parameters that the formulas depend on."""
    used = _names(forms)
    return tuple(_free(one) for one in sweep.parameters if one.name in used and one.numbers)


def theory_data(sweep: SweptRuns, forms: Sequence[ClosedForm]) -> dict[str, Any]:
    """Return what the page's script computes from: formulas, and parameters that do not vary."""
    first = sweep.entries[0].parameters
    return {
        "formulas": {one.claim: one.formula.tree for one in forms},
        "constants": {
            name: first[name] for name in sorted(_names(forms)) if name not in sweep.names
        },
        "free": [
            {"name": one.name, "low": one.low, "high": one.high, "whole": one.whole}
            for one in free_parameters(sweep, forms)
        ],
    }


def _names(forms: Sequence[ClosedForm]) -> set[str]:
    return {name for one in forms for name in one.formula.names}


def _free(parameter: SweptParameter) -> FreeParameter:
    numbers = parameter.numbers or []
    whole = all(key.lstrip("-").isdigit() for key in parameter.keys)
    low, high = (int(x) if whole else x for x in (min(numbers), max(numbers)))
    return FreeParameter(parameter.name, low, high, whole)
