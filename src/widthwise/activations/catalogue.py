"""Find an activation by what a user types: a name, or a function of the user's own."""

import difflib
import re
from collections.abc import Callable

from widthwise.activations import standard
from widthwise.activations.activation import Activation
from widthwise.activations.custom import from_function
from widthwise.numerics.user_code import load_object

_FIXED = {
    a.name: a
    for a in (
        standard.relu,
        standard.abs,
        standard.relu6,
        standard.hardtanh,
        standard.gelu,
        standard.gelu_tanh,
        standard.silu,
        standard.softplus,
        standard.erf,
        standard.sin,
        standard.cos,
        standard.sigmoid,
        standard.softsign,
        standard.sign,
        standard.step,
        standard.gaussian,
        standard.exp,
        standard.identity,
    )
}
_FAMILIES: dict[str, Callable[..., Activation]] = {
    "leaky_relu": standard.leaky_relu,
    "elu": standard.elu,
    "tanh": standard.tanh,
    "hermite": lambda k: standard.hermite(k),
    "polynomial": lambda *coefficients: standard.polynomial(coefficients),
}
_CALL = r"([A-Za-z_]\w*)(?:\(([^()]*)\))?"
_TERM = re.compile(_CALL)


def names() -> list[str]:
    """Names that `get` knows; those of families also take arguments, as in ``"tanh(4)"``."""
    return sorted([*_FIXED, *_FAMILIES])


def get(name: str) -> Activation:
    """Find an activation by name.

    Parameters
    ----------
    name
        ``"gelu"``, ``"leaky_relu(0.2)"``, ``"tanh(4)"``, ``"hermite(2)"``, ``"polynomial(0,1,2)"``;
        ``"module:function"`` or ``"file.py:function"`` for a function of the user's own. Any of
        them may be followed by ``.centered`` and ``.normalized``, at variance one or at that in
        brackets: ``"relu.centered(2)"``.

    Raises
    ------
    ValueError
        If there is no such activation (the nearest name is suggested) or no such function.

    Examples
    --------
    >>> get("relu.centered").name
    'relu.centered'
    """
    place, colon, rest = name.strip().rpartition(":")
    terms = _terms(rest, name)
    (head, arguments), suffixes = terms[0], terms[1:]
    if colon:
        phi = _users_own(place, head)
    elif head in _FIXED:
        if arguments is not None:
            raise ValueError(f"{name!r}: {head} takes no argument; write {head!r}")
        phi = _FIXED[head]
    elif head in _FAMILIES:
        phi = _member(head, arguments)
    else:
        raise ValueError(f"unknown activation {name!r}{_nearest(head, names())}")
    for suffix, argument in suffixes:
        if suffix not in ("centered", "normalized"):
            known = _nearest(suffix, ["centered", "normalized"])
            raise ValueError(f"unknown suffix .{suffix} in {name!r}{known}")
        variance = _numbers(argument, name)
        phi = phi.centered(*variance) if suffix == "centered" else phi.normalized(*variance)
    return phi


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.4)
    near = f"; did you mean {close[0]!r}?" if close else "."
    return f"{near} Known: {', '.join(known)}"


def _terms(text: str, name: str) -> list[tuple[str, str | None]]:
    if not re.fullmatch(rf"{_CALL}(\.{_CALL})*", text):
        raise ValueError(
            f"cannot read activation {name!r}; write a name such as gelu, tanh(4) or "
            f"relu.centered, or module:function"
        )
    return [(m[1], m[2]) for m in _TERM.finditer(text)]


def _numbers(arguments: str | None, name: str) -> list[float]:
    if arguments is None or not arguments.strip():
        return []
    try:
        return [float(a) for a in arguments.split(",")]
    except ValueError:
        raise ValueError(f"{name!r}: {arguments!r} is not a list of numbers") from None


def _member(family: str, arguments: str | None) -> Activation:
    numbers = _numbers(arguments, family)
    try:
        return _FAMILIES[family](*numbers)
    except TypeError:
        example = {"hermite": "hermite(2)", "polynomial": "polynomial(0,1,2)"}
        usual = example.get(family, f"{family}(0.5)")
        raise ValueError(
            f"{family} got {len(numbers)} arguments; write for example {usual}"
        ) from None


def _users_own(place: str, function: str) -> Activation:
    found, _ = load_object(f"{place}:{function}")
    if isinstance(found, Activation):
        return found
    if not callable(found):
        raise ValueError(f"{place}:{function} is a {type(found).__name__}; give a function")
    return from_function(found, name=f"{place}:{function}")
