"""Finite networks at initialization without weights: the exact Markov chain of their kernels.

For a fixed set D of inputs, given the covariance ``Khat`` of a layer its n neurons are independent
draws from ``N(0, Khat)``, so

    Khat' = C_b + (C_W / n) sum_i s(z_i) s(z_i)^T,      z_i ~ N(0, Khat),

has exactly the distribution that n neurons with Gaussian weights produce, at the cost
``O(n |D|^2)`` of a layer instead of ``O(n^2 |D|)``. The neurons of a network of layer l, also its
outputs, are then independent draws from ``N(0, Khat^(l))``.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from widthwise.activations import Activation
from widthwise.numerics.draws import Draws


def kernel_chain(
    phi: Activation,
    k1: Float[Array, "n n"],
    keys: Key[Array, " s"],
    *,
    depth: int,
    width: int,
    weight_variance: float | None = None,
    bias_variance: float = 0.0,
) -> Float[Array, "s l n n"]:
    """Draw the kernels of many finite networks, layer by layer, on the same inputs.

    Parameters
    ----------
    phi
        Activation of the hidden layers.
    k1
        Covariance of the first pre-activation, ``x @ x.T / m``; its dtype is that of the result.
        It may be singular: equal, opposite and zero inputs stay what they are.
    keys
        One random key per network; the numbers of a network depend on its own key alone.
    depth
        Number of hidden layers, at least 1.
    width
        Neurons in each hidden layer, at least 1.
    weight_variance, bias_variance
        ``C_W`` (that of variance one, ``1 / E[s^2]``, if None) and ``C_b`` of the layers after the
        first.

    Returns
    -------
    jax.Array
        ``Khat`` for each network and each number 0 to ``depth`` of hidden layers passed; entry 0
        is ``k1``. A network whose norms overflow has entries that are not finite from there on.

    Raises
    ------
    ValueError
        If ``k1`` is not square, or a scalar is out of range.

    Examples
    --------
    >>> import jax
    >>> from widthwise import activations
    >>> keys = jax.random.split(jax.random.key(0), 10)
    >>> kernel_chain(activations.relu, jnp.eye(3), keys, depth=4, width=16).shape
    (10, 5, 3, 3)
    """
    if k1.shape[0] != k1.shape[1]:
        raise ValueError(f"A covariance of shape {k1.shape} was given; it must be square.")
    if depth < 1 or width < 1:
        raise ValueError(f"depth={depth}, width={width} were given; both must be at least 1.")
    if weight_variance is None:
        with jax.enable_x64(True):
            weight_variance = 1 / float(phi.second_moment())
    if not (0 < weight_variance < math.inf and 0 <= bias_variance < math.inf):
        raise ValueError(
            f"weight_variance={weight_variance}, bias_variance={bias_variance} were given; "
            "the first must be positive, the second not negative, both finite."
        )
    scales = (jnp.asarray(scale, k1.dtype) for scale in (weight_variance, bias_variance))
    return _chains(phi, depth, width, k1, keys, *scales)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _chains(
    phi: Activation,
    depth: int,
    width: int,
    k1: Array,
    keys: Array,
    weight_variance: Array,
    bias_variance: Array,
) -> Array:
    def layer(k: Array, normals: Array) -> tuple[Array, Array]:
        s = phi(semidefinite_cholesky(k) @ normals)
        k = bias_variance + weight_variance / width * (s @ s.T)
        return k, k

    def member(key: Array) -> Array:
        normals = Draws(key).normal((depth, len(k1), width), k1.dtype)
        _, after = jax.lax.scan(layer, k1, normals)
        return jnp.concatenate([k1[None], after])

    return jax.lax.map(member, keys)


def semidefinite_cholesky(k: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """Lower triangular L with ``L @ L.T = k`` for a covariance that may be singular.

    A column is zero where its input is a linear combination of the earlier ones, up to rounding.
    Equal (opposite) inputs get equal (opposite) rows to the last digits, where an eigenvector
    factorisation would leave a difference of the square root of the rounding. Entries that are not
    finite make their rows not finite.
    """
    n = len(k)
    rounding = 8 * n * jnp.finfo(k.dtype).eps

    def column(j: Array, factor: Array) -> Array:
        rest = k[:, j] - factor @ factor[j]
        dependent = jnp.isfinite(rest[j]) & (rest[j] <= rounding * k[j, j])
        values = rest / jnp.sqrt(jnp.where(dependent, 1.0, rest[j]))
        keep = (jnp.arange(n) >= j) & ~dependent
        return factor.at[:, j].set(jnp.where(keep, values, 0.0))

    return jax.lax.fori_loop(0, n, column, jnp.zeros_like(k))
