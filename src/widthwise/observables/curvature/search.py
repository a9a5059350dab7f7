"""Growing a Krylov space of a curvature matrix until what is wanted of it is known."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from widthwise.numerics.lanczos import BLOCK, Krylov, krylov_space
from widthwise.numerics.memory import refuse_beyond_memory
from widthwise.observables.curvature.operator import Curvature

Enough = Callable[[Krylov, Array], Bool[Array, ""]]


class NotConverged(RuntimeError):
    """Raised where the number of products was too small for the accuracy that was asked for."""


def search(
    problem: Any,
    enough: Enough,
    numbers: Float[np.ndarray, " k"],
    *,
    max_products: int,
    key: Key[Array, ""] | None,
    keep: bool,
) -> Krylov:
    """Multiply the matrix with vectors, from a random start, until it is enough.

    Parameters
    ----------
    problem
        From :func:`widthwise.observables.curvature.operator.curvature`.
    enough
        Whether a space will do, a function of it and ``numbers``; compiled once for each.
    numbers
        What it depends on.
    max_products
        Largest number of products.
    key
        Of the random start; that of 0 if None.
    keep
        Whether all vectors are kept, as more than one eigenvalue on a side needs.

    Returns
    -------
    Krylov
        Without its basis.

    Raises
    ------
    ValueError
        If a product is not finite, or the vectors do not fit into memory.
    """
    products = min(max_products, problem.size)
    refuse_beyond_memory(
        2 * (products if keep else BLOCK) * problem.size * np.dtype(problem.dtype).itemsize,
        f"the search with {products} products of {problem.size} parameters",
        "give fewer max_products",
    )
    key = jax.random.key(0) if key is None else key
    values = jnp.asarray(numbers, problem.dtype)
    if isinstance(problem, Curvature):
        space = _compiled(problem, enough, values, key, products, keep)
    else:  # what is not JAX's is called back, by a program that nothing else can use
        space = jax.jit(lambda v, k: _grow(problem, enough, v, k, products, keep))(values, key)
    if int(space.dimension) == 0:
        raise ValueError(
            "the Hessian's product with a vector is not finite: check the loss and its second "
            "derivatives at these parameters"
        )
    return space


def check_options(tolerance: float, max_products: int) -> None:
    """Refuse a tolerance or a number of products that is out of range."""
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance is {tolerance}: give a number between 0 and 1")
    if isinstance(max_products, bool) or not isinstance(max_products, int) or max_products < 1:
        raise ValueError(f"max_products is {max_products!r}: give a whole number of at least 1")


def _grow(
    problem: Any, enough: Enough, numbers: Array, key: Array, products: int, keep: bool
) -> Krylov:
    start = jax.random.normal(key, (problem.size,), problem.dtype)
    with jax.default_matmul_precision("highest"):
        space = krylov_space(
            problem.product(),
            start,
            products=products,
            enough=lambda s: enough(s, numbers),
            keep=keep,
        )
    return space._replace(basis=jnp.zeros((len(space.diagonal), 0), problem.dtype))


_compiled = eqx.filter_jit(_grow)
