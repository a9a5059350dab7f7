"""Lanczos' method: extreme eigenvalues of a symmetric matrix that is known by its products.

Where all vectors are kept, the recurrence is matfree's. What stands here is how to go on from a
space that is not large enough yet, with all its vectors or with the last one only, and what its
numbers prove about the spectrum.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, ArrayLike, Bool, Float, Int
from matfree import decomp

Product = Callable[[Array], Array]
Grow = Callable[[Array, "Krylov", Array], tuple["Krylov", Array]]

BLOCK = 4
"""Products between two looks at what has been found, where all vectors are kept; otherwise one."""
_ORDERS = 16, 64  # of tridiagonal matrices that are decomposed as such, not as part of the buffer
_HALVINGS = 30  # in the search for the upper bound


class Krylov(NamedTuple):
    """An orthonormal basis of a Krylov space, and the matrix in it, which is tridiagonal.

    Parameters
    ----------
    basis
        One vector in a row; rows from ``dimension`` on mean nothing. No rows if none is kept.
    diagonal
        Of the tridiagonal matrix.
    off_diagonal
        Beside the diagonal; the last one is the norm of what the last product has outside the
        space.
    dimension
        Number of vectors; zero if the first product is not finite.
    """

    basis: Float[Array, "m n"]
    diagonal: Float[Array, " m"]
    off_diagonal: Float[Array, " m"]
    dimension: Int[Array, ""]


class Ritz(NamedTuple):
    """Ritz pairs, ascending; the space being smaller than its buffer, NaN come first.

    Parameters
    ----------
    values
        Rayleigh quotients: each lies between two eigenvalues, or at one.
    residuals
        Norms of ``H y - value y``: the matrix has an eigenvalue at most so far away.
    weights
        Squared component of the start in each Ritz vector; they sum to one.
    vectors
        Coefficients in the basis, one pair in a column.
    """

    values: Float[Array, " m"]
    residuals: Float[Array, " m"]
    weights: Float[Array, " m"]
    vectors: Float[Array, "m m"]


def krylov_space(
    product: Product,
    start: Float[Array, " n"],
    *,
    products: int,
    enough: Callable[[Krylov], Bool[Array, ""]] | None = None,
    keep: bool = True,
) -> Krylov:
    """Return the space spanned by a vector and its images.

    Parameters
    ----------
    product
        Multiplies the matrix with a vector.
    start
        Any vector but zero.
    products
        How many; no more than the length of the vectors.
    enough
        Whether a space will do; it is asked every few products. None takes all of them.
    keep
        Whether all vectors are kept, and each made orthogonal to all before it; otherwise only to
        the last two, in memory and time that do not grow with their number.

    Notes
    -----
    Without all vectors, orthogonality is lost once a Ritz pair has converged to about the root of
    rounding. Copies of it appear then, while the largest and the smallest Ritz value, with their
    residuals, stay right to rounding: C. C. Paige (1980), Linear Algebra Appl. 34, 235.

    Lanczos' method for the matrix restricted to the complement of the space, from what the last
    product has there, goes on exactly as for the matrix itself.
    """
    size = start.shape[0]
    products = min(products, size)
    block = 1 if not keep else products if enough is None else min(BLOCK, products)
    blocks = -(-products // block)
    grow = _growing_by(block, product) if keep else _growing_by_one(product)
    zeros = jnp.zeros(blocks * block, start.dtype)
    kept = jnp.zeros((blocks * block if keep else 1, size), start.dtype)
    space = Krylov(kept, zeros, zeros, jnp.asarray(0))
    if blocks == 1:
        return grow(jnp.asarray(0), space, start)[0]

    def unfinished(state: tuple[Array, Krylov, Array]) -> Bool[Array, ""]:
        done, space, _ = state
        more = (space.dimension == done * block) & (_left(space) > _rounding(space))
        if enough is not None:
            more &= ~enough(space)
        return (done == 0) | ((done < blocks) & more)

    def step(state: tuple[Array, Krylov, Array]) -> tuple[Array, Krylov, Array]:
        return state[0] + 1, *grow(*state)

    return lax.while_loop(unfinished, step, (jnp.asarray(0), space, start))[1]


def _growing_by(block: int, product: Product) -> Grow:
    """Add some vectors, each made orthogonal to all before it."""
    tridiagonal = decomp.tridiag_sym(block, materialize=False, custom_vjp=False, reortho="full")

    def grow(done: Array, space: Krylov, vector: Array) -> tuple[Krylov, Array]:
        def project(i: Array, v: Array) -> Array:
            earlier = lax.dynamic_slice(space.basis, (i * block, 0), (block, len(v)))
            return v - (earlier @ v) @ earlier

        new = tridiagonal(lambda v: lax.fori_loop(0, done, project, product(v)), vector)
        basis, (diagonal, beside) = jnp.asarray(new.Q_tall), new.J_small
        beside = jnp.append(beside, jnp.linalg.norm(new.residual))
        place = done * block
        grown = Krylov(
            lax.dynamic_update_slice(space.basis, basis, (place, 0)),
            lax.dynamic_update_slice(space.diagonal, diagonal, (place,)),
            lax.dynamic_update_slice(space.off_diagonal, beside, (place,)),
            place + block,
        )
        return _up_to_breakdown(grown), new.residual

    return grow


def _growing_by_one(product: Product) -> Grow:
    """Add one vector, and keep only that: the variant A(2, 7) of Paige (1972)."""

    def grow(done: Array, space: Krylov, vector: Array) -> tuple[Krylov, Array]:
        before = jnp.where(done > 0, space.off_diagonal[done - 1], 0.0)
        unit = vector / jnp.where(done > 0, before, jnp.linalg.norm(vector))
        image = product(unit) - before * space.basis[0]
        diagonal = unit @ image
        left = image - diagonal * unit
        grown = Krylov(
            unit[None],
            space.diagonal.at[done].set(diagonal),
            space.off_diagonal.at[done].set(jnp.linalg.norm(left)),
            done + 1,
        )
        return _up_to_breakdown(grown), left

    return grow


@jax.jit
def ritz(space: Krylov) -> Ritz:
    """Return the Ritz pairs of a Krylov space."""
    size = space.diagonal.shape[0]
    index = jnp.arange(size)
    inner = jnp.where(index < space.dimension, space.diagonal, 0.0)
    beside = jnp.where(index[1:] < space.dimension, space.off_diagonal[:-1], 0.0)
    # Rows beyond the space get a value below all others.
    lowest = -2 * (jnp.max(jnp.abs(inner)) + 2 * jnp.max(beside, initial=0.0)) - 1
    inner = jnp.where(index < space.dimension, inner, lowest)
    matrix = jnp.diag(inner) + jnp.diag(beside, 1) + jnp.diag(beside, -1)
    # LAPACK's threads, which a matrix of the whole buffer would start, wait for those of XLA.
    orders = [*(order for order in _ORDERS if order < size), size]
    smallest = jnp.searchsorted(jnp.asarray(orders), space.dimension)
    leading = [partial(_eigh_of_leading, order) for order in orders]
    values, vectors = lax.switch(smallest, leading, matrix)
    known = index >= size - space.dimension
    last = vectors[jnp.maximum(space.dimension - 1, 0)]
    return Ritz(
        jnp.where(known, values, jnp.nan),
        jnp.where(known, jnp.abs(_left(space) * last), jnp.nan),
        jnp.where(known, vectors[0] ** 2, jnp.nan),
        vectors,
    )


@jax.jit
def upper_bound(space: Krylov, found: Ritz, weight: Float[ArrayLike, ""]) -> Float[Array, ""]:
    r"""Bound the largest eigenvalue from above, the start having a component along its vector.

    The vector that would come next in the basis is ``p(H) q``, q being the start and p the
    polynomial ``prod_i (t - value_i) / off_diagonal_i``. Its component along an eigenvector u is
    ``p(lambda) (u . q)``, at most one; beyond the largest Ritz value p grows, so that
    ``p(lambda)^2 <= 1 / (u . q)^2`` bounds lambda.

    Parameters
    ----------
    space, found
        The space and its Ritz pairs.
    weight
        Squared component that the start is known to have along the vector of the largest
        eigenvalue.

    Notes
    -----
    van Dorsselaer, Hochstenbach & van der Vorst (2000), SIAM J. Matrix Anal. Appl. 22, 837.
    """
    top, residual = found.values[-1], found.residuals[-1]
    inside = jnp.arange(space.diagonal.shape[0]) < space.dimension
    scale = jnp.sum(jnp.where(inside, jnp.log(space.off_diagonal), 0.0))
    distances = jnp.where(jnp.isnan(found.values), 0.0, top - found.values)
    weight = jnp.asarray(weight, top.dtype)

    def narrow(_: Array, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = (low + high) / 2
        factors = jnp.log(distances + middle)
        log_p = jnp.sum(jnp.where(jnp.isnan(found.values), 0.0, factors)) - scale
        beyond = 2 * log_p + jnp.log(weight) >= 0
        return jnp.where(beyond, low, middle), jnp.where(beyond, middle, high)

    # p is convex there, and its slope at the Ritz value is known from the Ritz vector.
    farthest = residual * jnp.sqrt(found.weights[-1] / weight)
    return top + lax.fori_loop(0, _HALVINGS, narrow, (jnp.zeros_like(top), farthest))[1]


def _eigh_of_leading(order: int, matrix: Float[Array, "m m"]) -> tuple[Array, Array]:
    """Return eigenvalues and vectors of a leading block, and before them zeros for the rest."""
    values, vectors = jnp.linalg.eigh(matrix[:order, :order])
    rest = len(matrix) - order
    return jnp.pad(values, (rest, 0)), jnp.pad(vectors, ((0, rest), (rest, 0)))


def _left(space: Krylov) -> Float[Array, ""]:
    """Norm of what the last product has outside the space."""
    return space.off_diagonal[jnp.maximum(space.dimension - 1, 0)]


def _rounding(space: Krylov) -> Float[Array, ""]:
    """Norm below which what is left over is rounding, not orthogonal to the space."""
    finite = (jnp.nan_to_num(jnp.abs(a)) for a in (space.diagonal, space.off_diagonal))
    return 100 * jnp.finfo(space.diagonal.dtype).eps * jnp.max(jnp.stack([*finite]))


def _up_to_breakdown(space: Krylov) -> Krylov:
    """End a space where a product adds nothing to it, or is not finite."""
    # Nothing left over at all: the recurrence has divided by zero after that.
    beside = jnp.where(jnp.isnan(space.off_diagonal), 0.0, space.off_diagonal)
    linked = beside > _rounding(space)
    alive = jnp.append(jnp.ones(1, bool), linked[:-1]) & jnp.isfinite(space.diagonal)
    dimension = jnp.minimum(space.dimension, jnp.sum(jnp.cumprod(alive)))
    return space._replace(off_diagonal=beside, dimension=dimension)
