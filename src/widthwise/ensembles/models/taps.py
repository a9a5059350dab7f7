"""What leaves the layers of an Equinox module, without a change to the module."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array

_SEEN: list[dict[str, list[np.ndarray]]] = []


class Tap(eqx.Module):
    """A layer that also tells the host what leaves it.

    The host is called from the compiled program: what is seen may come from inside of ``vmap``
    and ``scan``, from where no traced value can be handed out.
    """

    layer: Any
    name: str = eqx.field(static=True)

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Apply the layer."""
        return jax.tree.map(lambda y: told(self.name, y), self.layer(*args, **options))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("layer", "name"):
            raise AttributeError(name)
        return getattr(self.layer, name)


def told(name: str, y: Any) -> Any:
    """Tell the host an array of real numbers under a name; return what must be used instead."""
    if not eqx.is_inexact_array(y):
        return y

    def tell(value: Array) -> np.ndarray:
        seen = np.asarray(value)
        if _SEEN:
            _SEEN[-1][name].append(seen.copy())
        return seen

    shape = jax.ShapeDtypeStruct(y.shape, y.dtype)
    return jax.pure_callback(tell, shape, y, vmap_method="broadcast_all")


def tapped(model: eqx.Module) -> Any:
    """Return the model with a tap on every layer that holds arrays of parameters itself."""

    def is_layer(node: Any) -> bool:
        return isinstance(node, eqx.Module) and node is not model and holds_arrays(node)

    def replaced(path: Any, node: Any) -> Any:
        if is_layer(node) and callable(node):
            return Tap(node, jax.tree_util.keystr(path))
        return node

    return jax.tree_util.tree_map_with_path(replaced, model, is_leaf=is_layer)


@contextmanager
def seen_by() -> Iterator[dict[str, list[np.ndarray]]]:
    """Collect what taps tell in this context: arrays by name, one for each call of a layer."""
    seen: dict[str, list[np.ndarray]] = defaultdict(list)
    _SEEN.append(seen)
    try:
        yield seen
    finally:
        _SEEN.remove(seen)


def holds_arrays(node: eqx.Module) -> bool:
    """Tell whether a module has arrays of parameters itself, rather than in its parts."""
    return any(eqx.is_inexact_array(value) for value in vars(node).values())
