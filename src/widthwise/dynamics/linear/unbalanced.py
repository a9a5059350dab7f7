"""One mode of a two-layer linear network whose layers differ in size, in closed form."""

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike


def unbalanced_mode(
    target: float | int,
    start: float | int,
    time: ArrayLike | float | int,
    *,
    imbalance: float | int,
) -> Float[np.ndarray, "..."]:
    """Value of a product ``u = a b`` in time, under gradient flow of ``(s - u)^2 / 2``.

    ``b^2 - a^2 = imbalance`` is conserved, so ``du/dt = sqrt(imbalance^2 + 4 u^2) (s - u)``: lazy
    (exponential) for a large imbalance, rich (sigmoid) for none.

    Parameters
    ----------
    target
        s, of either sign.
    start
        u at time zero.
    time
        Times, not negative.
    imbalance
        Difference of the squares; its sign does not matter.

    Returns
    -------
    The values, in the shape of ``time``.

    Raises
    ------
    ValueError
        If a number is not finite, or a time is negative.

    Notes
    -----
    ``u = (v - w) / 4`` with ``v, w = sqrt(imbalance^2 + 4 u^2) +- 2 u``, each of which obeys a
    Riccati equation with constant coefficients.
    Source: Saxe, McClelland & Ganguli (2014, arXiv:1312.6120), appendix A.

    Examples
    --------
    >>> unbalanced_mode(2.0, 0.01, [1.0], imbalance=5.0).round(10).tolist()
    [1.9952704499]
    """
    times = np.asarray(time, np.float64)
    if not np.isfinite([target, start, imbalance]).all():
        raise ValueError(
            f"target={target}, start={start}, imbalance={imbalance}: give finite numbers"
        )
    if not np.all((times >= 0) & np.isfinite(times)):
        raise ValueError(f"time is {time}: give finite times of at least 0")
    s, u0 = float(target), float(start)
    square, speed = float(imbalance) ** 2, float(np.hypot(imbalance, 2 * target))
    length = float(np.hypot(imbalance, 2 * u0))
    larger = length + 2 * abs(u0)
    smaller = square / larger if larger else 0.0
    v, w = (larger, smaller) if u0 >= 0 else (smaller, larger)
    shape, times = times.shape, times.ravel()
    x = speed * times / 2
    # tanh(x) / speed, also where the speed is zero
    reach = times / 2 * np.divide(np.tanh(x), x, out=np.ones_like(x), where=x > 0)
    near, far = 1 - 2 * s * reach, 1 + 2 * s * reach
    if s:  # the difference of two almost equal numbers at late times
        rest = (
            square / (speed + 2 * abs(s)) + 4 * abs(s) / (1 + np.exp(2 * np.minimum(x, 350)))
        ) / speed
        near, far = (rest, far) if s > 0 else (near, rest)
    push = square * reach
    found = _moved(v, far, near, push, reach) - _moved(w, near, far, push, reach)
    return (found / 4).reshape(shape)


def _moved(
    v: float, up: np.ndarray, down: np.ndarray, push: np.ndarray, reach: np.ndarray
) -> np.ndarray:
    """Solution of the Riccati equation, a sum of positive terms over another one."""
    above = v * up + push
    return np.divide(above, down + v * reach, out=np.zeros_like(above), where=above > 0)
