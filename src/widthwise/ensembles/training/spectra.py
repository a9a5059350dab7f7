"""Spectra of a network in training: singular values of weights, sharpness of the loss."""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Shaped

from widthwise.ensembles.training.rates import rate_factors
from widthwise.ensembles.training.trained import Recorded, Trained
from widthwise.networks.linear import Linear
from widthwise.numerics.hessian import hessian_product
from widthwise.numerics.lanczos import krylov_space, ritz


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

        start = jax.random.normal(jax.random.key(0), flat.shape, flat.dtype)
        product = hessian_product(value, flat, scale=scale)
        found = ritz(krylov_space(product, start, products=self.products))
        return {
            "sharpness": ((), found.values[-1]),
            "sharpness_residual": ((), found.residuals[-1]),
        }
