"""A picture: a figure with the words and the numbers that belong to it."""

import dataclasses
import io
from typing import Any, SupportsIndex, overload

import xarray as xr
from matplotlib.figure import Figure

from widthwise.plotting.numbers import figure_csv
from widthwise.plotting.style import house_style


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """A matplotlib figure that knows its name, its words and its numbers.

    Parameters
    ----------
    name
        Short name for files and anchors: letters, digits and hyphens.
    title
        One line, shown above the figure.
    caption
        What is drawn, and what to see in it; also read aloud in place of the figure.
    figure
        The figure itself.
    data
        The numbers behind it. Without them, :meth:`csv` reads what was drawn.
    """

    name: str
    title: str
    caption: str
    figure: Figure
    data: xr.Dataset | None = None

    def __post_init__(self) -> None:
        """Refuse names that cannot serve as file name and anchor."""
        if not self.name or not all(c.isascii() and (c.isalnum() or c in "-_") for c in self.name):
            message = (
                f"picture name {self.name!r} must consist of ASCII letters, digits, hyphens and "
                "underscores; it names files and anchors."
            )
            raise ValueError(message)

    def _repr_html_(self) -> str:
        return Pictures([self])._repr_html_()

    def csv(self) -> str:
        """Return the numbers of the picture as comma-separated text with a header line."""
        if self.data is None:
            return figure_csv(self.figure)
        return self.data.to_dataframe().reset_index().to_csv(index=False, lineterminator="\n")


class Pictures(list[Picture]):
    """Pictures in order, which a notebook shows; each is also found by its name."""

    @overload
    def __getitem__(self, place: SupportsIndex | str) -> Picture: ...
    @overload
    def __getitem__(self, place: slice) -> "Pictures": ...
    def __getitem__(self, place: SupportsIndex | str | slice) -> "Picture | Pictures":
        """Return the picture at a place or of a name."""
        if isinstance(place, slice):
            return Pictures(super().__getitem__(place))
        if not isinstance(place, str):
            return super().__getitem__(place)
        for picture in self:
            if picture.name == place:
                return picture
        names = ", ".join(picture.name for picture in self)
        raise KeyError(f"no picture is named {place!r}: there are {names or 'none'}")

    def _repr_html_(self) -> str:
        from widthwise.plotting.notebook import Html, block, element, joined
        from widthwise.plotting.svg import svg

        shown = [
            element(
                "figure",
                joined([element("b", one.title), Html(svg(one)), element("small", one.caption)]),
                style=f"max-width:{one.figure.get_figwidth():.1f}in",
            )
            for one in self
        ]
        return block("", *shown)


def draw(source: Picture | Figure, kind: str, **options: Any) -> bytes:
    """Return a figure in one of matplotlib's formats, the same bytes each time."""
    figure = source.figure if isinstance(source, Picture) else source
    buffer = io.BytesIO()
    layout = figure.get_layout_engine()
    with house_style():
        if layout is not None:
            layout.execute(figure)  # it settles in two steps; saving makes the second one
        figure.savefig(buffer, format=kind, **options)
    return buffer.getvalue()
