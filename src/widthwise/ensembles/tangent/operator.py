"""The tangent kernel as a linear operator that is never written out."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, PyTree, Shaped

from widthwise.ensembles.tangent.parametric import (
    Parametric,
    Rates,
    checked_inputs,
    output_shape,
    parametric,
    rate_leaves,
)
from widthwise.ensembles.tangent.products import gradients, scaled


class TangentOperator(eqx.Module):
    """The linear map v -> sum over x', j of ntk_ij(x, x') v_j(x').

    A pytree of arrays: it can be an argument of ``jax.jit`` and of solvers that take a function,
    such as ``jax.scipy.sparse.linalg.cg``.

    Parameters
    ----------
    function
        The network.
    rates
        Learning-rate factor of every array of parameters.
    x1, x2
        Examples; ``x2=None`` means x1 again.
    outputs
        Shape of the outputs for one example.
    """

    function: Parametric
    rates: list[ArrayLike]
    x1: Shaped[Array, "n ..."]
    x2: Shaped[Array, "m ..."] | None
    outputs: tuple[int, ...] = eqx.field(static=True)

    @eqx.filter_jit
    def __call__(self, v: Float[Array, "m *outputs"]) -> Float[Array, "n *outputs"]:
        """Multiply by a vector: one backward pass through x2 and one forward derivative at x1.

        Raises
        ------
        ValueError
            If the vector does not have the shape of the outputs at x2.
        """
        second = self.x1 if self.x2 is None else self.x2
        if v.shape != (len(second), *self.outputs):
            raise ValueError(
                f"the vector has shape {v.shape}: give the shape of the outputs at the second "
                f"inputs, {(len(second), *self.outputs)}"
            )
        params = self.function.params
        run = jax.vmap(self.function.at, (None, 0))
        out, back = jax.vjp(lambda p: run(p, second), params)
        (slopes,) = back(v.astype(out.dtype))
        return jax.jvp(lambda p: run(p, self.x1), (params,), (scaled(slopes, self.rates),))[1]

    @eqx.filter_jit
    def diagonal(self) -> Float[Array, "n *outputs"]:
        """Diagonal entries ntk_ii(x, x), one example at a time.

        Raises
        ------
        ValueError
            If x2 was given: the operator then is not square.
        """
        if self.x2 is not None:
            raise ValueError("only an operator of one batch has a diagonal: leave x2 out")

        def one(x: Array) -> Array:
            slopes = gradients(self.function, [1.0] * len(self.rates), x)
            squares = [
                jnp.sum(s * s, axis=tuple(range(1, s.ndim))) for s in jax.tree.leaves(slopes)
            ]
            total = sum(rate * part for rate, part in zip(self.rates, squares, strict=True))
            return jnp.reshape(total, self.outputs)

        return jax.lax.map(one, self.x1)

    def trace(self) -> Float[Array, ""]:
        """Sum of the diagonal."""
        return jnp.sum(self.diagonal())

    def layers(self) -> dict[str, "TangentOperator"]:
        """Give the part of every layer, by its path; they sum to the whole."""
        names = self.function.layers
        parts = {}
        for name in dict.fromkeys(names):
            keep = [own == name for own in names]
            rates = [rate for rate, kept in zip(self.rates, keep, strict=True) if kept]
            part = self.function.only(keep)
            parts[name] = TangentOperator(part, rates, self.x1, self.x2, self.outputs)
        return parts


def ntk_vector_product(
    f: Callable[..., Any],
    params: PyTree,
    x1: Shaped[ArrayLike, "..."],
    x2: Shaped[ArrayLike, "..."] | None = None,
    *,
    learning_rates: Rates = None,
) -> TangentOperator:
    """Tangent kernel of a finite network as a function of vectors, without forming a matrix.

    Parameters
    ----------
    f, params, x1, x2, learning_rates
        As for :func:`~widthwise.ensembles.empirical_ntk`.

    Returns
    -------
    ``operator(v)`` maps (m, *outputs) to (n, *outputs); see :class:`TangentOperator`.

    Raises
    ------
    TypeError, ValueError
        As :func:`~widthwise.ensembles.empirical_ntk`.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> x = jnp.asarray([[1.0, 2.0], [0.0, 1.0]])
    >>> ntk = ntk_vector_product(lambda w, x: w @ x, jnp.ones(2), x)
    >>> ntk(jnp.asarray([1.0, -1.0])).tolist(), float(ntk.trace())
    ([3.0, 1.0], 6.0)
    """
    function = parametric(f, params)
    first, second = checked_inputs(x1, x2, diagonal=False)
    rates = rate_leaves(function, learning_rates)
    return TangentOperator(function, rates, first, second, output_shape(function, first))
