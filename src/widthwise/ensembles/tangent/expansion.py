"""A function as a polynomial in its parameters, around given ones."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from widthwise.ensembles.tangent.parametric import parametric


def linearize(f: Callable[..., Any], params: PyTree) -> Callable[..., Any]:
    """First-order Taylor polynomial of a function in its parameters.

    Its tangent kernel is constant: it is what gradient descent trains in the limit of infinite
    width.

    Parameters
    ----------
    f, params
        As for :func:`~widthwise.ensembles.empirical_ntk`; the outputs may be a pytree.

    Returns
    -------
    ``g(new_params, *args)``: see :func:`taylor_expand`.

    Raises
    ------
    TypeError, ValueError
        As :func:`taylor_expand`.
    """
    return taylor_expand(f, params, 1)


def taylor_expand(f: Callable[..., Any], params: PyTree, degree: int) -> Callable[..., Any]:
    r"""Taylor polynomial of a function in its parameters, of any degree.

    Parameters
    ----------
    f, params
        As for :func:`~widthwise.ensembles.empirical_ntk`; the outputs may be a pytree.
    degree
        Highest power, at least 0. Work and compilation double with every degree.

    Returns
    -------
    ``g(new_params, *args)``, the sum over k up to the degree of
    d^k/dt^k f(params + t (new_params - params)) / k! at t = 0. For a module, ``new_params`` is
    another such module or the part of one. The new parameters have the structure of the old
    ones; whatever was fixed in these is ignored in them.

    Raises
    ------
    TypeError
        If ``f`` cannot be called.
    ValueError
        If the degree is negative, or there are no floating-point parameters; on calling, if new
        parameters do not fit the old.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> square = taylor_expand(lambda w, x: x * w**2, jnp.asarray(1.0), 2)
    >>> float(square(jnp.asarray(3.0), 2.0))
    18.0
    """
    if isinstance(degree, bool) or not isinstance(degree, int) or degree < 0:
        raise ValueError(f"degree is {degree!r}: give a whole number of at least 0")
    function = parametric(f, params)

    def polynomial(new_params: PyTree, *args: Any) -> Any:
        step = _step(function.params, new_params)

        def along(t: Array) -> tuple[Any, ...]:
            moved = jax.tree.map(lambda p, d: p + t.astype(p.dtype) * d, function.params, step)
            return (function.at(moved, *args),)

        start = jnp.zeros(())
        terms = _with_derivatives(along, degree)(start)
        return jax.tree.map(
            lambda *orders: sum(term / math.factorial(k) for k, term in enumerate(orders)), *terms
        )

    return polynomial


def _with_derivatives(
    along: Callable[[Array], tuple[Any, ...]], degree: int
) -> Callable[[Array], tuple[Any, ...]]:
    """Append derivatives to the value: each nested derivative brings one order more."""
    if degree == 0:
        return along
    lower = _with_derivatives(along, degree - 1)

    def extended(t: Array) -> tuple[Any, ...]:
        values, slopes = jax.jvp(lower, (t,), (jnp.ones_like(t),))
        return (*values, slopes[-1])

    return extended


def _step(old: PyTree, new: PyTree) -> PyTree:
    """Difference of the parameters, in the structure of the old ones."""

    def difference(before: Any, after: Any) -> Any:
        if before is None:
            return None
        if jnp.shape(after) != before.shape:
            raise ValueError(
                f"a new parameter has shape {jnp.shape(after)} where the old one has "
                f"{before.shape}: give parameters like those the function was expanded around"
            )
        return jnp.asarray(after, before.dtype) - before

    return jax.tree.map(difference, old, new, is_leaf=lambda node: node is None)
