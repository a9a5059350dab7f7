"""Conjugate gradients for several right-hand sides that share the products with the matrix.

Each right-hand side has its own iteration; what they share is the product, which costs as much for
ten vectors as for one where the matrix is computed on the way. Solvers of one right-hand side would
compute it again for each. Those that have converged leave the product.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Map = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Iterate:
    """Where the iteration stands: all that it needs to go on.

    Attributes
    ----------
    solution, residual, direction
        Shape (n, k); the residual is that of the recurrence.
    products
        Residual times preconditioned residual, (k,).
    iteration
        How many products have been taken.
    """

    solution: Float[np.ndarray, "n k"]
    residual: Float[np.ndarray, "n k"]
    direction: Float[np.ndarray, "n k"]
    products: Float[np.ndarray, " k"]
    iteration: int


def first_iterate(
    residual: Float[np.ndarray, "n k"],
    precondition: Map,
    *,
    solution: Float[np.ndarray, "n k"] | None = None,
    iteration: int = 0,
) -> Iterate:
    """Start from a solution, zero if None, and its residual."""
    direction = precondition(residual)
    start = np.zeros_like(residual) if solution is None else solution
    return Iterate(start, residual, direction, np.sum(residual * direction, axis=0), iteration)


def conjugate_gradients(
    multiply: Map, precondition: Map, start: Iterate, *, below: Float[np.ndarray, " k"]
) -> Iterator[Iterate]:
    """Yield the iterates after ``start``, until every residual is small enough.

    Parameters
    ----------
    multiply
        The matrix, symmetric positive definite, as a map of vectors (n, any number).
    precondition
        An approximate inverse of it, of the same kind.
    start
        From :func:`first_iterate`, or an earlier iterate: the numbers are those of an iteration
        that was never interrupted.
    below
        Norms up to which residuals are small enough.

    Raises
    ------
    ValueError
        If the matrix turns out not to be positive definite, or a number is not finite.

    Notes
    -----
    Saad (2003), Iterative Methods for Sparse Linear Systems, algorithm 9.1.
    """
    x, r, p, products = (
        np.array(a) for a in (start.solution, start.residual, start.direction, start.products)
    )
    iteration = start.iteration
    while (active := np.linalg.norm(r, axis=0) > below).any():
        direction = p[:, active]
        image = multiply(direction)
        curvature = np.sum(direction * image, axis=0)
        if not np.isfinite(curvature).all():
            raise ValueError("a product with the matrix is not finite: check what it is made of")
        if curvature.min() <= 0:
            raise ValueError(
                f"the matrix is not positive definite: v A v = {curvature.min():.3g} for one of "
                "the directions; add a larger multiple of the identity"
            )
        step = products[active] / curvature
        x[:, active] += step * direction
        r[:, active] -= step * image
        better = precondition(r[:, active])
        again = np.sum(r[:, active] * better, axis=0)
        p[:, active] = better + again / products[active] * direction
        products[active] = again
        iteration += 1
        yield Iterate(x.copy(), r.copy(), p.copy(), products.copy(), iteration)
