"""An Optax optimizer whose gradients, updates and weight decay are scaled array by array."""

from collections.abc import Mapping
from typing import Any

import jax
import optax
from jaxtyping import PyTree


def scaled_by(
    optimizer: optax.GradientTransformation,
    *,
    before: Mapping[str, float],
    after: Mapping[str, float],
    decay: Mapping[str, float],
) -> optax.GradientTransformationExtraArgs:
    """Scale what enters an optimizer and what leaves it.

    Parameters
    ----------
    optimizer
        The optimizer.
    before
        Factors of gradients, by the path of the array: for updates that do not depend on the
        size of the gradients this divides epsilon by the factor.
    after
        Factors of updates: of the learning rate, whatever its schedule.
    decay
        Factors of the weight decay: those of the parameters that the optimizer sees.
    """
    inner = optax.with_extra_args_support(optimizer)

    def update(
        updates: PyTree, state: Any, params: PyTree | None = None, **extra: Any
    ) -> tuple[PyTree, Any]:
        seen = None if params is None else _times(params, decay)
        updates, state = inner.update(_times(updates, before), state, seen, **extra)
        return _times(updates, after), state

    return optax.GradientTransformationExtraArgs(inner.init, update)


def _times(tree: PyTree, factors: Mapping[str, float]) -> PyTree:
    def times(keys: Any, leaf: Any) -> Any:
        path = jax.tree_util.keystr(keys)
        if path not in factors:
            raise ValueError(
                f"the gradients have an array {path!r} that the plan does not know: give those of "
                "the model that was planned"
            )
        return leaf * factors[path]

    return jax.tree_util.tree_map_with_path(times, tree)
