"""Parts of a model that hand what they are called with to a function of ours."""

from collections.abc import Callable, Collection
from dataclasses import fields
from functools import cache, partial
from typing import Any

import equinox as eqx
import jax

Watch = Callable[..., Any]
"""``watch(path, part, *args, **kwargs)`` returns what the part shall return."""


def watched(model: Any, paths: Collection[str], watch: Watch) -> Any:
    """Return a copy of a model in which some of its modules are called through a function.

    The copies are of subclasses with the same fields, so that code which looks at a module still
    finds what it looks for. A watched module may lie inside another.

    Parameters
    ----------
    model
        The model, or any pytree of modules.
    paths
        The modules, as `jax.tree_util.keystr` names them; ``""`` is the model itself.
    watch
        Called in the place of each of them, with the module itself, in which those inside it are
        watched already.
    """
    copy = _copy(model, "", frozenset(paths), watch)
    return _watching(copy, "", watch) if "" in paths else copy


def module_paths(model: Any) -> dict[str, eqx.Module]:
    """List every module in a model by its path, outer ones before those inside them."""
    found = {}

    def visit(node: Any, prefix: str) -> None:
        children = jax.tree_util.tree_leaves_with_path(
            node, is_leaf=lambda part: part is not node and isinstance(part, eqx.Module)
        )
        for keys, part in children:
            if isinstance(part, eqx.Module) and part is not node:
                path = prefix + jax.tree_util.keystr(keys)
                found[path] = part
                visit(part, path)

    visit(model, "")
    return found


def _copy(node: Any, prefix: str, paths: frozenset[str], watch: Watch) -> Any:
    def replaced(keys: Any, part: Any) -> Any:
        if part is node or not isinstance(part, eqx.Module):
            return part
        path = prefix + jax.tree_util.keystr(keys)
        inner = _copy(part, path, paths, watch)
        return _watching(inner, path, watch) if path in paths else inner

    return jax.tree_util.tree_map_with_path(
        replaced, node, is_leaf=lambda part: part is not node and isinstance(part, eqx.Module)
    )


def _watching(module: eqx.Module, path: str, watch: Watch) -> eqx.Module:
    kind = type(module)
    result = object.__new__(_watched_class(kind))
    for field in fields(kind):  # pyright: ignore[reportArgumentType]
        object.__setattr__(result, field.name, getattr(module, field.name))
    object.__setattr__(result, "watch", partial(watch, path))
    return result


@cache
def _watched_class(kind: Any) -> Any:
    """Class of modules that pass for ``kind`` but are called through a function."""

    class Watched(kind):
        watch: Callable = eqx.field(static=True)

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            # Not the module that was copied: its arrays may have been replaced since, or be traced.
            part = object.__new__(kind)
            for field in fields(kind):
                object.__setattr__(part, field.name, getattr(self, field.name))
            return self.watch(part, *args, **kwargs)

    return Watched
