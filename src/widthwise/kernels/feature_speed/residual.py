"""Residual networks: the angle of ``f <- a f + b W relu(f)`` after every branch.

The signs of the features persist from branch to branch, because the features hardly change: so the
off-diagonal entries of the kernel are larger between coordinates that are active together.
With ``a^2 = 1 - b^2``, the mean square of an entry, times m, is ``p_i + p_j``; ``p`` is the mean of
the ``p_i``, ``s`` that over active coordinates only (times their share), and
``kappa(r) = 1/4 + asin(r) / (2 pi)`` the probability that features of correlation r are both
positive. Derived; Chizat & Netrapalli (2024, arXiv:2311.18718, proposition 5.2) have the order.
"""

import numpy as np
from jaxtyping import Float
from scipy.integrate import quad

from widthwise.kernels.feature_speed.angles import LayerAngles
from widthwise.numerics.choices import check_choice

BRANCHES = ("relu", "linear")


def residual_angles(
    branches: int, branch_weight: float | int, *, activation: str = "relu"
) -> LayerAngles:
    r"""Angle after every branch of an infinitely wide residual network, for one input.

    The network is ``f <- sqrt(1 - b^2) f + b W phi(f)`` with W of variance ``2 / m`` for ReLU
    (``1 / m`` for linear branches), whose layers are trained and contribute equally to the decay of
    the loss; first layer and readout are not trained. Without the factor ``sqrt(1 - b^2)``,
    ``f + c W phi(f)``, the angles are those of ``b = c / sqrt(1 + c^2)``, because rescaled features
    have the same angle.

    Parameters
    ----------
    branches
        Their number.
    branch_weight
        The number b, from 0 to 1. At 1 there is no skip.
    activation
        ``"relu"`` or ``"linear"``.

    Returns
    -------
    LayerAngles
        After each branch. At the last one the backward vector is isotropic; before, its size
        depends on whether a feature stays active, which is included.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> round(float(residual_angles(98, 0.1).cosine[-1]), 6)
    0.758059
    """
    if branches < 1:
        raise ValueError(f"{branches} branches were given: give at least 1")
    if not 0 <= branch_weight <= 1:
        raise ValueError(f"branch_weight is {branch_weight}: give a number from 0 to 1")
    check_choice("activation", activation, BRANCHES)
    found = _relu if activation == "relu" else _linear
    return found(branches, branch_weight**2)


def residual_angle_limit(c: float | int, *, activation: str = "relu") -> float:
    r"""Cosine at the end of an infinitely deep residual network with branches ``c / sqrt(depth)``.

    Parameters
    ----------
    c
        At least 0.
    activation
        ``"relu"`` or ``"linear"``.

    Raises
    ------
    ValueError
        If c is negative or not finite.

    Notes
    -----
    ``cos^2 = 1 / (1 + 2 p)`` with ``p`` one integral, from the continuous form of the recursion.
    For linear branches ``1 / (1 + 2 c^2 / 3)``; for ReLU this holds to order ``c^2``, and the
    cosine falls like ``1 / c`` at large c.

    Examples
    --------
    >>> round(residual_angle_limit(1.0), 6)
    0.751176
    """
    if not 0 <= c < np.inf:
        raise ValueError(f"c is {c}: give a finite number of at least 0")
    check_choice("activation", activation, BRANCHES)
    if activation == "linear":
        return float((1 + 2 * c**2 / 3) ** -0.5)
    rate = c**2

    def own(x: float | int) -> float:
        return rate * np.exp(-rate * x) * (1 - x) ** 2

    def passed(root: float | int) -> float:
        # The arcsine has a square root at zero, which x = root^2 takes away.
        x = root**2
        both = _both_active(np.exp(-rate * x / 2))
        return 2 * root * 2 * rate * np.exp(-rate * x) * both * (1 - x) ** 3

    edge = min(1.0, 40 / rate) if rate > 0 else 1.0  # beyond it exp(-rate x) is nothing
    p = quad(own, 0, edge, epsabs=1e-13, epsrel=1e-12)[0]
    p += 2 * rate / 3 * quad(passed, 0, edge**0.5, epsabs=1e-13, epsrel=1e-12)[0]
    return float((1 + 2 * p) ** -0.5)


def _both_active(r: Float[np.ndarray, "*s"] | float) -> Float[np.ndarray, "*s"]:
    return np.asarray(0.25 + np.arcsin(np.clip(r, -1, 1)) / (2 * np.pi))


def _linear(branches: int, square: float | int) -> LayerAngles:
    first, second = np.arange(1.0, branches + 1), np.ones(branches)
    for v in range(1, branches):
        m = first[v - 1]
        second[v] = 1 + 2 * m + second[v - 1] + (2 * square - square**2) * m**2
    return LayerAngles(first / np.sqrt(second), first, second)


def _relu(branches: int, square: float | int) -> LayerAngles:
    """Iterate the mean squares of entries; node u is before branch u + 1, ``M_1 = u``."""
    keep = 1 - square
    power = keep ** np.arange(branches + 1)  # a^(2 k)
    both = _both_active(np.sqrt(power))  # of features k branches apart
    first = np.arange(branches + 1.0)
    s, p = np.zeros(branches + 1), np.zeros(branches + 1)
    for v in range(1, branches + 1):
        u = np.arange(v)
        weight = power[v - 1 - u]
        s[v] = weight @ (
            2 * keep * square * both[v - u] * first[u] ** 2
            + square * s[u]
            + square**2 * first[u] ** 2 / 2
        )
        p[v] = weight @ (
            keep * square * first[u] ** 2 + 2 * square * s[u] + square**2 * first[u] ** 2
        )
    backward = np.array([_seen_from_behind(v, s, first, square) for v in range(1, branches + 1)])
    first, second = first[1:], first[1:] ** 2 + p[1:] + backward
    return LayerAngles(first / np.sqrt(second), first, second)


def _seen_from_behind(v: int, s: np.ndarray, first: np.ndarray, square: float | int) -> float:
    """The mean of ``p_i`` weighted by the squared backward vector at node v."""
    branches, keep = len(s) - 1, 1 - square
    power = keep ** np.arange(branches + 1)
    both = _both_active(np.sqrt(power))
    u, w = np.arange(v), np.arange(v, branches)
    weight = power[v - 1 - u]
    own = weight @ (square * s[u] + square**2 * first[u] ** 2 / 2)
    active = both[w[:, None] - u[None, :]] @ (weight * 2 * keep * square * first[u] ** 2) + own
    at_end = weight @ ((keep * square + square**2) * first[u] ** 2 + 2 * square * s[u])
    return power[branches - v] * at_end + 2 * square * np.sum(power[w - v] * active)
