"""Which role each watched layer has, and what theory says of its change."""

from collections.abc import Mapping, Sequence

from widthwise.networks.parametrization import Parametrization
from widthwise.networks.scaling import change_exponents
from widthwise.networks.scaling.exponents import ChangeExponent

Theory = dict[int, dict[str, ChangeExponent]]
_NONE = ChangeExponent(0.0, 0.0)


def layer_roles(
    layers: Sequence[str], arrays: Mapping[str, str], tied: Sequence[str]
) -> dict[str, str]:
    """Return the role of each layer: that of its matrix, if it has one.

    Parameters
    ----------
    layers
        Names of what is watched, which begin the paths of the arrays that they hold.
    arrays
        Role of each array, by path.
    tied
        Paths of arrays that stand at several places, whose roles are in conflict.
    """
    found = {}
    for layer in layers:
        own = {path: role for path, role in arrays.items() if path.startswith(f"{layer}.")}
        matrices = [role for role in own.values() if role in ("input", "hidden", "output")]
        if layer == "output":
            found[layer] = "output"
        elif any(path in tied for path in own):
            found[layer] = "tied"
        else:
            found[layer] = next(iter([*matrices, *own.values()]), "")
    return found


def theory_of(
    rules: Parametrization | None, roles: Mapping[str, str], *, optimizer: str, axis: str
) -> Theory:
    """Return predicted powers of each layer's change, after one step (1) and after more (2).

    Parameters
    ----------
    rules
        The parametrization; None, or tied weights, have no prediction.
    roles
        Of the layers, in the order of the forward pass.
    optimizer
        As for :func:`~widthwise.networks.scaling.parametrize`.
    axis
        ``"width"`` or ``"depth"``; over depth, rules that scale residual branches leave the
        outputs unchanged.
    """
    if rules is None or "tied" in roles.values():
        return {}
    if axis == "depth":
        still = dict.fromkeys(roles, _NONE) if rules.branch else {}
        return {1: still, 2: still}
    powers = change_exponents(rules, list(roles.values()), optimizer=optimizer)
    first = dict(zip(roles, powers, strict=True))
    return {1: first, 2: first if all(p == _NONE for p in powers) else {}}
