"""Wick coefficients: mean derivatives of an activation under a Gaussian that need not be centred.

``w_k(mu, v) = E[s^(k)(Z)]`` with ``Z ~ N(mu, v)``: the coefficients with which a Gaussian
fluctuation of a pre-activation passes through the activation. Derivatives in the arguments stay in
the family (heat equation): ``dw_k/dmu = w_{k+1}`` and ``dw_k/dv = w_{k+2} / 2``; that is how they
are differentiated here, so kinks are counted exactly.

Source: derived; used as in W. Wu et al., "Estimating the expected output of wide random MLPs more
efficiently than sampling" (2026, arXiv 2605.05179).
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax.scipy.stats import norm
from jaxtyping import Array, ArrayLike, Float, Real

from widthwise.activations.activation import Activation
from widthwise.activations.standard import abs as _abs
from widthwise.activations.standard import identity, relu
from widthwise.numerics.quadrature import KinkRule, floating, line_nodes

_TERMS = 60  # of the continued fraction: below rounding from three standard deviations on


def wick(
    phi: Activation,
    order: int,
    mean: Real[ArrayLike, "..."],
    variance: Real[ArrayLike, "..."],
) -> Float[Array, "k ..."]:
    """Return ``w_0 .. w_order`` with ``w_k = E[s^(k)(Z)]`` for ``Z ~ N(mean, variance)``.

    Elementwise, compiled, and differentiable in mean and variance to any order. Closed form for
    functions that are linear on each side of zero, accurate however far the mean lies from the
    kink; otherwise quadrature with cuts at the kinks, after ``E[s^(k)] = v^(-j/2)
    E[s^(k-j) He_j]`` (Gaussian integration by parts) as far as ``s`` cannot be differentiated.

    Parameters
    ----------
    phi
        Activation.
    order
        The highest derivative, at least 0.
    mean, variance
        Of the Gaussian, broadcast against each other; the variance is not negative. At zero
        variance the derivatives are those of ``s`` beside its kinks.

    Returns
    -------
    Float[Array, "k ..."]
        The coefficients along a new first axis.

    Raises
    ------
    ValueError
        If the order is negative.

    Examples
    --------
    >>> from widthwise import activations
    >>> [round(float(w), 6) for w in wick(activations.relu, 2, 0.0, 1.0)]
    [0.398942, 0.5, 0.398942]
    """
    if order < 0:
        raise ValueError(f"order = {order} was given; it must be at least 0")
    return _derivatives(phi, 1, order, *floating(mean, variance))


def second_moment(
    phi: Activation, mean: Real[ArrayLike, "..."], variance: Real[ArrayLike, "..."]
) -> Float[Array, "..."]:
    """Return ``E[s(Z)^2]`` for ``Z ~ N(mean, variance)``, elementwise and differentiable.

    Examples
    --------
    >>> from widthwise import activations
    >>> float(second_moment(activations.relu, 0.0, 1.0))
    0.5
    """
    return _derivatives(phi, 2, 0, *floating(mean, variance))[0]


@partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2))
def _derivatives(phi: Activation, power: int, order: int, mean: Array, variance: Array) -> Array:
    """Mean derivatives of ``s^power``, orders ``0 .. order``."""
    return _evaluate(phi, power, order, mean, variance)


@_derivatives.defjvp
def _derivatives_jvp(
    phi: Activation, power: int, order: int, primals: tuple, tangents: tuple
) -> tuple[Array, Array]:
    mean, variance = primals
    w = _derivatives(phi, power, order + 2, mean, variance)
    in_mean, in_variance = (jnp.asarray(t)[None] for t in tangents)
    return w[:-2], w[1:-1] * in_mean + 0.5 * w[2:] * in_variance


@partial(jax.jit, static_argnums=(0, 1, 2))
def _evaluate(phi: Activation, power: int, order: int, mean: Array, variance: Array) -> Array:
    if phi.degree == 1.0 or phi.function in (relu.function, _abs.function, identity.function):
        return _two_sided(phi, power, order, mean, variance)
    function = phi if power == 1 else lambda z: phi(z) ** power
    differentiable = order if not phi.kinks else int(phi.continuous)
    one = partial(_integrate, function, phi.rule, order, differentiable)
    flat = jax.vmap(one, out_axes=-1)(mean.ravel(), variance.ravel())
    return flat.reshape(order + 1, *mean.shape)


def _two_sided(phi: Activation, power: int, order: int, mean: Array, variance: Array) -> Array:
    """``s = gain (right relu(z) + left relu(-z)) + offset``, by ``relu(-z) = relu(z) - z``."""
    with jax.ensure_compile_time_eval():
        right, left = (float(phi.function(jnp.asarray(z))) for z in (1.0, -1.0))
    relu_means, relu_squares = _relu(order, mean, variance)
    one, zero = jnp.ones_like(mean), jnp.zeros_like(mean)
    linear = jnp.stack([mean, one, *[zero] * order][: order + 1])
    square = jnp.stack([mean**2 + variance, 2 * mean, 2 * one, *[zero] * order][: order + 1])
    means = phi.gain * ((right + left) * relu_means - left * linear)
    if power == 1:
        return means.at[0].add(phi.offset)
    squares = (right**2 - left**2) * relu_squares + left**2 * square
    return (phi.gain**2 * squares + 2 * phi.offset * means).at[0].add(phi.offset**2)


def _relu(order: int, mean: Array, variance: Array) -> tuple[Array, Array]:
    """Mean derivatives of ``relu(z)`` and of ``relu(z)^2``, orders ``0 .. order``.

    With ``a = mu / sqrt(v)``: ``w_0 = sqrt(v) phi(a) + mu Phi(a)``, ``w_1 = Phi(a)``,
    ``w_k = (-1)^k v^(-(k-1)/2) He_{k-2}(a) phi(a)``; the square has
    ``(mu^2 + v) Phi(a) + mu sqrt(v) phi(a)`` and then ``2 w_{k-1}``. Far below the kink the sums
    cancel; there they are products of the continued fraction of Mills' ratio
    ``Phi(-b)/phi(b) = 1/(b + t_1)``, ``t_k = k/(b + t_{k+1})``: ``w_0`` is ``t_1`` times
    it, the square ``t_1 t_2`` times.
    """
    random = variance > 0
    safe = jnp.sqrt(jnp.where(random, variance, 1.0))
    deviation = jnp.where(random, safe, 0.0)
    side = jnp.where(mean > 0, jnp.inf, jnp.where(mean < 0, -jnp.inf, 0.0))
    a = jnp.where(random, mean / safe, side)
    density, below = norm.pdf(a), norm.cdf(a)
    far = a < -3
    b = jnp.where(far & random, -a, 3.0)
    t1, t2 = _fraction(b)
    tail = density / (b + t1)
    first = jnp.where(far, deviation * tail * t1, deviation * density + mean * below)
    moment = (mean**2 + variance) * below + mean * deviation * density
    moment = jnp.where(far, variance * tail * t1 * t2, moment)
    bounded = jnp.where(jnp.isfinite(a), a, 0.0)
    hermite, scale = [jnp.ones_like(a), bounded], jnp.where(random, density, 0.0)
    means = [first, below]
    for k in range(2, order + 1):
        means.append((-1) ** k * hermite[k - 2] * scale / safe ** (k - 1))
        hermite.append(bounded * hermite[-1] - (k - 1) * hermite[-2])
    squares = [moment, *(2 * w for w in means)]
    return jnp.stack(means[: order + 1]), jnp.stack(squares[: order + 1])


def _fraction(b: Array) -> tuple[Array, Array]:
    """Tails ``t_1, t_2`` of the continued fraction of Mills' ratio at ``b >= 3``."""

    def step(i: Array, tails: tuple[Array, Array]) -> tuple[Array, Array]:
        return (_TERMS - i) / (b + tails[0]), tails[0]

    return jax.lax.fori_loop(0, _TERMS, step, (jnp.zeros_like(b), jnp.zeros_like(b)))


def _integrate(
    function: Callable,
    rule: KinkRule,
    order: int,
    differentiable: int,
    mean: Float[Array, ""],
    variance: Float[Array, ""],
) -> Float[Array, " k"]:
    """Mean derivatives by quadrature, differentiating ``function`` at most so many times."""
    derivatives = [function]
    for _ in range(order):
        derivatives.append(_slope(derivatives[-1]))
    random = variance > 0
    safe = jnp.where(random, variance, 1.0)
    deviation = jnp.sqrt(safe)
    # One more cut in the middle of the Gaussian, for kinks that lie far outside it.
    centres = jnp.append((jnp.asarray(rule.centres, mean.dtype) - mean) / deviation, 0.0)
    x, weights = line_nodes(centres, rule.width / deviation, rule.refined())
    z = mean + deviation * x
    hermite = [jnp.ones_like(x), x]
    for k in range(2, order + 1):
        hermite.append(x * hermite[-1] - (k - 1) * hermite[-2])
    coefficients = []
    for k in range(order + 1):
        by_parts = k - min(k, differentiable)
        values = derivatives[k - by_parts](z) * hermite[by_parts]
        integral = jnp.sum(weights * values) / safe ** (by_parts / 2)
        coefficients.append(jnp.where(random, integral, derivatives[k](mean)))
    return jnp.stack(coefficients)


def _slope(function: Callable) -> Callable:
    """Return the derivative of an elementwise function."""
    return lambda z: jax.jvp(function, (z,), (jnp.ones_like(z),))[1]
