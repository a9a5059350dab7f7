"""A user's constructor as a family of models: one for every width and depth."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Key

from widthwise.networks.scaling.arrays import Described, describe

Make = Callable[..., Any]


@dataclass(frozen=True)
class Family:
    """Models that one function makes.

    Parameters
    ----------
    make
        The function: ``make(width)``, with ``key=`` and ``depth=`` if it takes them.
    takes_key, takes_depth
        Whether it does.
    torch
        Whether it makes PyTorch modules, otherwise Equinox modules.
    spreads_of
        Spreads of the arrays of models that were drawn, by width and depth.
    """

    make: Make
    takes_key: bool
    takes_depth: bool
    torch: bool
    spreads_of: dict[tuple[int, int | None], list[dict[str, float]]] = field(
        default_factory=dict, compare=False, init=False
    )
    _shapes: dict[tuple[int, int | None], list[Described]] = field(
        default_factory=dict, compare=False, init=False
    )

    @classmethod
    def of(cls, make: Make, width: int, depth: int | None = None) -> "Family":
        """Look at a constructor, and at one model that it makes.

        Parameters
        ----------
        make
            A function of the width that returns an Equinox or a PyTorch module. If it has an
            argument ``key`` it is given a random key; an argument ``depth``, the depth.
        width, depth
            Sizes of the model that is made.

        Raises
        ------
        TypeError, ValueError
            If it is no such function, or what it makes has no parameters.
        """
        if not callable(make):
            raise TypeError(
                f"make is {make!r}: give a function of the width that returns a new Equinox or "
                "PyTorch module, such as lambda width: MLP(width)"
            )
        names = inspect.signature(make).parameters
        takes_depth = "depth" in names
        if depth is not None and not takes_depth:
            raise ValueError(
                "depth was given, and make has no argument depth: write make(width, depth)"
            )
        family = cls(make, "key" in names, takes_depth, torch=False)
        model = family.model(width, depth)
        if is_torch(model):
            family = cls(make, family.takes_key, takes_depth, torch=True)
        elif not isinstance(model, eqx.Module):
            raise TypeError(
                f"make({width}) returns {type(model).__name__}: return an Equinox or PyTorch module"
            )
        elif not family.takes_key:
            raise TypeError(
                "make has no argument key: an Equinox model draws its weights from one; write "
                "make(width, key)"
            )
        if not family.described(model):
            raise ValueError(
                f"make({width}) returns a module without parameters (arrays of real numbers): "
                "give a model that can be trained"
            )
        return family

    def model(
        self, width: int, depth: int | None = None, *, key: Key[Array, ""] | None = None
    ) -> Any:
        """Make a model; PyTorch's generator is seeded from the key, and put back afterwards."""
        _check_size("width", width)
        options: dict[str, Any] = {}
        if depth is not None and self.takes_depth:
            _check_size("depth", depth)
            options["depth"] = depth
        key = jax.random.key(0) if key is None else key
        if self.takes_key:
            return self.make(width, key=key, **options)
        with seeded(key):
            return self.make(width, **options)

    def shapes(self, width: int, depth: int | None = None) -> list[Described]:
        """Describe the arrays of a model without making them, where the framework can."""
        if (width, depth) not in self._shapes:
            if self.torch:
                from widthwise.networks.scaling.pytorch import on_meta

                made = on_meta(lambda: self.model(width, depth))
            else:
                made = eqx.filter_eval_shape(lambda key: self.model(width, depth, key=key), _key())
            self._shapes[width, depth] = self.described(made)
        return self._shapes[width, depth]

    def remember(self, model: Any, width: int, depth: int | None) -> None:
        """Note what is asked of models of a size, of one as it was drawn: it is not drawn again."""
        found = [one._replace(array=None) for one in self.described(model)]
        self._shapes.setdefault((width, depth), found)
        self.spreads_of.setdefault((width, depth), []).append(self.spreads(model))

    def described(self, model: Any) -> list[Described]:
        """Describe the arrays of a model that are trained, in the order of the model."""
        if self.torch:
            from widthwise.networks.scaling.pytorch import describe_torch

            return describe_torch(model)
        return describe(model)

    def spreads(self, model: Any) -> dict[str, float]:
        """Standard deviation of the entries of every array, by path; 0 for constant ones."""
        if self.torch:
            from widthwise.networks.scaling.pytorch import spreads

            return spreads(model)
        found = {d.path: np.asarray(d.array) for d in describe(model)}
        return {path: float(np.std(array, dtype=np.float64)) for path, array in found.items()}


def is_torch(model: Any) -> bool:
    """Tell whether a model is a PyTorch module, without importing PyTorch."""
    return any(f"{c.__module__}.{c.__name__}" == _MODULE for c in type(model).__mro__)


_MODULE = "torch.nn.modules.module.Module"


def seeded(key: Key[Array, ""]) -> Any:
    """Context in which PyTorch draws what the key determines; nothing without PyTorch.

    A key that is traced belongs to a model of JAX, whose arrays are only described.
    """
    import contextlib
    import sys

    if "torch" not in sys.modules:
        return contextlib.nullcontext()
    try:
        seed = int(np.asarray(jax.random.key_data(key)).ravel()[-1])
    except jax.errors.TracerArrayConversionError:
        return contextlib.nullcontext()
    from widthwise.networks.scaling.pytorch import seeded_generator

    return seeded_generator(seed)


def _key() -> Key[Array, ""]:
    return jax.random.key(0)


def _check_size(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} is {value!r}: give a whole number of at least 1")
