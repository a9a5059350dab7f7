"""The argument ``get`` of kernel and prediction functions: one name, several, or all."""

import difflib
from collections import namedtuple
from collections.abc import Callable
from functools import cache
from typing import Any

Get = str | tuple[str, ...] | list[str] | None


def answered(
    get: Get, known: tuple[str, ...], compute: Callable[[tuple[str, ...]], Any], *, kind: str
) -> Any:
    """Compute what was asked for, and hand it out in the form it was asked for.

    Parameters
    ----------
    get
        One name, several, or None for all that are known.
    known
        All names.
    compute
        Function from names to their values, in the same order.
    kind
        What to call the named tuple of several values.

    Returns
    -------
    The value of one name given as a string, otherwise a named tuple.

    Raises
    ------
    ValueError
        If a name is unknown, or there is none.
    """
    names = canonical(get, known)
    values = compute(names)
    return values[0] if isinstance(get, str) else _tuple_class(kind, names)(*values)


def canonical(get: Get, known: tuple[str, ...]) -> tuple[str, ...]:
    """Check names; errors as in :func:`answered`."""
    if get is None:
        return known
    names = (get,) if isinstance(get, str) else tuple(get)
    names = tuple(dict.fromkeys(name.lower() if isinstance(name, str) else name for name in names))
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(str(name), known, n=1)
            near = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(
                f"get has {name!r}: give one of {', '.join(known)}, or a tuple of them{near}"
            )
    if not names:
        raise ValueError(f"get is empty: give one of {', '.join(known)}, or None for all")
    return names


@cache
def _tuple_class(kind: str, names: tuple[str, ...]) -> type:
    """Return the same class for the same names, so that results are pytrees of one structure."""
    return namedtuple(kind, names)
