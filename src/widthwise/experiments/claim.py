"""Claims: what theory says, what was measured, and the verdict by intervals."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from scipy.special import ndtri

from widthwise.experiments.formula import Formula

Kind = Literal["equal", "at_most", "at_least"]
Verdict = Literal["holds", "fails", "undecided"]


@dataclass(frozen=True)
class Claim:
    """One number of the theory beside its measurement.

    Parameters
    ----------
    name
        Short and unique within a study, such as ``"decay rate"``.
    statement
        One sentence that a reader understands without the code.
    predicted
        What theory says; finite.
    measured
        What was found. A measurement that is not finite leaves the claim undecided.
    standard_error
        Of the measured number; positive. An exact computation states its rounding error here.
    tolerance
        How far theory itself may be off (its next order): fixed before measuring, not negative.
    kind
        ``"equal"``, ``"at_most"`` (measured <= predicted + tolerance) or ``"at_least"``.
    members
        How many independent members the measurement averages, if it shrinks like
        1/sqrt(members): lets an undecided claim say how many more would decide.
    formula
        If the prediction has a closed form in the study's parameters, that form (see
        `Formula`): pages then show what theory says between and beyond the runs of a sweep.
    """

    name: str
    statement: str
    predicted: float | int
    measured: float | int
    standard_error: float | int
    tolerance: float | int
    kind: Kind = "equal"
    members: int | None = None
    formula: str = ""

    def __post_init__(self) -> None:
        for name in ("predicted", "measured", "standard_error", "tolerance"):
            object.__setattr__(self, name, float(getattr(self, name)))
        if not math.isfinite(self.predicted):
            raise ValueError(f"claim {self.name!r}: predicted must be finite, not {self.predicted}")
        if not (math.isfinite(self.tolerance) and self.tolerance >= 0):
            raise ValueError(
                f"claim {self.name!r}: tolerance must be finite and >= 0, not {self.tolerance}"
            )
        if self.standard_error <= 0:
            raise ValueError(
                f"claim {self.name!r}: standard_error must be > 0, not {self.standard_error}; "
                "an exact computation states its rounding error"
            )
        if self.kind not in ("equal", "at_most", "at_least"):
            raise ValueError(
                f"claim {self.name!r}: kind is 'equal', 'at_most' or 'at_least', not {self.kind!r}"
            )
        if self.formula:
            Formula(self.formula)

    def _repr_html_(self) -> str:
        from widthwise.experiments.notebook import claim_html

        return claim_html(self)

    @property
    def z(self) -> float:
        """Distance of measurement and prediction in standard errors, signed."""
        return (self.measured - self.predicted) / self.standard_error

    @property
    def allowed(self) -> tuple[float, float]:
        """The interval that theory allows, its tolerance included."""
        low, high = self.predicted - self.tolerance, self.predicted + self.tolerance
        if self.kind == "at_most":
            return -math.inf, high
        return low, (math.inf if self.kind == "at_least" else high)


@dataclass(frozen=True)
class JudgedClaim(Claim):
    """A claim with its verdict.

    ``quantile`` is the number of standard errors of the interval, ``reason`` says in words why a
    claim is undecided (empty otherwise) and ``more_members`` how many further members would decide.
    """

    verdict: Verdict = "undecided"
    quantile: float = math.nan
    reason: str = ""
    more_members: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values; numbers that are not finite become None."""
        values = asdict(self) | {"z": self.z}
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in values.items()
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "JudgedClaim":
        """Rebuild the claim that ``to_json`` wrote."""
        kept: dict[str, Any] = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        for name in ("measured", "standard_error", "quantile"):
            kept[name] = math.nan if kept[name] is None else kept[name]
        return cls(**kept)


class Claims(tuple[JudgedClaim, ...]):
    """Judged claims, which a notebook shows as a table."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        from widthwise.experiments.notebook import claims_html

        return claims_html(self)


def judge(claims: Sequence[Claim], level: float = 0.05) -> tuple[JudgedClaim, ...]:
    """Give each claim its verdict, at a level that holds for all of them together.

    With I = measured ± q standard errors and B the interval that theory allows, a claim *holds* if
    I lies in B, *fails* if they are disjoint, and is *undecided* otherwise. The quantile q is the
    two-sided normal one at the Šidák level 1 - (1 - level)^(1/number of claims).

    Parameters
    ----------
    claims
        All claims of a run; their names are distinct.
    level
        Probability that a true theory (within its tolerance) fails any of its claims; in (0, 1).

    Examples
    --------
    >>> coin = Claim("heads", "A fair coin.", 0.5, 0.503, 0.001, 0.01)
    >>> judge([coin])[0].verdict
    'holds'
    """
    if not 0 < level < 1:
        raise ValueError(f"level is a probability between 0 and 1, not {level}")
    names = [claim.name for claim in claims]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"claims need distinct names; found twice: {', '.join(twice)}")
    if not claims:
        return ()
    quantile = family_quantile(level, len(claims))
    return tuple(_judge_one(claim, quantile) for claim in claims)


def family_quantile(level: float, count: int) -> float:
    """Return the two-sided normal quantile of one among `count`, at a level for all together."""
    single = -math.expm1(math.log1p(-level) / count)
    return float(ndtri(1 - single / 2))


def _judge_one(claim: Claim, quantile: float) -> JudgedClaim:
    own = {field.name: getattr(claim, field.name) for field in fields(Claim)}
    judged = JudgedClaim(**own, quantile=quantile)
    if not (math.isfinite(claim.measured) and math.isfinite(claim.standard_error)):
        return replace(judged, reason="the measurement or its standard error is not finite")
    low, high = claim.allowed
    half = quantile * claim.standard_error
    if low <= claim.measured - half and claim.measured + half <= high:
        return replace(judged, verdict="holds")
    if claim.measured + half < low or claim.measured - half > high:
        return replace(judged, verdict="fails")
    more = _more_members(claim, half)
    further = "" if more is None else f"; about {more} more members would decide"
    return replace(
        judged, reason=f"the interval crosses what theory allows{further}", more_members=more
    )


def _more_members(claim: Claim, half: float) -> int | None:
    """Members to add until the interval no longer crosses the edge next to the measurement."""
    distance = min(abs(claim.measured - edge) for edge in claim.allowed)
    if claim.members is None or distance == 0:
        return None
    return math.ceil(claim.members * ((half / distance) ** 2 - 1)) + 1
