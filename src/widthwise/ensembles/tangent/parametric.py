"""A function of parameters and one example: what a tangent kernel is the kernel of."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PyTree, Shaped

from widthwise.networks import Layer
from widthwise.networks.table import parameter_rows

Rates = PyTree[ArrayLike] | str | None


class Parametric(eqx.Module):
    """A function of its parameters and one example.

    Parameters
    ----------
    params
        The floating-point arrays that are differentiated; None where there is something else.
    frozen
        All the rest of the parameters or of the model, None where ``params`` has an array.
    function
        ``function(parameters, x)``; None if ``params`` and ``frozen`` make up a module that is
        called itself.
    """

    params: PyTree
    frozen: PyTree
    function: Callable | None = eqx.field(static=True)

    def whole(self, params: PyTree) -> Any:
        """Join parameters with what is frozen."""
        return eqx.combine(params, self.frozen)

    def apply(self, whole: Any, *args: Any) -> Any:
        """Evaluate with what :meth:`whole` returned, or a copy of it with other layers."""
        return whole(*args) if self.function is None else self.function(whole, *args)

    def at(self, params: PyTree, *args: Any) -> Any:
        """Evaluate with these parameters."""
        return self.apply(self.whole(params), *args)

    def outputs(self, params: PyTree, x: Shaped[Array, "..."]) -> Float[Array, " outputs"]:
        """Evaluate on one example, the outputs in one axis."""
        return jnp.ravel(self.at(params, x))

    @property
    def paths(self) -> list[str]:
        """Name every array of parameters, as the parameter table of a network does."""
        leaves = jax.tree_util.tree_leaves_with_path(self.params)
        return [jax.tree_util.keystr(path) for path, _ in leaves]

    @property
    def layers(self) -> list[str]:
        """Name, for every array of parameters, what holds it."""
        leaves = jax.tree_util.tree_leaves_with_path(self.params)
        return [jax.tree_util.keystr(path[:-1] or path) for path, _ in leaves]

    def only(self, keep: list[bool]) -> "Parametric":
        """Freeze every array of parameters that is not kept."""
        tree = jax.tree.structure(self.params)
        kept, rest = eqx.partition(self.params, jax.tree.unflatten(tree, keep))
        return Parametric(kept, eqx.combine(rest, self.frozen), self.function)


def parametric(f: Any, params: PyTree) -> Parametric:
    """Split what the user gave into parameters and the rest.

    Parameters
    ----------
    f
        A function ``f(params, x)`` or an Equinox module ``f(x)``.
    params
        The parameters. For a module None, which means all its floating-point arrays, or the
        part of it to differentiate: ``eqx.filter(f, ...)``.

    Raises
    ------
    TypeError
        If ``f`` cannot be called, or the parameters are complex.
    ValueError
        If there are no floating-point arrays among the parameters, or they do not belong to
        the module.
    """
    if isinstance(f, Layer):
        raise TypeError(
            f"f is an architecture, {f!r}, which has no weights yet: give net.init(key, shape)"
        )
    if not callable(f):
        raise TypeError(f"f is {f!r}: give a function f(params, x) or an Equinox module f(x)")
    if isinstance(f, eqx.Module):
        given = eqx.filter(f, eqx.is_inexact_array) if params is None else params
        if _structure(given) != _structure(f):
            raise ValueError(
                "params has another structure than the module: give None for all its "
                "floating-point arrays, or eqx.filter(f, ...) for some of them"
            )
        chosen = jax.tree.map(eqx.is_inexact_array, given, is_leaf=_is_none)
        kept, frozen = eqx.partition(eqx.combine(given, f), chosen)
        function = None
    else:
        kept, frozen = eqx.partition(jax.tree.map(_as_jax, params), eqx.is_inexact_array)
        function = f
    leaves = jax.tree.leaves(kept)
    if not leaves:
        raise ValueError(
            "there are no floating-point arrays among the parameters: give the arrays to "
            "differentiate (Python numbers and integers stay fixed)"
        )
    if any(jnp.iscomplexobj(leaf) for leaf in leaves):
        raise TypeError("a parameter is complex: give its real and imaginary parts as two arrays")
    return Parametric(kept, frozen, function)


def _structure(tree: PyTree) -> Any:
    return jax.tree.structure(tree, is_leaf=_is_none)


def _is_none(node: object) -> bool:
    return node is None


def _as_jax(leaf: Any) -> Any:
    return jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf


def output_shape(function: Parametric, x: Shaped[Array, "n ..."]) -> tuple[int, ...]:
    """Shape of the outputs for one example.

    Raises
    ------
    TypeError
        If the outputs are not one real floating-point array.
    """
    example = jax.ShapeDtypeStruct(x.shape[1:], x.dtype)
    try:
        out = jax.eval_shape(function.at, function.params, example)
    except (TypeError, ValueError, IndexError) as error:
        error.add_note(
            f"f was called with ONE example, of shape {x.shape[1:]}; the inputs {x.shape} hold "
            "the examples along their first axis"
        )
        raise
    if not isinstance(out, jax.ShapeDtypeStruct):
        raise TypeError(f"f returns {type(out).__name__}: return one array of outputs")
    if not jnp.issubdtype(out.dtype, jnp.floating):
        kind = "real and imaginary parts" if jnp.iscomplexobj(out) else "floating-point numbers"
        raise TypeError(
            f"f returns {out.dtype} numbers: return {kind}, which have a tangent kernel"
        )
    return out.shape


def checked_inputs(
    x1: Shaped[ArrayLike, "..."], x2: Shaped[ArrayLike, "..."] | None, *, diagonal: bool
) -> tuple[Shaped[Array, "n ..."], Shaped[Array, "m ..."] | None]:
    """Check two batches of examples.

    Raises
    ------
    ValueError
        If they do not fit each other, or hold numbers that are not finite (checked where the
        values are concrete).
    """
    first = _batch("x1", x1)
    if x2 is None:
        return first, None
    second = _batch("x2", x2)
    if first.shape[1:] != second.shape[1:]:
        raise ValueError(
            f"an example of x1 has shape {first.shape[1:]} and one of x2 {second.shape[1:]}: "
            "give examples of one shape, along the first axis"
        )
    if diagonal and len(first) != len(second):
        raise ValueError(
            f"diagonal pairs x1[i] with x2[i], but there are {len(first)} and {len(second)} of them"
        )
    return first, second


def _batch(name: str, x: Shaped[ArrayLike, "..."]) -> Shaped[Array, "n ..."]:
    array = jnp.asarray(x)
    if array.ndim == 0 or len(array) == 0:
        raise ValueError(
            f"{name} has shape {array.shape}: give at least one example, along the first axis"
        )
    try:
        finite = bool(jnp.all(jnp.isfinite(array)))
    except jax.errors.TracerBoolConversionError:
        return array
    if not finite:
        raise ValueError(f"{name} holds numbers that are not finite; find out why, or drop them")
    return array


def rate_leaves(function: Parametric, rates: Rates) -> list[ArrayLike]:
    """Learning-rate factor of every array of parameters, in order.

    Parameters
    ----------
    function
        The function.
    rates
        None for 1 everywhere; ``"sgd"``, ``"adam"`` or ``"muon"`` for the factors of the
        parametrization under that optimizer; or numbers in the structure of the parameters, one
        for each array or for each subtree.

    Raises
    ------
    ValueError
        If a word was given for parameters without a :class:`~widthwise.networks.Affine`
        layer, or the structure does not fit.
    """
    if rates is None:
        return [1.0] * len(function.paths)
    if isinstance(rates, str):
        whole = function.whole(function.params)
        rows = parameter_rows(whole) if isinstance(whole, eqx.Module) else []
        if rates not in ("sgd", "adam", "muon"):
            raise ValueError(
                f"learning_rates is {rates!r}: give None, 'sgd', 'adam', 'muon' or numbers, one "
                "for each array"
            )
        known = {row.path: getattr(row, rates) for row in rows}
        if not known:
            raise ValueError(
                f"learning_rates={rates!r} reads the parametrization of a network from net.init, "
                "and there is no such layer here: give the numbers themselves, or None"
            )
        return [known.get(path, 1.0) for path in function.paths]
    try:
        full = jax.tree.map(
            lambda rate, part: jax.tree.map(lambda _: rate, part), rates, function.params
        )
    except ValueError as error:
        raise ValueError(
            "learning_rates does not have the structure of the parameters: give one number for "
            "each array, or for each subtree"
        ) from error
    return jax.tree.leaves(full)
