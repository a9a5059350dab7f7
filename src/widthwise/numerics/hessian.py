"""Products of the curvature of a loss with vectors, without the matrix."""

from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import Array, Float

Product = Callable[[Array], Array]


def hessian_product(
    value: Callable[[Array], Array],
    at: Float[Array, " n"],
    *,
    scale: Float[Array, " n"] | None = None,
) -> Product:
    """Return the map ``v -> S H S v``, H being the Hessian of ``value`` and S = diag(scale).

    The gradient is linearized once, so that products do not repeat its evaluation.

    Parameters
    ----------
    value
        A function of a vector, one number.
    at
        Where.
    scale
        Ones if None.
    """
    _, product = jax.linearize(jax.grad(value), at)
    return _scaled(product, scale)


def gauss_newton_product(
    outputs: Callable[[Array], Any],
    loss: Callable[[Any], Array],
    at: Float[Array, " n"],
    *,
    scale: Float[Array, " n"] | None = None,
) -> Product:
    """Return the map ``v -> S J^T C J S v``: the Hessian without the curvature of the outputs.

    Parameters
    ----------
    outputs
        A function of a vector, with Jacobian J: arrays.
    loss
        Of the outputs, one number, with Hessian C; positive semi-definite where it is convex.
    at, scale
        As for :func:`hessian_product`.

    Notes
    -----
    Schraudolph (2002), Neural Computation 14, 1723.
    """
    found, forward = jax.linearize(outputs, at)
    backward = jax.linear_transpose(forward, at)
    _, curve = jax.linearize(jax.grad(loss), found)
    return _scaled(lambda v: backward(curve(forward(v)))[0], scale)


def _scaled(product: Product, scale: Float[Array, " n"] | None) -> Product:
    if scale is None:
        return product
    return lambda v: scale * product(scale * v)
