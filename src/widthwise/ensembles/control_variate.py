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

from collections.abc import Callable
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

    expectation = _mean_products(phi, kernels)
    first = bias_variance + weight_variance * expectation(kernels[0, 0])

    def one_network(path: Float[Array, "l p 3"]) -> Float[Array, "l p 3"]:
        def step(response, layer):
            before, after, jacobian = layer
            expected = bias_variance + weight_variance * expectation(before)
            carried = weight_variance * jnp.einsum("pij,pj->pi", jacobian, response)
            response = after - expected + carried
            return response, response

        start = path[1] - first
        _, later = jax.lax.scan(step, start, (path[1:-1], path[2:], jacobians[1:]))
        return path - jnp.concatenate([jnp.zeros_like(path[:1]), start[None], later])

    return jax.lax.map(one_network, kernels, batch_size=16)


def _mean_products(
    phi: Activation, kernels: Float[Array, "s l p 3"]
) -> Callable[[Float[Array, "p 3"]], Float[Array, "p 3"]]:
    """Return the cheapest F(K) whose error is far below the noise of the ensemble.

    By Mehler's formula where the correlations leave little out on average.
    """
    if phi.forms is None and not any(phi.kinks):
        k = np.asarray(kernels, float)
        rho = np.abs(k[..., 1]) / np.sqrt(np.maximum(k[..., 0] * k[..., 2], np.finfo(float).tiny))
        rho = np.minimum(rho[np.isfinite(rho)], 1.0)
        with jax.enable_x64(True):
            coefficients, moment = np.asarray(phi.hermite(_ORDERS[-1])), float(phi.second_moment())
        for order in _ORDERS:
            rest = 1 - np.sum(coefficients[: order + 1] ** 2) / moment
            if rest * np.mean(rho ** (order + 1)) < _ERROR:
                return MehlerProducts(phi, order)
    return partial(mean_products, phi)
