"""Evenly spread points for averages over Gaussian variables."""

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri
from scipy.stats import qmc

_MOST = 256  # dimensions beyond which sequences are no better than random numbers


def sites_each(sites: int, solutions: int) -> int:
    """Sites of each of several solutions that share them: a power of two."""
    return 2 ** max(2, int(np.ceil(np.log2(sites / solutions))))


def normal_points(
    count: int, dimension: int, rng: np.random.Generator
) -> Float[np.ndarray, "dimension count"]:
    """Standard normal points from a scrambled Sobol sequence, ``count`` a power of two."""
    known = min(dimension, _MOST)
    sampler = qmc.Sobol(known, seed=rng)  # pyright: ignore[reportCallIssue]
    uniform = sampler.random(count).T
    rest = rng.standard_normal((dimension - known, count))
    return np.concatenate([ndtri(np.clip(uniform, 1e-16, 1 - 1e-16)), rest])
