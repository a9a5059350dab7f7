"""One wide network, trained from its own initial outputs."""

from typing import NamedTuple

from jaxtyping import Array, ArrayLike, Float, Real, Shaped

from widthwise.dynamics.matrices import KernelMatrices, one_kernel, targets
from widthwise.dynamics.spectral import filtered, product, regularized
from widthwise.dynamics.training import Loss, Times, training_rule
from widthwise.networks import Sequential


class Outputs(NamedTuple):
    """Outputs of one network during training, in the shape of the initial ones.

    Parameters
    ----------
    train
        At the training points, after an axis of times if there is one.
    test
        At the test points likewise, None if there are none.
    """

    train: Float[Array, "..."]
    test: Float[Array, "..."] | None


def initial_outputs(
    kernel: KernelMatrices,
    initial_train: Real[ArrayLike, "..."],
    initial_test: Real[ArrayLike, "..."] | None,
) -> tuple[Array, Array | None, bool]:
    """Check initial outputs; return them as (points, outputs), and whether they lacked that axis.

    Raises
    ------
    ValueError
        If their shapes do not fit each other or the kernel, or a number is not finite.
    """
    matrix = kernel.train_train
    train, flat = targets("initial_train", initial_train, len(matrix), matrix)
    if (kernel.test_train is None) != (initial_test is None):
        raise ValueError("give both test points and initial_test, the outputs there, or neither")
    if kernel.test_train is None or initial_test is None:
        return train, None, flat
    test, _ = targets("initial_test", initial_test, len(kernel.test_train), matrix)
    _require_equal_outputs("initial_test", test, train)
    return train, test, flat


def gradient_flow(
    net: Sequential | KernelMatrices,
    x_train: Shaped[ArrayLike, "..."] | None,
    y_train: Real[ArrayLike, "..."],
    x_test: Shaped[ArrayLike, "..."] | None = None,
    *,
    initial_train: Real[ArrayLike, "..."],
    initial_test: Real[ArrayLike, "..."] | None = None,
    time: Times = float("inf"),
    steps: Times | None = None,
    learning_rate: float | int = 1.0,
    momentum: float | int | None = None,
    diag_reg: float | int = 0.0,
    diag_reg_absolute: bool = False,
    loss: Loss = "mean",
    mask_train: Shaped[ArrayLike, "..."] | None = None,
    mask_test: Shaped[ArrayLike, "..."] | None = None,
) -> Outputs:
    """Train ONE wide network by its tangent kernel from given initial outputs.

    [`predict`][widthwise.dynamics.predict] is the law of the results over random initial outputs;
    loss, times, momentum and regularization mean here what they mean there.

    Parameters
    ----------
    net
        The network, or the tangent kernel to train with, for example the empirical one of a
        finite network; a kernel comes with ``x_train=None``.
    x_train, y_train, x_test
        Inputs and targets as in `predict`, but without test points nothing is predicted there.
    initial_train, initial_test
        Outputs of the network before training, shaped like the targets.
    time, steps, learning_rate, momentum, diag_reg, diag_reg_absolute, loss, mask_train, mask_test
        As in `predict`.

    Returns
    -------
    Outputs
        Fields ``train`` and ``test``.

    Raises
    ------
    ValueError
        As `predict`.

    Notes
    -----
    Source: Lee et al. (2019, arXiv:1902.06720), equations 10 and 11:
    ``f_test + Theta_test,train phi(Theta) (y - f_train)``.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> kernel = KernelMatrices(jnp.eye(2))
    >>> y, start = jnp.array([1.0, -1.0]), jnp.zeros(2)
    >>> trained = gradient_flow(kernel, None, y, initial_train=start, steps=1)
    >>> trained.train.tolist()
    [0.5, -0.5]
    """
    kernel = one_kernel(net, "ntk", x_train, x_test, mask_train=mask_train, mask_test=mask_test)
    train, test, flat = initial_outputs(kernel, initial_train, initial_test)
    y, _ = targets("y_train", y_train, len(train), train)
    _require_equal_outputs("y_train", y, train)
    training = training_rule(
        y.size, time=time, steps=steps, learning_rate=learning_rate, momentum=momentum, loss=loss
    )
    matrix = regularized(kernel.train_train, diag_reg, diag_reg_absolute)
    coefficients = filtered("NTK", matrix, training, y - train)

    def shaped(outputs: Array) -> Array:
        outputs = outputs[..., 0] if flat else outputs
        return outputs[0] if training.scalar else outputs

    trained = train[None] + product(kernel.train_train[None], coefficients)
    if test is None:
        return Outputs(shaped(trained), None)
    return Outputs(shaped(trained), shaped(test[None] + product(kernel.cross[None], coefficients)))


def _require_equal_outputs(name: str, array: Array, train: Array) -> None:
    if array.shape[1] != train.shape[1]:
        raise ValueError(
            f"{name} has {array.shape[1]} outputs and initial_train {train.shape[1]}: give equally "
            "many"
        )
