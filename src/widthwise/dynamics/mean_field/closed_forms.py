"""Two-layer linear networks of mean-field width, solved in closed form.

For one input of unit kernel the output f and the tangent kernel K = (|h|^2 + |w|^2) / n close on
themselves at any width; at infinite width they begin at (0, 2). Weights have unit variance, the
loss is ``(f - y)^2 / 2``.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from widthwise.dynamics.linear.unbalanced import unbalanced_mode
from widthwise.dynamics.training import Times, check_rates
from widthwise.numerics.ranges import check_positive


class OutputAndKernel(NamedTuple):
    """Output and tangent kernel of one input in time.

    Parameters
    ----------
    output
        f, (t,).
    ntk
        K, (t,).
    """

    output: Float[np.ndarray, " t"]
    ntk: Float[np.ndarray, " t"]


def linear_descent(
    target: float | int,
    *,
    steps: int,
    learning_rate: float | int,
    richness: float | int = 1.0,
    start: tuple[float | int, float | int] = (0.0, 2.0),
) -> OutputAndKernel:
    """Train a two-layer linear network on one input by gradient descent, exactly.

    Parameters
    ----------
    target
        y.
    steps
        Number of updates.
    learning_rate, richness
        As in `dmft`.
    start
        f and K at initialization; those of one finite network give its own training.

    Returns
    -------
    OutputAndKernel
        Before and after each update, (steps + 1,) each.

    Raises
    ------
    ValueError
        If the learning rate or the richness is not positive and finite.

    Examples
    --------
    >>> linear_descent(1.0, steps=2, learning_rate=0.1).output.round(4).tolist()
    [0.0, 0.2, 0.3629]
    """
    check_rates(learning_rate, None)
    check_positive(richness=richness)
    f, kernel = np.zeros(steps + 1), np.zeros(steps + 1)
    f[0], kernel[0] = start
    scale = learning_rate * richness**2
    for t in range(steps):
        push = learning_rate * (target - f[t])
        f[t + 1] = f[t] + push * kernel[t] + (richness * push) ** 2 * f[t]
        kernel[t + 1] = (
            kernel[t] + 4 * scale * (target - f[t]) * f[t] + (richness * push) ** 2 * kernel[t]
        )
    return OutputAndKernel(f, kernel)


def linear_flow(
    target: float | int, times: Times, *, richness: float | int = 1.0
) -> OutputAndKernel:
    """Train a two-layer linear network of infinite width on one input by gradient flow.

    Parameters
    ----------
    target
        y.
    times
        Times at learning rate one.
    richness
        As in `dmft`.

    Raises
    ------
    ValueError
        If the richness is not positive and finite.

    Notes
    -----
    ``richness f`` is a mode of two layers whose squares differ by two
    ([`unbalanced_mode`][widthwise.dynamics.linear.unbalanced_mode]);
    ``K = 2 sqrt(1 + richness^2 f^2)``.

    Examples
    --------
    >>> linear_flow(1.0, 1.0).output.round(10).tolist()
    [0.9065882889]
    """
    check_positive(richness=richness)
    moments = np.atleast_1d(np.asarray(times, float))
    u = unbalanced_mode(richness * target, 0.0, moments, imbalance=2.0)
    return OutputAndKernel(u / richness, 2 * np.hypot(1.0, u))


def whitened_features(
    targets: Float[np.ndarray, " p"], *, richness: float | int = 1.0
) -> Float[np.ndarray, "p p"]:
    """Feature kernel of a two-layer linear network after gradient flow on whitened inputs.

    Parameters
    ----------
    targets
        y of the p inputs, of which the kernel is the identity.
    richness
        As in `dmft`.

    Returns
    -------
    The identity but for the direction of y, which has grown to ``sqrt(1 + richness^2 |y|^2)``.

    Raises
    ------
    ValueError
        If the richness is not positive and finite.
    """
    check_positive(richness=richness)
    size = np.linalg.norm(targets)
    if size == 0:
        return np.eye(len(targets))
    direction = targets / size
    return np.eye(len(targets)) + (np.hypot(1.0, richness * size) - 1) * np.outer(
        direction, direction
    )
