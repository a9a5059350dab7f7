"""Which axes of a model's arrays grow with its width: their roles and fans."""

import math
import re
from collections.abc import Container, Mapping
from typing import Literal, NamedTuple, get_args

from widthwise.networks.scaling.arrays import Described
from widthwise.networks.scaling.family import Family
from widthwise.numerics.choices import check_choice

SiteRole = Literal["input", "hidden", "output", "bias", "fixed"]
_EMBEDS = re.compile(r"emb|pos|wpe|wte|token|cls|query", re.IGNORECASE)
_INDEX = re.compile(r"(?<=[\[.])\d+(?=[\].]|$)")


class Site(NamedTuple):
    """One array of parameters in the whole network.

    Parameters
    ----------
    path, shape
        Where it is, and its shape.
    role
        ``"input"``: its outputs alone grow with the width; ``"output"``: its inputs alone;
        ``"hidden"``: both; ``"bias"``: a vector, such as a bias or the gain of a normalization;
        ``"fixed"``: it does not grow.
    fan_in, fan_out
        Number of terms in the sum that makes one output, 1 for a table of vectors; number of
        outputs.
    grows_out
        Whether the number of outputs grows with the width.
    repeated
        Whether it stands in a block that is repeated when the depth grows.
    tied
        Paths of other places where the same array stands.
    """

    path: str
    shape: tuple[int, ...]
    role: SiteRole
    fan_in: int
    fan_out: int
    grows_out: bool
    repeated: bool = False
    tied: tuple[str, ...] = ()

    @property
    def wide_out(self) -> int:
        """Number of outputs, 1 where it does not grow."""
        return self.fan_out if self.grows_out else 1


def sites_of(
    family: Family,
    width: int,
    *,
    depth: int | None = None,
    roles: Mapping[str, str] | None = None,
) -> list[Site]:
    """Find the roles of all arrays by comparing shapes at this width and at twice the width.

    Parameters
    ----------
    family
        The constructor.
    width, depth
        Sizes of the model; without a depth no array counts as repeated.
    roles
        Regular expressions of paths, and the role of the arrays that they match, where shapes do
        not tell it.

    Raises
    ------
    ValueError
        If no array grows with the width, an array grows along more than two axes, or shapes do
        not tell a role.
    """
    own = family.shapes(width, depth)
    wider = {d.path: d for d in family.shapes(2 * width, depth)}
    if set(wider) != {d.path for d in own}:
        raise ValueError(
            f"make({width}) and make({2 * width}) have different arrays: the width may change "
            "shapes only"
        )
    if all(d.shape == wider[d.path].shape for d in own):
        raise ValueError(
            f"make({width}) and make({2 * width}) have the same shapes: use the width in make"
        )
    for pattern, role in (roles or {}).items():
        check_choice(f"the role of {pattern!r}", role, get_args(SiteRole))
    repeated = set[str]() if depth is None else _repeated(family, own, width, depth)
    found = []
    for one in own:
        if one.tied is None:
            tied = [d for d in own if d.tied == one.path]
            table = next((d for d in (one, *tied) if d.layout == "table"), one)
            placed = _placed(table, wider[one.path].shape, roles or {})
            others = tuple(d.path for d in tied)
            found.append(
                Site(one.path, one.shape, *placed, repeated=one.path in repeated, tied=others)
            )
    return found


def like(path: str, known: Container[str]) -> str | None:
    """Return the path, or that of its like in the first block, where one of them is known."""
    candidates = (path[: m.start()] + "0" + path[m.end() :] for m in _INDEX.finditer(path))
    return next((p for p in (path, *candidates) if p in known), None)


def _repeated(family: Family, own: list[Described], width: int, depth: int) -> set[str]:
    """Return the paths of arrays in blocks: those that appear, or grow, with the depth."""
    deeper = family.shapes(width, 2 * depth)
    shapes = {d.path: d.shape for d in own}
    stacked = {d.path for d in deeper if shapes.get(d.path, d.shape) != d.shape}
    firsts = {
        first
        for d in deeper
        if d.path not in shapes
        and (first := like(d.path, shapes)) is not None
        and shapes[first] == d.shape
    }
    if not firsts and not stacked:
        raise ValueError(
            f"make has the same arrays at depth {depth} and {2 * depth}: use the depth in make"
        )
    return {path for path in shapes if path in firsts or _in_block(path, firsts)} | stacked


def _in_block(path: str, firsts: Container[str]) -> bool:
    """Tell whether a path is one of those of the first block, in another block."""
    return any(path[: m.start()] + "0" + path[m.end() :] in firsts for m in _INDEX.finditer(path))


def _placed(
    one: Described, wider: tuple[int, ...], roles: Mapping[str, str]
) -> tuple[SiteRole, int, int, bool]:
    """Return role, fan_in, fan_out, and whether the outputs grow."""
    grows = tuple(a != b for a, b in zip(one.shape, wider, strict=True))
    if sum(grows) > 2:
        raise ValueError(
            f"{one.path} of shape {one.shape} grows along {sum(grows)} axes: no rule is known for "
            "more than two"
        )
    wide = math.prod(n for n, g in zip(one.shape, grows, strict=True) if g)
    given = next((role for p, role in roles.items() if re.search(p, one.path)), None)
    if given is not None:
        return _as_given(one, given, sum(grows), wide)
    if not any(grows):
        return "fixed", 1, 1, False
    if sum(grows) == 1 and (one.layout == "vector" or one.path.endswith("bias")):
        return "bias", 1, wide, True  # also stacked, for layers that are scanned
    vector = len(one.shape) == 1 or one.layout == "unknown"
    if vector and sum(n > 1 for n in one.shape) == 1:
        return "bias", 1, wide, True
    if one.layout == "table" and grows == (False, True):
        return "input", 1, wide, True
    if one.layout == "unknown":
        return _guessed(one, grows, wider, wide)
    first = len(one.shape) - 2 - one.kernel
    if first < 0 or any(g for i, g in enumerate(grows) if i not in (first, first + 1)):
        return _guessed(one, grows, wider, wide)
    out, into = (first, first + 1) if one.layout == "out_in" else (first + 1, first)
    window = math.prod(one.shape[first + 2 :])
    fan_in, fan_out = one.shape[into] * window, one.shape[out]
    if grows[out] and grows[into]:
        return "hidden", fan_in, fan_out, True
    return ("input", fan_in, fan_out, True) if grows[out] else ("output", fan_in, fan_out, False)


def _guessed(
    one: Described, grows: tuple[bool, ...], wider: tuple[int, ...], wide: int
) -> tuple[SiteRole, int, int, bool]:
    """Place an array that no known layer holds, where only one answer is possible."""
    if sum(grows) == 2:
        axes = [i for i, g in enumerate(grows) if g]
        out, into = (one.shape[i] for i in axes)
        ratios = {wider[i] / one.shape[i] for i in axes}
        if out == into and len(ratios) == 1:
            return "hidden", into, out, True
    elif _EMBEDS.search(one.path):
        return "input", 1, wide, True
    raise ValueError(
        f"the shape {one.shape} of {one.path}, in a layer of unknown kind, does not tell its role: "
        f"give roles={{{re.escape(one.path)!r}: 'input'}}, or 'hidden', 'output', 'bias', 'fixed'"
    )


def _as_given(one: Described, role: str, grows: int, wide: int) -> tuple[SiteRole, int, int, bool]:
    rest = math.prod(one.shape) // wide
    if (role == "hidden") != (grows == 2) or (role == "fixed" and grows):
        if role == "fixed":
            return "fixed", 1, 1, False
        raise ValueError(
            f"{one.path} of shape {one.shape} grows along {grows} axes and cannot be {role!r}"
        )
    if role == "hidden":
        side = math.isqrt(wide)
        return "hidden", side, side, True
    if role == "output":
        return "output", wide, rest, False
    return ("bias", 1, wide, True) if role == "bias" else ("input", 1, wide, True)
