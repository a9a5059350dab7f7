"""Neurons of a two-layer network at initialization: nodes or random points with weights.

A neuron is a Gaussian vector ``(u_1 .. u_n, w)`` of input-side fields and readout weight. For one
point, means over neurons are taken by the trapezoidal rule on a grid, which converges
exponentially and, unlike Gauss-Hermite nodes, keeps neurons of large readout weights, which move
fastest. For more points they are taken over scrambled Sobol points in pairs ``(u, w), (u, -w)``, in
several independent groups, whose spread is the error.
"""

import math
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Array, Float, Key

from widthwise.dynamics.mean_field.normal_points import normal_points

_REACH = 8.0  # standard deviations
_NODES = 121  # on each axis
GRID = _NODES**2
_GROUPS = 8
_SITES = 2**14


@dataclass(frozen=True, eq=False)
class Sites:
    """Neurons with weights.

    Attributes
    ----------
    fields
        ``u`` of every site.
    readout
        ``w`` of every site.
    weights
        Of the sites in a mean; they sum to one.
    groups
        Weights of several means over fewer sites, one mean in each row: by their spread the error
        is known.
    exact
        Whether the sites are a grid, and the one group a coarser one.
    """

    fields: Float[np.ndarray, "s n"]
    readout: Float[np.ndarray, " s"]
    weights: Float[np.ndarray, " s"]
    groups: Float[np.ndarray, "b s"]
    exact: bool

    def error(self, values: Float[np.ndarray, "s q"]) -> Float[np.ndarray, " q"]:
        """Standard error of the means of these values; on a grid, the error of a coarser one."""
        apart = (self.groups - self.weights[None, :]) @ values
        if self.exact:
            return np.abs(apart[0])
        return np.sqrt(np.sum(apart**2, axis=0) / (len(apart) * (len(apart) - 1)))


def grid_sites(variance: float) -> Sites:
    """Grid for one point of this variance."""
    x = np.linspace(-_REACH, _REACH, _NODES)
    fields, readout = (axis.ravel() for axis in np.meshgrid(x, x, indexing="ij"))
    density = np.exp(-(fields**2 + readout**2) / 2)
    coarse = np.zeros((_NODES, _NODES))
    coarse[::2, ::2] = 1
    sparse = density * coarse.ravel()
    return Sites(
        np.sqrt(variance) * fields[:, None],
        readout,
        density / density.sum(),
        (sparse / sparse.sum())[None],
        exact=True,
    )


def count_sites(size: int | None, *, least: int) -> int:
    """Check a number of sites, and round it up to 16 times a power of two.

    Parameters
    ----------
    size
        What was asked for; 16384 if None, or ``least``.
    least
        Number of sites below which results would be noise.

    Raises
    ------
    ValueError
        If fewer sites are asked for.
    """
    if size is None:
        size = max(_SITES, least)
    if isinstance(size, bool) or not isinstance(size, int) or size < least:
        raise ValueError(f"sites is {size!r}: give a whole number of at least {least}, or None")
    return 2 * _GROUPS * 2 ** max(1, math.ceil(math.log2(size / (2 * _GROUPS))))


def random_sites(root: Float[np.ndarray, "n r"], *, size: int, key: Key[Array, ""] | None) -> Sites:
    """Quasi-random sites for fields ``u = root @ normals``.

    Parameters
    ----------
    root
        Root of the covariance of the fields.
    size
        Number of sites, from `count_sites`.
    key
        Scrambles the points; fixed points if None.
    """
    seeds = [0] if key is None else np.asarray(jax.random.key_data(key)).ravel().tolist()
    children = np.random.SeedSequence(seeds).spawn(_GROUPS)
    parts = []
    for child in children:
        generator = np.random.default_rng(child)
        normals = normal_points(size // (2 * _GROUPS), root.shape[1] + 1, generator).T
        # exact second moments: what is left to chance are higher ones
        normals -= normals.mean(axis=0)[None]
        normals = normals @ np.linalg.inv(np.linalg.cholesky(normals.T @ normals / len(normals))).T
        parts.append(np.concatenate([normals, normals * ([1.0] * root.shape[1] + [-1.0])]))
    normals = np.concatenate(parts)
    count = len(normals)
    groups = np.kron(np.eye(_GROUPS), np.full((1, count // _GROUPS), _GROUPS / count))
    return Sites(
        normals[:, :-1] @ root.T, normals[:, -1], np.full(count, 1 / count), groups, exact=False
    )
