"""Singular values of one matrix as a small drawing: histogram, law of the bulk, outliers."""

import numpy as np

from widthwise.numerics.marchenko_pastur import MarchenkoPastur
from widthwise.numerics.wording import number
from widthwise.observables.weight_statistics import LayerStatistics

_WIDTH, _HEIGHT, _FLOOR = 360, 120, 100
_BINS = 48
_REACH = 3.0  # times the edge of the bulk: what lies further is drawn at the margin


def spectrum_drawing(layer: LayerStatistics) -> str:
    """Draw the singular values of a matrix as SVG text that follows the page's theme."""
    spectrum, (rows, columns) = layer.spectrum, layer.shape
    values, edge = spectrum.singular_values, spectrum.edge
    if not edge > 0:
        return ""
    end = float(np.clip(values[0], 1.15 * edge, _REACH * edge))
    inside = values[values <= end]
    heights, ends = np.histogram(inside, bins=_BINS, range=(0.0, end))
    density = heights / (len(values) * (ends[1] - ends[0]))
    grid = np.linspace(0.0, edge, 100)
    law = MarchenkoPastur(rows / columns, spectrum.sigma).density(grid)
    law = np.minimum(law, 3 * np.median(law[law > 0]))
    scale = (_FLOOR - 8) / max(float(density.max()), float(law.max()))

    def x(value: float) -> float:
        return 4 + (_WIDTH - 8) * value / end

    def y(height: float) -> float:
        return _FLOOR - scale * height

    steps = "".join(
        f"M{x(left):.1f} {_FLOOR}V{y(height):.1f}H{x(right):.1f}V{_FLOOR}Z"
        for left, right, height in zip(ends[:-1], ends[1:], density, strict=True)
        if height > 0
    )
    curve = "L".join(f"{x(s):.1f} {y(p):.1f}" for s, p in zip(grid, law, strict=True))
    beyond = values[: spectrum.outliers]
    dots = "".join(
        f'<circle cx="{x(min(float(s), end)):.1f}" cy="{_FLOOR + 6}" r="3" '
        'fill="var(--undecided, #855400)" fill-opacity="0.75"/>'
        for s in beyond[:200]
    )
    words = (
        f"{len(values)} singular values, {spectrum.outliers} beyond the edge of the bulk at "
        f"{number(edge)}, the largest {number(float(values[0]))}"
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{words}">'
        f'<path d="{steps}" fill="currentColor" fill-opacity="0.22"/>'
        f'<path d="M{curve}" fill="none" stroke="var(--accent, #0a5a8c)" stroke-width="2"/>'
        f'<path d="M{x(edge):.1f} 4V{_FLOOR}" stroke="currentColor" stroke-dasharray="3 3"/>'
        f'<path d="M4 {_FLOOR}H{_WIDTH - 4}" stroke="currentColor" stroke-opacity="0.5"/>'
        f"{dots}</svg>"
    )
