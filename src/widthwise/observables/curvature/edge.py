"""Sharpness along training against 2 / learning rate: the edge of stability."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from widthwise.numerics.ranges import check_positive


def edge_of_stability(
    history: xr.Dataset | xr.DataArray,
    learning_rate: float | int | None = None,
    *,
    late: float = 0.2,
    margin: float = 0.05,
) -> xr.Dataset:
    """Say when training arrives at the edge of stability, and where it stays.

    Parameters
    ----------
    history
        What :func:`widthwise.train` returned with ``record="sharpness"``, or an array of sharpness
        with a dimension ``step`` and any others.
    learning_rate
        Of gradient descent; left out, the coordinate ``learning_rate`` of the history.
    late
        Share of the records, from the end, that ``late_ratio`` averages.
    margin
        Relative distance from 2 / learning_rate up to which sharpness counts as at the edge.

    Returns
    -------
    xarray.Dataset
        For each network: ``ratio`` of the sharpness to 2 / learning_rate at every step;
        ``first_step`` at which it is one, interpolated between records (NaN if never); the
        ``fraction`` of the records above one; ``late_ratio``, its mean over the last records; and
        ``at_edge``, whether that is one up to the margin. A network that diverged has NaN there.

    Raises
    ------
    TypeError, ValueError
        If there is no sharpness or no step, or a number is out of range.

    Examples
    --------
    >>> import xarray as xr
    >>> sharpness = xr.DataArray([5.0, 15.0, 21.0, 20.0], coords={"step": [0, 10, 20, 30]})
    >>> found = edge_of_stability(sharpness, 0.1, late=0.5)
    >>> round(float(found.first_step), 2), float(found.fraction), bool(found.at_edge)
    (18.33, 0.25, True)
    """
    values = history.get("sharpness") if isinstance(history, xr.Dataset) else history
    if not isinstance(values, xr.DataArray) or "step" not in values.dims:
        raise TypeError(
            "history has no sharpness along step: train with record='sharpness', or give an "
            "xarray.DataArray with a dimension step"
        )
    if not (0 < late <= 1 and margin > 0):
        raise ValueError(
            f"late={late} and margin={margin}: give 0 < late <= 1 and a margin above 0"
        )
    if learning_rate is not None:
        check_positive(learning_rate=learning_rate)
        rate = xr.DataArray(float(learning_rate))
    elif "learning_rate" in values.coords:
        rate = values.learning_rate
    else:
        raise ValueError("the history has no coordinate learning_rate: give learning_rate")
    ratio = (values * rate / 2).transpose(..., "step")
    steps = ratio.step.values.astype(float)
    outer = [dim for dim in ratio.dims if dim != "step"]
    first = xr.apply_ufunc(
        _crossing, ratio, input_core_dims=[["step"]], vectorize=True, kwargs={"steps": steps}
    )
    count = max(1, round(late * len(steps)))
    tail = ratio.isel(step=slice(-count, None)).mean("step", skipna=False)
    return xr.Dataset(
        {
            "ratio": ratio,
            "first_step": first,
            "fraction": (ratio > 1).mean("step"),
            "late_ratio": tail,
            "at_edge": abs(tail - 1) <= margin,
        }
    ).transpose(*outer, "step")


def _crossing(ratio: np.ndarray, steps: Sequence[float] | np.ndarray) -> float:
    """First step at which a line through the records is at one."""
    above = np.flatnonzero(ratio >= 1)
    if not above.size:
        return float("nan")
    i = int(above[0])
    if i == 0 or not np.isfinite(ratio[i - 1]):
        return float(steps[i])
    share = (1 - ratio[i - 1]) / (ratio[i] - ratio[i - 1])
    return float(steps[i - 1] + share * (steps[i] - steps[i - 1]))
