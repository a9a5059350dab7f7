"""Spectra of a network in training: singular values of weights, sharpness of the loss."""

from collections.abc import Callable
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree, Shaped

from widthwise.ensembles.training.rates import rate_factors
from widthwise.ensembles.training.trained import Recorded, Trained
from widthwise.networks.linear import Linear


@dataclass(frozen=True)
class singular_values:
    """Record ``singular_values (matrix, rank)`` of the hidden weights, largest first.

    Of each matrix between two hidden layers, as it acts: multiplied by the parametrization's
    multiplier, so that at step 0 they fill [0, 2 gain] at large width.

    Parameters
    ----------
    top
        How many; None for all.
    """

    top: int | None = None

    def __call__(
        self, model: Trained, x: Float[Array, "n *shape"], y: Shaped[Array, "n *outputs"]
    ) -> Recorded:
        """Compute them all, and keep the largest."""
        del x, y
        nodes = jax.tree.leaves(model.network, is_leaf=lambda m: isinstance(m, Linear))
        found = [
            jnp.linalg.svd(m.weight * m.weight_scale.multiplier, compute_uv=False)[: self.top]
            for m in nodes
            if isinstance(m, Linear) and m.weight_scale.role == "hidden" and m.weight.ndim == 2
        ]
        if len({values.shape for values in found}) != 1:
            raise ValueError(
                f"singular_values found {len(found)} matrices between hidden layers, with "
                f"{sorted(values.size for values in found)} values: give a network with Dense "
                "layers of one width, top=..., or a recorder of your own"
            )
        return {"singular_values": (("matrix", "rank"), jnp.stack(found))}


@dataclass(frozen=True)
class sharpness:
    """Record ``sharpness ()`` and ``sharpness_residual ()``: curvature of the full-batch loss.

    The largest eigenvalue of R^(1/2) H R^(1/2), where H is the Hessian of the loss in the
    parameters and R their learning-rate factors with that of the richness: gradient descent is
    at the edge of stability where it is 2 / learning_rate, under every parametrization. The
    residual norm bounds its distance from an eigenvalue.

    Parameters
    ----------
    products
        Number of products of the Hessian with a vector.
    """

    products: int = 20

    def __call__(
        self, model: Trained, x: Float[Array, "n *shape"], y: Shaped[Array, "n *outputs"]
    ) -> Recorded:
        """Multiply the Hessian with vectors, and take the largest Ritz value."""
        params, frozen = eqx.partition(model.network, eqx.is_inexact_array)
        factors = rate_factors(model.network, params, "sgd", model.richness)
        roots = jax.tree.map(lambda p, factor: jnp.full_like(p, factor**0.5), params, factors)
        scale, _ = ravel_pytree(roots)
        flat, unravel = ravel_pytree(params)

        def value(vector: Array) -> Array:
            network = eqx.combine(unravel(vector), frozen)
            now = eqx.tree_at(lambda m: m.network, model, network)
            return model.loss(jax.vmap(now)(x), y)

        def product(vector: Array) -> Array:
            return scale * jax.jvp(jax.grad(value), (flat,), (scale * vector,))[1]

        top, residual = largest_eigenvalue(product, flat.shape[0], self.products, flat.dtype)
        return {"sharpness": ((), top), "sharpness_residual": ((), residual)}


def largest_eigenvalue(
    product: Callable[[Array], Array], size: int, products: int, dtype: PyTree
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Largest eigenvalue of a symmetric matrix known by its products, and its residual norm.

    Lanczos' method from a fixed random vector, each new vector made orthogonal to all before,
    twice. A subspace that is invariant ends it with a residual of zero.

    Parameters
    ----------
    product
        Multiplies the matrix with a vector.
    size
        Length of the vectors.
    products
        Number of products.
    dtype
        Floating type.
    """
    count = min(products, size)
    vector = jax.random.normal(jax.random.key(0), (size,), dtype)
    vector = vector / jnp.linalg.norm(vector)

    def step(carry: tuple[Array, Array], index: Array) -> tuple[tuple[Array, Array], Array]:
        basis, vector = carry
        basis = basis.at[index].set(vector)
        image = product(vector)
        inner = jnp.dot(image, vector, precision=lax.Precision.HIGHEST)
        for _ in range(2):
            image = image - jnp.matmul(
                basis.T,
                jnp.matmul(basis, image, precision=lax.Precision.HIGHEST),
                precision=lax.Precision.HIGHEST,
            )
        norm = jnp.linalg.norm(image)
        norm = jnp.where(norm > 10 * size * jnp.finfo(dtype).eps * jnp.abs(inner), norm, 0.0)
        after = jnp.where(norm > 0, image / jnp.where(norm > 0, norm, 1.0), 0.0)
        return (basis, after), jnp.stack([inner, norm])

    start = (jnp.zeros((count, size), dtype), vector)
    _, entries = lax.scan(step, start, jnp.arange(count))
    inner, norms = entries[:, 0], entries[:, 1]
    matrix = jnp.diag(inner) + jnp.diag(norms[:-1], 1) + jnp.diag(norms[:-1], -1)
    # After an invariant subspace rows are zero: no eigenvalue of the matrix, so never the top.
    alive = jnp.cumprod(jnp.concatenate([jnp.ones(1, dtype), (norms[:-1] > 0).astype(dtype)]))
    lowest = -2 * jnp.max(jnp.sum(jnp.abs(matrix), axis=1)) - 1
    matrix = jnp.where(jnp.diag(alive) > 0, matrix, jnp.diag((1 - alive) * lowest) + matrix)
    values, vectors = jnp.linalg.eigh(matrix)
    return values[-1], jnp.abs(norms[-1] * vectors[-1, -1])
