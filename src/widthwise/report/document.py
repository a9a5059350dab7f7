"""A page as one HTML file: style and script inside, nothing asked of the network."""

import base64
import functools
import hashlib
import importlib.metadata
from importlib import resources
from typing import Any

import jinja2


def document(template: str, *scripts: str, **fields: Any) -> str:
    """Return a page as HTML.

    Parameters
    ----------
    template
        A file in ``assets`` that extends ``base.html``.
    *scripts
        Files in ``assets`` that the page needs beside ``page.js``.
    **fields
        What the template uses, ``title`` and ``source`` (what the page was made from) among them.
    """
    script = "\n".join(map(_asset, ("page.js", *scripts)))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _templates()
        .get_template(template)
        .render(
            css=_asset("page.css"),
            script=script,
            # by this the page's content policy knows its own script
            script_hash=f"sha256-{digest}",
            version=importlib.metadata.version("widthwise"),
            **fields,
        )
    )


def _asset(name: str) -> str:
    return (resources.files("widthwise.report") / "assets" / name).read_text(encoding="utf-8")


def fragment(template: str, **fields: Any) -> str:
    """Return a piece of a page."""
    return _templates().get_template(template).render(**fields)


@functools.cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("widthwise.report", "assets"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
