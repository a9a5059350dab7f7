"""Outliers through training: when they leave the bulk, and how rich training must be for that."""

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from widthwise.numerics.brackets import root
from widthwise.numerics.ranges import check_positive
from widthwise.numerics.statistics import Numbers
from widthwise.spectra.outliers import find_outliers
from widthwise.spectra.spikes import History, Spikes, read_history


def outlier_trajectory(
    feature_kernel: Numbers,
    gradient_kernel: Numbers,
    coefficients: Numbers,
    *,
    forward_response: Numbers | None = None,
    backward_response: Numbers | None = None,
    sigma: float = 1.0,
    ratio: float = 1.0,
) -> xr.Dataset:
    """Outliers of a weight matrix after each update of gradient descent, at infinite width.

    Parameters
    ----------
    feature_kernel, gradient_kernel, coefficients, forward_response, backward_response, sigma, ratio
        As for [`outliers`][widthwise.spectra.outliers], over all T updates.

    Returns
    -------
    xarray.Dataset
        With coordinate ``step`` = 0..T (after so many updates): ``singular_value`` and
        ``independent`` (step, outlier), largest first and not-a-number where there are fewer;
        ``escape_statistic``, ``independent_escape_statistic`` and ``at_edge`` (step). Attributes:
        ``edge``, and ``escape_step`` and ``independent_escape_step`` as in `escape_step`.

    Raises
    ------
    ValueError
        As `outliers`.
    """
    check_positive(sigma=sigma, ratio=ratio)
    history = read_history(
        feature_kernel, gradient_kernel, coefficients, forward_response, backward_response
    )
    return follow(history, range(len(history.phi) + 1), sigma, ratio)


def follow(history: History, steps: Sequence[int], sigma: float, ratio: float) -> xr.Dataset:
    """Outliers after the given numbers of updates, of a history that is checked."""
    times = checked_steps(steps, len(history.phi))
    return collected([history.until(int(t), sigma) for t in times], times, sigma, ratio)


def checked_steps(steps: Sequence[int], updates: int) -> np.ndarray:
    """Return numbers of updates as an array.

    Raises
    ------
    ValueError
        If the steps do not increase from 0 or more to at most the number of updates.
    """
    times = np.asarray(steps)
    if times.ndim != 1 or len(times) == 0 or np.any(np.diff(times) <= 0):
        raise ValueError(f"steps are {steps}: give a list that increases")
    if times[0] < 0 or times[-1] > updates:
        raise ValueError(f"steps are {steps}: they must lie between 0 and {updates}")
    return times


def collected(
    spikes: Sequence[Spikes], times: np.ndarray, sigma: float, ratio: float
) -> xr.Dataset:
    """Outliers of the spikes there are at each of some times, in units of sigma, as one dataset."""
    found = [find_outliers(at, sigma, ratio) for at in spikes]
    count = max(1, *(max(len(f.singular_values), len(f.independent)) for f in found))

    def padded(values: np.ndarray) -> np.ndarray:
        return np.pad(values, (0, count - len(values)), constant_values=np.nan)

    statistic = np.array([f.escape_statistic for f in found])
    without = np.array([f.independent_escape_statistic for f in found])
    dims = ("step", "outlier")
    return xr.Dataset(
        {
            "singular_value": (dims, np.stack([padded(f.singular_values) for f in found])),
            "independent": (dims, np.stack([padded(f.independent) for f in found])),
            "escape_statistic": ("step", statistic),
            "independent_escape_statistic": ("step", without),
            "at_edge": ("step", np.array([f.at_edge for f in found])),
        },
        coords={"step": times, "outlier": np.arange(count)},
        attrs={
            "edge": found[0].edge,
            "escape_step": escape_step(statistic, times),
            "independent_escape_step": escape_step(without, times),
        },
    )


def escape_step(escape_statistic: Numbers, steps: Numbers | None = None) -> float:
    """Number of updates after which the first outlier leaves the bulk, interpolated linearly.

    Parameters
    ----------
    escape_statistic
        Through training, one number for each step.
    steps
        Numbers of updates; 0, 1, 2, ... if left out.

    Returns
    -------
    float
        Where the statistic first crosses one; not-a-number if it never does.

    Examples
    --------
    >>> escape_step([0.0, 0.5, 1.5, 2.0])
    1.5
    """
    values = np.asarray(escape_statistic, np.float64)
    times = np.arange(len(values)) if steps is None else np.asarray(steps)
    above = np.flatnonzero(values > 1)
    if len(above) == 0:
        return float("nan")
    last = int(above[0])
    if last == 0:
        return float(times[0])
    return float(np.interp(1.0, values[last - 1 : last + 1], times[last - 1 : last + 1]))


def critical_richness(
    escape_statistic: Callable[[float], Numbers],
    bounds: tuple[float, float],
    *,
    tolerance: float = 1e-6,
) -> float:
    """Richness above which an outlier leaves the bulk at some time.

    Parameters
    ----------
    escape_statistic
        From the richness to the escape statistic over the steps of training.
    bounds
        A richness without outliers and one with them, both positive.
    tolerance
        Absolute error of the result.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the statistic crosses the threshold at neither or both of the bounds, or is not finite.

    Examples
    --------
    >>> round(critical_richness(lambda richness: [0.0, richness / 3], (1.0, 9.0)), 6)
    3.0
    """
    check_positive(lower=bounds[0], upper=bounds[1], tolerance=tolerance)

    def excess(richness: float) -> float:
        largest = float(np.max(np.asarray(escape_statistic(richness), np.float64)))
        if not np.isfinite(largest):
            raise ValueError(
                f"the escape statistic at richness {richness:.4g} is not finite: training diverged "
                "there, take a smaller learning rate or upper bound"
            )
        return largest - 1

    low, high = (excess(richness) for richness in bounds)
    if low * high > 0:
        raise ValueError(
            f"the largest escape statistic is {low + 1:.4g} and {high + 1:.4g} at the bounds "
            f"{bounds}: give bounds between which it crosses 1"
        )
    return root(excess, *bounds, tolerance)
