"""Activations under the archived names."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import jax.numpy as jnp
from jaxtyping import Array

from widthwise import activations
from widthwise.activations import Activation, steeper
from widthwise.compat.neural_tangents.steps import Single
from widthwise.compat.neural_tangents.triple import Triple, triple
from widthwise.networks import Elementwise as _Elementwise

_SIGMOID = 2.4020563531719796  # brings erf closest to the sigmoid on [-5, 5]


def _layer(phi: Activation) -> Triple:
    return triple(Single(_Elementwise(phi)))


def _scaled(phi: Activation, gain: float | int, offset: float | int = 0.0) -> Activation:
    return (
        phi if (gain, offset) == (1, 0) else phi.affine(gain, offset, name=f"{gain:g} {phi.name}")
    )


def Relu(do_stabilize: bool = False) -> Triple:
    """max(z, 0). Kernels here are stable at any depth: ``do_stabilize`` changes nothing."""
    del do_stabilize
    return _layer(activations.relu)


def Abs(do_stabilize: bool = False) -> Triple:
    """|z|; ``do_stabilize`` changes nothing."""
    del do_stabilize
    return _layer(activations.abs)


def LeakyRelu(alpha: float | int, do_stabilize: bool = False) -> Triple:
    """max(z, 0) + alpha min(z, 0); ``do_stabilize`` changes nothing."""
    del do_stabilize
    return _layer(activations.leaky_relu(float(alpha)))


def ABRelu(a: float | int, b: float | int, do_stabilize: bool = False) -> Triple:
    """The function a min(z, 0) + b max(z, 0); ``do_stabilize`` changes nothing.

    Raises
    ------
    ValueError
        If both slopes are zero.
    """
    del do_stabilize
    a, b = float(a), float(b)
    if b != 0:
        return _layer(_scaled(activations.leaky_relu(a / b), b))
    if a == 0:
        raise ValueError("ABRelu(0, 0) does not depend on its input: give a slope that is not zero")
    return _layer(_scaled(steeper(activations.relu, -1.0), -a))


def Erf(a: float | int = 1.0, b: float | int = 1.0, c: float | int = 0.0) -> Triple:
    """The function a erf(b z) + c."""
    return _layer(_scaled(steeper(activations.erf, b), float(a), float(c)))


def Sigmoid_like() -> Triple:
    """An error function close to the sigmoid, 0.5 erf(z / 2.402) + 0.5."""
    return Erf(a=0.5, b=1 / _SIGMOID, c=0.5)


def Gelu(approximate: bool = False) -> Triple:
    """The Gaussian error linear unit; ``approximate`` by tanh, then in both faces."""
    return _layer(activations.gelu_tanh if approximate else activations.gelu)


def Sin(a: float | int = 1.0, b: float | int = 1.0, c: float | int = 0.0) -> Triple:
    """The function a sin(b z + c)."""
    sine = activations.sin if c == 0 else activations.shifted_sine(float(c))
    return _layer(_scaled(steeper(sine, b), float(a)))


def Cos(a: float | int = 1.0, b: float | int = 1.0, c: float | int = 0.0) -> Triple:
    """The function a cos(b z + c)."""
    cosine = activations.cos if c == 0 else activations.shifted_sine(float(c) + math.pi / 2)
    return _layer(_scaled(steeper(cosine, b), float(a)))


def Rbf(gamma: float | int = 1.0) -> Triple:
    """sqrt(2) sin(sqrt(2 gamma) z + pi / 4), whose NNGP kernel is exp(-gamma |x - x'|^2 / d)."""
    return Sin(a=math.sqrt(2), b=math.sqrt(2 * gamma), c=math.pi / 4)


def Exp(a: float | int = 1.0, b: float | int = 1.0) -> Triple:
    """The function a exp(b z)."""
    return _layer(_scaled(steeper(activations.exp, b), float(a)))


def Gaussian(a: float | int = 1.0, b: float | int = -1.0) -> Triple:
    """The function a exp(b z^2), b < 0.

    Raises
    ------
    ValueError
        If b is not negative.
    """
    if b >= 0:
        raise ValueError(f"b of Gaussian is {b}: give a negative number, that averages exist")
    return _layer(_scaled(steeper(activations.gaussian, math.sqrt(-2 * b)), float(a)))


def Sign() -> Triple:
    """The sign of z; its slope is zero almost everywhere, and so is its tangent kernel."""
    return _layer(activations.sign)


def Monomial(degree: int) -> Triple:
    """z^degree."""
    return Polynomial([0.0] * degree + [1.0])


def Polynomial(coef: Sequence[float | int]) -> Triple:
    """coef[0] + coef[1] z + ..."""
    return _layer(activations.polynomial([float(c) for c in coef]))


def Hermite(degree: int) -> Triple:
    """Normalized Hermite polynomial; its kernel is exact at every variance of z."""
    return _layer(activations.hermite(degree))


def Gabor() -> Triple:
    """exp(-z^2) sin(z)."""
    return _layer(_own(_gabor))


def RectifiedMonomial(degree: int) -> Triple:
    """z^degree where z > 0, otherwise zero.

    Raises
    ------
    ValueError
        If the degree is negative or not whole.
    """
    if degree < 0 or int(degree) != degree:
        raise ValueError(f"degree of RectifiedMonomial is {degree}: give a whole number >= 0")
    if degree < 2:
        return _layer((activations.step, activations.relu)[degree])
    return _layer(_own(_RectifiedPower(int(degree))))


def ElementwiseNumerical(fn: Callable, deg: int = 0, df: Callable | None = None) -> Triple:
    """Any function, by quadrature of certified accuracy; ``deg`` and ``df`` are not needed."""
    del deg, df
    return _layer(_own(fn))


def Elementwise(
    fn: Callable | None = None,
    nngp_fn: Callable | None = None,
    d_nngp_fn: Callable | None = None,
) -> Triple:
    """Any function, by quadrature of certified accuracy.

    Kernels are those of ``fn``: the closed forms ``nngp_fn`` and ``d_nngp_fn`` are not needed.

    Raises
    ------
    NotImplementedError
        If there is no ``fn``.
    """
    del d_nngp_fn
    if fn is None:
        raise NotImplementedError(
            "Elementwise without fn is not offered: give the function itself, or "
            "widthwise.Activation(name, function, forms=widthwise.activations.ClosedForms(...)) "
            f"in widthwise.Elementwise{'' if nngp_fn is None else ' for closed forms'}"
        )
    return _layer(_own(fn))


@cache
def _own(fn: Callable) -> Activation:
    """Analyse a function once, so that all its layers share compiled programs."""
    return fn if isinstance(fn, Activation) else activations.from_function(fn)


def _gabor(z: Array) -> Array:
    return jnp.exp(-(z**2)) * jnp.sin(z)


@dataclass(frozen=True)
class _RectifiedPower:
    degree: int

    def __call__(self, z: Array) -> Array:
        return jnp.maximum(z, 0) ** self.degree
