"""Matrices as a notebook shows them: a small image each, and their range."""

import base64
import io
from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.image import imsave
from numpy.typing import ArrayLike

from widthwise.plotting.notebook import Html, block, element, escape, joined

LARGEST = 160
"""Rows and columns of an image; larger matrices are thinned out evenly."""


def matrices_html(title: str, matrices: Mapping[str, ArrayLike]) -> str:
    """Return named matrices as HTML: shape, dtype, range, and an image of those with two axes."""
    shown = [_figure(name, np.asarray(values)) for name, values in matrices.items()]
    return block(title, Html("<br>"), *shown)


def _figure(name: str, values: np.ndarray) -> Html:
    parts: list[object] = [element("b", name), Html("<br>")]
    if values.ndim == 2 and values.size:
        parts += [_image(name, values), Html("<br>")]
    shape = " × ".join(map(str, values.shape)) or "one number"
    return element(
        "figure", joined([*parts, element("small", f"{shape}, {values.dtype}"), *_range(values)])
    )


def _range(values: np.ndarray) -> list[object]:
    finite = values[np.isfinite(values)]
    words = f"{finite.min():.4g} to {finite.max():.4g}" if finite.size else "nothing finite"
    missing = values.size - finite.size
    told = f"{words}; {missing} not finite" if missing and finite.size else words
    return [Html("<br>"), element("small", told.replace("-", "−"))]


def _image(name: str, values: np.ndarray) -> Html:
    rows, columns = (
        np.unique(np.linspace(0, n - 1, min(n, LARGEST)).astype(int)) for n in values.shape
    )
    content = io.BytesIO()
    thinned = np.ma.masked_invalid(values[np.ix_(rows, columns)].astype(float))
    imsave(content, thinned, cmap=mpl.colormaps["viridis"], format="png")
    data = base64.b64encode(content.getvalue()).decode()
    width = max(24, round(160 * min(1.0, values.shape[1] / values.shape[0])))
    return Html(
        f'<img alt="{escape(name)}, dark is low" width="{width}" '
        f'style="image-rendering:pixelated" src="data:image/png;base64,{data}">'
    )
