"""Networks fitted to few points: trained ones, and their limit as kernel regression."""

from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Float, Key

from widthwise import activations
from widthwise.dynamics import max_learning_rate
from widthwise.experiments import member_keys
from widthwise.networks import Dense, Elementwise, Sequential, Standard
from widthwise.studies.ensemble_prior.datasets import Points, points_of
from widthwise.studies.ensemble_prior.own import OwnArchitecture
from widthwise.studies.ensemble_prior.training import as_float32, descended

SIDE = 21
"""Points along a side of the grid on which functions are compared."""
FINE = 2 * SIDE - 1
"""Points along a side of the grid of surfaces and roughness."""
FITTED = 1e-3
"""Half the sum of squared errors below which a network counts as fitted."""
_RATE = 0.15
"""Learning rate over the largest stable one of an infinitely wide network."""
_INFINITE = 2**40


class Architecture(NamedTuple):
    """What the networks of an ensemble share; variances are those of Standard."""

    hidden_layers: int
    activation: str
    weight_variance: float
    bias_variance: float
    readout_variance: float
    first_bias_only: bool = False

    def network(self, width: int) -> Sequential:
        """Return the network, with a random readout."""
        phi = Elementwise(activations.get(self.activation))
        layers = []
        for layer in range(self.hidden_layers):
            biased = self.bias_variance > 0 and not (layer and self.first_bias_only)
            layers += [Dense(width, bias=biased), phi]
        return Sequential(
            *layers,
            Dense(1, weight_std=self.readout_variance**0.5, bias=False),
            parametrization=Standard(self.weight_variance**0.5, self.bias_variance**0.5),
        )


Form = Architecture | OwnArchitecture


class Limit(NamedTuple):
    """Infinitely wide networks trained to the end, at m points.

    Parameters
    ----------
    weights
        How much each label counts, ``k(x, X) k(X, X)^{-1}``.
    mean
        Kernel regression, ``weights @ y``.
    variance
        Of networks that start from random readouts, over their starts.
    """

    weights: Float[np.ndarray, "m p"]
    mean: Float[np.ndarray, " m"]
    variance: Float[np.ndarray, " m"]

    def own(
        self, start: Float[np.ndarray, "s m"], at_points: Float[np.ndarray, "s p"]
    ) -> Float[np.ndarray, "s m"]:
        """Return the function of each network, given what it was at the start."""
        return self.mean + start - at_points @ self.weights.T

    @property
    def coarse(self) -> "Limit":
        """The same on every second point of the fine grid, in both directions."""
        return Limit(coarse(self.weights.T).T, coarse(self.mean), coarse(self.variance))


def limit(form: Form, points: Points, places: Float[np.ndarray, "m 2"]) -> dict[str, Limit]:
    """Kernel regression of the infinitely wide network, as `dynamics.predict` has it.

    Only variances are computed, not all covariances.

    Parameters
    ----------
    form, points
        Network and data.
    places
        Where.

    Returns
    -------
    dict
        ``"ntk"``, all layers trained with one learning rate, and ``"nngp"``, the last alone, which
        is the limit too if the readout starts at zero.
    """
    here = np.concatenate([places, points.x])
    others = [np.broadcast_to(one, here.shape) for one in points.x]
    # All pairs with a training point, and each place with itself, by one program.
    found = form.network(_INFINITE).kernel(
        np.tile(here, (len(others) + 1, 1)), np.concatenate([*others, here]), diagonal=True
    )
    kernels = {
        name: np.asarray(one).reshape(-1, len(here)).T for name, one in found._asdict().items()
    }
    m = len(places)
    cross, own = kernels["nngp"][:m, :-1], kernels["nngp"][:m, -1]
    inner = kernels["nngp"][m:, :-1]
    limits = {}
    for name, kernel in kernels.items():
        weights = np.linalg.solve(kernel[m:, :-1], kernel[:m, :-1].T).T
        spread = np.einsum("mp,pq,mq->m", weights, inner, weights)
        variance = own + spread - 2 * np.einsum("mp,mp->m", weights, cross)
        limits[name] = Limit(weights, weights @ points.y, np.maximum(variance, 0.0))
    return limits


@lru_cache(maxsize=32)
def limits_on_grid(form: Form, text: str) -> dict[str, Limit]:
    """Kernel regression on the fine grid, for a name or a canonical text of points."""
    points = points_of(text)
    return limit(form, points, points.grid(FINE))


def fitted(
    form: Form,
    points: Points,
    *,
    width: int,
    trained_from: str,
    key: Key[jax.Array, ""],
    members: tuple[int, int],
    steps: int,
) -> xr.Dataset:
    """Train networks by gradient descent on half the sum of squared errors.

    Returns
    -------
    xarray.Dataset
        ``loss`` (member); ``start`` and ``end`` (member, place) on the fine grid, ``start_points``
        (member, point) on the training points.
    """
    # Readouts at zero are trained at the rate of random ones, which is never too large.
    net = form.network(width)
    rate = _RATE * float(max_learning_rate(net.kernel(points.x).ntk, 1))
    x, y, places, readout, rate = as_float32(
        points.x, points.y, points.grid(FINE), trained_from == "random", rate
    )
    found = descended(
        net,
        x,
        y,
        places=places,
        keys=member_keys(key, width, members),
        readout=readout,
        learning_rate=rate,
        steps=jnp.asarray(steps),
    )
    return xr.Dataset(
        {
            "loss": ("member", np.asarray(found.loss)),
            "start": (("member", "place"), np.asarray(found.start)),
            "end": (("member", "place"), np.asarray(found.end)),
            "start_points": (("member", "point"), np.asarray(found.start_points)),
        }
    )


def coarse(values: Float[np.ndarray, "*batch m"]) -> Float[np.ndarray, "*batch k"]:
    """Return every second point, in both directions, of functions on the fine grid."""
    square = values.reshape(*values.shape[:-1], FINE, FINE)
    return square[..., ::2, ::2].reshape(*values.shape[:-1], -1)


def participation(values: Float[np.ndarray, "*batch m"]) -> Float[np.ndarray, "*batch"]:
    """Part of the plane over which curvature is spread: small for few kinks, one for everywhere.

    ``(sum |L|)^2 / (count sum L^2)`` of the discrete Laplacian L on a square grid.
    """
    side = round(values.shape[-1] ** 0.5)
    f = values.reshape(*values.shape[:-1], side, side).astype(np.float64)
    inner = f[..., 1:-1, 1:-1]
    bend = f[..., 2:, 1:-1] + f[..., :-2, 1:-1] + f[..., 1:-1, 2:] + f[..., 1:-1, :-2] - 4 * inner
    flat = np.abs(bend).reshape(*values.shape[:-1], -1)
    squares = np.maximum(np.sum(flat**2, axis=-1), np.finfo(float).tiny)
    return np.asarray(np.sum(flat, axis=-1) ** 2 / (flat.shape[-1] * squares))
