"""Look at models of several widths, or depths."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Key

from widthwise.ensembles.models import axis_of, planned_models
from widthwise.networks.scaling import Family, Plan, parametrize
from widthwise.networks.scaling.sites import Site, sites_of
from widthwise.observables.audit.given import Given, called
from widthwise.observables.audit.growth import Grown, check_of, grow, looked
from widthwise.observables.audit.look import Look, Stepped
from widthwise.observables.audit.setting import Setting
from widthwise.observables.coordinate_check import CoordinateCheck

_SHAPES = ("same shapes", "different arrays")


class Common(NamedTuple):
    """What is the same for widths and depths."""

    given: Given
    setting: Setting
    members: int
    parametrization: Any
    base_width: int | None
    optimizer: str
    notes: list[str]
    key: Key[Array, ""]


class Over(NamedTuple):
    """What several sizes show, and one of the widths in detail."""

    check: CoordinateCheck
    plan: Plan | None
    grown: Grown
    shown: tuple[Look, Stepped] | None
    models: int
    passes: float | int


def over_sizes(common: Common, widths: Any, *, depths: Sequence[int] | None) -> Over:
    """Look at models of several widths, or depths."""
    given, setting = common.given, common.setting
    axis, sizes = axis_of(widths, depths)
    make = given.net or given.maker.make
    base = common.base_width or sizes[0][0], sizes[0][1]
    rule = common.parametrization
    planned = {"parametrization": rule, "optimizer": common.optimizer, "roles": None}
    family, rules, plans = planned_models(make, setting.batch, sizes, base, planned)
    if not family.torch and not given.maker.takes_key:
        raise TypeError(
            "the constructor has no argument key: an Equinox model draws its weights from one; "
            "write make(width, key)"
        )
    if callable(setting.optimizer):
        plans, rules = [None] * len(sizes), None
    key = jax.random.fold_in(common.key, axis == "depth")
    shown = None
    if axis == "width":
        at = next((i for i, s in enumerate(sizes) if s[0] == given.maker.width), len(sizes) - 1)
        drawn, its = family.model(*sizes[at], key=key), plans[at]
        model = drawn if its is None else its.initialize(drawn)
        shown = called(lambda: looked(model, its, setting))

    def grown_with(setting: Setting) -> Grown:
        options = {"members": common.members, "key": key, "blocks": axis == "depth"}
        return grow(family, sizes, plans, setting, **options)

    few = setting.quartered()
    try:
        grown = grown_with(few)
    except Exception:  # models may be made for one number of examples
        few, grown = setting, called(lambda: grown_with(setting))
    sites = _sites(family, sizes[0], common.notes) if given.maker.takes_width else []
    check = check_of(grown, axis, sizes, sites=sites, rules=rules, optimizer=common.optimizer)
    plan = None
    if axis == "width" and given.net is None and sites:
        plan = plans[-1] or parametrize(
            family, sizes[-1][0], base_width=base[0], optimizer=common.optimizer
        )
    models = sum(map(len, grown.changes)) + (shown is not None)
    passes = grown.passes * few.examples / setting.examples + (4 / 3 if shown else 0)
    return Over(check, plan, grown, shown, models, passes)


def _sites(family: Family, size: tuple[int, int | None], notes: list[str]) -> list[Site]:
    """Find the roles of arrays; without them nothing is predicted, and no groups are made."""
    try:
        found = sites_of(family, size[0])
    except ValueError as error:
        if any(words in str(error) for words in _SHAPES):
            raise
        notes.append(f"no groups for the optimizer: {error}")
        return []
    for one in found:
        note = f"{one.path} is also {', '.join(one.tied)}: no power is predicted"
        if one.tied and note not in notes:
            notes.append(note)
    return found


def sizes_around(default: int | None, usual: tuple[int, ...]) -> tuple[int, ...]:
    """Return sizes up to the default one, or from it on where that is small."""
    if default is None:
        return usual
    count, half = len(usual), 2 ** (len(usual) - 1)
    first = default // half if default >= usual[0] * half else default
    return tuple(first * 2**i for i in range(count))
