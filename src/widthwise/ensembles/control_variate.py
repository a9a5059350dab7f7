"""A control variate that makes 1/width corrections to the mean covariance visible.

The sample mean of a kernel over N networks of width n has standard error sqrt(V / (n N)), while the
correction one wants to see is H / n: the noise wins unless N is of order n. But the noise is almost
all *linear response*. Given layer l, the next kernel is an average over independent neurons, so

    xi^(l+1) = Khat^(l+1) - C_b - C_W F(Khat^(l))

has mean exactly zero, whatever the width, and so has every linear combination of the xi with
fixed coefficients. Carried forward with the Jacobian J of the infinite-width recursion,
X' = xi' + C_W J X, they sum to the first-order fluctuation of the kernel. Khat - X therefore has
the same mean as Khat, without bias, and fluctuations of order 1/n instead of 1/sqrt(n).
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from widthwise.activations import Activation
from widthwise.activations.products import MehlerProducts, mean_products

_ORDERS = (31, 63)
_ERROR = 1e-6  # of F(K), on average over the ensemble


def without_linear_response(
    phi: Activation,
    kernels: Float[Array, "s l p 3"],
    jacobians: Float[Array, "transitions p 3 3"],
    *,
    weight_variance: float,
    bias_variance: float = 0.0,
) -> Float[Array, "s l p 3"]:
    """Empirical kernels less their first-order fluctuation: same mean, far smaller variance.

    Parameters
    ----------
    phi
        Activation of the hidden layers.
    kernels
        Empirical kernels of each network (axis s) at each pre-activation layer l for each pair p of
        inputs, as (K11, K12, K22). The first layer is that of the inputs, equal in all networks.
    jacobians
        dF/dK along the infinite-width path, one per transition between layers (l - 1 of them).
    weight_variance, bias_variance
        C_W and C_b of the hidden layers.

    Returns
    -------
    Array of the shape of `kernels`.

    Raises
    ------
    ValueError
        If there is not exactly one Jacobian per transition.
    """
    if jacobians.shape[0] != kernels.shape[1] - 1:
        raise ValueError(
            f"{kernels.shape[1]} layers have {kernels.shape[1] - 1} transitions, "
            f"but {jacobians.shape[0]} Jacobians were given"
        )

    order = _mehler_order(phi, kernels)
    return _without(phi, order, kernels, jacobians, weight_variance, bias_variance)


@partial(jax.jit, static_argnums=(0, 1))
def _without(
    phi: Activation,
    order: int | None,
    kernels: Array,
    jacobians: Array,
    weight_variance: Array,
    bias_variance: Array,
) -> Array:
    products = partial(mean_products, phi) if order is None else MehlerProducts(phi, order)

    def expected(before: Float[Array, "p 3"]) -> Float[Array, "p 3"]:
        return bias_variance + weight_variance * products(before)

    first = expected(kernels[0, 0])

    def one_network(path: Float[Array, "l p 3"]) -> Float[Array, "l p 3"]:
        def step(response, layer):
            before, after, jacobian = layer
            carried = weight_variance * jnp.einsum("pij,pj->pi", jacobian, response)
            response = after - expected(before) + carried
            return response, response

        start = path[1] - first
        _, later = jax.lax.scan(step, start, (path[1:-1], path[2:], jacobians[1:]))
        return path - jnp.concatenate([jnp.zeros_like(path[:1]), start[None], later])

    return jax.lax.map(one_network, kernels, batch_size=16)


def _mehler_order(phi: Activation, kernels: Float[Array, "s l p 3"]) -> int | None:
    """Return how far to go in Mehler's formula to err far less than the noise, if that is cheaper.

    What the correlations leave out on average is what matters.
    """
    if phi.forms is not None or any(phi.kinks):
        return None
    k = np.asarray(kernels, float)
    rho = np.abs(k[..., 1]) / np.sqrt(np.maximum(k[..., 0] * k[..., 2], np.finfo(float).tiny))
    rho = np.minimum(rho[np.isfinite(rho)], 1.0)
    with jax.enable_x64(True):
        coefficients, moment = np.asarray(phi.hermite(_ORDERS[-1])), float(phi.second_moment())
    rest = 1 - np.cumsum(coefficients**2) / moment
    good = (order for order in _ORDERS if rest[order] * np.mean(rho ** (order + 1)) < _ERROR)
    return next(good, None)
