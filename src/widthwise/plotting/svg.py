"""A figure as SVG that lives inside a page: themable, accessible, the same every time."""

import hashlib
import re
import xml.etree.ElementTree as ET

from matplotlib.figure import Figure

from widthwise.plotting.pictures import Picture, draw
from widthwise.plotting.style import INK

NAMESPACE = "http://www.w3.org/2000/svg"
_NEUTRAL = re.compile(rf"{re.escape(INK)}|#000000", re.IGNORECASE)
_LONG_NUMBER = re.compile(r"-?\d+\.\d{4,}")
_USES = re.compile(r"url\(#([^)]+)\)|^#(.+)$")
_FONTS = (
    # Faces as wide as those of the layout, so that text fits wherever the page is read.
    (re.compile(r"'?STIX[^;]*"), "STIXGeneral, 'STIX Two Text', 'Times New Roman', serif"),
    (re.compile(r"'?DejaVu Sans[^;]*"), "'DejaVu Sans', Verdana, sans-serif"),
)


def svg(source: Picture | Figure, *, prefix: str = "") -> str:
    """Return a figure as one ``<svg>`` element, for use inside HTML or as a file.

    Text stays text; black and the house ink become ``currentColor`` and the background is
    transparent, so that the figure follows the page's theme; the same figure gives the same text.

    Parameters
    ----------
    source
        A picture, whose title and caption become ``<title>`` and ``<desc>``, or a bare figure.
    prefix
        Begins every id. By default it is made from the drawing, so that different figures on one
        page do not collide; give one where the same figure appears twice.

    Returns
    -------
    str
        The element, as wide as what surrounds it.
    """
    root = ET.fromstring(draw(source, "svg", transparent=True, metadata={"Date": None}))
    for unwanted in (*root.findall("{*}metadata"), *root.findall("{*}defs[{*}style]")):
        root.remove(unwanted)
    for element in root.iter():
        _plain(element)
    _number_ids(root, "id")
    prefix = prefix or "f" + hashlib.sha256(ET.tostring(root)).hexdigest()[:10]
    _number_ids(root, prefix)
    _describe(root, source, prefix)
    return ET.tostring(root, encoding="unicode")


def _plain(element: ET.Element) -> None:
    """Drop namespaces and needless digits, and make the colours and fonts those of the page."""
    element.tag = element.tag.rpartition("}")[2]
    attributes = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
    for name in attributes.keys() & {"d", "x", "y", "points", "transform"}:
        attributes[name] = _LONG_NUMBER.sub(_shorter, " ".join(attributes[name].split()))
    if "style" in attributes:
        style = _NEUTRAL.sub("currentColor", attributes["style"])
        for pattern, family in _FONTS:
            style = pattern.sub(family, style)
        attributes["style"] = style
    element.attrib = attributes


def _shorter(number: re.Match[str]) -> str:
    return f"{float(number[0]) + 0.0:.3f}".rstrip("0").rstrip(".")


def _number_ids(root: ET.Element, prefix: str) -> None:
    """Keep only the ids that something refers to, counted in order of appearance."""
    links = [
        (element, name, value, found[1] or found[2])
        for element in root.iter()
        for name, value in element.attrib.items()
        if name in {"href", "style", "clip-path"} and (found := _USES.search(value))
    ]
    used = {target for *_, target in links}
    renamed: dict[str, str] = {}
    for element in root.iter():
        old = element.attrib.pop("id", "")
        if old in used:
            renamed[old] = f"{prefix}-{len(renamed)}"
            element.set("id", renamed[old])
    for element, name, value, target in links:
        element.set(name, value.replace(f"#{target}", f"#{renamed[target]}"))


def _describe(root: ET.Element, source: Picture | Figure, prefix: str) -> None:
    root.attrib.pop("height", None)
    root.attrib |= {"xmlns": NAMESPACE, "width": "100%", "role": "img", "fill": "currentColor"}
    root.attrib |= {"stroke-linejoin": "round", "stroke-linecap": "butt"}
    if isinstance(source, Picture):
        for place, (tag, text) in enumerate((("title", source.title), ("desc", source.caption))):
            element = ET.Element(tag, {"id": f"{prefix}-{tag}"})
            element.text = text
            root.insert(place, element)
        root.attrib |= {"aria-labelledby": f"{prefix}-title", "aria-describedby": f"{prefix}-desc"}
