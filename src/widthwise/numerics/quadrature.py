"""Gaussian expectations of functions with kinks, by Gauss-Legendre rules that end at the kinks.

Gauss-Hermite nodes converge like ``1/n`` when the integrand has a kink. Here the real line is cut
at every kink and midway between kinks; each piece is mapped by ``x = c + w sinh(t)``, which crowds
nodes around its kink ``c`` on the scale ``w`` of the function, and is integrated by one
Gauss-Legendre rule. The cuts move with the variance, so derivatives of the rule include what the
kinks contribute.

A pair ``(u, v)`` of correlation ``r = cos(2 theta)`` is written with independent normals ``p, m``:
``u = s1 (cos(theta) p + sin(theta) m)`` and ``v = s2 (cos(theta) p - sin(theta) m)``. The kinks are
lines in the ``(p, m)`` plane that cross at ``m = (k1/s1 - k2/s2) / (2 sin(theta))``: cutting ``m``
there and ``p`` on the lines leaves smooth pieces at every correlation, also as ``r`` tends to one.
A negative correlation is treated as the positive one of ``(u, -v)``.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, ArrayLike, Float, Real

from widthwise.numerics.safe import safe_sqrt

_CHUNK = 64  # pairs integrated at once: their temporaries stay inside the cache
_FEW = 1024  # known numbers up to which no program is compiled for their shape
_BLOCK = 16  # of them at once: their nodes stay inside the cache
_SPREAD = 1.6  # the sinh map crowds on 1.6 widths: the best of 1, 1.6, 2.5 at every steepness tried
_FLAT = 100.0  # scaled widths above this leave the map linear: capping them keeps it finite


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["kinks", "width"],
    meta_fields=["nodes", "reach"],
)
@dataclass(frozen=True)
class KinkRule:
    """Where to cut and how finely to integrate.

    Hashable, and a pytree: a compiled function may take it as a static argument, or take its kinks
    and width as numbers and so serve every rule of the same size.

    Parameters
    ----------
    kinks
        Points where the function or one of its low derivatives is not smooth.
    width
        Distance over which the function changes shape around its kinks, or around zero when there
        is none: for an analytic function, the distance to its nearest complex singularity.
    nodes
        Gauss-Legendre nodes on each side of a kink.
    reach
        Integration stops at this many standard deviations.
    """

    kinks: tuple[float | Array, ...] = ()
    width: float | Array = 1.0
    nodes: int = 32
    reach: float = 9.0

    @property
    def centres(self) -> tuple[float | Array, ...]:
        """The cuts: the kinks, or zero where there is none."""
        return self.kinks or (0.0,)

    @property
    def plane_nodes(self) -> int:
        """Nodes that a pair takes."""
        cuts = len(self.centres)
        return (2 * self.nodes * cuts**2) * (2 * self.nodes * 2 * cuts)

    def refined(self, nodes: int = 64) -> "KinkRule":
        """Return the same cuts with more nodes and a longer reach."""
        return replace(self, nodes=nodes, reach=self.reach + 2.0)


@cache
def _unit_interval(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    x, w = np.polynomial.legendre.leggauss(nodes)
    return (x + 1) / 2, w / 2


def _ascending(x: Float[Array, " c"]) -> Float[Array, " c"]:
    if x.shape[0] > 2:
        return jnp.sort(x)
    # One or two kinks, the usual case: a general sort would take longest to compile of all.
    return jnp.stack([jnp.min(x), jnp.max(x)])[: x.shape[0]]


def line_nodes(
    centres: Float[Array, " c"], width: Float[Array, ""], rule: KinkRule
) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Nodes, and weights times the normal density, of the line cut at ``centres``."""
    reach = jnp.asarray(rule.reach, centres.dtype)
    width = jnp.minimum(_SPREAD * width, _FLAT)
    centres = _ascending(jnp.clip(centres, -reach, reach))
    middles = (centres[1:] + centres[:-1]) / 2
    edges = jnp.concatenate([-reach[None], middles, reach[None]])
    lengths = jnp.stack([centres - edges[:-1], edges[1:] - centres], axis=1)[:, :, None]
    t, weight = (jnp.asarray(a, centres.dtype)[None, None, :] for a in _unit_interval(rule.nodes))
    stretch = jnp.arcsinh(lengths / width)
    sides = jnp.asarray([-1.0, 1.0], centres.dtype)[None, :, None]
    up = jnp.exp(stretch * t) / 2
    down = 0.25 / up
    x = centres[:, None, None] + sides * width * (up - down)
    density = jnp.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    return x.ravel(), (width * stretch * (up + down) * weight * density).ravel()


def gaussian_nodes(
    variance: Float[Array, ""], rule: KinkRule
) -> tuple[Float[Array, " n"], Float[Array, " n"], Float[Array, " n"]]:
    """Nodes ``z`` under ``N(0, variance)``, the same nodes standardised, and their weights."""
    safe = safe_sqrt(variance, at_zero=1.0)
    centres = jnp.asarray(rule.centres, variance.dtype) / safe
    x, w = line_nodes(centres, rule.width / safe, rule)
    return safe_sqrt(variance) * x, x, w


class _Plane(NamedTuple):
    """A pair at one correlation, cut where either argument meets a kink."""

    outer: tuple[Array, Array]
    cut: Callable[[Array], tuple[Array, Array]]
    pair: Callable[[Array, Array], tuple[Array, Array]]


def _plane(rule: KinkRule, k12: Array, k11: Array, k22: Array) -> _Plane:
    s1, s2 = safe_sqrt(k11), safe_sqrt(k22)
    safe1, safe2 = safe_sqrt(k11, at_zero=1.0), safe_sqrt(k22, at_zero=1.0)
    sign = jnp.where(k12 < 0, -1.0, 1.0).astype(k12.dtype)
    r = jnp.where((k11 > 0) & (k22 > 0), sign * k12 / (safe1 * safe2), 0.0)
    half = (1 - r) / 2
    sin, safe_sin, cos = safe_sqrt(half), safe_sqrt(half, at_zero=1.0), safe_sqrt(1 - half)
    kinks = jnp.asarray(rule.centres, k12.dtype)
    lines1, lines2 = kinks / safe1, sign * kinks / safe2
    width1, width2 = rule.width / safe1, rule.width / safe2
    crossings = (lines1[:, None] - lines2[None, :]).ravel() / (2 * safe_sin)

    def cut(m: Array) -> tuple[Array, Array]:
        lines = jnp.concatenate([lines1 - sin * m, lines2 + sin * m]) / cos
        return line_nodes(lines, jnp.minimum(width1, width2) / cos, rule)

    def pair(m: Array, p: Array) -> tuple[Array, Array]:
        return s1 * (cos * p + sin * m), sign * s2 * (cos * p - sin * m)

    return _Plane(line_nodes(crossings, (width1 + width2) / (2 * safe_sin), rule), cut, pair)


def _mean_at(f: Callable, rule: KinkRule, variance: Float[Array, ""]) -> Float[Array, ""]:
    z, _, w = gaussian_nodes(variance, rule)
    return jnp.sum(w * f(z))


def _pair_at(
    f: Callable, rule: KinkRule, k12: Float[Array, ""], k11: Float[Array, ""], k22: Float[Array, ""]
) -> Float[Array, ""]:
    plane = _plane(rule, k12, k11, k22)

    def add(total: Array, node: tuple[Array, Array]) -> tuple[Array, None]:
        m, weight = node
        p, w = plane.cut(m)
        return total + weight * jnp.sum(w * f(*plane.pair(m, p))), None

    return jax.lax.scan(add, jnp.zeros((), k12.dtype), plane.outer)[0]


def _elementwise(at: Callable, f: Callable, rule: KinkRule, *covariances: Array) -> Array:
    """Apply a scalar rule to every element."""
    try:
        known = [np.asarray(k) for k in covariances]
    except jax.errors.TracerArrayConversionError:
        return _traced(at, f, rule, *covariances)
    return (_few if 0 < known[0].size <= _FEW else _traced)(at, f, rule, *covariances)


def _few(at: Callable, f: Callable, rule: KinkRule, *covariances: Array) -> Array:
    """Apply a rule to a few known numbers, in blocks of one shape.

    Nodes and sums are programs of their own, for they take seconds to compile: all functions and
    all shapes share them, and a new function costs its own evaluation only.
    """
    size, shape = covariances[0].size, covariances[0].shape
    block = max(1, min(_BLOCK, 2**21 // rule.plane_nodes))
    flat = (np.asarray(k).ravel() for k in covariances)
    padded = [np.pad(k, (0, -size % block), mode="edge") for k in flat]
    rule = replace(rule, kinks=rule.centres)
    totals = []
    for start in range(0, size, block):
        *points, weights = _nodes(at, rule, *(k[start : start + block] for k in padded))
        totals.append(np.asarray(_total(weights, _values(f, *points))))
    return jnp.asarray(np.concatenate(totals)[:size].reshape(shape))


@partial(jax.jit, static_argnums=0)
def _nodes(at: Callable, rule: KinkRule, *covariances: Array) -> tuple[Array, ...]:
    """Return all points that ``at`` visits for each element, and their weights."""

    def of_mean(variance: Array) -> tuple[Array, ...]:
        z, _, w = gaussian_nodes(variance, rule)
        return z, w

    def of_pair(k12: Array, k11: Array, k22: Array) -> tuple[Array, ...]:
        plane = _plane(rule, k12, k11, k22)
        m, outer = plane.outer
        p, inner = jax.vmap(plane.cut)(m)
        return *plane.pair(m[:, None], p), outer[:, None] * inner

    return jax.vmap(of_mean if at is _mean_at else of_pair)(*covariances)


@partial(jax.jit, static_argnums=0)
def _values(f: Callable, *points: Array) -> Array:
    return f(*points)


@jax.jit
def _total(weights: Array, values: Array) -> Array:
    return jnp.sum(weights * values, axis=range(1, weights.ndim))


@partial(jax.jit, static_argnums=(0, 1, 2))
def _traced(at: Callable, f: Callable, rule: KinkRule, *covariances: Array) -> Array:
    """Apply a scalar rule, a chunk at a time, keeping nothing for a gradient."""
    one = jax.checkpoint(lambda k: at(f, rule, *k))
    shape, size = covariances[0].shape, covariances[0].size
    if size <= _CHUNK:
        return jax.vmap(one)(tuple(k.ravel() for k in covariances)).reshape(shape)
    padding = (0, -size % _CHUNK)
    chunks = tuple(jnp.pad(k.ravel(), padding).reshape(-1, _CHUNK) for k in covariances)
    return jax.lax.map(jax.vmap(one), chunks).ravel()[:size].reshape(shape)


@dataclass(frozen=True)
class _Mixed:
    """The mixed derivative of ``f(u, v)``."""

    f: Callable

    def __call__(self, u: Array, v: Array) -> Array:
        ones = jnp.ones_like(u)
        return jax.jvp(lambda u: jax.jvp(lambda v: self.f(u, v), (v,), (ones,))[1], (u,), (ones,))[
            1
        ]


@dataclass(frozen=True)
class _Radial:
    """``u df/du`` (side 0) or ``v df/dv`` (side 1)."""

    f: Callable
    side: int

    def __call__(self, u: Array, v: Array) -> Array:
        tangents = (u, jnp.zeros_like(v)) if self.side == 0 else (jnp.zeros_like(u), v)
        return jax.jvp(self.f, (u, v), tangents)[1]


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _pair(f: Callable, rule: KinkRule, k12: Array, k11: Array, k22: Array) -> Array:
    return _elementwise(_pair_at, f, rule, k12, k11, k22)


def _pair_jvp(f: Callable, rule: KinkRule, primals: tuple, tangents: tuple) -> tuple:
    # Price (1958): dE/dK12 = E[f_uv]. With u = sqrt(K11) x at fixed correlation, dE/dK11 =
    # (E[u f_u] - K12 E[f_uv]) / (2 K11): no second derivative of f, hence no delta at a kink.
    k12 = primals[0]
    mixed = _elementwise(_pair_at, _Mixed(f), rule, *primals)
    result = jnp.zeros_like(k12)
    if not isinstance(tangents[0], SymbolicZero):
        result = result + mixed * tangents[0]
    for side, (k, tangent) in enumerate(zip(primals[1:], tangents[1:], strict=True)):
        if not isinstance(tangent, SymbolicZero):
            radial = _elementwise(_pair_at, _Radial(f, side), rule, *primals)
            slope = (radial - k12 * mixed) / jnp.where(k > 0, 2 * k, 1.0)
            result = result + jnp.where(k > 0, slope, 0.0) * tangent
    return _pair(f, rule, *primals), result


_pair.defjvp(_pair_jvp, symbolic_zeros=True)


def gaussian_mean(
    f: Callable, variance: Real[ArrayLike, "..."] = 1.0, *, rule: KinkRule
) -> Float[Array, "..."]:
    """Return ``E[f(z)]`` for ``z ~ N(0, variance)``, elementwise in ``variance``.

    Parameters
    ----------
    f
        A function of an array, smooth between the kinks of the rule. Hashable; the same object
        is compiled once.
    variance
        Any shape, not negative. At zero variance the derivative is given as zero.
    rule
        Where ``f`` has kinks, and how finely to integrate.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> round(float(gaussian_mean(jnp.abs, rule=KinkRule(kinks=(0.0,)))), 12)  # sqrt(2 / pi)
    0.797884560803
    """
    (variance,) = floating(variance)
    return _elementwise(_mean_at, f, rule, variance)


def gaussian_pair_mean(
    f: Callable,
    k12: Real[ArrayLike, "..."],
    k11: Real[ArrayLike, "..."] = 1.0,
    k22: Real[ArrayLike, "..."] = 1.0,
    *,
    rule: KinkRule,
    continuous: bool = True,
) -> Float[Array, "..."]:
    """Return ``E[f(u, v)]`` for centred Gaussians of covariance ``(k11, k12; k12, k22)``.

    Parameters
    ----------
    f
        A function of two arrays of one shape, smooth wherever neither argument is at a kink.
    k12, k11, k22
        Covariance and variances, broadcast against each other.
    rule
        Where ``f`` has kinks (in either argument), and how finely to integrate.
    continuous
        Whether ``f`` is continuous across the kinks. Then first derivatives follow Price's theorem
        and hold at correlation plus or minus one too; otherwise they come from moving the cuts,
        and are given as zero there.

    Source: derived; the first derivatives are Price's theorem (R. Price, 1958).
    """
    covariances = floating(k12, k11, k22)
    if continuous:
        return _pair(f, rule, *covariances)
    return _elementwise(_pair_at, f, rule, *covariances)


def floating(*values: Real[ArrayLike, "..."]) -> tuple[Float[Array, "..."], ...]:
    """Broadcast to one shape and one floating dtype."""
    dtype = jnp.result_type(*values)
    if not jnp.issubdtype(dtype, jnp.floating):
        dtype = jnp.result_type(float)
    return tuple(jnp.broadcast_arrays(*(jnp.asarray(v, dtype) for v in values)))
