"""Laws of inputs that no rotation changes: draws, and averages over one or two coordinates."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from scipy.special import gammaln

from widthwise.numerics.ranges import check_positive

_NODES = 160  # Gauss-Legendre, for one coordinate
_RADII = 48  # Gauss-Legendre, for the radius
_TABLE = 4097  # quantiles of the radius, for draws
_NORMAL_END = 9.5  # beyond it the normal density is below 1e-20


@dataclass(frozen=True)
class SphericalLaw:
    """Law of ``x = radius * u`` with u uniform on the unit sphere of R^d.

    Made by :func:`gaussian_inputs`, :func:`sphere_inputs` or :func:`radial_inputs`.

    Attributes
    ----------
    name
        In words.
    dimension
        d, at least 2.
    radii, weights
        The law of the radius: nodes and their probabilities; one radius for a Gaussian, the
        standard deviation of a coordinate.
    quantiles
        The radius at equally spaced probabilities.
    gaussian
        Whether coordinates are independent normal variables.
    """

    name: str
    dimension: int
    radii: tuple[float, ...]
    weights: tuple[float, ...]
    quantiles: tuple[float, ...]
    gaussian: bool = False

    @property
    def plane_norm(self) -> float:
        """Mean norm c0 of the projection of x on a plane; that on a line is ``2 c0 / pi``."""
        if self.gaussian:
            return self.radii[0] * math.sqrt(math.pi / 2)
        d = self.dimension
        unit = math.sqrt(math.pi) / 2 * math.exp(gammaln(d / 2) - gammaln((d + 1) / 2))
        return unit * float(np.dot(self.radii, self.weights))

    @property
    def density_at_zero(self) -> float:
        """Density p0 of one coordinate at zero."""
        if self.gaussian:
            return 1 / (self.radii[0] * math.sqrt(2 * math.pi))
        d = self.dimension
        unit = math.exp(gammaln(d / 2) - gammaln((d - 1) / 2)) / math.sqrt(math.pi)
        return unit * float(np.dot(1 / np.asarray(self.radii), self.weights))

    def coordinate(self, end: float) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
        """Nodes and weights for the absolute value of one coordinate, up to ``end``.

        ``sum(weights * f(nodes))`` is the mean of f(|x_1|) where ``|x_1| <= end``.
        """
        nodes, weights = _legendre(_NODES)
        if self.gaussian:
            sigma = self.radii[0]
            end = min(end / sigma, _NORMAL_END)
            x = end * nodes
            density = math.sqrt(2 / math.pi) * np.exp(-(x**2) / 2)
            return sigma * x, end * weights * density
        d = self.dimension
        unit = 2 * math.exp(gammaln(d / 2) - gammaln((d - 1) / 2)) / math.sqrt(math.pi)
        radii = np.asarray(self.radii)[:, None]
        # x_1 = radius sin(phi): the density is smooth in phi, and beyond 9 / sqrt(d) nothing.
        last = np.arcsin(np.minimum(1.0, np.minimum(end / radii, _NORMAL_END / math.sqrt(d))))
        phi = last * nodes[None]
        density = unit * last * np.cos(phi) ** (d - 2) * np.asarray(self.weights)[:, None]
        return (radii * np.sin(phi)).ravel(), (density * weights[None]).ravel()

    def draw(self, key: Key[Array, ""], count: int) -> Float[Array, "count d"]:
        """Draw independent inputs."""
        if self.gaussian:
            return self.radii[0] * jax.random.normal(key, (count, self.dimension))
        if len(self.quantiles) == 1:
            return self.quantiles[0] * _directions(key, count, self.dimension)
        directions, radius = jax.random.split(key)
        x = _directions(directions, count, self.dimension)
        table = jnp.asarray(self.quantiles, x.dtype)
        place = jax.random.uniform(radius, (count, 1), x.dtype) * (len(table) - 1)
        below = jnp.minimum(place.astype(int), len(table) - 2)
        return x * (table[below] + (place - below) * (table[below + 1] - table[below]))


def gaussian_inputs(dimension: int, *, scale: float | int = 1.0) -> SphericalLaw:
    """Inputs with independent normal coordinates of standard deviation ``scale``.

    Examples
    --------
    >>> round(gaussian_inputs(5).plane_norm, 6)
    1.253314
    """
    _check_dimension(dimension)
    check_positive(scale=scale)
    return SphericalLaw(f"Gaussian, d={dimension}", dimension, (float(scale),), (1.0,), (), True)


def sphere_inputs(dimension: int, *, radius: float | int = 1.0) -> SphericalLaw:
    """Inputs uniform on the sphere of R^dimension.

    Examples
    --------
    >>> round(sphere_inputs(2).plane_norm, 6), round(sphere_inputs(3).plane_norm, 6)
    (1.0, 0.785398)
    """
    _check_dimension(dimension)
    check_positive(radius=radius)
    one = (float(radius),)
    return SphericalLaw(f"sphere, d={dimension}", dimension, one, (1.0,), one)


def radial_inputs(
    dimension: int,
    density: Callable[[np.ndarray], np.ndarray],
    *,
    support: tuple[float | int, float | int],
    name: str = "radial",
) -> SphericalLaw:
    """Inputs of uniform direction with any law of the radius.

    Parameters
    ----------
    dimension
        d, at least 2.
    density
        Of the radius, up to a factor; smooth on its support.
    support
        Smallest and largest radius, finite. The mean of 1 / radius must be finite.
    name
        In words.

    Raises
    ------
    ValueError
        If the dimension is below 2, the support is no interval of radii that are not negative, or
        the density is negative, not finite or zero everywhere.

    Examples
    --------
    >>> ball = radial_inputs(3, lambda r: r**2, support=(0.0, 1.0))
    >>> abs(ball.plane_norm - sphere_inputs(5).plane_norm) < 1e-12  # by a theorem of Archimedes
    True
    """
    _check_dimension(dimension)
    low, high = (float(end) for end in support)
    if not (math.isfinite(high) and 0 <= low < high):
        raise ValueError(f"support is {support}: give 0 <= smallest < largest radius, finite")
    nodes, weights = _legendre(_RADII)
    radii = low + (high - low) * nodes
    mass = weights * _values(density, radii)
    grid = np.linspace(low, high, 16 * _TABLE)
    fine = _values(density, grid)
    if mass.sum() <= 0:
        raise ValueError("density is zero at all radii of its support: give one that is not")
    cumulative = np.append(0.0, np.cumsum(fine[1:] + fine[:-1]))
    table = np.interp(np.linspace(0, 1, _TABLE), cumulative / cumulative[-1], grid)
    return SphericalLaw(
        f"{name}, d={dimension}",
        dimension,
        tuple(radii.tolist()),
        tuple((mass / mass.sum()).tolist()),
        tuple(table.tolist()),
    )


def _directions(key: Array, count: int, dimension: int) -> Array:
    x = jax.random.normal(key, (count, dimension))
    return x / jnp.linalg.norm(x, axis=1, keepdims=True)


@lru_cache
def _legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return (nodes + 1) / 2, weights / 2


def _values(density: Callable[[np.ndarray], np.ndarray], radii: np.ndarray) -> np.ndarray:
    found = np.asarray(density(radii), np.float64) * np.ones_like(radii)
    if not np.all(np.isfinite(found)) or np.any(found < 0):
        raise ValueError("density is negative or not finite at some radius of its support")
    return found


def _check_dimension(dimension: int) -> None:
    if isinstance(dimension, bool) or not isinstance(dimension, int) or dimension < 2:
        raise ValueError(
            f"dimension is {dimension!r}: give a whole number of at least 2; on a line there is "
            "no angle"
        )
