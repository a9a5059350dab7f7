"""Several eigenvalues of a curvature matrix, and its spectral density."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Bool, Float, Key, PyTree

from widthwise.numerics import statistics
from widthwise.numerics.lanczos import Krylov, Ritz, krylov_space, ritz
from widthwise.observables.curvature.operator import Curvature, curvature
from widthwise.observables.curvature.search import NotConverged, check_options, search


def hessian_eigenvalues(
    loss: Callable[..., Any],
    params: PyTree,
    *args: Any,
    top: int = 5,
    bottom: int = 1,
    tolerance: float = 1e-3,
    max_products: int = 100,
    outputs: Callable[..., Any] | None = None,
    rates: PyTree = None,
    key: Key[Array, ""] | None = None,
) -> xr.Dataset:
    """Largest and smallest eigenvalues of the Hessian of a loss.

    Parameters
    ----------
    loss, params, *args, outputs, rates, key
        As for :func:`sharpness`.
    top, bottom
        How many of the largest and of the smallest, together at most the number of parameters.
    tolerance
        Largest residual, relative to the largest eigenvalue in size.
    max_products
        Largest number of products.

    Returns
    -------
    xarray.Dataset
        ``eigenvalue`` (rank) and ``residual`` (rank), largest first: the Hessian has an eigenvalue
        within the residual of each. Ranks from the end are negative: -1 is the smallest.

    Raises
    ------
    NotConverged
        If a residual is too large after all products, or the space of all images of the start
        has fewer dimensions than eigenvalues are wanted, as for eigenvalues that are equal: each
        of those is found once.
    TypeError, ValueError
        As for :func:`sharpness`.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> squares = jnp.array([4.0, 1.0, -2.0])
    >>> found = hessian_eigenvalues(lambda w: squares @ w**2 / 2, jnp.ones(3), top=2)
    >>> found.eigenvalue.values.round(4).tolist(), found["rank"].values.tolist()
    ([4.0, 1.0, -2.0], [1, 2, -1])
    """
    check_options(tolerance, max_products)
    problem = curvature(loss, params, args, outputs=outputs, rates=rates)
    if min(top, bottom) < 0 or not 1 <= top + bottom <= problem.size:
        raise ValueError(
            f"top={top} and bottom={bottom} eigenvalues were asked for: give one or more, together "
            f"at most the number of parameters, {problem.size}"
        )
    numbers = np.array([tolerance])
    space = search(
        problem, _Known(top, bottom), numbers, max_products=max_products, key=key, keep=True
    )
    values, residuals = (np.asarray(a, np.float64) for a in ritz(space)[:2])
    count = int(space.dimension)
    values, residuals = values[-count:][::-1], residuals[-count:][::-1]
    index = np.r_[0:top, count - bottom : count] if count >= top + bottom else np.arange(count)
    worst, allowed = np.max(residuals[index]), tolerance * np.max(np.abs(values))
    if len(index) < top + bottom or worst > max(allowed, 1e-30):
        raise NotConverged(
            f"after {count} products {len(index)} of {top + bottom} eigenvalues are known, with "
            f"residuals up to {worst:.3g}, where {allowed:.3g} was asked for: give more "
            "max_products, a larger tolerance, or fewer eigenvalues"
        )
    ranks = [*range(1, top + 1), *range(-bottom, 0)]
    return xr.Dataset(
        {"eigenvalue": ("rank", values[index]), "residual": ("rank", residuals[index])},
        coords={"rank": ranks},
        attrs={"products": count},
    )


@dataclass(frozen=True)
class _Known:
    """Whether the wanted eigenvalues have small residuals."""

    top: int
    bottom: int

    def __call__(self, space: Krylov, numbers: Float[Array, "1"]) -> Bool[Array, ""]:
        pairs = ritz(space)
        size = len(pairs.values)
        index = jnp.arange(size)
        first = size - space.dimension
        wanted = (index >= size - self.top) | ((index >= first) & (index < first + self.bottom))
        small = pairs.residuals <= numbers[0] * jnp.nanmax(jnp.abs(pairs.values))
        return (space.dimension >= self.top + self.bottom) & jnp.all(small | ~wanted)


def spectral_density(
    loss: Callable[..., Any],
    params: PyTree,
    *args: Any,
    probes: int = 8,
    products: int = 40,
    width: float | None = None,
    outputs: Callable[..., Any] | None = None,
    rates: PyTree = None,
    key: Key[Array, ""] | None = None,
) -> xr.Dataset:
    r"""Density of the eigenvalues of the Hessian of a loss, smoothed, with its error.

    By stochastic Lanczos quadrature: each random start sees the density through its own weights,
    and Lanczos' method finds the Gauss quadrature of what it sees.

    Parameters
    ----------
    loss, params, *args, outputs, rates, key
        As for :func:`sharpness`.
    probes
        Number of random starts, at least two: the standard error is over them.
    products
        Of each.
    width
        Standard deviation of the Gaussian that smooths; None takes a hundredth of the range.

    Returns
    -------
    xarray.Dataset
        ``density`` and ``standard_error`` on a grid of ``eigenvalue``, of integral one;
        ``trace`` and ``trace_error``; the quadratures, ``node`` and ``weight`` (probe, index).

    Raises
    ------
    TypeError, ValueError
        As for :func:`sharpness`, or if there are fewer than two probes or two products.

    Notes
    -----
    Ghorbani, Krishnan & Xiao (2019), arXiv:1901.10159. Moments up to degree 2 products - 1 are
    exact for each start. What is narrower than ``width`` is smeared to it.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> squares = jnp.linspace(0.0, 1.0, 200)
    >>> found = spectral_density(lambda w: squares @ w**2 / 2, jnp.ones(200))
    >>> abs(float(found.trace) - 100) < 4 * float(found.trace_error)
    True
    """
    if probes < 2 or products < 2:
        raise ValueError(f"probes={probes} and products={products}: give at least two of each")
    problem = curvature(loss, params, args, outputs=outputs, rates=rates)
    starts = jax.random.split(jax.random.key(0) if key is None else key, probes)
    count = min(products, problem.size)
    if isinstance(problem, Curvature):
        found = _compiled(problem, starts, count)
    else:  # what is not JAX's is called back, by a program that nothing else can use
        found = jax.jit(lambda keys: _quadratures(problem, keys, count))(starts)
    nodes, weights = (np.asarray(a, np.float64) for a in found)
    if not np.isfinite(nodes[:, -1]).all():
        raise ValueError("the Hessian's product with a vector is not finite: check the loss")
    low, high = np.nanmin(nodes), np.nanmax(nodes)
    sigma = (high - low) / 100 if width is None else float(width)
    if not sigma > 0:
        sigma = max(abs(high), 1.0) / 100  # all eigenvalues are equal
    grid = np.linspace(low - 5 * sigma, high + 5 * sigma, 512)
    nodes, weights = np.where(np.isnan(nodes), high, nodes), np.nan_to_num(weights)
    bumps = np.exp(-(((grid[None, :, None] - nodes[:, None]) / sigma) ** 2) / 2)
    each = np.sum(bumps * weights[:, None], axis=-1) / (sigma * np.sqrt(2 * np.pi))
    density = statistics.mean(each)
    trace = statistics.mean(problem.size * np.sum(nodes * weights, axis=1))
    return xr.Dataset(
        {
            "density": ("eigenvalue", density.value),
            "standard_error": ("eigenvalue", density.standard_error),
            "trace": float(trace.value),
            "trace_error": float(trace.standard_error),
            "node": (("probe", "index"), nodes),
            "weight": (("probe", "index"), weights),
        },
        coords={"eigenvalue": grid},
    )


def _quadratures(problem: Any, keys: Array, products: int) -> tuple[Array, Array]:
    product = problem.product()

    def one(key: Array) -> tuple[Array, Array]:
        start = jax.random.normal(key, (problem.size,), problem.dtype)
        pairs: Ritz = ritz(krylov_space(product, start, products=products))
        return pairs.values, pairs.weights

    with jax.default_matmul_precision("highest"):
        return jax.lax.map(one, keys)


_compiled = eqx.filter_jit(_quadratures)
