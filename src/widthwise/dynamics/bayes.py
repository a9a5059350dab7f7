"""Bayesian inference with the Gaussian process of an infinitely wide network."""

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl
from jaxtyping import Array, ArrayLike, Float, Real, Shaped

from widthwise.dynamics.ensemble import Gaussian
from widthwise.dynamics.matrices import KernelMatrices, concrete, one_kernel, targets
from widthwise.dynamics.spectral import cholesky, product
from widthwise.networks import Sequential


def posterior(
    net: Sequential | KernelMatrices,
    x_train: Shaped[ArrayLike, "..."] | None,
    y_train: Real[ArrayLike, "..."],
    x_test: Shaped[ArrayLike, "..."] | None = None,
    *,
    noise_variance: Real[ArrayLike, ""] = 0.0,
    mask_train: Shaped[ArrayLike, "..."] | None = None,
    mask_test: Shaped[ArrayLike, "..."] | None = None,
) -> Gaussian:
    """Posterior of the outputs of an infinitely wide Bayesian network.

    Parameters
    ----------
    net
        The network, or its NNGP kernel; this comes with ``x_train=None``.
    x_train, x_test
        Inputs, (n, features) and (m, features); ``x_test=None`` takes the training points.
    y_train
        Targets, (n,) or (n, outputs): outputs plus Gaussian noise.
    noise_variance
        Variance of that noise, in the units of ``y_train`` squared.
    mask_train, mask_test
        Which positions of padded inputs are real, as for ``net.kernel``; None if all are.

    Returns
    -------
    Gaussian
        Mean, shaped like the targets, and covariance (m, m) of the noiseless outputs.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is negative or not finite, or kernel plus noise is
        singular. (Under ``jax.jit`` and ``jax.grad`` values are not checked: NaN then.)

    Notes
    -----
    Source: Lee et al. (2018, arXiv:1711.00165), equations 8 and 9.
    """
    kernel = one_kernel(net, "nngp", x_train, x_test, mask_train=mask_train, mask_test=mask_test)
    y, flat = targets("y_train", y_train, len(kernel.train_train), kernel.train_train)
    lower = _noisy_cholesky(kernel.train_train, noise_variance)
    law = _conditioned(lower, kernel.cross, kernel.test, y)
    return law._replace(mean=law.mean[:, 0]) if flat else law


def evidence(
    net: Sequential | KernelMatrices,
    x_train: Shaped[ArrayLike, "..."] | None,
    y_train: Real[ArrayLike, "..."],
    *,
    noise_variance: Real[ArrayLike, ""] = 0.0,
    mask_train: Shaped[ArrayLike, "..."] | None = None,
) -> Float[Array, ""]:
    """Log marginal likelihood of the targets under an infinitely wide Bayesian network.

    Differentiable in the noise and in the scales of the network, so that ``jax.grad`` fits them.

    Parameters
    ----------
    net
        The network, or its NNGP kernel; this comes with ``x_train=None``.
    x_train
        Inputs, (n, features).
    y_train
        Targets, (n,) or (n, outputs): independent outputs plus Gaussian noise.
    noise_variance
        Variance of that noise, in the units of ``y_train`` squared.
    mask_train
        Which positions of padded inputs are real, as for ``net.kernel``; None if all are.

    Returns
    -------
    Array
        ``log N(y; 0, K + noise_variance I)``, summed over outputs; divide by ``y.size`` for the
        mean per value.

    Raises
    ------
    ValueError
        As [`posterior`][widthwise.dynamics.posterior].

    Notes
    -----
    Source: Rasmussen & Williams (2006), equation 2.30.

    Examples
    --------
    >>> import jax, jax.numpy as jnp, widthwise.networks as nets
    >>> def score(weight_std):
    ...     gains = nets.NTK(weight_std=weight_std, bias_std=0.1)
    ...     net = nets.Sequential(nets.Dense(8), nets.Relu(), nets.Dense(1), parametrization=gains)
    ...     return evidence(net, jnp.eye(2), jnp.array([1.0, -1.0]), noise_variance=0.1)
    >>> bool(jax.jit(jax.grad(score))(1.5) > 0)
    True
    """
    kernel = one_kernel(net, "nngp", x_train, None, mask_train=mask_train)
    y, _ = targets("y_train", y_train, len(kernel.train_train), kernel.train_train)
    lower = _noisy_cholesky(kernel.train_train, noise_variance)
    return _log_density(lower, y)


@jax.jit
def _conditioned(
    lower: Float[Array, "n n"],
    cross: Float[Array, "m n"],
    test: Float[Array, "m m"],
    y: Float[Array, "n k"],
) -> Gaussian:
    whitened = jsl.solve_triangular(lower, cross.T, lower=True)
    mean = product(whitened.T, jsl.solve_triangular(lower, y, lower=True))
    return Gaussian(mean, test - product(whitened.T, whitened))


@jax.jit
def _log_density(lower: Float[Array, "n n"], y: Float[Array, "n k"]) -> Float[Array, ""]:
    whitened = jsl.solve_triangular(lower, y, lower=True)
    volume = y.shape[1] * jnp.sum(jnp.log(jnp.diagonal(lower)))
    return -jnp.sum(whitened**2) / 2 - volume - y.size * jnp.log(2 * jnp.pi) / 2


def _noisy_cholesky(
    matrix: Float[Array, "n n"], noise_variance: Real[ArrayLike, ""]
) -> Float[Array, "n n"]:
    """Factor kernel plus noise, or say that it is singular."""
    noise = concrete(noise_variance)
    if noise is not None and not 0 <= noise < float("inf"):
        raise ValueError(f"noise_variance is {noise}: give a finite number of at least 0")
    noisy = matrix + noise_variance * jnp.eye(len(matrix), dtype=matrix.dtype)
    lower = cholesky(noisy)
    if lower is None:
        raise ValueError(
            "the NNGP kernel of the training points plus noise is not positive definite beyond "
            f"rounding: its smallest eigenvalue is {float(jnp.linalg.eigvalsh(noisy)[0]):.6g}. "
            "Drop points that repeat, compute in float64, or give a larger noise_variance than "
            f"{noise}"
        )
    return lower
