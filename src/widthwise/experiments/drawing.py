"""Figures of a run from its file alone, on axes and in a style of the caller's."""

from typing import TYPE_CHECKING

import jax

from widthwise.plotting import Picture, Pictures, placed, styled
from widthwise.plotting.placing import Place
from widthwise.plotting.sheets import StyleSheet

if TYPE_CHECKING:
    from widthwise.experiments.run import Run


def draw_all(run: "Run", style: StyleSheet | None = None) -> Pictures:
    """Draw all pictures of a run; see ``Run.figures``."""
    with jax.enable_x64(True), styled(style):
        study = run.drawable().from_parameters(run.parameters)
        return Pictures(study.figures(run.prediction, run.measurement))


def draw_one(
    run: "Run", name: str, *, ax: Place | None = None, style: StyleSheet | None = None
) -> Picture:
    """Draw one picture of a run; see ``Run.figure``.

    Studies draw all pictures in one go. So they are drawn first to learn which figure is the one,
    and again with that one on the axes that were given.
    """
    with placed() as first:
        found = draw_all(run, style)[name]
    if ax is None:
        return found
    numbers = [i for i, figure in enumerate(first.made) if figure is found.figure]
    if not numbers:
        raise ValueError(
            f"picture {name!r} of {run.study} takes no axes: its study makes a figure without "
            "`new_figure`"
        )
    with placed({numbers[0]: ax}):
        try:
            return draw_all(run, style)[name]
        except ValueError as error:
            raise ValueError(f"picture {name!r}: {error}") from None
