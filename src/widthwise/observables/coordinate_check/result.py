"""What a coordinate check has found: slopes beside theory, and verdicts."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import xarray as xr

from widthwise.networks.scaling.exponents import ChangeExponent
from widthwise.observables.coordinate_check.slope import Slope, slope_of

Verdict = Literal["as predicted", "not as predicted", "undecided"]
Scaling = Literal["independent", "grows", "shrinks", "undecided", "no change", "diverged"]


class LayerSlope(NamedTuple):
    """One layer at one step.

    Parameters
    ----------
    layer, role
        Its name, and the role of its weights; ``"output"`` is what the model returns.
    slope
        The measured power of the width (or depth); None where nothing changed or too much
        diverged.
    theory
        The predicted power; None where theory has none.
    scaling
        Whether the change is independent of the size, as it is where learning rates transfer.
    verdict
        Whether the slope is as predicted.
    """

    layer: str
    role: str
    slope: Slope | None
    theory: ChangeExponent | None
    scaling: Scaling
    verdict: Verdict | None


@dataclass(frozen=True, eq=False)
class CoordinateCheck:
    """Changes of activations against the size of the model: see :func:`coordinate_check`.

    Attributes
    ----------
    data
        ``change (size, member, step, layer)``: mean absolute change of the entries of what leaves
        a layer since the start, under gradient descent divided by the derivative of the loss by
        the outputs at the start; ``magnitude``: mean absolute entry.
    axis
        ``"width"`` or ``"depth"``.
    roles
        Role of each layer's weights.
    theory
        Predicted powers of each layer, after one step (1) and after more (2).
    drift
        What the power may differ from the predicted one at finite size, likewise.
    title
        What was checked.
    """

    data: xr.Dataset
    axis: str
    roles: dict[str, str]
    theory: dict[int, dict[str, ChangeExponent]]
    drift: dict[int, float]
    title: str

    def slopes(self, step: int | None = None) -> list[LayerSlope]:
        """Slopes of all layers at one step, the last if None."""
        steps = self.data.step.values.tolist()
        chosen = steps[-1] if step is None else step
        if chosen not in steps or chosen == 0:
            raise ValueError(f"step is {step}: give one of {steps[1:]}")
        return [self._slope(layer, chosen) for layer in self.data.layer.values.tolist()]

    @property
    def transfers(self) -> bool | None:
        """Whether every change is independent of the size at every step; None if undecided."""
        found = {
            row.scaling
            for step in self.data.step.values.tolist()[1:]
            for row in self.slopes(step)
            if row.scaling != "no change"
        }
        if found & {"grows", "shrinks", "diverged"}:
            return False
        return None if "undecided" in found or not found else True

    def __str__(self) -> str:
        """Return a table: slopes with intervals after the first and the last step."""
        first, last = self.data.step.values.tolist()[1], self.data.step.values.tolist()[-1]
        lines: list[tuple[str, ...]] = [("layer", "role", "step", "slope", "95 %", "theory", "")]
        for step in dict.fromkeys((first, last)):
            for row in self.slopes(step):
                s, t = row.slope, row.theory
                theory = ""
                if t is not None:
                    near = t.least != t.leading
                    theory = f"{t.least:g} to {t.leading:g}" if near else f"{t.leading:g}"
                measured = (
                    ("", "")
                    if s is None
                    else (
                        f"{s.value:+.2f}",
                        f"{s.lower:+.2f} to {s.upper:+.2f}",
                    )
                )
                word = row.scaling if row.verdict is None else f"{row.scaling}; {row.verdict}"
                lines.append((row.layer, row.role, str(step), *measured, theory, word))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = [
            "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        return "\n".join([f"{self.title}: change against {self.axis}", *table])

    def _slope(self, layer: str, step: int) -> LayerSlope:
        values = self.data.change.sel(layer=layer, step=step)
        samples = values.transpose("size", "member").values
        sizes = self.data["size"].values.astype(float)
        when = min(step, 2)
        theory, drift = self.theory.get(when, {}).get(layer), self.drift[when]
        role = self.roles.get(layer, "")
        if not np.all(np.isfinite(samples)):
            return LayerSlope(layer, role, None, theory, "diverged", None)
        if np.all(samples == 0):
            return LayerSlope(layer, role, None, theory, "no change", None)
        if np.any(samples.mean(axis=1) == 0):
            return LayerSlope(layer, role, None, theory, "undecided", None)
        slope = slope_of(sizes, samples)
        inside, outside = _against(slope, 0.0, 0.0, drift)
        scaling: Scaling = "undecided"
        if inside:
            scaling = "independent"
        elif outside:
            scaling = "grows" if slope.value > 0 else "shrinks"
        verdict: Verdict | None = None
        if theory is not None:
            inside, outside = _against(slope, theory.least, theory.leading, drift)
            verdict = "as predicted" if inside else "not as predicted" if outside else "undecided"
        return LayerSlope(layer, role, slope, theory, scaling, verdict)


def _against(
    slope: Slope, low: float | int, high: float | int, drift: float | int
) -> tuple[bool, bool]:
    """Tell whether an interval lies inside a band, or wholly outside."""
    low, high = low - drift, high + drift
    return low <= slope.lower and slope.upper <= high, slope.upper < low or slope.lower > high
