"""JSON from files that are not trusted."""

import json
from collections import Counter
from typing import Any


def read_json(text: bytes) -> dict[str, Any]:
    """Read an object whose names are all different, at every level.

    Raises
    ------
    ValueError
        If it is no JSON, no object, or a name comes twice.
    """
    try:
        found = json.loads(text, object_pairs_hook=_distinct)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"its JSON is damaged ({error})") from None
    if not isinstance(found, dict):
        raise ValueError("its JSON is no object of names and values")
    return found


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the name {twice[:80]!r} comes twice")
    return found
