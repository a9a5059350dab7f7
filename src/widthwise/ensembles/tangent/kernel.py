"""The tangent kernel and the covariance of one finite network."""

from collections.abc import Callable
from typing import Any, Literal, cast, get_args, overload

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, ArrayLike, Float, PyTree, Shaped

from widthwise.ensembles.tangent.cost import Method, Shape, plan
from widthwise.ensembles.tangent.factors import contract
from widthwise.ensembles.tangent.parametric import (
    Parametric,
    Rates,
    checked_inputs,
    output_shape,
    parametric,
    rate_leaves,
)
from widthwise.ensembles.tangent.products import kernel_by_products
from widthwise.ensembles.tangent.sites import Site, find_sites, watched_gradients
from widthwise.ensembles.tangent.tiles import Kernels, tiled
from widthwise.numerics.choices import check_choice


@overload
def empirical_ntk(
    f: Callable[..., Any],
    params: PyTree,
    x1: Shaped[ArrayLike, "..."],
    x2: Shaped[ArrayLike, "..."] | None = None,
    *,
    method: str = "auto",
    diagonal: bool = False,
    trace_outputs: bool = True,
    by_layer: Literal[False] = False,
    learning_rates: Rates = None,
    batch_size: int | None = None,
) -> Float[Array, "n *rest"]: ...


@overload
def empirical_ntk(
    f: Callable[..., Any],
    params: PyTree,
    x1: Shaped[ArrayLike, "..."],
    x2: Shaped[ArrayLike, "..."] | None = None,
    *,
    method: str = "auto",
    diagonal: bool = False,
    trace_outputs: bool = True,
    by_layer: Literal[True],
    learning_rates: Rates = None,
    batch_size: int | None = None,
) -> dict[str, Array]: ...


def empirical_ntk(
    f: Callable[..., Any],
    params: PyTree,
    x1: Shaped[ArrayLike, "..."],
    x2: Shaped[ArrayLike, "..."] | None = None,
    *,
    method: str = "auto",
    diagonal: bool = False,
    trace_outputs: bool = True,
    by_layer: bool = False,
    learning_rates: Rates = None,
    batch_size: int | None = None,
) -> Float[Array, "n *rest"] | dict[str, Array]:
    r"""Tangent kernel of a finite network: sum_p eta_p (df_i(x)/dp) (df_j(x')/dp).

    Parameters
    ----------
    f
        A function ``f(params, x)`` of ONE example, or an Equinox module ``f(x)``. Pass the same
        function object every time: a new one is compiled anew.
    params
        The parameters: floating-point arrays anywhere in a pytree, of which all else is fixed.
        For a module None, which means all its floating-point arrays, or the part of it to
        differentiate, ``eqx.filter(f, ...)``.
    x1, x2
        Examples along the first axis; ``x2=None`` means x1 again.
    method
        ``"jacobian"`` writes out all gradients and multiplies them. ``"products"`` pushes the
        gradients of one example at a time through all others. ``"layers"`` multiplies, for each
        linear layer, what enters it and what comes back to it, and never forms their gradients;
        it knows :class:`~widthwise.networks.Affine`, ``eqx.nn.Linear`` and ``eqx.nn.Conv``
        (one group, zero padding) and writes out the gradients of all other parameters.
        ``"auto"`` counts the operations of each from the shapes, at the batch size that its
        memory allows, and takes the cheapest.
    diagonal
        Only the pairs (x1[i], x2[i]).
    trace_outputs
        Average over equal outputs i = j, as the kernel of the infinite network is; False gives
        all pairs of outputs.
    by_layer
        Return the part of every layer, keyed by its path: what holds arrays together is a
        layer. The parts sum to the kernel.
    learning_rates
        The factors eta: None for 1; ``"sgd"`` for those of the parametrization, with which the
        kernel approaches ``net.kernel(x1, x2).ntk`` as the widths grow; or numbers in the
        structure of the parameters.
    batch_size
        Examples of x1 and x2 taken at a time. None takes as many as fit in 1 GiB of
        temporaries, by estimate.

    Returns
    -------
    ``(n, m)``, or ``(n, m, *outputs, *outputs)`` if outputs are not averaged; without m with
    ``diagonal``. With ``by_layer`` a dictionary of these.

    Raises
    ------
    TypeError
        If ``f`` does not return one real floating-point array, or a parameter is complex.
    ValueError
        If the inputs do not fit each other or are not finite, a method is unknown or cannot be
        used, or there are no floating-point parameters.

    Notes
    -----
    Jacobian contraction and products with vectors as in Novak, Sohl-Dickstein & Schoenholz
    (2022, arXiv:2206.08720); the sum over layers of (A A^T) * (B B^T) is derived: see
    :func:`widthwise.ensembles.tangent.factors.contract`.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> x = jnp.asarray([[1.0, 2.0], [0.0, 1.0]])
    >>> empirical_ntk(lambda w, x: w @ x, jnp.ones((3, 2)), x).tolist()
    [[5.0, 2.0], [2.0, 1.0]]
    """
    function = parametric(f, params)
    first, second = checked_inputs(x1, x2, diagonal=diagonal)
    _check_method(method)
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}: give a number of at least 1")
    rates = rate_leaves(function, learning_rates)
    parts = _layer_kernels(
        function, rates, first, second, (method, diagonal, trace_outputs, by_layer, batch_size)
    )
    return parts if by_layer else parts[""]


def empirical_nngp(
    f: Callable[..., Any],
    params: PyTree,
    x1: Shaped[ArrayLike, "..."],
    x2: Shaped[ArrayLike, "..."] | None = None,
    *,
    diagonal: bool = False,
    trace_outputs: bool = True,
) -> Float[Array, "n *rest"]:
    """Products of the outputs of one finite network, f_i(x) f_j(x').

    Their mean over networks is the covariance that ``net.kernel(x1, x2).nngp`` predicts; with
    o outputs the products of ONE network scatter around it by a part of order 1 / sqrt(o),
    whatever the width.

    Parameters
    ----------
    f, params, x1, x2, diagonal, trace_outputs
        As for :func:`empirical_ntk`.

    Returns
    -------
    ``(n, m)``, or ``(n, m, *outputs, *outputs)`` if outputs are not averaged; without m with
    ``diagonal``.

    Raises
    ------
    TypeError, ValueError
        As :func:`empirical_ntk`.
    """
    function = parametric(f, params)
    first, second = checked_inputs(x1, x2, diagonal=diagonal)
    return _output_products(function, first, second, (diagonal, trace_outputs))


@eqx.filter_jit
def _output_products(
    function: Parametric, x1: Array, x2: Array | None, options: tuple[bool, bool]
) -> Array:
    diagonal, trace = options
    outputs = output_shape(function, x1)
    run = jax.vmap(function.outputs, (None, 0))
    one = run(function.params, x1)
    other = one if x2 is None else run(function.params, x2)
    middle, pairs = ("n", "n") if diagonal else ("m", "nm")
    formula = f"no,{middle}o->{pairs}" if trace else f"no,{middle}r->{pairs}or"
    products = jnp.einsum(formula, one, other, precision=lax.Precision.HIGHEST)
    if trace:
        return products / one.shape[1]
    return products.reshape(*products.shape[:-2], *outputs, *outputs)


def _check_method(method: str) -> None:
    known = ("auto", *get_args(Method))
    check_choice("method", method, known)


@eqx.filter_jit
def _layer_kernels(
    function: Parametric,
    rates: list[ArrayLike],
    x1: Array,
    x2: Array | None,
    options: tuple[str, bool, bool, bool, int | None],
) -> Kernels:
    """Choose method and batches, and compute; one entry named "" unless layers are wanted."""
    method, diagonal, trace, by_layer, batch_size = options
    outputs = output_shape(function, x1)
    size = int(np.prod(outputs))
    sites = _sites(function, x1, method)
    own = {path for site in sites for path in site.arrays}
    leaves = zip(function.paths, jax.tree.leaves(function.params), strict=True)
    others = sum(leaf.size for path, leaf in leaves if path not in own)
    shape = Shape(len(x1), len(x1 if x2 is None else x2), size, trace, diagonal)
    methods = cast(tuple[Method, ...], get_args(Method) if method == "auto" else (method,))
    chosen = plan(methods, shape, [site.sizes(size) for site in sites], others, batch_size)
    names = function.layers if by_layer else [""] * len(function.paths)

    def tile(one: Array, other: Array | None) -> Kernels:
        if chosen.method == "products":
            second = one if other is None else other
            return {
                name: kernel_by_products(
                    *_part(function, rates, [n == name for n in names]), one, second,
                    trace=trace, diagonal=diagonal,
                )
                for name in dict.fromkeys(names)
            }  # fmt: skip
        watched = sites if chosen.method == "layers" else []
        left = watched_gradients(function, watched, one)
        right = left if other is None else watched_gradients(function, watched, other)
        total: Kernels = {}
        for name, rate, path in zip(names, rates, function.paths, strict=True):
            part = contract(left[path], right[path], trace=trace, diagonal=diagonal) * rate
            total[name] = total[name] + part if name in total else part
        return total

    whole = max(shape.n, shape.m) <= chosen.batch_size
    run = tile if whole else tiled(tile, chosen.batch_size, diagonal=diagonal)
    if trace:
        return run(x1, x2)
    return jax.tree.map(lambda k: k.reshape(*k.shape[:-2], *outputs, *outputs), run(x1, x2))


def _sites(function: Parametric, x: Array, method: str) -> list[Site]:
    """Layers to watch, where the method may need them."""
    if method in ("jacobian", "products"):
        return []
    sites = find_sites(function, jax.ShapeDtypeStruct(x.shape[1:], x.dtype))
    if method == "layers" and not sites:
        raise ValueError(
            "method='layers' found no layer that it knows (Affine of a Widthwise network, "
            "eqx.nn.Linear, or eqx.nn.Conv with one group and zero padding, called outside of "
            "vmap and scan): give method='auto', which then uses another"
        )
    return sites


def _part(
    function: Parametric, rates: list[ArrayLike], keep: list[bool]
) -> tuple[Parametric, list[ArrayLike]]:
    return function.only(keep), [rate for rate, kept in zip(rates, keep, strict=True) if kept]
