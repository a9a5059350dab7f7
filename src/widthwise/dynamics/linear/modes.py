"""One mode of a deep linear network whose layers start aligned and balanced: exact at any depth.

The product u of L equal numbers obeys ``du/dt = rate L u^(2-2/L) (s - u)``. The time at which it
passes a value is a closed form at every depth, through a hypergeometric function; the value at a
time inverts it. Source: Saxe, McClelland & Ganguli (2014, arXiv:1312.6120) for depths two and
infinity; the form at other depths is derived by separating variables.
"""

import math
from functools import partial

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.special import digamma, expit, hyp2f1, poch

from widthwise.numerics.brackets import root
from widthwise.numerics.ranges import check_positive

_TERMS = np.arange(60)  # of a series in powers of at most one half: right to the last digit


def mode(
    depth: float | int,
    target: float | int,
    start: float | int,
    time: ArrayLike | float | int,
    *,
    rate: float | int = 1.0,
) -> Float[np.ndarray, "..."]:
    """Value of a mode in time, under gradient flow.

    Parameters
    ----------
    depth
        Number L of weight matrices, or ``math.inf``: then time is counted L times faster, and
        ``du/dt = rate u^2 (s - u)``.
    target
        What the mode is trained to, s; not negative (change both signs otherwise).
    start
        Its value at time zero, not negative; zero stays zero at depth two and more.
    time
        Times, not negative: learning rate times steps for small steps.
    rate
        Variance of the inputs along the mode, for half the mean squared error; twice that for the
        mean squared error.

    Returns
    -------
    The values, in the shape of ``time``.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> mode(2, 2.0, 0.01, [0.0, 1.0, 2.0]).round(10).tolist()
    [0.01, 0.4305879205, 1.8748411137]
    """
    _check(depth, target, start)
    check_positive(rate=rate)
    times = np.asarray(time, np.float64) * rate
    if times.size == 0 or not np.all((times >= 0) & np.isfinite(times)):
        raise ValueError(f"time is {time}: give finite times of at least 0")
    s, u0 = float(target), float(start)
    if depth == 1:
        return np.asarray(s + (u0 - s) * np.exp(-times))
    if u0 in (0.0, s):
        return np.full(times.shape, u0)
    if s == 0:
        power = 2 if depth == math.inf else 2 - 2 / depth
        speed = 1 if depth == math.inf else depth
        return np.asarray((u0**-power + speed * power * times) ** (-1 / power))
    passed = partial(_clock, depth, s, u0 > s)
    low = _logit(s, u0)
    begin = passed(low)
    scale = s**2 if depth == math.inf else depth * s ** (2 - 2 / depth)

    def value(t: float) -> float:
        # after the escape the logit grows at `scale`, before it more slowly below the target, and
        # more quickly above
        high = max(low, 0.0) + 1.0
        while passed(high) - begin < t:
            high += max(1.0, scale * (t - passed(high) + begin))
        place = root(lambda q: passed(q) - begin - t, low, high, 1e-13)
        return s * float(expit(place)) if u0 < s else s / float(expit(place))

    return np.array([value(t) if t else u0 for t in times.ravel()]).reshape(times.shape)


def mode_time(
    depth: float | int,
    target: float | int,
    start: float | int,
    reach: float | int,
    *,
    rate: float | int = 1.0,
) -> float:
    """Time at which a mode passes a value on its way to the target.

    Parameters
    ----------
    depth, target, start, rate
        As for [`mode`][widthwise.dynamics.linear.mode].
    reach
        The value, from the start up to the target, which itself is never reached.

    Raises
    ------
    ValueError
        If a number is out of its range, or the mode never passes the value.

    Examples
    --------
    >>> round(mode_time(2, 2.0, 0.01, 1.0), 10)
    1.3233262062
    """
    _check(depth, target, start)
    check_positive(rate=rate)
    s, u0, u = float(target), float(start), float(reach)
    inside = min(u0, s) <= u <= max(u0, s) and u != s
    if u == u0:
        return 0.0
    if not inside or (u0 == 0 and depth > 1):
        raise ValueError(
            f"a mode from {start} to {target} never passes {reach}: give a value in between, and "
            "a start other than zero"
        )
    if depth == 1:
        return math.log((u0 - s) / (u - s)) / rate
    if s == 0:
        power = 2 if depth == math.inf else 2 - 2 / depth
        speed = 1 if depth == math.inf else depth
        return (u**-power - u0**-power) / (speed * power) / rate
    passed = partial(_clock, depth, s, u0 > s)
    return (passed(_logit(s, u)) - passed(_logit(s, u0))) / rate


def escape_time(
    depth: float | int, target: float | int, start: float | int, *, rate: float | int = 1.0
) -> float:
    """Time that a mode takes to half its target.

    For a start ``u0`` much below the target it grows as ``log(s/u0) / (2 rate s)`` at depth two
    and as ``u0^(2/L - 1) / (rate s (L - 2))`` beyond: divide by the learning rate to see how many
    steps a small start needs.

    Parameters
    ----------
    depth, target, start, rate
        As for [`mode`][widthwise.dynamics.linear.mode], the start below half the target.

    Examples
    --------
    >>> round(escape_time(10, 1.0, 1e-6))
    7887
    """
    return mode_time(depth, target, start, float(target) / 2, rate=rate)


def check_depth(depth: float | int, *, infinite: bool = False) -> None:
    """Refuse what is no number of layers.

    Raises
    ------
    ValueError
        If it is below one, not whole, or infinite where that is not accepted.
    """
    if infinite and depth == math.inf:
        return
    if isinstance(depth, bool) or not (math.isfinite(depth) and depth >= 1 and depth == int(depth)):
        further = ", or math.inf" if infinite else ""
        raise ValueError(
            f"depth is {depth}: give a whole number of weight matrices, at least 1{further}"
        )


def _check(depth: float | int, target: float | int, start: float | int) -> None:
    check_depth(depth, infinite=True)
    for name, value in (("target", target), ("start", start)):
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(
                f"{name} is {value}: give a finite number of at least 0; a mode and its target "
                "may change signs together"
            )


def _logit(s: float, u: float) -> float:
    """Place of a value between zero and the target, or between the target and infinity."""
    return math.log(u / (s - u)) if u < s else math.log(s / (u - s))


def _clock(depth: float | int, s: float, above: bool, place: float) -> float:
    """Time, up to a constant, at which a mode is at a place."""
    if depth == math.inf:  # log |u / (s - u)| - s / u
        if above:
            return float(np.logaddexp(0.0, place) - expit(place)) / s**2
        return (place - 1 / float(expit(place))) / s**2
    z = float(expit(place)) ** (1 / depth)
    if above:
        power = 2 * depth - 2
        found = z**power / power * _hypergeometric(power / depth, place)
    elif depth == 2:
        found = place / 2
    else:
        series = z**2 / 2 * _hypergeometric(2 / depth, place)
        found = float(np.exp((2 / depth - 1) * np.log(expit(place)))) / (2 - depth) + series
    return found * s ** (2 / depth - 2)


def _hypergeometric(b: float, place: float) -> float:
    """``2F1(1, b; 1 + b; x)`` at the x of a place; near one by its expansion there."""
    if place < 0:
        return float(hyp2f1(1.0, b, 1 + b, expit(place)))
    rest = expit(-place)  # 1 - x
    log_rest = -np.logaddexp(0.0, place)
    ratio = poch(b, _TERMS) / poch(1.0, _TERMS)
    terms = ratio * rest**_TERMS * (digamma(_TERMS + 1.0) - digamma(b + _TERMS) - log_rest)
    return float(b * np.sum(terms))
