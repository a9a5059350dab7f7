"""Pictures of an audit: what each layer does, and how that depends on the size."""

import numpy as np
import xarray as xr

from widthwise.observables.audit import Audit
from widthwise.observables.audit.growth import QUARTER
from widthwise.observables.coordinate_check import CoordinateCheck
from widthwise.plotting import (
    Picture,
    band,
    legend,
    log_axis,
    measured,
    new_figure,
    reference_line,
    theory,
)

_MOST_LINES = 6


def audit_pictures(audit: Audit) -> list[Picture]:
    """Draw signal, gradient and motion of all layers, and their powers of the size."""
    pictures = [_layers(audit)]
    for check in (audit.width, audit.depth):
        if check is not None:
            pictures += [_slopes(check), _changes(check)]
    return pictures


def _layers(audit: Audit) -> Picture:
    figure, axes = new_figure(2, titles=("signal and gradient", "change in one step"))
    place = np.arange(1, len(audit.layers) + 1)
    columns = {
        "signal": np.array([one.signal for one in audit.layers], float),
        "gradient": np.array([one.gradient or np.nan for one in audit.layers], float),
        "moves": np.array([one.speed for one in audit.layers], float),
    }
    shown = {name: np.where(values > 0, values, np.nan) for name, values in columns.items()}
    middle = np.nanmedian(shown["gradient"]) if np.isfinite(shown["gradient"]).any() else 1.0
    measured(axes[0], place, shown["signal"], label="signal", color=1)
    measured(axes[0], place, shown["gradient"] / middle, label="gradient / its median", color=2)
    measured(axes[1], place, shown["moves"], label="relative to the signal", color=1)
    for ax in axes:
        log_axis(ax, "y")
        ax.set_xlabel("layer, in forward order")
        legend(ax)
    axes[0].set_ylabel("root mean square")
    axes[1].set_ylabel("mean change / mean size")
    caption = (
        "Left, the root mean square of what leaves each layer, and of the gradient of the loss by "
        "it, divided by its median: both stay within a factor of 30 over like layers where depth "
        "does no harm. Right, by how much one training step changes what leaves each layer."
    )
    data = xr.Dataset(
        {name: ("layer", values) for name, values in columns.items()},
        coords={"layer": [one.name for one in audit.layers]},
    )
    return Picture("layers", "What each layer does in one step", caption, figure, data)


def _slopes(check: CoordinateCheck) -> Picture:
    figure, (ax,) = new_figure(size=(7.6, 3.4))
    rows = [row for row in check.slopes() if row.slope is not None]
    slopes = [row.slope for row in rows if row.slope is not None]
    place = np.arange(1, len(rows) + 1)
    value = np.array([s.value for s in slopes], float)
    error = np.array([s.standard_error for s in slopes], float)
    ends = np.array([0.5, len(rows) + 0.5])
    band(ax, ends, np.full(2, -QUARTER), np.full(2, QUARTER), "counts as independent")
    reference_line(ax, y=0)
    measured(ax, place, value, error, label="measured", color=1)
    ax.set_xlabel("layer, in forward order")
    ax.set_ylabel(f"power of the {check.axis}")
    legend(ax, place="outside")
    caption = (
        f"The power of the {check.axis} by which one step changes what leaves each layer, with one "
        "standard error over models. At zero a learning rate of one size serves another."
    )
    data = xr.Dataset(
        {
            "slope": ("layer", value),
            "standard_error": ("layer", error),
            "low": ("layer", np.array([s.lower for s in slopes], float)),
            "high": ("layer", np.array([s.upper for s in slopes], float)),
        },
        coords={"layer": [row.layer for row in rows]},
    )
    title = f"How first steps depend on the {check.axis}"
    return Picture(f"{check.axis}-slopes", title, caption, figure, data)


def _changes(check: CoordinateCheck) -> Picture:
    figure, (ax,) = new_figure(size=(7.6, 3.4))
    last = check.data.change.isel(step=-1)
    names = check.data.layer.values.tolist()
    sizes = check.data["size"].values.astype(float)
    spread = np.linspace(0, len(names) - 1, min(_MOST_LINES, len(names)))
    for color, index in enumerate(sorted({round(x) for x in spread})):
        values = last.isel(layer=index).transpose("size", "member").values
        mean = values.mean(axis=1)
        if np.all(np.isfinite(mean) & (mean > 0)):
            error = values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
            theory(ax, sizes, mean, color=color)
            measured(ax, sizes, mean, error, label=names[index][-28:], color=color)
    log_axis(ax, "x")
    log_axis(ax, "y")
    ax.set_xlabel(check.axis)
    ax.set_ylabel("mean change in one step")
    if ax.get_legend_handles_labels()[0]:
        legend(ax, place="outside")
    caption = (
        f"The mean absolute change of what leaves some of the layers, against the {check.axis}: "
        "flat lines transfer. Lines join the points."
    )
    title = f"Changes of some layers against the {check.axis}"
    data = check.data[["change"]]
    return Picture(f"{check.axis}-changes", title, caption, figure, data)
