"""The sizes of a family of models, and the settings of each."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from widthwise.networks.parametrization import Parametrization, named
from widthwise.networks.scaling import Family, Plan, parametrize
from widthwise.networks.scaling.own import own_plan
from widthwise.networks.sequential import Sequential

Sizes = int | Sequence[int]
_FEWEST = 3


def axis_of(widths: Sizes, depths: Sizes | None) -> tuple[str, list[tuple[int, int | None]]]:
    """Return what varies, ``"width"`` or ``"depth"``, and all pairs of width and depth.

    Raises
    ------
    ValueError
        Unless one of them is a list of at least 3 sizes over a factor of at least 4.
    """
    many = [name for name, s in (("widths", widths), ("depths", depths)) if isinstance(s, Sequence)]
    if len(many) != 1:
        raise ValueError(
            f"widths={widths}, depths={depths} were given: give a list of one, and a number (or "
            "no depth) for the other"
        )
    if many == ["widths"]:
        axis, values = "width", widths
    else:
        axis, values = "depth", depths
    assert isinstance(values, Sequence)
    if list(values) != sorted(set(values)) or len(values) < _FEWEST or values[-1] < 4 * values[0]:
        raise ValueError(
            f"{axis}s is {values}: give at least {_FEWEST} increasing sizes, the largest at least "
            "4 times the smallest, or no slope can be told"
        )
    if axis == "width":
        assert depths is None or isinstance(depths, int)
        return axis, [(width, depths) for width in values]
    assert isinstance(widths, int)
    return axis, [(widths, depth) for depth in values]


def planned_models(
    make: Callable[..., Any] | Sequential,
    data: tuple[Any, Any],
    sizes: list[tuple[int, int | None]],
    base: tuple[int, int | None],
    planned: dict[str, Any],
) -> tuple[Family, Parametrization | None, list[Plan | None]]:
    """Return the family, the rules, and the plan of each size.

    Parameters
    ----------
    make
        The constructor, or a network with its own parametrization.
    data
        Inputs and targets.
    sizes, base
        Widths and depths of the models and of the base.
    planned
        Options of :func:`~widthwise.networks.scaling.parametrize`.
    """
    if isinstance(make, Sequential):
        if planned["parametrization"] is not None or sizes[0][1] is not None:
            raise ValueError(
                "a Sequential has its own parametrization, and one depth: leave out "
                "parametrization and depths"
            )
        net, shape, optimizer = make, np.shape(data[0])[1:], planned["optimizer"]
        family = Family.of(
            lambda width, key: net.at_width(width).init(key, shape, dtype=data[0].dtype),
            sizes[0][0],
        )
        plans: list[Plan | None] = [
            own_plan(net.at_width(width), shape, optimizer=optimizer, width=width)
            for width, _ in sizes
        ]
        return family, net.place.parametrization, plans
    family, rules = Family.of(make, *sizes[0]), planned["parametrization"]
    if rules is None:
        return family, None, [None] * len(sizes)
    plans = [
        parametrize(family, width, base_width=base[0], depth=depth, base_depth=base[1], **planned)
        for width, depth in sizes
    ]
    return family, named(rules) if isinstance(rules, str) else rules, plans
