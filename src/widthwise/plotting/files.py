"""Pictures as files."""

from pathlib import Path

from matplotlib.figure import Figure

from widthwise.plotting.pictures import Picture, draw
from widthwise.plotting.svg import svg

SUFFIXES = (".svg", ".pdf", ".png")


def png(figure: Picture | Figure, *, dpi: int = 200) -> bytes:
    """Return a figure as PNG on white, `dpi` pixels to the inch."""
    return draw(figure, "png", dpi=dpi, metadata={"Software": None})


def pdf(figure: Picture | Figure) -> bytes:
    """Return a figure as PDF, the same bytes each time."""
    return draw(figure, "pdf", metadata={"CreationDate": None})


def save(picture: Picture | Figure, path: str | Path) -> Path:
    """Write a picture as the file's suffix says: ``.svg``, ``.pdf`` or ``.png``.

    Raises
    ------
    ValueError
        If the suffix is another one.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        message = f"cannot write {path.name!r}: the suffix must be one of {', '.join(SUFFIXES)}."
        raise ValueError(message)
    if suffix == ".svg":
        path.write_text(svg(picture), encoding="utf-8")
    elif suffix == ".pdf":
        path.write_bytes(pdf(picture))
    else:
        path.write_bytes(png(picture))
    return path
