"""Figures that move, as one self-contained file."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.figure import Figure

from widthwise.plotting.style import house_style

Frame = TypeVar("Frame")
SUFFIXES = (".gif", ".png")


def animate(
    figure: Figure,
    draw: Callable[[Frame], None],
    frames: Sequence[Frame],
    path: str | Path,
    *,
    frames_per_second: int = 2,
    dpi: int = 100,
) -> Path:
    """Write a figure that is drawn anew for each frame, in an endless loop.

    Parameters
    ----------
    figure
        The figure whose axes ``draw`` fills.
    draw
        Draws one frame; it clears what was there before.
    frames
        What ``draw`` is called with, in order; one at least.
    path
        A file with suffix ``.gif``, or ``.png`` for an animated PNG.
    frames_per_second
        How fast it goes.
    dpi
        Pixels to the inch.

    Returns
    -------
    The path of the file.

    Raises
    ------
    ValueError
        If the suffix is another one, or there are no frames.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(
            f"cannot write {path.name!r}: the suffix must be one of {', '.join(SUFFIXES)}."
        )
    if not frames:
        raise ValueError("there are no frames to draw: give one at least.")
    with house_style():

        def update(frame: Frame) -> list:
            draw(frame)
            return []

        moving = FuncAnimation(figure, update, frames=frames, init_func=lambda: [], repeat=True)
        moving.save(path, writer=PillowWriter(fps=frames_per_second), dpi=dpi)
    return path
