"""An activation as a notebook shows it: its graph, and the averages everything else needs."""

import jax
import numpy as np

from widthwise.activations.activation import Activation
from widthwise.plotting.notebook import Html, block, element, joined, table

_REACH = 3.0
_WIDE, _HIGH = 220, 120


def activation_html(phi: Activation) -> str:
    """Return an activation as HTML."""
    with jax.enable_x64(True):
        mean, second = (float(found()) for found in (phi.mean, phi.second_moment))
        z = np.linspace(-_REACH, _REACH, 241)
        drawing = _graph(z, np.asarray(phi(jax.numpy.asarray(z)), dtype=float))
    kinks = ", ".join(f"{kink:g}" for kink in phi.kinks)
    rows = [
        ("mean E[s(z)], z standard normal", f"{mean:.6g}"),
        ("second moment E[s(z)²]", f"{second:.6g}"),
        ("symmetry", phi.parity or "none"),
        ("homogeneous of degree", "no" if phi.degree is None else f"{phi.degree:g}"),
        ("kinks at", kinks or "none"),
    ]
    shown = joined([element("figure", drawing), element("figure", table(("", ">"), rows))])
    return block(f"Activation {phi.name}", Html("<br>"), shown)


def _graph(z: np.ndarray, values: np.ndarray) -> Html:
    """Draw the function over [-3, 3] as SVG; where it is not finite the line is broken."""
    finite = values[np.isfinite(values)]
    low, high = min(finite.min(initial=0.0), 0.0), max(finite.max(initial=0.0), 0.0)
    scale = (_HIGH - 10) / ((high - low) or 1.0)
    x = (z + _REACH) / (2 * _REACH) * _WIDE
    y = 5 + (high - values) * scale
    path, pen = "", "M"
    for place, height in zip(x, y, strict=True):
        path, pen = (
            (path + f"{pen}{place:.1f} {height:.1f}", "L") if np.isfinite(height) else (path, "M")
        )
    zero = 5 + high * scale
    return Html(
        f'<svg viewBox="0 0 {_WIDE} {_HIGH}" width="{_WIDE}" role="img" '
        f'aria-label="graph from -3 to 3, values {low:.3g} to {high:.3g}" fill="none" '
        'stroke="currentColor">'
        f'<path d="M0 {zero:.1f}H{_WIDE}M{_WIDE / 2} 0V{_HIGH}" stroke-opacity=".3"/>'
        f'<path d="{path}" stroke-width="2"/></svg>'
    )
