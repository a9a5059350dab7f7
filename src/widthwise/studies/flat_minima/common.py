"""What the parts share: the data, the theory of a depth, and the networks at the start."""

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics import linear
from widthwise.ensembles import deep_linear_start
from widthwise.experiments import Claim, member_keys
from widthwise.numerics import statistics

if TYPE_CHECKING:
    from widthwise.studies.flat_minima.study import FlatMinima

LOSS = "mse"
"""The mean squared error, as in the paper: its sharpness is twice that of half of it."""
LEARNED = 1e-8
"""Squared distance of the map from the solution, of norm one, at which a network has converged.

The gradient that is left changes the sharpness there by a part of 1e-4 or less.
"""
ROUNDING = 1e-4
"""That part: the error of a sharpness that is measured where the gradient is nearly zero."""


class Data(NamedTuple):
    """A regression of the study: the solution of least norm has norm one.

    Parameters
    ----------
    solved
        What linear networks see of it.
    truth
        The weights behind the targets, in the same units.
    noise
        Standard deviation of the noise of the targets, in the same units.
    x, y
        Inputs and targets.
    """

    solved: linear.LeastSquares
    truth: np.ndarray
    noise: float
    x: np.ndarray
    y: np.ndarray


@lru_cache(maxsize=8)
def data(seed: int, samples: int, features: int, noise: float = 1.0) -> Data:
    """Draw inputs, weights and noise, standard normal; divide targets by the solution's norm."""
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((samples, features))
    truth = generator.standard_normal(features)
    y = x @ truth + noise * generator.standard_normal(samples)
    norm = float(np.linalg.norm(linear.least_squares(x, y, warn=False).target))
    y = y / norm
    return Data(linear.least_squares(x, y, warn=False), truth / norm, noise / norm, x, y)


def regression(study: "FlatMinima") -> linear.LeastSquares:
    """Return the regression with more samples than features."""
    return data(study.seed, study.samples, study.features).solved


def minima(solved: linear.LeastSquares, depth: int) -> linear.FlatMinima:
    """Return the theory of one depth."""
    return linear.flat_minima(solved.covariance, solved.target, depth=depth, loss=LOSS)


def scale_of(size: float, depth: int, features: int) -> float:
    """Return the standard deviation of weights at which the map starts with about this norm."""
    return size ** (1 / depth) / features**0.5


def started(
    key: jax.Array, features: int, *, depth: int, scales: list[float], members: tuple[int, int]
) -> tuple[np.ndarray, ...]:
    """Draw the networks of one depth, (scale, member, ...)."""
    (own,) = member_keys(key, depth, (0, 1))
    return deep_linear_start(features, depth=depth, scales=scales, members=members, key=own)


def ends(found: xr.Dataset) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Return what is kept of trained networks: their end, and whether they reached it."""
    last = found.isel(step=-1)
    kept = {"gauss_newton": (last.gauss_newton.dims, last.gauss_newton.values)}
    # the larger of the last two records: a network that wanders may pass by the solution once
    kept["distance"] = (last.distance.dims, found.distance.isel(step=[-2, -1]).values.max(-1))
    return kept | {"diverged": (found.diverged_at.dims, (found.diverged_at.values >= 0) * 1.0)}


def records(steps: int) -> tuple[int, int]:
    """Return the steps whose records tell whether training has ended: the last, and one before."""
    return steps - max(1, steps // 10), steps


def converged(measurement: xr.Dataset) -> np.ndarray:
    """Tell which networks ended at a minimum; false of those that diverged."""
    return np.nan_to_num(measurement.distance.values, nan=np.inf) <= LEARNED


def mean_claim(
    name: str, statement: str, predicted: float, samples: np.ndarray, tolerance: float
) -> Claim:
    """Return the claim that the mean of a quantity over members is as predicted."""
    estimate = statistics.mean(np.asarray(samples, np.float64))
    return Claim(
        name=name,
        statement=statement,
        predicted=predicted,
        measured=float(estimate.value),
        standard_error=max(float(estimate.standard_error), 1e-9 * abs(predicted), 1e-12),
        tolerance=tolerance,
        members=estimate.count,
    )


def count_claim(name: str, statement: str, measured: int) -> Claim:
    """Return the claim that no network does something; counts are exact."""
    return Claim(
        name=name,
        statement=statement,
        predicted=0.0,
        measured=measured,
        standard_error=1e-6,
        tolerance=0.5,
        kind="at_most",
    )
