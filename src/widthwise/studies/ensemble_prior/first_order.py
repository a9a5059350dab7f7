"""Networks of one hidden layer to first order in 1/width: what random neurons add and take.

The trained network regresses on the features sigma of n random neurons; to leading order that is
all, since what hidden weights move is of next order. With K the kernel of the training points X,
``A = k(x, X) K^{-1}`` and ``r = sigma(x) - A sigma(X)`` the part of a neuron that training does not
determine, the variance over networks at x is, readouts starting at zero,

    E[(r F)^2] / n,   F = sigma(X) . K^{-1} y,

and readouts of variance ``c / n`` leave ``c E[r^2]`` and take ``c E[r^2 sigma(X).K^{-1} sigma(X)] /
n``, expectations being over neurons. Derived by expansion of the empirical kernel around K.
"""

from functools import lru_cache
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.special import ndtri
from scipy.stats import qmc

from widthwise import activations
from widthwise.studies.ensemble_prior.datasets import points_of
from widthwise.studies.ensemble_prior.networks import SIDE, Architecture, limits_on_grid

_LOG2_NEURONS = 15


class FirstOrder(NamedTuple):
    """Averages over the coarse grid: of order one, and times the width.

    Parameters
    ----------
    floor
        Variance that random readouts leave at infinite width.
    spread
        Width times the variance of networks whose readouts start at zero.
    taken
        Width times what of the floor a finite width takes away.
    """

    floor: float
    spread: float
    taken: float

    def variance(self, width: int, *, trained_from: str) -> float:
        """Variance over networks of this width."""
        if trained_from == "zero":
            return self.spread / width
        return self.floor + (self.spread - self.taken) / width


@lru_cache(maxsize=8)
def first_order(
    form: Architecture, text: str, *, places: tuple[int, ...] | None = None
) -> FirstOrder:
    """Average over neurons by a Sobol sequence of 2^15 of them, accurate to about 1 %.

    Parameters
    ----------
    form
        Networks of one hidden layer.
    text
        Name or canonical text of the points.
    places
        Which points of the coarse grid are averaged over; None for all.
    """
    points, shown = points_of(text), slice(None) if places is None else list(places)
    grid = points.grid(SIDE)[shown]
    law = limits_on_grid(form, text)["ntk"].coarse
    uniform = qmc.Sobol(3, rng=0).random_base2(_LOG2_NEURONS)
    normal = ndtri(np.clip(uniform, 1e-12, 1 - 1e-12))
    weights = normal[:, :2] * (form.weight_variance / 2) ** 0.5
    biases = normal[:, 2:] * form.bias_variance**0.5
    inner = _features(form, weights @ points.x.T + biases)
    force = np.linalg.solve(inner.T @ inner / len(inner), np.column_stack([points.y, inner.T]))
    amplitude = inner @ force[:, 0]
    leverage = np.einsum("sp,ps->s", inner, force[:, 1:])
    rest = _features(form, weights @ grid.T + biases) - inner @ law.weights[shown].T
    squares: Float[np.ndarray, " s"] = (rest**2).mean(axis=1)
    return FirstOrder(
        floor=float(law.variance[shown].mean()),
        spread=float(np.mean(squares * amplitude**2)),
        taken=float(form.readout_variance * np.mean(squares * leverage)),
    )


def _features(form: Architecture, z: np.ndarray) -> np.ndarray:
    return np.asarray(activations.get(form.activation)(jnp.asarray(z)), np.float64)
