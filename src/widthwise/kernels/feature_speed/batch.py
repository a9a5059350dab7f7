"""Several inputs at once: the angle in ReLU networks, whose layers see all pairs of inputs."""

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from widthwise.activations import relu
from widthwise.kernels.infinite_width import checked_covariance, covariance


def relu_batch_angles(
    k1: ArrayLike,
    errors: ArrayLike,
    *,
    depth: int,
    learning_rates: ArrayLike | None = None,
    first: ArrayLike | None = None,
) -> Float[np.ndarray, " layers"]:
    r"""Cosine at the pre-activations of each layer of a wide ReLU network, for a batch.

    The network has no biases, weights of variance ``2 / fan_in`` after the first layer, and one
    output. Features of all inputs are one vector, and so are their backward vectors.

    Parameters
    ----------
    k1
        (n, n), covariance of the first pre-activations.
    errors
        (n,), derivative of the loss in the output, for each input.
    depth
        Number of layers with trained weights, up to the last pre-activations.
    learning_rates
        For each layer its learning rate times its number of inputs; None for ones.
    first
        What the learning rate of the first layer multiplies: inner products of the inputs, over
        their dimension. None takes ``k1 / 2``, that of first weights of variance ``2 / fan_in``.

    Returns
    -------
    numpy.ndarray
        (depth,).

    Raises
    ------
    ValueError
        If the numbers do not fit, or all errors are zero.

    Notes
    -----
    Derived, in the limit of infinite width; one input gives :func:`mlp_angles`. It holds arrays of
    n^3 numbers.

    Examples
    --------
    >>> angles = relu_batch_angles(np.eye(2), [1.0, 1.0], depth=2)
    >>> bool(np.all((0 < angles) & (angles <= 1)))
    True
    """
    k1 = checked_covariance(np.asarray(k1, np.float64))
    r = np.asarray(errors, np.float64)
    if r.shape != (len(k1),) or not np.all(np.isfinite(r)) or not np.any(r):
        raise ValueError(
            f"errors has shape {r.shape}: give {len(k1)} finite numbers, not all of them zero"
        )
    if np.any(np.diagonal(k1) <= 0):
        raise ValueError("an input has variance zero: leave it out")
    eta = np.ones(depth) if learning_rates is None else np.asarray(learning_rates, np.float64)
    if eta.shape != (depth,) or np.any(eta < 0) or not np.all(np.isfinite(eta)) or eta[0] == 0:
        raise ValueError(
            f"learning_rates has shape {eta.shape}: give {depth} finite numbers of at least zero, "
            "the first positive"
        )
    kernels = covariance(relu, k1, depth=depth)
    entering = [k1 / 2 if first is None else np.asarray(first, np.float64), *(kernels[1:] / 2)]
    gates = [_correlation(kernel) for kernel in kernels[:depth]]
    m1 = m2 = np.zeros(())
    traces = []
    for layer in range(depth):
        c = eta[layer] * entering[layer]
        own = c[:, :, None] * c[:, None, :]
        if layer == 0:
            m1, m2 = c, own
        else:
            m1, m2 = _next(c, own, m1, m2, gates[layer - 1])
        traces.append((m1, m2))
    return _cosines(traces, gates, r)


def _next(
    c: np.ndarray, own: np.ndarray, m1: np.ndarray, m2: np.ndarray, rho: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Send the traces of K(x,x') and of K(x',x) K(x,x'') through gates and weights."""
    pair, triple = _pair(rho), _triple(rho)
    passed = pair * m1
    product = m1[:, :, None] * m1[:, None, :]
    mixed = passed[:, :, None] * passed[:, None, :]
    spread = np.diagonal(pair)[:, None, None] * pair[None] * (m2 - product)
    cross = c[:, :, None] * passed[:, None, :] + c[:, None, :] * passed[:, :, None]
    return c + 2 * passed, own + 2 * cross + 4 * (mixed + spread + triple * product)


def _cosines(
    traces: list[tuple[np.ndarray, np.ndarray]], gates: list[np.ndarray], r: np.ndarray
) -> np.ndarray:
    backward = r[:, None] * r[None] * _pair(gates[-1])
    found = []
    for layer in reversed(range(len(traces))):
        m1, m2 = traces[layer]
        square = np.einsum("ijk,jk->", m2, backward) * np.trace(backward)
        found.append(np.sum(m1 * backward) / np.sqrt(square))
        if layer:
            backward = 2 * _pair(gates[layer - 1]) * backward
    return np.array(found[::-1])


def _correlation(kernel: np.ndarray) -> np.ndarray:
    scale = np.sqrt(np.diagonal(kernel))
    return np.clip(kernel / (scale[:, None] * scale[None]), -1, 1)


def _pair(rho: np.ndarray) -> np.ndarray:
    """Probability that two Gaussians are both positive."""
    return (np.pi - np.arccos(rho)) / (2 * np.pi)


def _triple(rho: np.ndarray) -> np.ndarray:
    """Probability that three Gaussians are all positive."""
    angle = np.arcsin(rho)
    return 1 / 8 + (angle[:, :, None] + angle[:, None, :] + angle[None]) / (4 * np.pi)
