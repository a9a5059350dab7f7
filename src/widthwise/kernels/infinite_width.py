"""Covariance of the pre-activations of an infinitely wide network, layer by layer.

Layer index ``l`` counts the hidden layers passed: ``l = 0`` is the first pre-activation, whose
covariance is the Gram matrix of the inputs, and ``l = depth`` the output. With weights of variance
``C_W / fan_in`` and biases of variance ``C_b``, ``K' = C_b + C_W E[s(u) s(v)]``.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from widthwise.activations import Activation
from widthwise.activations.products import mean_products

_EXCESS = 1e-9  # a correlation this far outside [-1, 1] is rounding; further is a mistake


def natural_weight_variance(phi: Activation, variance: float = 1.0) -> float:
    """Weight variance that keeps every pre-activation at ``variance``, without biases.

    Parameters
    ----------
    phi
        Activation of the hidden layers.
    variance
        The variance of the pre-activations, one by convention.

    Returns
    -------
    float
        ``C_W = variance / E[s(z)^2]``.

    Raises
    ------
    ValueError
        If the activation is zero (almost) everywhere, or its second moment is infinite.

    Examples
    --------
    >>> from widthwise import activations
    >>> round(natural_weight_variance(activations.relu), 12)
    2.0
    """
    with jax.enable_x64(True):
        second = float(phi.second_moment(variance))
    if not 0 < second < float("inf"):
        raise ValueError(
            f"E[s(z)^2] of {phi.name} is {second}; only an activation with a positive finite "
            "second moment has a natural weight variance."
        )
    return variance / second


def covariance(
    phi: Activation,
    k1: Float[ArrayLike, "n n"],
    *,
    depth: int,
    weight_variance: float | None = None,
    bias_variance: float = 0.0,
) -> Float[np.ndarray, "l n n"]:
    """Covariance of all pairs of inputs at every layer, at infinite width, in float64.

    Parameters
    ----------
    phi
        Activation of the hidden layers.
    k1
        Covariance of the first pre-activation: ``x @ x.T / m`` for inputs of dimension m, with
        unit weight variance in the first layer.
    depth
        Number of hidden layers, at least 1.
    weight_variance, bias_variance
        ``C_W`` (natural if None) and ``C_b`` of the layers after the first.

    Returns
    -------
    numpy.ndarray
        ``(depth + 1, n, n)``; entry 0 is ``k1``.

    Raises
    ------
    ValueError
        If ``k1`` is no covariance matrix, or a scalar is out of range.

    Examples
    --------
    >>> from widthwise import activations
    >>> k = covariance(activations.relu, np.array([[1, 0.5], [0.5, 1]]), depth=5)
    >>> round(float(k[5, 0, 1]), 10)
    0.810454201
    """
    k1 = checked_covariance(k1)
    scales = checked_scales(phi, depth, weight_variance, bias_variance)
    first, second = np.triu_indices(len(k1))
    result = np.empty((depth + 1, *k1.shape))
    with jax.enable_x64(True):
        k = jnp.asarray(np.stack([k1[first, first], k1[first, second], k1[second, second]], 1))
        for layer in range(depth + 1):
            k = _layer(phi, k, *scales) if layer else k
            result[layer, first, second] = result[layer, second, first] = k[:, 1]
    return result


@partial(jax.jit, static_argnums=0)
def _layer(phi: Activation, k: Array, weight_variance: Array, bias_variance: Array) -> Array:
    return bias_variance + weight_variance * mean_products(phi, k)


def checked_covariance(k1: Float[ArrayLike, "..."]) -> Float[np.ndarray, "n n"]:
    """Return a symmetric covariance matrix in float64, or say what is wrong with it."""
    k1 = np.asarray(k1, np.float64)
    if k1.ndim != 2 or k1.shape[0] != k1.shape[1] or not len(k1):
        raise ValueError(f"A covariance of shape {k1.shape} was given; it must be square.")
    if not np.all(np.isfinite(k1)):
        raise ValueError("The covariance of the inputs is not finite; check the inputs.")
    diagonal = np.diagonal(k1)
    bound = np.sqrt(np.abs(diagonal[:, None] * diagonal[None, :]))
    if np.any(np.abs(k1 - k1.T) > _EXCESS * bound):
        raise ValueError("The covariance of the inputs is not symmetric; give x @ x.T / m.")
    if np.any(diagonal < 0) or np.any(np.abs(k1) > (1 + _EXCESS) * bound):
        raise ValueError(
            "The covariance of the inputs has a negative variance or correlation outside [-1, 1]; "
            "give x @ x.T / m."
        )
    return (k1 + k1.T) / 2


def checked_scales(
    phi: Activation, depth: int, weight_variance: float | None, bias_variance: float
) -> tuple[float, float]:
    """Return ``(C_W, C_b)``, the natural ``C_W`` if None, or say what is wrong with them."""
    if depth < 1:
        raise ValueError(f"depth={depth} was given; a network has at least 1 hidden layer.")
    if weight_variance is None:
        weight_variance = natural_weight_variance(phi)
    if not (0 < weight_variance < float("inf") and 0 <= bias_variance < float("inf")):
        raise ValueError(
            f"weight_variance={weight_variance}, bias_variance={bias_variance} were given; "
            "the first must be positive, the second not negative, both finite."
        )
    return weight_variance, bias_variance
