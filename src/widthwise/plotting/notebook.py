"""Small HTML blocks for notebooks: they bring their style, follow the theme, escape all text."""

import html
from collections.abc import Iterable, Sequence

LIGHT = "--holds:#0a6b45;--fails:#b0241b;--undecided:#855400"
DARK = "--holds:#62cf9f;--fails:#ff8d83;--undecided:#e6b85c"
# Notebooks say by attributes and classes of their own which theme they show; text inherits its
# colour, lines and grounds are mixed from it.
STYLE = (
    f".widthwise{{{LIGHT};font-size:.9em;line-height:1.45;max-width:62em}}"
    f"@media(prefers-color-scheme:dark){{.widthwise{{{DARK}}}}}"
    f"[data-jp-theme-light=true] .widthwise{{{LIGHT}}}"
    f"[data-jp-theme-light=false] .widthwise,.vscode-dark .widthwise{{{DARK}}}"
    ".widthwise table{border-collapse:collapse;margin:.5em 0}"
    ".widthwise th,.widthwise td{text-align:left;padding:.25em .8em .25em 0;background:none;"
    "border-top:1px solid color-mix(in srgb,currentColor 18%,transparent);vertical-align:top}"
    ".widthwise .number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}"
    ".widthwise small{opacity:.75}.widthwise figure{margin:.5em 1.5em .5em 0;display:inline-block}"
    ".widthwise svg{max-width:100%;height:auto}.widthwise .dial svg{width:9em;height:1.5em}"
    ".widthwise .holds{color:var(--holds)}.widthwise .fails{color:var(--fails)}"
    ".widthwise .undecided{color:var(--undecided)}"
)


class Html(str):
    """Text that is HTML already, whatever it was made of having been escaped."""


def escape(text: object) -> Html:
    """Return any value as text that is safe inside an element; HTML stays as it is."""
    return text if isinstance(text, Html) else Html(html.escape(str(text)))


def element(name: str, content: object, **attributes: str) -> Html:
    """Return one element; a trailing underscore of an attribute's name is dropped."""
    told = "".join(
        f' {key.rstrip("_")}="{html.escape(value)}"' for key, value in attributes.items() if value
    )
    return Html(f"<{name}{told}>{escape(content)}</{name}>")


def joined(parts: Iterable[object], separator: str = "") -> Html:
    """Return several pieces one after the other."""
    return Html(separator.join(map(escape, parts)))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Html:
    """Return a table; a column named with a leading ``>`` is flush right."""
    classes = ["number" if name.startswith(">") else "" for name in columns]
    head = joined(
        element("th", name.removeprefix(">"), scope="col", class_=kind)
        for name, kind in zip(columns, classes, strict=True)
    )
    body = joined(
        element(
            "tr",
            joined(
                element("td", cell, class_=kind) for cell, kind in zip(row, classes, strict=True)
            ),
        )
        for row in rows
    )
    return element("table", joined([element("thead", element("tr", head)), element("tbody", body)]))


def block(title: str, *parts: object) -> str:
    """Return what a notebook shows for a value: a title and what follows it."""
    content = joined([element("style", Html(STYLE)), element("strong", title), *parts])
    return str(element("div", content, class_="widthwise"))
