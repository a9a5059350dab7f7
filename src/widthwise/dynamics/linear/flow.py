"""Gradient flow of a deep linear network from any weights, balanced or not, on any inputs.

The linear map moves by ``-(J J^T)`` times the gradient in it, J being its derivative in the
weights; there is no closed form unless inputs are whitened, so the weights are integrated.
"""

from collections.abc import Sequence
from itertools import count, pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp

from widthwise.dynamics.linear.conservation import conservation_drift
from widthwise.networks.deep_linear import Matrix, checked_weights, end_to_end, gradients
from widthwise.networks.linear_regression import checked_task, loss_factor

_LONGEST = 1e12  # time after which a network that has not arrived is given up
_ARRIVED = 10  # gradient in the map at which the flow has ended: tolerances of that at the map zero
_EVALUATIONS = 300_000  # of the velocity, after which it is given up as well


class LinearFlow(NamedTuple):
    """A deep linear network under gradient flow.

    Parameters
    ----------
    weights
        W_1 to W_L at the times, (*t, fan_out, fan_in) each.
    product
        The linear map, (*t, outputs, inputs).
    excess
        Loss above its minimum, (*t).
    drift
        Largest change of a conserved quantity up to the last time: the error of the integration.
    """

    weights: tuple[Float[np.ndarray, "*t _ _"], ...]
    product: Float[np.ndarray, "*t o d"]
    excess: Float[np.ndarray, "..."]
    drift: float


def gradient_flow(
    weights: Sequence,
    covariance: ArrayLike,
    target: ArrayLike,
    *,
    time: ArrayLike | float | int,
    readout: Float[np.ndarray, "..."] | None = None,
    loss: str = "mean",
    tolerance: float | int = 1e-10,
) -> LinearFlow:
    """Train a deep linear network by gradient flow.

    Parameters
    ----------
    weights
        W_1 to W_L at time zero, each (fan_out, fan_in).
    covariance, target
        The regression, see [`least_squares`][widthwise.dynamics.linear.least_squares].
    time
        Times, not negative; infinity for where the flow ends.
    readout
        A map after W_L that is not trained, (outputs, width) or (width,).
    loss
        ``"mean"`` for half the mean squared error, ``"mse"`` for the mean squared error.
    tolerance
        Relative error of the weights in each step of the solver (Runge-Kutta of order 8).

    Returns
    -------
    LinearFlow

    Raises
    ------
    ValueError
        If shapes do not fit, or a number is out of range or not finite.
    RuntimeError
        If the flow has not arrived when infinite time was asked for: it stands at a saddle, such
        as all weights zero.

    Notes
    -----
    Source: Arora, Cohen & Hazan (2018, arXiv:1802.06509), the flow of the end-to-end map.

    Examples
    --------
    >>> found = gradient_flow([[[0.1]], [[0.1]]], [[1.0]], [2.0], time=[1.0, np.inf])
    >>> found.product[:, 0, 0].round(6).tolist()
    [0.430588, 2.0]
    """
    start, last = checked_weights(weights, readout)
    sigma, goal = checked_task(covariance, target)
    factor = loss_factor(loss)
    times = np.asarray(time, np.float64)
    if times.size == 0 or not np.all(times >= 0):
        raise ValueError(f"time is {time}: give times of at least 0")
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance is {tolerance}: give a number between 0 and 1")
    if any(w.ndim != 2 for w in start) or end_to_end(start, last).shape != goal.shape:
        raise ValueError(
            f"weights of shapes {[w.shape for w in start]} make no map of shape {goal.shape}, that "
            "of the target: give one network with as many inputs and outputs"
        )
    shapes = [w.shape for w in start]
    ends = np.cumsum([0, *(w.size for w in start)])

    def unpack(flat: np.ndarray) -> list[Matrix]:
        parts = (flat[a:b] for a, b in pairwise(ends))
        return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]

    def slope(now: Sequence[Matrix]) -> Matrix:
        return factor * (end_to_end(now, last) - goal) @ sigma

    evaluations = count()

    def velocity(_: float, flat: np.ndarray) -> np.ndarray:
        _require(next(evaluations) < _EVALUATIONS, "too many steps are needed")
        now = unpack(flat)
        return -np.concatenate([g.ravel() for g in gradients(now, slope(now), last)])

    size = factor * float(np.linalg.norm(goal @ sigma))

    def remaining(_: float, flat: np.ndarray) -> float:
        return float(np.linalg.norm(slope(unpack(flat)))) - _ARRIVED * tolerance * size

    remaining.terminal = True  # pyright: ignore[reportFunctionMemberAccess]
    flat = np.concatenate([w.ravel() for w in start])
    moments = np.unique(times)
    finite = moments[np.isfinite(moments)]
    found = np.empty((len(moments), len(flat)))
    settings = {"method": "DOP853", "rtol": max(tolerance, 1e-13), "atol": tolerance * 1e-3}
    if len(finite):
        solved = solve_ivp(velocity, (0.0, finite[-1]), flat, t_eval=finite, **settings)
        _require(solved.success, solved.message)
        found[: len(finite)], flat = solved.y.T, solved.y[:, -1]
    if len(finite) < len(moments) and remaining(0.0, flat) > 0:
        solved = solve_ivp(velocity, (0.0, _LONGEST), flat, events=remaining, **settings)
        _require(solved.success and len(solved.t_events[0]) > 0, "it stays at a saddle")
        flat = solved.y[:, -1]
    if len(finite) < len(moments):
        found[-1] = flat
    found = found[np.searchsorted(moments, times)]
    path = tuple(
        found[..., a:b].reshape(*times.shape, *shape)
        for a, b, shape in zip(ends[:-1], ends[1:], shapes, strict=True)
    )
    product = end_to_end(path, last)
    away = product - goal
    excess = factor / 2 * np.einsum("...oi,ij,...oj->...", away, sigma, away)
    latest = np.unravel_index(int(np.argmax(times)), times.shape)
    drift = conservation_drift(start, tuple(w[latest] for w in path))
    return LinearFlow(path, product, np.asarray(excess), drift)


def _require(arrived: bool, reason: str) -> None:
    if not arrived:
        raise RuntimeError(
            f"gradient flow has not arrived ({reason}): give weights that are not so small, or a "
            "shorter time"
        )
