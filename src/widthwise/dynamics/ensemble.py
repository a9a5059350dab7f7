"""Infinite ensembles of wide networks, trained."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Real, Shaped

from widthwise.dynamics.matrices import KernelMatrices, KernelPair, kernel_pair, targets
from widthwise.dynamics.spectral import filtered, product, regularized
from widthwise.dynamics.training import Loss, Times, Training, training_rule
from widthwise.networks import Sequential


class Gaussian(NamedTuple):
    """Law of the outputs of an ensemble at the test points.

    Parameters
    ----------
    mean
        Shape (m,) or (m, outputs) as the targets are, after an axis of times if there is one.
    covariance
        Shape (m, m), after an axis of times if there is one; the same for every output, and
        different outputs are independent.
    """

    mean: Float[Array, "..."]
    covariance: Float[Array, "..."]


class Prediction(NamedTuple):
    """Laws of two infinite ensembles.

    Parameters
    ----------
    nngp
        Networks of which only the last layer is trained; at infinite time it is the posterior
        of Bayesian networks.
    ntk
        Networks of which all layers are trained.
    """

    nngp: Gaussian
    ntk: Gaussian


def predict(
    net: Sequential | KernelPair,
    x_train: Shaped[ArrayLike, "..."] | None,
    y_train: Real[ArrayLike, "..."],
    x_test: Shaped[ArrayLike, "..."] | None = None,
    *,
    time: Times = float("inf"),
    steps: Times | None = None,
    learning_rate: float | int = 1.0,
    momentum: float | int | None = None,
    diag_reg: float | int = 0.0,
    diag_reg_absolute: bool = False,
    loss: Loss = "mean",
    mask_train: Shaped[ArrayLike, "..."] | None = None,
    mask_test: Shaped[ArrayLike, "..."] | None = None,
) -> Prediction:
    r"""Predict an infinite ensemble of infinitely wide networks trained from random initialization.

    The loss is ``L = (f - y)^2 / 2``, averaged over ALL values of ``y`` (points times outputs), so
    that a mode of the kernel with eigenvalue ``lambda`` decays under gradient flow as
    ``exp(-learning_rate lambda time / y.size)``; with ``loss="sum"`` it is summed, and
    ``y.size`` becomes 1.

    Parameters
    ----------
    net
        The network, or its kernels; these come with ``x_train=None``.
    x_train, x_test
        Inputs, (n, features) and (m, features). ``x_test=None`` predicts the training points.
    y_train
        Targets, (n,) or (n, outputs).
    time
        Time of gradient flow: one number or a list, which gives results a leading axis. The
        default is the end of training.
    steps
        Instead of ``time``, whole numbers of steps of gradient descent at this learning rate.
    learning_rate
        Factor of every gradient.
    momentum
        Heavy-ball momentum in [0, 1). With ``time`` it is the second-order equation
        ``f'' + (1 - momentum) f' = -learning_rate K dL/df``, f' = 0 at first, in which unit time
        is one step; at 0 this still differs from the first-order flow of None. With ``steps`` it
        is Polyak's iteration, and 0 and None agree.
    diag_reg
        Regularization, added to the diagonal of the kernels of the training points in units of
        the mean of that diagonal, ``trace / n``.
    diag_reg_absolute
        Whether ``diag_reg`` is added as it is, a variance.
    loss
        ``"mean"`` or ``"sum"``.
    mask_train, mask_test
        Which positions of padded inputs are real, as for ``net.kernel``; None if all are.

    Returns
    -------
    Prediction
        Fields ``nngp`` and ``ntk``, each with ``mean`` and ``covariance``.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is out of range or not finite, a kernel has a negative
        eigenvalue beyond rounding, or gradient descent is unstable at this learning rate.

    Notes
    -----
    Source: Lee et al. (2019, arXiv:1902.06720), equations 13 to 16. With ``Theta`` the kernel
    trained with, K the NNGP kernel, and ``A = Theta_test,train phi(Theta)`` where ``phi`` is the
    filter of the training: the mean is ``A y`` and the covariance
    ``K_tt + A K A^T - A K_dt - K_td A^T``. Where the kernel vanishes but for rounding, the
    outputs never move.

    Regularization is weight decay towards the initial weights, a loss of ``diag_reg / 2`` times
    the squared distance over the number of values. The ``nngp`` ensemble in addition fits targets
    with noise of variance ``diag_reg`` drawn for each member, so that at infinite time it is the
    posterior under that noise.

    Examples
    --------
    >>> import jax.numpy as jnp, widthwise.networks as nets
    >>> net = nets.Sequential(nets.Dense(64), nets.Relu(), nets.Dense(1))
    >>> x = jnp.array([[1.0, 0.0], [0.0, 1.0]])
    >>> trained = predict(net, x, jnp.array([1.0, -1.0]), -x)
    >>> trained.ntk.mean.shape, trained.ntk.covariance.shape
    ((2,), (2, 2))
    """
    pair = kernel_pair(net, x_train, x_test, mask_train=mask_train, mask_test=mask_test)
    n = len(pair.nngp.train_train)
    y, flat = targets("y_train", y_train, n, pair.nngp.train_train)
    training = training_rule(
        y.size, time=time, steps=steps, learning_rate=learning_rate, momentum=momentum, loss=loss
    )

    def member(name: str, kernel: KernelMatrices, noisy: bool) -> Gaussian:
        matrix = regularized(kernel.train_train, diag_reg, diag_reg_absolute)
        initial = matrix if noisy else pair.nngp.train_train
        weights = _weights(name, matrix, training, kernel.cross)
        law = _law(weights, y, initial, pair.nngp)
        mean = law.mean[..., 0] if flat else law.mean
        return Gaussian(mean[0], law.covariance[0]) if training.scalar else law._replace(mean=mean)

    return Prediction(
        nngp=member("NNGP kernel", pair.nngp, True), ntk=member("NTK", pair.ntk, False)
    )


def _weights(
    name: str, matrix: Float[Array, "n n"], training: Training, cross: Float[Array, "m n"]
) -> Float[Array, "t m n"]:
    """Return ``A``: how much each target counts in each prediction."""
    return jnp.swapaxes(filtered(name, matrix, training, cross.T), 1, 2)


@jax.jit
def _law(
    weights: Float[Array, "t m n"],
    y: Float[Array, "n k"],
    initial: Float[Array, "n n"],
    nngp: KernelMatrices,
) -> Gaussian:
    """Law of ``f_test + A (y - f_train)`` for the Gaussian outputs ``f`` at initialization."""
    transposed = jnp.swapaxes(weights, 1, 2)
    mixed = product(weights, nngp.cross.T[None])
    spread = product(product(weights, initial[None]), transposed)
    covariance = nngp.test[None] + spread - mixed - jnp.swapaxes(mixed, 1, 2)
    return Gaussian(product(weights, y[None]), (covariance + jnp.swapaxes(covariance, 1, 2)) / 2)
