"""What a sweep over learning rates says about transfer."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import xarray as xr
from scipy import stats

from widthwise.networks.scaling.exponents import ChangeExponent
from widthwise.numerics.choices import check_choice
from widthwise.observables.transfer.curves import flank, largest_stable, optimum
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure

Measure = Literal["flank", "optimum", "stable"]
_TOLERANCE = 0.15


class Shift(NamedTuple):
    """How far a learning rate moves from one size to the next.

    Parameters
    ----------
    start, stop
        The two sizes.
    value
        Doublings of the learning rate for each doubling of the size; NaN where it lies outside of
        the grid of rates for a member.
    standard_error, lower, upper
        Over members, and the interval of 95 %.
    predicted
        Least and largest predicted value; None without a prediction.
    verdict
        Whether the interval lies within 0.15 of the prediction, outside, or neither.
    """

    start: int
    stop: int
    value: float | int
    standard_error: float | int
    lower: float | int
    upper: float | int
    predicted: tuple[float, float] | None
    verdict: str


@dataclass(frozen=True, eq=False)
class Transfer:
    """Losses of a sweep: see :func:`learning_rate_transfer`.

    Attributes
    ----------
    data
        ``loss (size, learning_rate, member, step)``: before each step, infinite from where
        training diverged.
    axis
        ``"width"`` or ``"depth"``.
    theory
        Power of the size by which the first step changes the output; None without a prediction.
    title
        What was trained.
    """

    data: xr.Dataset
    axis: str
    theory: ChangeExponent | None
    title: str

    def final(self, size: int) -> np.ndarray:
        """Mean loss of the last tenth of the steps, (members, learning rates)."""
        loss = self.data.loss.sel(size=size).transpose("member", "learning_rate", "step").values
        last = max(1, loss.shape[-1] // 10)
        return loss[..., -last:].mean(axis=-1)

    @property
    def target(self) -> float:
        """Loss at which flanks are compared, at the members' mean.

        Halfway, in logarithm, between the best loss of the size that does worst and the loss at the
        smallest rate of the size that does best there: so every curve passes it on the grid. Where
        the second is below the first, between the start and the best of the smallest size.
        """
        means = []
        for size in self.data["size"].values.tolist():
            final = self.final(size)
            finite = np.all(np.isfinite(final), axis=0)
            if not finite.any():
                raise ValueError("training diverged at every learning rate: give smaller ones")
            means.append(final[:, finite].mean(axis=0))
        floor, ceiling = max(mean.min() for mean in means), min(mean[0] for mean in means)
        if ceiling <= floor:
            floor = means[0].min()
            ceiling = float(self.data.loss.isel(size=0, step=0).mean())
        return math.sqrt(floor * ceiling)

    def rates(self, measure: Measure = "flank", *, target: float | None = None) -> xr.DataArray:
        """Logarithm to base 2 of a learning rate, for each size and member.

        Parameters
        ----------
        measure
            ``"flank"``: where the loss first falls to the target; ``"optimum"``, which is noisy,
            since curves are flat there; ``"stable"``: the largest on the grid below divergence.
        target
            A loss; that of the attribute if None.
        """
        check_choice("measure", measure, ("flank", "optimum", "stable"))
        log_rates = np.log2(self.data.learning_rate.values)
        sizes = self.data["size"].values.tolist()
        goal = self.target if target is None and measure == "flank" else target
        rows = []
        for size in sizes:
            losses = self.final(size)
            if measure == "flank":
                assert goal is not None
                rows.append(flank(log_rates, losses, goal))
            else:
                rows.append(
                    (optimum if measure == "optimum" else largest_stable)(log_rates, losses)
                )
        return xr.DataArray(np.stack(rows), dims=("size", "member"), coords={"size": sizes})

    def shifts(self, measure: Measure = "flank", *, target: float | None = None) -> list[Shift]:
        """How the learning rate moves from each size to the next, beside theory.

        Notes
        -----
        The first step changes the output like rate * size^e. So a loss is reached in a given
        number of steps at a rate like size^-e: the flank moves by -e doublings. The best and the
        largest stable rate have no such simple law.
        """
        found = self.rates(measure, target=target)
        sizes = found["size"].values.tolist()
        members = found.sizes["member"]
        rows = []
        for start, stop in pairwise(sizes):
            doublings = math.log2(stop / start)
            first, second = (found.sel(size=s).values / doublings for s in (start, stop))
            value = float(second.mean() - first.mean())
            error = math.sqrt((first.var(ddof=1) + second.var(ddof=1)) / members)
            reach = float(stats.t.ppf(0.975, 2 * (members - 1))) * error
            predicted = None
            if self.theory is not None and measure == "flank":
                predicted = (0.0 - self.theory.leading, 0.0 - self.theory.least)
            rows.append(
                Shift(
                    start, stop, value, error, value - reach, value + reach, predicted,
                    _verdict(value - reach, value + reach, predicted),
                )
            )  # fmt: skip
        return rows

    def __str__(self) -> str:
        """Return a table of the shifts of the left flank."""
        lines = [f"{self.title}: doublings of the learning rate per doubling of the {self.axis}"]
        for s in self.shifts():
            theory = "" if s.predicted is None else f"  theory {s.predicted[0]:g}"
            if s.predicted is not None and s.predicted[0] != s.predicted[1]:
                theory += f" to {s.predicted[1]:g}"
            lines.append(
                f"{s.start} to {s.stop}: {s.value:+.2f} ({s.lower:+.2f} to {s.upper:+.2f})"
                f"{theory}  {s.verdict}".rstrip()
            )
        return "\n".join(lines)

    def picture(self) -> Picture:
        """Draw final losses against the learning rate, one curve for each size."""
        figure, (ax,) = new_figure(titles=(self.title,))
        rates = self.data.learning_rate.values
        for i, size in enumerate(self.data["size"].values.tolist()):
            losses = self.final(size)
            ok = np.all(np.isfinite(losses), axis=0)
            error = losses[:, ok].std(axis=0, ddof=1) / math.sqrt(len(losses))
            label = f"{self.axis} {size}"
            measured(ax, rates[ok], losses[:, ok].mean(axis=0), error, label, color=i)
        log_axis(ax, "x", base=2)
        low, high = ax.get_ylim()
        if high > 4 * low:  # otherwise a logarithmic axis has no round numbers to show
            log_axis(ax, "y")
        ax.set_xlabel("learning rate")
        ax.set_ylabel("training loss")
        legend(ax)
        caption = (
            f"{self.title}: mean training loss of the last tenth of the steps against the learning "
            f"rate, for each {self.axis}; errors are standard errors over members."
        )
        return Picture("transfer", "Loss against learning rate", caption, figure, self.data)


def _verdict(lower: float | int, upper: float | int, predicted: tuple[float, float] | None) -> str:
    if predicted is None:
        return ""
    if not math.isfinite(lower):
        return "outside of the grid"
    low, high = predicted[0] - _TOLERANCE, predicted[1] + _TOLERANCE
    if low <= lower and upper <= high:
        return "as predicted"
    return "not as predicted" if upper < low or lower > high else "undecided"
