"""Two runs of one study side by side: what was set, what was found, where it was computed."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from widthwise.experiments.claim import JudgedClaim, family_quantile
from widthwise.experiments.parameters import value_in_words
from widthwise.experiments.run import Run

Agreement = Literal["agree", "differ", "unknown"]

_NOT_SURROUNDINGS = ("finished", "command", "seed")
_LEVEL = 0.05


@dataclass(frozen=True)
class Difference:
    """Something that two runs have in different values; empty where one lacks it."""

    name: str
    first: str
    second: str


@dataclass(frozen=True)
class ClaimPair:
    """One claim in both runs.

    Attributes
    ----------
    name
        Of the claim.
    first, second
        The claim in each run; None where a run does not make it.
    quantile
        Standard errors of the difference that count as one, for all claims together.
    """

    name: str
    first: JudgedClaim | None
    second: JudgedClaim | None
    quantile: float

    @property
    def difference(self) -> float:
        """What the second run measured, less what the first did; nan if one did not."""
        if self.first is None or self.second is None:
            return math.nan
        return self.second.measured - self.first.measured

    @property
    def standard_error(self) -> float:
        """Of the difference, as of independent runs."""
        if self.first is None or self.second is None:
            return math.nan
        return math.hypot(self.first.standard_error, self.second.standard_error)

    @property
    def predicted_difference(self) -> float:
        """What theory says the difference is."""
        if self.first is None or self.second is None:
            return math.nan
        return self.second.predicted - self.first.predicted

    @property
    def z(self) -> float:
        """The difference in standard errors."""
        return self.difference / self.standard_error

    @property
    def agreement(self) -> Agreement:
        """Whether the measurements differ by more than their errors explain."""
        if not math.isfinite(self.z):
            return "unknown"
        return "differ" if abs(self.z) > self.quantile else "agree"


@dataclass(frozen=True)
class Comparison:
    """Two runs of one study.

    Attributes
    ----------
    first, second
        The runs.
    parameters
        Those in which they differ.
    claims
        All claims of both, in the order of the first.
    surroundings
        Versions, machine, precision and revision, where they differ.
    notes
        What a reader must know.
    """

    first: Run
    second: Run
    parameters: tuple[Difference, ...]
    claims: tuple[ClaimPair, ...]
    surroundings: tuple[Difference, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values; numbers that are not finite become None."""
        return {
            "study": self.first.study,
            "runs": [str(self.first.path), str(self.second.path)],
            "parameters": [dataclasses.asdict(one) for one in self.parameters],
            "claims": [_pair_as_dict(pair) for pair in self.claims],
            "environment": [dataclasses.asdict(one) for one in self.surroundings],
            "notes": list(self.notes),
        }


def compare(first: Run | str | Path, second: Run | str | Path) -> Comparison:
    """Set two runs of one study side by side.

    A difference of measurements counts as one if it exceeds the two-sided normal quantile at the
    Šidák level of 5 % over all claims that both runs make, times the root of the sum of the squared
    standard errors.

    Parameters
    ----------
    first, second
        Runs, their files or their folders.

    Returns
    -------
    Comparison
        Parameters, claims and surroundings.

    Raises
    ------
    ValueError
        If a file is no sound run, or the runs are of different studies.
    """
    one, other = (run if isinstance(run, Run) else Run.load(run) for run in (first, second))
    if one.study != other.study:
        raise ValueError(
            f"{one.path} is a run of {one.study}, {other.path} one of {other.study}: "
            "give two runs of one study"
        )
    return Comparison(
        first=one,
        second=other,
        parameters=_differences(*(_in_words(run.parameters) for run in (one, other))),
        claims=_pairs(one, other),
        surroundings=_differences(*(_in_words(_surroundings(run)) for run in (one, other))),
        notes=_notes(one, other),
    )


def _pairs(one: Run, other: Run) -> tuple[ClaimPair, ...]:
    firsts, seconds = ({claim.name: claim for claim in run.claims} for run in (one, other))
    shared = len(firsts.keys() & seconds.keys())
    quantile = family_quantile(_LEVEL, max(shared, 1))
    return tuple(
        ClaimPair(name, firsts.get(name), seconds.get(name), quantile)
        for name in dict.fromkeys([*firsts, *seconds])
    )


def _differences(first: Mapping[str, str], second: Mapping[str, str]) -> tuple[Difference, ...]:
    return tuple(
        Difference(name, first.get(name, ""), second.get(name, ""))
        for name in dict.fromkeys([*first, *second])
        if first.get(name) != second.get(name)
    )


def _in_words(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: value_in_words(value) for name, value in values.items()}


def _surroundings(run: Run) -> dict[str, Any]:
    """Return where a run was made, one value a name; times are no part of it."""
    found: dict[str, Any] = {}
    for name, value in run.provenance.items():
        if isinstance(value, Mapping):
            found |= {str(key): item for key, item in value.items()}
        elif name not in _NOT_SURROUNDINGS and not name.endswith("_seconds"):
            found[name] = value
    return found


def _notes(one: Run, other: Run) -> tuple[str, ...]:
    notes = []
    if one.identity == other.identity:
        notes.append("both have the same parameters: differences come from where they were made")
    elif one.parameters.get("seed") == other.parameters.get("seed"):
        notes.append(
            f"both have seed {one.parameters.get('seed')} and may share networks: standard errors "
            "of differences are those of independent runs"
        )
    revisions = [run.provenance.get("revision") for run in (one, other)]
    if revisions[0] != revisions[1]:
        notes.append(
            f"they were made by revisions {revisions[0]} and {revisions[1]} of the study, whose "
            "numbers may mean different things"
        )
    return tuple(notes)


def _pair_as_dict(pair: ClaimPair) -> dict[str, Any]:
    numbers = {
        name: getattr(pair, name)
        for name in ("difference", "standard_error", "predicted_difference", "z", "quantile")
    }
    return {
        "name": pair.name,
        "first": None if pair.first is None else pair.first.to_json(),
        "second": None if pair.second is None else pair.second.to_json(),
        **{name: value if math.isfinite(value) else None for name, value in numbers.items()},
        "agreement": pair.agreement,
    }
