"""What an optimizer and a model must be told at one width and depth."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import optax
from jaxtyping import Array

from widthwise.networks.scaling.family import is_torch
from widthwise.networks.scaling.sites import SiteRole
from widthwise.networks.scaling.transformation import scaled_by
from widthwise.numerics.choices import check_choice

_OPTIMIZERS = {
    "sgd": "sgd",
    "adam": "adam",
    "adamw": "adam",
    "sign": "adam",
    "lion": "adam",
    "muon": "muon",
}


class ScaledParameter(NamedTuple):
    """How one array starts and is trained.

    Parameters
    ----------
    path, shape
        Where it is in the model, and its shape.
    role
        See :class:`~widthwise.networks.scaling.sites.Site`.
    init_std
        Standard deviation of its initial entries; 0 for an array that starts constant, which is
        left as it is.
    init_factor
        What the entries that ``make`` has drawn are multiplied by.
    multiplier
        What must multiply the array in the forward map; 1 unless ``multipliers="explicit"``.
    learning_rate, epsilon, weight_decay
        Factors of the optimizer's own numbers.
    """

    path: str
    shape: tuple[int, ...]
    role: SiteRole
    init_std: float | int
    init_factor: float | int
    multiplier: float | int
    learning_rate: float | int
    epsilon: float | int
    weight_decay: float | int


@dataclass(frozen=True)
class Plan:
    """Initial scales and learning rates of every array of one model: see :func:`parametrize`.

    Attributes
    ----------
    rows
        One for each array, in the order of the model.
    parametrization, optimizer
        Names of the rules.
    width, base_width, depth, base_depth
        Sizes; a base of None means that the rules are used as they stand.
    branch_multiplier
        What multiplies the output of every residual branch.
    by_hand
        What must be changed in the model itself, in words.
    """

    rows: tuple[ScaledParameter, ...]
    parametrization: str
    optimizer: str
    width: int
    base_width: int | None
    depth: int | None = None
    base_depth: int | None = None
    branch_multiplier: float | int = 1.0
    by_hand: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return a table, one line for each array."""
        size = f"width {self.width}" + (f", depth {self.depth}" if self.depth else "")
        base = "" if self.base_width is None else f" from base width {self.base_width}"
        base += "" if self.base_depth is None else f", depth {self.base_depth}"
        head = ("array", "shape", "role", "init std", "x init", "x rate", "x eps", "x decay")
        lines: list[tuple[str, ...]] = [head]
        for row in self.rows:
            numbers = (row.init_std, row.init_factor, row.learning_rate, row.epsilon)
            lines.append(
                (
                    row.path,
                    "x".join(map(str, row.shape)),
                    row.role,
                    *(f"{v:.4g}" for v in numbers),
                    f"{row.weight_decay:.4g}",
                )
            )
        if any(row.multiplier != 1 for row in self.rows):
            extra = ["x weight", *(f"{row.multiplier:.4g}" for row in self.rows)]
            lines = [(*line, e) for line, e in zip(lines, extra, strict=True)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = [
            "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        title = f"{self.parametrization}, {self.optimizer}: {size}{base}"
        return "\n".join([title, *table, *(f"change in the model: {s}" for s in self.by_hand)])

    def initialize(self, model: Any) -> Any:
        """Multiply the arrays of a model that ``make`` has just made by their factors.

        Parameters
        ----------
        model
            An Equinox module, of which a new one is returned; or a PyTorch module, which is
            changed in place and returned.

        Raises
        ------
        ValueError
            If the model has other arrays than those of the plan.
        """
        factors = {row.path: row.init_factor for row in self.rows}
        if is_torch(model):
            from widthwise.networks.scaling import pytorch

            self._check({d.path for d in pytorch.describe_torch(model) if d.tied is None})
            pytorch.multiply(model, factors)
            return model

        def multiplied(path: Any, leaf: Array) -> Array:
            return leaf * factors[jax.tree_util.keystr(path)]

        arrays, rest = eqx.partition(model, eqx.is_inexact_array)
        self._check(
            {jax.tree_util.keystr(p) for p, _ in jax.tree_util.tree_leaves_with_path(arrays)}
        )
        return eqx.combine(jax.tree_util.tree_map_with_path(multiplied, arrays), rest)

    def transformation(
        self, optimizer: optax.GradientTransformation
    ) -> optax.GradientTransformationExtraArgs:
        """Scale an Optax optimizer for each array.

        Parameters
        ----------
        optimizer
            Any of the kind that the plan is for, with the learning rate, schedule, epsilon and
            weight decay of the base width.

        Returns
        -------
        The transformation, for the arrays of real numbers of the model:
        ``init(eqx.filter(model, eqx.is_inexact_array))``.
        """
        plain = self.optimizer == "sgd"
        return scaled_by(
            optimizer,
            before={row.path: 1.0 if plain else 1 / row.epsilon for row in self.rows},
            after={row.path: row.learning_rate for row in self.rows},
            decay={row.path: row.weight_decay for row in self.rows},
        )

    def parameter_groups(
        self,
        model: Any,
        *,
        learning_rate: float | int,
        weight_decay: float | None = None,
        epsilon: float | None = None,
        role: str | None = None,
    ) -> list[dict[str, Any]]:
        """Parameter groups of a PyTorch module, for an optimizer of PyTorch.

        Parameters
        ----------
        model
            The module.
        learning_rate, weight_decay, epsilon
            Numbers of the base width; those that are None are left out, and the optimizer's own
            hold for every group.
        role
            Only arrays of this role, for example ``"hidden"`` for those that Muon trains.

        Raises
        ------
        ValueError
            If the module has other parameters than those of the plan.
        """
        if not is_torch(model):
            raise TypeError(
                f"model is {type(model).__name__}: parameter groups are PyTorch's; use "
                "transformation for an Equinox module"
            )
        from widthwise.networks.scaling import pytorch

        self._check({d.path for d in pytorch.describe_torch(model) if d.tied is None})
        given = {"lr": learning_rate, "weight_decay": weight_decay, "eps": epsilon}
        settings, paths = {}, []
        for row in self.rows:
            factors = (row.learning_rate, row.weight_decay, row.epsilon)
            settings[row.path] = {
                name: value * factor
                for (name, value), factor in zip(given.items(), factors, strict=True)
                if value is not None
            }
            if role is None or row.role == role:
                paths.append(row.path)
        return pytorch.groups(model, settings, paths)

    def _check(self, paths: set[str]) -> None:
        known = {row.path for row in self.rows}
        if paths != known:
            odd = sorted(paths ^ known)[0]
            raise ValueError(
                f"the model and the plan differ, for example in {odd}: plan with the make, width "
                "and depth of this model"
            )


def column_of(optimizer: str) -> str:
    """Return the column of the table that an optimizer reads."""
    check_choice("optimizer", optimizer, tuple(_OPTIMIZERS))
    return _OPTIMIZERS[optimizer]
