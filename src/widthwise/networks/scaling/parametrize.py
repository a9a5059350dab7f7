"""Initial scales and learning rates of every array of a model, from shapes alone."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Literal, TypeVar

import jax

from widthwise.networks.parametrization import Parametrization, named
from widthwise.networks.scaling.change import Change
from widthwise.networks.scaling.family import Family, Make
from widthwise.networks.scaling.plan import Plan, column_of
from widthwise.networks.scaling.sites import Site, like, sites_of
from widthwise.networks.sequential import Sequential
from widthwise.numerics.choices import check_choice

T = TypeVar("T")
BRANCH_OUTPUTS = (
    r"(c_proj|o_proj|out_proj|output_proj|down_proj|fc2|lin2|linear2|w2|wo)\.(weight|bias)$"
)
"""Names that the last linear layer of a residual branch has in GPT-2, LLaMA, BERT and others."""
_DRAWS = 4
_LARGE = 10**6  # numbers in a model of which one draw is enough


def parametrize(
    make: Make | Family,
    width: int,
    *,
    parametrization: str | Parametrization = "mup",
    optimizer: str = "adam",
    base_width: int | None = None,
    depth: int | None = None,
    base_depth: int | None = None,
    decay: Literal["width", "keep"] = "width",
    multipliers: Literal["absorbed", "explicit"] = "absorbed",
    roles: Mapping[str, str] | None = None,
    branch_outputs: str = BRANCH_OUTPUTS,
) -> Plan:
    """Say how every array of a model must start and be trained at a width and depth.

    Nothing but the constructor is needed: what grows with the width is found by comparing the
    shapes of two models. With a base width the plan carries settings that were tuned there: at
    the base every factor is 1 and the model is trained as it is written.

    Parameters
    ----------
    make
        A function of the width that returns a new Equinox module, ``make(width, key)``, or
        PyTorch module, ``make(width)``; with an argument ``depth`` if depth is to be scaled.
        Or a :class:`~widthwise.networks.scaling.Family` of such models.
    width, base_width
        Of the model that is meant, and of the one whose settings are known. None as base uses the
        rules as they stand: initial weights of the parametrization, vectors as ``make`` has them.
    parametrization
        ``"standard"``, ``"ntk"``, ``"mean_field"``, ``"mup"``, ``"depth_mup"``, ``"completep"``,
        ``"spectral"``, or a :class:`~widthwise.networks.Parametrization`.
    optimizer
        ``"sgd"``; ``"adam"``, ``"adamw"``, ``"sign"`` or ``"lion"``; or ``"muon"``, by which
        updates with singular values of one are meant, such as ``optax.contrib.scale_by_muon``,
        of matrices; vectors are then trained by Adam.
    depth, base_depth
        The same for the depth; blocks are what is repeated when it grows.
    decay
        Whether the product of learning rate and decoupled weight decay is that of the base
        (``"width"``: the time constant of the decay is the same at all widths), or the weight
        decay itself (``"keep"``: the ratio of the weights at equilibrium to initial ones is).
    multipliers
        Whether multipliers are taken into initial scales and learning rates, which is exact for
        every optimizer above and leaves the model as it is; or must be written into the model.
    roles
        Regular expressions of paths, and the role of arrays that shapes do not tell.
    branch_outputs
        Regular expression of the arrays of blocks that end a residual branch.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of the accepted ones, the width is not used, or an array cannot be
        placed.

    Notes
    -----
    With the weight W = A w, w of initial standard deviation B and learning rate C, training is
    the same function under A -> A t, B -> B / t, and C -> C / t^2 for gradient descent, or
    C -> C / t, eps -> t eps, decay -> t decay for updates that do not depend on the size of the
    gradients: Yang & Hu (2021, arXiv:2011.14522), Yang et al. (2022, arXiv:2203.03466). Epsilon
    follows the size of the gradients: Dey et al. (2025, arXiv:2505.01618).

    Examples
    --------
    >>> import equinox as eqx, widthwise as ww
    >>> def make(width, key):
    ...     return eqx.nn.MLP(8, 3, width, 2, key=key)
    >>> plan = ww.parametrize(make, 256, base_width=64)
    >>> [(row.role, row.learning_rate) for row in plan.rows if "weight" in row.path]
    [('input', 1.0), ('hidden', 0.25), ('output', 0.25)]
    """
    if isinstance(make, Sequential):
        raise TypeError(
            "a Sequential has its own parametrization: see net.parameter_table, and give "
            "parametrization= to Sequential"
        )
    rules = named(parametrization) if isinstance(parametrization, str) else parametrization
    column = column_of(optimizer)
    check_choice("decay", decay, ("width", "keep"))
    check_choice("multipliers", multipliers, ("absorbed", "explicit"))
    if (depth is None) != (base_depth is None) and base_width is not None:
        raise ValueError("give both depth and base_depth, or neither")
    size, base = (width, depth), (base_width, base_depth)
    family = make
    if not isinstance(family, Family):
        family = Family.of(family, base_width or width, base_depth or depth)
    sites = sites_of(family, width, depth=depth, roles=roles)
    change = Change(
        rules,
        column,
        width / (base_width or 1),
        (depth or 1) / (base_depth or 1),
        decay,
        multipliers == "explicit",
    )
    ends = {s.path for s in sites if s.repeated and re.search(branch_outputs, s.path)}
    if change.branch != 1 and not ends and not change.explicit:
        raise ValueError(
            f"{rules.name} multiplies residual branches by {change.branch:.4g}, and no array in "
            "the blocks has a name known to end one: give branch_outputs, a regular expression"
        )
    spreads = _spreads(family, *size)
    if base_width is None:
        bases, base_spreads = dict[str, Site](), spreads
    else:
        found = sites_of(family, base_width, depth=base_depth, roles=roles)
        bases = {site.path: site for site in found}
        base_spreads = spreads if base == size else _spreads(family, base_width, base_depth)
    rows = [
        change.row(
            site,
            None if base_width is None else _look_up(bases, site.path),
            ends=site.path in ends,
            spread=_look_up(spreads, site.path),
            base_spread=_look_up(base_spreads, site.path),
        )
        for site in sites
    ]
    return Plan(
        tuple(rows), rules.name, optimizer, width, base_width, depth, base_depth,
        change.branch, tuple(_by_hand(change, sites)),
    )  # fmt: skip


def _by_hand(change: Change, sites: list[Site]) -> Iterator[str]:
    """Say what no initial scale and learning rate can do."""
    if change.branch != 1 and change.explicit:
        yield f"multiply every residual branch by {change.branch:.4g}"
    for site in sites:
        if site.tied and change.output != 1:
            yield (
                f"{site.path} is also {', '.join(site.tied)}: multiply the logits, the product "
                f"with it, by {change.output:.4g}"
            )


def _spreads(family: Family, width: int, depth: int | None) -> dict[str, float]:
    """Root mean square over a few draws of the spreads of what the constructor draws."""
    if (width, depth) not in family.spreads_of:
        for key in jax.random.split(jax.random.key(0), _DRAWS):
            family.remember(family.model(width, depth, key=key), width, depth)
            if sum(math.prod(d.shape) for d in family.shapes(width, depth)) > _LARGE:
                break
    found = family.spreads_of[width, depth]
    return {path: math.hypot(*(m[path] for m in found)) / len(found) ** 0.5 for path in found[0]}


def _look_up(known: Mapping[str, T], path: str) -> T:
    """Look up an array, or in a model with fewer blocks its like in the first block."""
    found = like(path, known)
    if found is None:
        raise ValueError(
            f"the base model has no array like {path}: use width and depth for sizes only"
        )
    return known[found]
