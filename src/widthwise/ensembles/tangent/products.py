"""Tangent kernels from products with vectors: no gradient is kept for more than one example."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, PyTree, Shaped

from widthwise.ensembles.tangent.parametric import Parametric


def kernel_by_products(
    function: Parametric,
    rates: list[ArrayLike],
    x1: Shaped[Array, "n ..."],
    x2: Shaped[Array, "m ..."],
    *,
    trace: bool,
    diagonal: bool,
) -> Float[Array, "n *rest"]:
    """Push the gradients of one second example at a time through all first examples.

    Parameters
    ----------
    function
        The function.
    rates
        Learning-rate factor of every array of parameters.
    x1, x2
        Examples.
    trace, diagonal
        As for the contraction of factors.

    Returns
    -------
    ``(n, m)``, or ``(n, m, outputs, outputs)`` without ``trace``; without m with ``diagonal``.
    """

    def reduce(columns: Float[Array, "o ... r"]) -> Array:
        """Bring (outputs of x2, ..., outputs of x1) to pairs of outputs, or their average."""
        if trace:
            return jnp.einsum("o...o->...", columns) / columns.shape[0]
        return jnp.moveaxis(columns, 0, -1)

    if diagonal:

        def pair(examples: tuple[Array, Array]) -> Array:
            at = partial(function.outputs, x=examples[0])
            _, push = jax.linearize(at, function.params)
            return reduce(jax.vmap(push)(gradients(function, rates, examples[1])))

        return jax.lax.map(pair, (x1, x2))

    def batch(params: PyTree) -> Array:
        return jax.vmap(function.outputs, (None, 0))(params, x1)

    _, push = jax.linearize(batch, function.params)
    columns = jax.lax.map(lambda x: reduce(jax.vmap(push)(gradients(function, rates, x))), x2)
    return jnp.swapaxes(columns, 0, 1)


def gradients(
    function: Parametric, rates: list[ArrayLike], x: Shaped[Array, "..."]
) -> PyTree[Float[Array, "outputs ..."]]:
    """Gradients of all outputs at one example, times the learning-rate factors."""
    out, back = jax.vjp(lambda params: function.outputs(params, x), function.params)
    (slopes,) = jax.vmap(back)(jnp.eye(out.size, dtype=out.dtype))
    return scaled(slopes, rates)


def scaled(tree: PyTree, rates: list[ArrayLike]) -> PyTree:
    """Multiply every array of parameters, or of gradients, by its factor."""
    leaves, structure = jax.tree.flatten(tree)
    return structure.unflatten([leaf * rate for leaf, rate in zip(leaves, rates, strict=True)])
