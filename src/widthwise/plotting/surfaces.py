"""A function of two variables as a small picture: colour for its height, a line for zero."""

from typing import SupportsFloat

import numpy as np
from matplotlib.axes import Axes

from widthwise.plotting.style import INK, Numbers


def surface(ax: Axes, x: Numbers, y: Numbers, values: Numbers, *, limit: SupportsFloat) -> None:
    """Draw a function over a grid without a colour bar: one of many side by side.

    Parameters
    ----------
    ax
        Where to draw.
    x, y
        Places along both axes, equally spaced, of lengths m and n.
    values
        Heights, of shape (n, m): red above zero, blue below, with a line where they change sign.
    limit
        Height of the deepest colours: the same for all pictures that are compared.
    """
    across, up, heights = np.asarray(x), np.asarray(y), np.asarray(values)
    reach, dx, dy = float(limit), (across[1] - across[0]) / 2, (up[1] - up[0]) / 2
    ax.imshow(
        heights,
        origin="lower",
        extent=(across[0] - dx, across[-1] + dx, up[0] - dy, up[-1] + dy),
        cmap="RdBu_r",
        vmin=-reach,
        vmax=reach,
        interpolation="bilinear",
    )
    ax.grid(visible=False)
    if np.any(heights > 0) and np.any(heights < 0):
        ax.contour(across, up, heights, levels=[0.0], colors=[INK], linewidths=1.0)
    ax.set_xlim(across[0], across[-1])
    ax.set_ylim(up[0], up[-1])
