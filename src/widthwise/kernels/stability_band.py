"""Which initial standard deviations train: the variance recursion, and both ends of the band.

All weights of a ReLU network of H layers start with one standard deviation s, biases with zero.
Below the lower end gradient descent does not leave the plateau near zero within its steps; above
the upper end its first step changes a layer by more than the layer itself. Both follow from the
homogeneity of the network: gradients grow like ``s^(H - 1)``, weights like s.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from widthwise.activations import Activation, relu


def variance_recursion(
    phi: Activation,
    sizes: Sequence[int],
    stds: Sequence[float],
    *,
    square_norm: float | int,
    bias_std: float | int = 0.0,
) -> Float[np.ndarray, " layers"]:
    """Variance of the pre-activations of every layer, in expectation over the weights.

    Parameters
    ----------
    phi
        Activation between the layers.
    sizes
        Number of inputs, then of neurons in each layer, outputs last.
    stds
        Of the weights of each layer.
    square_norm
        Squared norm of the input.
    bias_std
        Of all biases.

    Returns
    -------
    numpy.ndarray
        One number for each layer; infinite where it overflows. Exact at every width for the first
        layers, and for homogeneous activations; otherwise as widths grow.

    Raises
    ------
    ValueError
        If the numbers do not fit or are out of range.

    Notes
    -----
    Poole et al. (2016, arXiv:1606.05340).

    Examples
    --------
    >>> from widthwise import activations
    >>> q = variance_recursion(activations.relu, [64, 128, 10], [0.1, 0.1], square_norm=64.0)
    >>> [round(float(v), 6) for v in q]
    [0.64, 0.4096]
    """
    if len(sizes) != len(stds) + 1 or not stds or min(sizes) < 1:
        raise ValueError(
            f"{len(sizes)} sizes and {len(stds)} standard deviations were given: give sizes of at "
            "least 1, one more than layers"
        )
    if min(stds) < 0 or not square_norm > 0 or bias_std < 0 or not np.all(np.isfinite(stds)):
        raise ValueError(
            f"stds is {tuple(stds)}, square_norm {square_norm}, bias_std {bias_std}: give finite "
            "standard deviations of at least 0, and a positive norm"
        )
    q, found = stds[0] ** 2 * square_norm + bias_std**2, []
    found.append(q)
    with jax.enable_x64(True), np.errstate(over="ignore"):
        for width, std in zip(sizes[1:-1], stds[1:], strict=True):
            q = width * std**2 * float(phi.second_moment(q)) + bias_std**2
            found.append(q)
    return np.array(found)


def lower_edge(
    x: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    *,
    width: int,
    depth: int,
    learning_rate: float | int,
    steps: int,
) -> float:
    """Smallest initial standard deviation that leaves the plateau near zero in time.

    From a small start the layers align with the leading mode of inputs and labels, and their
    strength ``r = s sqrt(width)`` grows as ``dr/dt = (lambda / 2) r^(H - 1)``, with lambda the
    largest singular value of the mean of ``x (one_hot - mean)`` and the half that of the ReLU.
    It leaves zero within ``learning_rate * steps`` if r is at least
    ``((H - 2) lambda learning_rate steps / 2)^(-1 / (H - 2))``.

    Parameters
    ----------
    x, labels
        Inputs and classes.
    width, depth
        Of the hidden layers, and their number, at least 2; ``H = depth + 1``.
    learning_rate, steps
        Of gradient descent on the cross entropy.

    Raises
    ------
    ValueError
        If a number is out of range.
    """
    _check(width, depth, learning_rate, steps)
    classes = int(labels.max()) + 1
    one_hot = np.eye(classes)[labels]
    mode = np.asarray(x, np.float64).T @ (one_hot - one_hot.mean(axis=0)[None]) / len(x)
    rate = np.linalg.svd(mode, compute_uv=False)[0] / 2
    power = depth - 1
    return float((power * rate * learning_rate * steps) ** (-1 / power) / width**0.5)


def upper_edge(
    x: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    *,
    width: int,
    depth: int,
    learning_rate: float | int,
) -> float:
    """Initial standard deviation at which the first step changes a layer as much as it is large.

    The gradient of each layer is that at infinite width, from the tangent kernel of the standard
    parametrization, for uniform guesses of the classes; a layer is as large as its spectral norm,
    ``2 s sqrt(width)``.

    Parameters
    ----------
    x, labels, width, depth, learning_rate
        As for :func:`lower_edge`.

    Raises
    ------
    ValueError
        If a number is out of range.
    """
    _check(width, depth, learning_rate, 1)
    classes = int(labels.max()) + 1
    errors = (1 / classes - np.eye(classes)[labels]) / len(x)
    product = errors @ errors.T
    entering, gates = [], []  # at standard deviation one: all gradients are powers of it
    kernel = np.asarray(x, np.float64) @ np.asarray(x, np.float64).T
    with jax.enable_x64(True):
        for _ in range(depth):
            entering.append(kernel)
            size = np.diagonal(kernel)
            rows, columns = (np.broadcast_to(s, kernel.shape) for s in (size[:, None], size[None]))
            triple = tuple(jnp.asarray(a) for a in (kernel, rows, columns))
            gates.append(np.asarray(relu.dual_derivative(*triple)))
            kernel = width * np.asarray(relu.dual(*triple))
    entering.append(kernel)
    back, squares = np.ones_like(kernel), []
    for layer in reversed(range(depth + 1)):
        squares.append(np.sum(product * entering[layer] * back))
        if layer:
            back = width * gates[layer - 1] * back
    gradient = max(squares) ** 0.5
    return float((2 * width**0.5 / (learning_rate * gradient)) ** (1 / (depth - 1)))


def _check(width: int, depth: int, learning_rate: float | int, steps: int) -> None:
    if width < 1 or steps < 1 or not 0 < learning_rate < np.inf:
        raise ValueError(
            f"width {width}, learning_rate {learning_rate}, steps {steps}: give positive numbers"
        )
    if depth < 2:
        raise ValueError(f"depth is {depth}: give at least 2 hidden layers, fewer have no edge")
