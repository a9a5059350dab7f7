"""As many spikes as a share of the width: no outliers, the bulk itself is deformed.

A network with C outputs, C a finite share of the width, takes one early gradient step towards a
random target: the gradient has rank C, and its directions are random. The update is then a product
of two random matrices, and the spectrum of the sum follows from that of a sample covariance.
"""

import math
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize_scalar

from widthwise.numerics.ranges import check_positive
from widthwise.numerics.statistics import Numbers

_CONSISTENT = 1e-6  # relative distance of a root from the branch it must lie on


@dataclass(frozen=True)
class ExtensiveSpikes:
    """Singular values of a large N x D random matrix plus C random spikes of equal strength.

    The matrix is ``sigma M + strength B^T V / sqrt(N D)``: M has independent entries of variance
    ``1 / N``; B (C x N) and V (C x D) have independent standard normal entries.

    Parameters
    ----------
    strength
        Strength of every spike.
    spike_ratio
        Number of spikes over the number of columns, ``C / D``.
    ratio
        Shape ratio ``N / D``.
    sigma
        Scale of the random matrix.

    Raises
    ------
    ValueError
        If a number is not positive and finite.

    Notes
    -----
    Given V, the D x D Gram matrix is a sample covariance of N samples with population covariance
    ``sigma^2 + strength^2 V^T V / D``, whose spectrum is a shifted Marchenko-Pastur law. Its
    companion Stieltjes transform ``mu(z)`` solves
    ``z = -1/mu + (D/N) int tau dH(tau) / (1 + tau mu)`` (Silverstein & Choi, 1995), here a quartic.
    Few spikes, ``spike_ratio -> 0``, give back the outlier of one independent spike.

    Examples
    --------
    >>> round(ExtensiveSpikes(1.0, spike_ratio=0.5).edge, 7)
    2.7350093
    """

    strength: float
    spike_ratio: float
    ratio: float = 1.0
    sigma: float = 1.0

    def __post_init__(self) -> None:
        check_positive(
            strength=self.strength,
            spike_ratio=self.spike_ratio,
            ratio=self.ratio,
            sigma=self.sigma,
        )

    @property
    def edge(self) -> float:
        """The largest singular value."""
        top = self.sigma**2 + self.strength**2 * (1 + math.sqrt(self.spike_ratio)) ** 2
        found = minimize_scalar(
            lambda share: float(np.real(self._inverse(np.asarray(-share / top)))),
            bounds=(0.0, 1.0),
            method="bounded",
            options={"xatol": 1e-10},
        )
        return math.sqrt(cast("Any", found).fun)

    def density(self, s: Numbers) -> Float[np.ndarray, "*s"]:
        """Probability density of the ``min(N, D)`` singular values at ``s > 0``."""
        values = np.asarray(s, np.float64)
        flat = np.maximum(values.ravel(), 1e-300)
        roots = self._roots(flat**2)
        residual = np.abs(self._inverse(roots) / flat[:, None] ** 2 - 1)
        heights = np.imag(roots)
        fits = (heights > 1e-12 * np.abs(roots)) & (residual < _CONSISTENT)
        imaginary = np.max(np.where(fits, heights, 0.0), axis=1, initial=0.0)
        # mu is the transform of the N x N Gram matrix; only min(N, D) of its eigenvalues count
        density = 2 * flat * imaginary / (math.pi * min(1.0, 1 / self.ratio))
        return np.where(values.ravel() > 0, density, 0.0).reshape(values.shape)

    def _inverse(self, mu: np.ndarray) -> np.ndarray:
        """``z`` at a given companion transform, right of the support or in the upper half plane."""
        mu = mu.astype(np.complex128)
        a, b = 1 + self.sigma**2 * mu, self.strength**2 * mu
        z = -a / b
        low, high = (1 - math.sqrt(self.spike_ratio)) ** 2, (1 + math.sqrt(self.spike_ratio)) ** 2
        stieltjes = (np.sqrt(z - low) * np.sqrt(z - high) - z - 1 + self.spike_ratio) / (2 * z)
        return np.asarray((-1 + (1 - stieltjes / b) / self.ratio) / mu)

    def _roots(self, z: np.ndarray) -> np.ndarray:
        """All four ``mu`` of each ``z``, whatever the branch."""
        y, kappa = 1 / self.ratio, self.spike_ratio
        one, theta = np.ones_like(z), self.strength**2
        # -a b q^2 + ((1 - kappa) b - a) q + 1 = 0, lowest power first; a, b and q are linear in mu
        a, b = [one, self.sigma**2 * one], [0 * one, theta * one]
        q = [one - 1 / y, -z / y]
        square = _product(_product(a, b), _product(q, q))
        line = _product([-one, ((1 - kappa) * theta - self.sigma**2) * one], q)
        polynomial = [-c for c in square]
        for power, c in enumerate([line[0] + 1, *line[1:]]):
            polynomial[power] = polynomial[power] + c
        companion = np.zeros((len(z), 4, 4))
        companion[:, 1:, :3] = np.eye(3)
        for power in range(4):
            companion[:, power, 3] = -polynomial[power] / polynomial[4]
        return np.linalg.eigvals(companion).astype(np.complex128)


def _product(p: list[np.ndarray], q: list[np.ndarray]) -> list[np.ndarray]:
    """Coefficients of a product of polynomials, lowest power first."""
    found = [np.zeros_like(p[0]) for _ in range(len(p) + len(q) - 1)]
    for i, left in enumerate(p):
        for j, right in enumerate(q):
            found[i + j] = found[i + j] + left * right
    return found
