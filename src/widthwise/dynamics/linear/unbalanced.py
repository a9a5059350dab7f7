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
    ``v = 2 u + sqrt(imbalance^2 + 4 u^2)`` obeys a Riccati equation with constant coefficients.
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
    if start == 0 and imbalance == 0:
        return np.zeros(times.shape)
    # the sign is chosen so that v is a sum, not a difference, at the target
    sign = -1.0 if target < 0 else 1.0
    s, u0, square = sign * float(target), sign * float(start), float(imbalance) ** 2
    speed = np.hypot(imbalance, 2 * s)
    high, low = 2 * s + speed, -square / (2 * s + speed) if s or square else 0.0
    begin = _variable(u0, square)
    if begin == 0:  # balanced and on the other side of zero, which is approached, never passed
        return np.asarray(sign * _towards_zero(s, u0, times))
    if speed == 0:  # balanced, towards zero
        return np.asarray(sign * u0 / (1 + 2 * abs(u0) * times))
    decay = np.exp(-speed * times) * (begin - high) / (begin - low)
    v = (high - low * decay) / (1 - decay)
    return np.asarray(sign * (v - square / v) / 4)


def _variable(u: float, square: float) -> float:
    length = float(np.sqrt(square + 4 * u**2))
    return 2 * u + length if u >= 0 else square / (length - 2 * u)


def _towards_zero(s: float, u0: float, times: np.ndarray) -> np.ndarray:
    if s == 0:
        return u0 / (1 - 2 * u0 * times)
    grown = -np.expm1(-2 * s * times)  # avoids overflow at late times
    return s * u0 * np.exp(-2 * s * times) / (s - u0 * grown)
