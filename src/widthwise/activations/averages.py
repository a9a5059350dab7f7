"""Gaussian averages of one function: by closed forms where they are known, else by quadrature."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array

from widthwise.numerics.hermite import hermite_coefficients
from widthwise.numerics.quadrature import KinkRule, gaussian_mean, gaussian_pair_mean


@dataclass(frozen=True)
class GapForm:
    """How a function maps the gap ``u = 1 - correlation`` of pairs, in closed form.

    Pairs are many: what belongs to one input is computed before.

    Parameters
    ----------
    side
        ``(s, 1 / t) -> arrays``, for inputs of standard deviation s before the function and t after
        it; ``1 / t`` is given as zero where t is.
    pair
        ``(u, arrays of the one, of the other) -> u after the function, E[s'(u) s'(v)]``.
    """

    side: Callable
    pair: Callable


@dataclass(frozen=True)
class ClosedForms:
    """Gaussian averages known in closed form, as elementwise functions of covariances.

    Parameters
    ----------
    mean, second_moment
        ``q -> E[s(z)]`` and ``q -> E[s(z)^2]`` for ``z ~ N(0, q)``.
    dual
        ``(k12, k11, k22) -> E[s(u) s(v)]``, differentiable without NaN wherever it is defined.
    dual_derivative
        The same for ``E[s'(u) s'(v)]``; without it, the derivative of ``dual`` in ``k12``.
    hermite
        ``(order, q) -> a_0 .. a_order``; without it, quadrature.
    gap
        The map of ``1 - correlation``; for a homogeneous function without loss where inputs nearly
        coincide.
    """

    mean: Callable
    second_moment: Callable
    dual: Callable
    dual_derivative: Callable | None = None
    hermite: Callable | None = None
    gap: GapForm | None = None


@dataclass(frozen=True)
class ComposedPair:
    """``(u, v) -> g(s(u), s(v))``, equal to any other made of the same two functions."""

    s: Callable
    g: Callable

    def __call__(self, u: Array, v: Array) -> Array:
        """Evaluate elementwise."""
        return self.g(self.s(u), self.s(v))


@dataclass(frozen=True)
class _Square:
    s: Callable

    def __call__(self, z: Array) -> Array:
        return self.s(z) ** 2


@dataclass(frozen=True)
class Averages:
    """The averages of ``function``, with the interface of `ClosedForms` and nothing missing.

    Parameters
    ----------
    function
        Elementwise function of an array.
    rule
        The quadrature rule for what has no closed form.
    continuous
        False for a function with jumps.
    forms
        What is known in closed form.
    """

    function: Callable
    rule: KinkRule
    continuous: bool
    forms: ClosedForms | None

    def mean(self, q: Array) -> Array:
        """``E[s(z)]``."""
        if self.forms is not None:
            return self.forms.mean(q)
        return gaussian_mean(self.function, q, rule=self.rule)

    def second_moment(self, q: Array) -> Array:
        """``E[s(z)^2]``."""
        if self.forms is not None:
            return self.forms.second_moment(q)
        return gaussian_mean(_Square(self.function), q, rule=self.rule)

    def dual(self, k12: Array, k11: Array, k22: Array) -> Array:
        """``E[s(u) s(v)]``."""
        if self.forms is not None:
            return self.forms.dual(k12, k11, k22)
        pair = ComposedPair(self.function, jnp.multiply)
        return gaussian_pair_mean(pair, k12, k11, k22, rule=self.rule, continuous=self.continuous)

    def dual_derivative(self, k12: Array, k11: Array, k22: Array) -> Array:
        """``E[s'(u) s'(v)]``: the slope of the dual in ``k12``."""
        if self.forms is not None and self.forms.dual_derivative is not None:
            return self.forms.dual_derivative(k12, k11, k22)
        slope = jax.jvp(lambda k: self.dual(k, k11, k22), (k12,), (jnp.ones_like(k12),))[1]
        return slope if self.continuous else jnp.where(k12**2 < k11 * k22, slope, jnp.inf)

    def hermite(self, order: int, q: Array) -> Array:
        """``a_0 .. a_order``."""
        if self.forms is not None and self.forms.hermite is not None:
            return self.forms.hermite(order, q)
        return hermite_coefficients(self.function, order, q, rule=self.rule)
