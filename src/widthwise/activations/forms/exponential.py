"""Exponential, sine and cosine: ``E[exp(u + v)] = exp(Var(u + v) / 2)`` and its real parts."""

import math
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import gammaln

from widthwise.activations.averages import ClosedForms
from widthwise.numerics.safe import safe_sqrt


def _damping(k11: Array, k22: Array) -> Array:
    return jnp.exp(-(k11 + k22) / 2)


def _series(signs: np.ndarray, growth: float, q: Float[Array, ""]) -> Float[Array, " k"]:
    """``signs_k q^(k/2) exp(growth q / 2) / sqrt(k!)``."""
    k = np.arange(len(signs))
    root = jnp.asarray(signs * np.exp(-gammaln(k + 1) / 2), q.dtype)
    return root * safe_sqrt(q) ** k * jnp.exp(growth * q / 2)


def _cycle(pattern: tuple[int, ...], order: int) -> np.ndarray:
    return np.resize(np.asarray(pattern, float), order + 1)


def _damped_cosh(k12: Array, k11: Array, k22: Array) -> Array:
    return _damping(k11, k22) * jnp.cosh(k12)


def _damped_sinh(k12: Array, k11: Array, k22: Array) -> Array:
    return _damping(k11, k22) * jnp.sinh(k12)


def _sine_series(order: int, q: Float[Array, ""]) -> Float[Array, " k"]:
    return _series(_cycle((0, 1, 0, -1), order), -1.0, q)


def _cosine_series(order: int, q: Float[Array, ""]) -> Float[Array, " k"]:
    return _series(_cycle((1, 0, -1, 0), order), -1.0, q)


exp = ClosedForms(
    mean=lambda q: jnp.exp(q / 2),
    second_moment=lambda q: jnp.exp(2 * q),
    dual=lambda k12, k11, k22: jnp.exp((k11 + k22) / 2 + k12),
    dual_derivative=lambda k12, k11, k22: jnp.exp((k11 + k22) / 2 + k12),
    hermite=lambda order, q: _series(_cycle((1,), order), 1.0, q),
)
sin = ClosedForms(
    mean=jnp.zeros_like,
    second_moment=lambda q: -jnp.expm1(-2 * q) / 2,
    dual=_damped_sinh,
    dual_derivative=_damped_cosh,
    hermite=_sine_series,
)
cos = ClosedForms(
    mean=lambda q: jnp.exp(-q / 2),
    second_moment=lambda q: (1 + jnp.exp(-2 * q)) / 2,
    dual=_damped_cosh,
    dual_derivative=_damped_sinh,
    hermite=_cosine_series,
)


def shifted_sine(phase: float) -> ClosedForms:
    """Give the closed forms of ``sin(z + phase) = cos(phase) sin(z) + sin(phase) cos(z)``.

    Of the two parts one is odd and one even, so that their products average to zero.
    """
    a, b = math.cos(phase), math.sin(phase)

    def squares(f: Callable, g: Callable) -> Callable:
        return lambda *k: a**2 * f(*k) + b**2 * g(*k)

    return ClosedForms(
        mean=lambda q: b * cos.mean(q),
        second_moment=squares(sin.second_moment, cos.second_moment),
        dual=squares(sin.dual, cos.dual),
        dual_derivative=squares(_damped_cosh, _damped_sinh),
        hermite=lambda order, q: a * _sine_series(order, q) + b * _cosine_series(order, q),
    )
