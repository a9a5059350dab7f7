"""Pictures as a page shows them."""

import dataclasses
import re
from collections.abc import Sequence

from widthwise import plotting
from widthwise.plotting import Picture
from widthwise.report.tables import Download, Room, download

WIDE = 600
"""Figures wider than this many CSS pixels take the whole row."""


@dataclasses.dataclass(frozen=True)
class FigureCard:
    """A picture as the page shows it."""

    anchor: str
    title: str
    caption: str
    svg: str
    natural_width: int
    csv: Download | None
    pdf: Download | None

    @property
    def wide(self) -> bool:
        """Whether it needs the whole row."""
        return self.natural_width > WIDE


def cards(
    pictures: Sequence[Picture], source: str, room: Room | None = None, *, pdf: bool = True
) -> list[FigureCard]:
    """Return the pictures of a source, whose name begins the names of files.

    Parameters
    ----------
    pictures
        What is shown.
    source
        A word for names of files.
    room
        Space for files; what no longer fits is left out.
    pdf
        Whether each comes as PDF as well.

    Raises
    ------
    ValueError
        If two pictures have the same name.
    """
    names = [picture.name for picture in pictures]
    for name in set(names):
        if names.count(name) > 1:
            raise ValueError(
                f"two pictures of {source} are named {name!r}: give each its own name."
            )
    room = room or Room()
    drawings = [plotting.svg(picture, prefix=f"figure-{picture.name}") for picture in pictures]
    room.left -= sum(map(len, drawings))
    return [_card(*shown, source, room, pdf) for shown in zip(pictures, drawings, strict=True)]


def _card(picture: Picture, drawing: str, source: str, room: Room, pdf: bool) -> FigureCard:
    stem = f"{source}-{picture.name}"
    found = re.search(r'viewBox="0 0 ([\d.]+)', drawing)
    return FigureCard(
        anchor=f"figure-{picture.name}",
        title=picture.title,
        caption=picture.caption,
        svg=drawing,
        natural_width=round(float(found[1]) * 4 / 3) if found else WIDE,
        csv=room.take(lambda: download(f"{stem}.csv", picture.csv())),
        pdf=room.take(lambda: download(f"{stem}.pdf", plotting.pdf(picture))) if pdf else None,
    )
