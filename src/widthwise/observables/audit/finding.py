"""What an audit finds wrong, and how sure it is."""

from typing import Literal, NamedTuple

Fault = Literal[
    "output scale",
    "initial scale",
    "vanishing signal",
    "exploding signal",
    "vanishing gradient",
    "exploding gradient",
    "dead units",
    "saturated",
    "no gradient",
    "residual branches",
    "attention logits",
    "step size",
    "transfer over width",
    "transfer over depth",
]


class Finding(NamedTuple):
    """One thing that is wrong with one layer.

    Parameters
    ----------
    layer
        Its name.
    fault
        What kind of thing.
    message
        What was measured, in words.
    change
        What to do.
    value, low, high
        The number that decides, with its interval of 95 %, over examples or over models; an
        interval of one point for what is exact.
    limit
        What the number must stay below.
    """

    layer: str
    fault: Fault
    message: str
    change: str
    value: float | int
    low: float | int
    high: float | int
    limit: float | int

    @property
    def sure(self) -> bool:
        """Whether the whole interval lies beyond the limit."""
        return self.low > self.limit

    @property
    def certainty(self) -> str:
        """How sure it is, in words."""
        if self.low == self.high:
            return f"certain: counted, {self.value:.3g} against a limit of {self.limit:.3g}"
        words = f"{self.low:.3g} to {self.high:.3g} (95 %) against a limit of {self.limit:.3g}"
        return f"sure: {words}" if self.sure else f"not sure: {words}"


def found(
    layer: str,
    fault: Fault,
    words: tuple[str, str],
    *,
    value: float | int,
    error: float | int = 0.0,
    limit: float | int,
) -> list[Finding]:
    """Return a finding if the number may lie beyond its limit, or nothing.

    Parameters
    ----------
    layer, fault
        Where, and what.
    words
        Message, and what to change.
    value, error, limit
        The number, its standard error, and its limit; two standard errors count as 95 %.
    """
    if not value > limit:
        return []
    low, high = value - 2 * error, value + 2 * error
    return [Finding(layer, fault, *words, value, low, high, limit)]
