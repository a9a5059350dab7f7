"""Nodes of a linear teacher's field: a normal variable, cut where something jumps or bends."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float
from scipy.stats import norm

REACH = 10.0
"""Integrals stop at this many standard deviations."""
_NODES = 96


@dataclass(frozen=True, eq=False)
class Nodes:
    """Fields, forces and margins at the nodes of a Gaussian integral.

    Attributes
    ----------
    field
        omega, what a sample's label times output would be had it not been trained on.
    force
        a, minus the derivative of its loss: how hard the sample pulls.
    margin
        h, its label times the teacher's output.
    weight
        Of each node; they sum to one.
    """

    field: Float[np.ndarray, " n"]
    force: Float[np.ndarray, " n"]
    margin: Float[np.ndarray, " n"]
    weight: Float[np.ndarray, " n"]

    def mean(self, values: Float[np.ndarray, " n"]) -> float:
        """Average over samples."""
        return float(self.weight @ values)


@cache
def _legendre() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(_NODES)


def pieces(edges: Sequence[float]) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Return Gauss-Legendre nodes and weights of the intervals between ascending edges."""
    x, w = _legendre()
    low, high = np.array(edges[:-1])[:, None], np.array(edges[1:])[:, None]
    half = (high - low) / 2
    return (low + half * (1 + x[None])).ravel(), (half * w[None]).ravel()


def normal_nodes(
    cuts: Sequence[float], *, deviation: float | int
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Return nodes and weights of N(0, deviation^2), cut at the given points."""
    inside = sorted({c / deviation for c in cuts if abs(c) < REACH * deviation})
    z, weight = pieces([-REACH, *sorted({-2.0, 2.0, *inside}), REACH])
    return deviation * z, weight * norm.pdf(z)
