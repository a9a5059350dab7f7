"""The parameters of a network, one row each, with role and scales."""

from typing import NamedTuple

import equinox as eqx
import jax

from widthwise.networks.linear import Linear
from widthwise.networks.parametrization import Real, Role, Scale


class ParameterRow(NamedTuple):
    """How one array of parameters starts, acts and is trained.

    Parameters
    ----------
    path
        Where it is in the model, such as ``.layers[0].weight``.
    role
        Row of the parametrization's table.
    shape
        Its shape.
    init_std
        Standard deviation of its initial entries.
    multiplier
        What multiplies it in the forward map.
    sgd, adam, muon
        Factors of the global learning rate under gradient descent, Adam and Muon.
    """

    path: str
    role: Role
    shape: tuple[int, ...]
    init_std: Real
    multiplier: Real
    sgd: float
    adam: float
    muon: float


def parameter_rows(model: eqx.Module) -> list[ParameterRow]:
    """List the parameters of every :class:`Linear` in a model, in forward order."""
    modules = jax.tree_util.tree_leaves_with_path(model, is_leaf=lambda m: isinstance(m, Linear))
    rows = []
    for path, module in modules:
        prefix = jax.tree_util.keystr(path)
        rows.append(_row(f"{prefix}.weight", module.weight.shape, module.weight_scale))
        if module.bias is not None:
            rows.append(_row(f"{prefix}.bias", module.bias.shape, module.bias_scale))
    return rows


def _row(path: str, shape: tuple[int, ...], scale: Scale) -> ParameterRow:
    return ParameterRow(path, scale.role, shape, *scale[1:])
