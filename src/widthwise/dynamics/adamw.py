"""Where weight decay and the noise of gradients balance: the variance of weights under AdamW.

Updates of Adam have one size whatever that of the gradients. If gradients are independent from
step to step, weights walk at random while the decay pulls them back: their variance comes to an
equilibrium that knows of nothing but learning rate and decay, layer by layer the same.
"""

import math

import numpy as np
from jaxtyping import Float


def adamw_variance(
    initial_std: float | int,
    learning_rates: Float[np.ndarray, " steps"],
    *,
    weight_decay: float | int,
    beta1: float | int = 0.9,
    beta2: float | int = 1.0,
) -> Float[np.ndarray, " times"]:
    """Variance of the weights of one array before the first and after every step of AdamW.

    Parameters
    ----------
    initial_std
        Standard deviation of the initial weights.
    learning_rates
        Learning rate of every step.
    weight_decay
        Decoupled, multiplied by the learning rate as in PyTorch and Optax.
    beta1, beta2
        Memories of the means of gradients and of their squares. That of squares is taken into
        account to first order in ``1 - beta2``; 1 is the limit of an infinite memory.

    Returns
    -------
    One number more than steps.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    For gradients that are Gaussian, independent from step to step and of slowly varying size. With
    a = 1 - rate * decay and the update u = m / (1 - beta1^t), m the mean of gradients of variance
    one, w -> a w - rate u; the moments of (w, m) obey a linear recursion, which is run. The limit
    ``rate / (2 decay)`` of small rates is the rotational equilibrium of Kosson, Messmer & Jaggi
    (2024, arXiv:2305.17212).

    Examples
    --------
    >>> import numpy as np
    >>> variance = adamw_variance(0.02, np.full(5000, 6e-4), weight_decay=0.1, beta1=0.0)
    >>> round(float(variance[-1] ** 0.5), 9)
    0.039663031
    """
    rates = np.asarray(learning_rates, np.float64)
    _check(float(np.max(rates, initial=0.0)), weight_decay, beta1, beta2)
    if not 0 <= initial_std < math.inf or not np.all(rates >= 0):
        raise ValueError(
            f"initial_std is {initial_std} and the least learning rate "
            f"{np.min(rates, initial=0.0)}: give numbers of at least 0"
        )
    size = update_variance(beta1, beta2)
    found = np.empty(len(rates) + 1)
    found[0] = variance = float(initial_std) ** 2
    square = cross = 0.0  # of m, and of w with m
    for t, rate in enumerate(rates.tolist()):
        keep, step = 1 - rate * weight_decay, rate / (1 - beta1 ** (t + 1))
        square = beta1**2 * square + (1 - beta1) ** 2 * size
        cross = beta1 * cross
        variance = keep**2 * variance - 2 * keep * step * cross + step**2 * square
        cross = keep * cross - step * square
        found[t + 1] = variance
    return found


def adamw_equilibrium(
    learning_rate: float | int,
    weight_decay: float | int,
    *,
    beta1: float | int = 0.9,
    beta2: float | int = 1.0,
) -> float:
    """Variance that the weights come to, whatever they start from.

    Parameters
    ----------
    learning_rate, weight_decay, beta1, beta2
        As for :func:`adamw_variance`, the learning rate constant.

    Returns
    -------
    Infinite without decay: then the variance grows by ``learning_rate ** 2`` in every step. It is
    come to within ``1 / (2 learning_rate weight_decay)`` steps for a factor e.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> round(adamw_equilibrium(3e-3, 0.3) ** 0.5, 8)
    0.07042686
    """
    _check(learning_rate, weight_decay, beta1, beta2)
    if weight_decay == 0:
        return math.inf
    a, b = 1 - learning_rate * weight_decay, beta1
    shape = (1 - b) ** 2 * (1 + a * b) / ((1 - a**2) * (1 - b**2) * (1 - a * b))
    return learning_rate**2 * shape * update_variance(beta1, beta2)


def update_variance(beta1: float | int, beta2: float | int) -> float:
    """Variance that the updates of Adam add to the weights in the long run, for rate one.

    Parameters
    ----------
    beta1, beta2
        Memories of the means of gradients and of their squares.

    Returns
    -------
    One, but for a correction of first order in ``1 - beta2``.

    Notes
    -----
    What one gradient g contributes is g times the mean of 1 / sqrt(v) over the steps in which g
    is remembered, v being the mean of squares with g among them. Contributions of different
    gradients are uncorrelated, for they are odd in each. To second order in v - 1, with
    E[g^2 (v - 1)] = 2 (1 - beta2) beta2^j after j steps and Var v = 1 - beta2.
    """
    short = 1 - beta2
    shared = (1 - beta1) / (1 - beta1 * beta2)
    both = (1 - beta1) / (1 + beta1) * (1 + beta1 * beta2) / (1 - beta1 * beta2)
    return 1 + short * (-2 * shared + 0.75 + 0.25 * both)


def _check(
    learning_rate: float | int,
    weight_decay: float | int,
    beta1: float | int,
    beta2: float | int,
) -> None:
    if not (0 <= learning_rate < math.inf and 0 <= weight_decay < math.inf):
        raise ValueError(
            f"learning_rate is {learning_rate}, weight_decay {weight_decay}: give finite numbers "
            "of at least 0"
        )
    if learning_rate * weight_decay >= 1:
        raise ValueError(
            f"learning_rate * weight_decay is {learning_rate * weight_decay:g}: each step would "
            "turn the weights around; give a product below 1"
        )
    if not 0 <= beta1 < 1 or not 0.5 <= beta2 <= 1:
        raise ValueError(
            f"beta1 is {beta1}, beta2 {beta2}: give beta1 from 0 to below 1 and beta2 from 0.5 to 1"
        )
