"""A user's function or class that makes a model, whatever its arguments are called."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax

from widthwise.networks.scaling.family import is_torch, seeded
from widthwise.networks.sequential import Sequential
from widthwise.numerics.choices import check_choice

WIDTHS = ("width", "d_model", "n_embd", "hidden_size", "hidden_dim", "embed_dim", "dim", "channels")
DEPTHS = ("depth", "n_layer", "n_layers", "num_layers", "num_hidden_layers", "layers")


class Constructor(NamedTuple):
    """What makes the models of an audit.

    Parameters
    ----------
    make
        ``make(width, depth, key)``; a size of None leaves the user's default.
    width, depth
        These defaults; None where there is none.
    takes_width, takes_depth, takes_key
        What the user's function takes.
    """

    make: Callable[..., Any]
    width: int | None = None
    depth: int | None = None
    takes_width: bool = False
    takes_depth: bool = False
    takes_key: bool = False


def constructor_of(
    given: Any, *, width_argument: str | None = None, depth_argument: str | None = None
) -> Constructor:
    """Look at what a user gives: a model, or a function or class that makes one.

    Parameters
    ----------
    given
        The model, the function or the class.
    width_argument, depth_argument
        What its arguments of width and depth are called; None to look for usual names.

    Raises
    ------
    TypeError, ValueError
        If it is none of these, or has no such argument.
    """
    if is_torch(given) or (isinstance(given, eqx.Module) and not isinstance(given, Sequential)):
        return Constructor(always(given))
    if not callable(given):
        raise TypeError(
            f"what was given is {type(given).__name__}: give an Equinox or PyTorch module, or a "
            "function or class that makes one"
        )
    parameters = inspect.signature(given).parameters
    width = _named(parameters, width_argument, WIDTHS)
    depth = _named(parameters, depth_argument, DEPTHS)
    known = {name for name in (width, depth, "key") if name}
    missing = [
        name
        for name, one in parameters.items()
        if one.default is one.empty
        and name not in known
        and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    if missing:
        raise ValueError(
            f"the constructor needs {', '.join(missing)}: write a function of the width (and "
            "depth) alone, or give width_argument"
        )
    names = {"width": width, "depth": depth, "key": "key" if "key" in parameters else None}

    def make(width: int | None, depth: int | None = None, key: Any = None) -> Any:
        key = jax.random.key(0) if key is None else key
        sizes = {"width": width, "depth": depth, "key": key}
        options = {known: v for n, v in sizes.items() if (known := names[n]) and v is not None}
        with seeded(key):
            return _checked(given(**options))

    return Constructor(
        make, _default(parameters, width), _default(parameters, depth),
        width is not None, depth is not None, "key" in parameters,
    )  # fmt: skip


def always(model: Any) -> Callable[..., Any]:
    """Return a constructor that returns one model."""

    def make(width: int | None, depth: int | None = None, key: Any = None) -> Any:
        del width, depth, key
        return model

    return make


def _checked(model: Any) -> Any:
    if not is_torch(model) and not isinstance(model, eqx.Module):
        raise TypeError(
            f"the constructor returns {type(model).__name__}: return an Equinox or PyTorch module"
        )
    return model


def _named(parameters: Any, name: str | None, usual: tuple[str, ...]) -> str | None:
    if name is not None:
        check_choice("the argument of the constructor", name, tuple(parameters))
        return name
    return next((word for word in usual if word in parameters), None)


def _default(parameters: Any, name: str | None) -> int | None:
    value = None if name is None else parameters[name].default
    return value if isinstance(value, int) and not isinstance(value, bool) else None
