"""The largest eigenvalue of the Hessian of any loss, and how far it is proven."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Key, PyTree
from scipy.special import betaincinv

from widthwise.numerics.lanczos import Krylov, Ritz, ritz, upper_bound
from widthwise.observables.curvature.operator import curvature
from widthwise.observables.curvature.search import NotConverged, check_options, search

PROBABILITY = 0.99


@dataclass(frozen=True)
class Sharpness:
    """The largest eigenvalue of a Hessian, with what is known about its error.

    Attributes
    ----------
    value
        A Rayleigh quotient. Certain, up to rounding: the largest eigenvalue is no smaller, and
        there is an eigenvalue within ``residual`` of it.
    residual
        ``|H y - value y|`` of the unit vector y behind it.
    upper
        The largest eigenvalue is no larger: with ``probability`` over the random start.
    probability
        That of the upper bound.
    products
        Products of the Hessian with a vector.
    converged
        Whether ``upper - value`` is within the tolerance.
    """

    value: float
    residual: float
    upper: float
    probability: float
    products: int
    converged: bool

    def __float__(self) -> float:
        """Return the value."""
        return self.value


def sharpness(
    loss: Callable[..., Any],
    params: PyTree,
    *args: Any,
    tolerance: float = 1e-3,
    max_products: int = 100,
    outputs: Callable[..., Any] | None = None,
    rates: PyTree = None,
    key: Key[Array, ""] | None = None,
    throw: bool = True,
) -> Sharpness:
    r"""Largest eigenvalue of the Hessian of a loss in its parameters.

    By Lanczos' method on products of the Hessian with vectors, from a random start, until the
    eigenvalue is bounded from both sides. Gradient descent is unstable where it exceeds
    2 / learning rate.

    Parameters
    ----------
    loss
        ``loss(params, *args)``, one real number; for a PyTorch model ``loss(model, *args)``.
    params
        Any pytree with arrays, such as an Equinox module; or a PyTorch module.
    *args
        What else the loss needs. Give data here rather than in a closure: large constants make
        compilation slow.
    tolerance
        Largest width of ``[value, upper]``, relative to the value. The value itself is usually
        far closer to the eigenvalue: its error is of second order in the residual.
    max_products
        Largest number of products; memory does not grow with it.
    outputs
        ``outputs(params, *args)``: then the loss is ``loss(outputs, *args)``, and the matrix that
        of Gauss and Newton, J^T (Hessian of the loss in the outputs) J.
    rates
        Learning-rate factor of each array, a pytree like the parameters: then of R^(1/2) H R^(1/2),
        which decides the stability of gradient descent with these factors.
    key
        Random start; ``jax.random.key(0)`` if None.
    throw
        Whether to raise if the tolerance is not met; otherwise the result says so.

    Returns
    -------
    Sharpness
        ``float(...)`` of it is the eigenvalue.

    Raises
    ------
    NotConverged
        If the tolerance is not met within the number of products.
    TypeError, ValueError
        If parameters are missing, complex or not finite, the loss is no real number, a product is
        not finite, or an option is out of range.

    Notes
    -----
    The upper bound uses that the start, of uniformly random direction, is nearly orthogonal to
    the wanted eigenvector only with a known probability: van Dorsselaer, Hochstenbach & van der
    Vorst (2000), SIAM J. Matrix Anal. Appl. 22, 837. Precision is that of the parameters; in
    float32 tolerances below 1e-4 are rarely met.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> found = sharpness(lambda w: w[0] ** 2 + w[0] * w[1], jnp.array([1.0, 2.0]))
    >>> round(found.value, 5), found.products
    (2.41421, 2)
    """
    check_options(tolerance, max_products)
    problem = curvature(loss, params, args, outputs=outputs, rates=rates)
    # Squared component of a random direction along a given one: larger with the probability.
    weight = betaincinv(0.5, (problem.size - 1) / 2, 1 - PROBABILITY) if problem.size > 1 else 1.0
    numbers = np.array([weight, tolerance])
    space = search(problem, _bounded, numbers, max_products=max_products, key=key, keep=False)
    pairs = ritz(space)
    value = float(pairs.values[-1])
    upper = float(upper_bound(space, pairs, weight))
    close = upper - value <= float(_allowed(pairs, tolerance))
    residual = float(pairs.residuals[-1])
    found = Sharpness(value, residual, upper, PROBABILITY, int(space.dimension), close)
    if throw and not close:
        raise NotConverged(
            f"after {found.products} products the sharpness is {value:.6g}, at most {upper:.6g}, "
            f"which is not within tolerance={tolerance:g}: give more max_products, a larger "
            "tolerance, or throw=False"
        )
    return found


def _bounded(space: Krylov, numbers: Float[Array, "2"]) -> Bool[Array, ""]:
    weight, tolerance = numbers
    pairs = ritz(space)
    return upper_bound(space, pairs, weight) - pairs.values[-1] <= _allowed(pairs, tolerance)


def _allowed(pairs: Ritz, tolerance: Float[ArrayLike, ""]) -> Float[Array, ""]:
    """Width of the bounds that will do; no less than rounding."""
    rounding = 100 * jnp.finfo(pairs.values.dtype).eps * jnp.nanmax(jnp.abs(pairs.values))
    return jnp.maximum(tolerance * jnp.abs(pairs.values[-1]), rounding)
