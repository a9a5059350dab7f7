"""What is known of trained deep linear networks: their weights, distance to the goal, curvature."""

import numpy as np
import xarray as xr
from jaxtyping import Float
from scipy.linalg import eigvalsh

from widthwise.networks.deep_linear import Matrix, end_to_end, loss_hessian, weight_kernel
from widthwise.numerics.roots import covariance_root


def deep_linear_weights(
    found: xr.Dataset,
) -> tuple[tuple[Float[np.ndarray, "... _ _"], ...], Float[np.ndarray, "... 1 _"] | None]:
    """Return the weights W_1 to W_L of a dataset, and the readout if it was not trained.

    Parameters
    ----------
    found
        From `train_deep_linear`, whole or in part.
    """
    sizes = [int(size) for size in np.atleast_1d(found.attrs["sizes"])]
    trained = bool(found.attrs["readout_trained"])
    layers = np.asarray(found.layers.values, np.float64)
    last = np.asarray(found.readout.values, np.float64)[..., None, :]
    pairs = [*zip(sizes[1:], sizes[:-1], strict=True)]
    square = pairs[:-1] if trained else pairs
    weights = tuple(layers[..., k, :m, :n] for k, (m, n) in enumerate(square))
    if trained:
        return (*weights, last[..., : sizes[-2]]), None
    return weights, last[..., : sizes[-1]]


def observed(
    dataset: xr.Dataset, sigma: np.ndarray, goal: np.ndarray, factor: int, hessian: bool
) -> dict:
    """Return distance, excess loss and curvature of the networks at every record."""
    weights, readout = deep_linear_weights(dataset)
    dims = dataset.readout.dims[:-1]
    sound = np.isfinite(dataset.readout.values[..., 0])
    kept = tuple(np.where(sound[..., None, None], w, 0.0) for w in weights)
    last = None if readout is None else np.where(sound[..., None, None], readout, 0.0)
    away = end_to_end(kept, last)[..., 0, :] - goal
    root = covariance_root(sigma)
    curvature = np.linalg.eigvalsh(root.T @ weight_kernel(kept, last) @ root)[..., -1]
    numbers = {
        "distance": np.sum(away**2, axis=-1),
        "excess": factor / 2 * squares(away, sigma),
        "gauss_newton": factor * curvature,
    }
    if hessian:
        numbers["sharpness"] = factor * _sharpness(kept, last, sigma, away @ sigma)
    return {name: (dims, np.where(sound, array, np.nan)) for name, array in numbers.items()}


def _sharpness(
    weights: tuple[Matrix, ...], readout: Matrix | None, sigma: np.ndarray, slope: np.ndarray
) -> np.ndarray:
    found = np.empty(slope.shape[:-1])
    for at in np.ndindex(*found.shape):
        last = None if readout is None else readout[at]
        matrix = loss_hessian([w[at] for w in weights], sigma, slope[at][None], last)
        top = len(matrix) - 1
        found[at] = eigvalsh(matrix, subset_by_index=(top, top))[0]
    return found


def squares(away: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Return the squared length of rows in the metric of the inputs."""
    return np.einsum("...i,ij,...j->...", away, sigma, away)
