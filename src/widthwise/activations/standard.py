"""The activations that are known by name: those with closed forms first, then the others."""

import builtins
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf as _erf
from jaxtyping import Array

from widthwise.activations.activation import Activation
from widthwise.activations.forms import arc_cosine, error_function, exponential
from widthwise.activations.forms import polynomial as polynomials

relu = Activation(
    "relu", jax.nn.relu, kinks=(0.0,), degree=1.0, forms=arc_cosine.two_sided(1.0, 0.0)
)
abs = Activation(  # noqa: A001
    "abs", jnp.abs, (0.0,), parity="even", degree=1.0, forms=arc_cosine.two_sided(1.0, 1.0)
)
identity = Activation(
    "identity", jnp.asarray, parity="odd", degree=1.0, forms=polynomials.polynomial((0.0, 1.0))
)
gelu = Activation(
    "gelu", lambda z: jax.nn.gelu(z, approximate=False), forms=error_function.gelu, width=1.5
)
erf = Activation("erf", _erf, parity="odd", forms=error_function.erf)
gaussian = Activation(
    "gaussian", lambda z: jnp.exp(-(z**2) / 2), parity="even", forms=error_function.gaussian
)
sin = Activation("sin", jnp.sin, parity="odd", forms=exponential.sin)
cos = Activation("cos", jnp.cos, parity="even", forms=exponential.cos)
exp = Activation("exp", jnp.exp, forms=exponential.exp)
sign = Activation(
    "sign",
    jnp.sign,
    kinks=(0.0,),
    parity="odd",
    degree=0.0,
    continuous=False,
    forms=arc_cosine.jump(-1.0, 1.0),
)
step = Activation(
    "step",
    lambda z: jnp.heaviside(z, jnp.asarray(0.5, z.dtype)),
    kinks=(0.0,),
    degree=0.0,
    continuous=False,
    forms=arc_cosine.jump(0.0, 1.0),
)

# No closed form: quadrature. Widths are distances to the nearest complex singularity.
sigmoid = Activation("sigmoid", jax.nn.sigmoid, width=math.pi)
softplus = Activation("softplus", jax.nn.softplus, width=math.pi)
silu = Activation("silu", jax.nn.silu, width=math.pi)
gelu_tanh = Activation("gelu_tanh", lambda z: jax.nn.gelu(z, approximate=True), width=2.0)
softsign = Activation("softsign", jax.nn.soft_sign, kinks=(0.0,), parity="odd")
relu6 = Activation("relu6", jax.nn.relu6, kinks=(0.0, 6.0))
hardtanh = Activation("hardtanh", jax.nn.hard_tanh, kinks=(-1.0, 1.0), parity="odd")


@cache
def leaky_relu(slope: float | int = 0.01) -> Activation:
    """``z`` on the right of zero and ``slope * z`` on its left."""
    return Activation(
        f"leaky_relu({slope:g})",
        lambda z: jnp.where(z > 0, z, slope * z),
        kinks=(0.0,),
        degree=1.0,
        forms=arc_cosine.two_sided(1.0, -float(slope)),
    )


@cache
def shifted_sine(phase: float | int) -> Activation:
    """``sin(z + phase)``."""
    return Activation(
        f"sin(z + {phase:g})",
        lambda z: jnp.sin(z + phase),
        forms=exponential.shifted_sine(float(phase)),
    )


@cache
def tanh(c: float | int = 1.0) -> Activation:
    """``tanh(c z)``.

    Raises
    ------
    ValueError
        If ``c`` is zero.
    """
    if c == 0:
        raise ValueError("tanh(0) does not depend on its input; give a factor other than zero")
    name = "tanh" if c == 1.0 else f"tanh({c:g})"
    width = math.pi / 2 / builtins.abs(c)
    nodes = 32 if builtins.abs(c) <= 4 else 64
    return Activation(name, lambda z: jnp.tanh(c * z), width=width, nodes=nodes, parity="odd")


@cache
def elu(alpha: float | int = 1.0) -> Activation:
    """``z`` on the right of zero and ``alpha (exp(z) - 1)`` on its left."""
    name = "elu" if alpha == 1.0 else f"elu({alpha:g})"
    return Activation(name, lambda z: jax.nn.elu(z, alpha), kinks=(0.0,))


def polynomial(coefficients: Sequence[float | int]) -> Activation:
    """``sum_i coefficients[i] z^i``.

    Raises
    ------
    ValueError
        If there is no coefficient.
    """
    if not coefficients:
        raise ValueError(
            "polynomial() needs at least one coefficient; give polynomial((0, 1)) for z"
        )
    return _polynomial(tuple(float(c) for c in coefficients))


@dataclass(frozen=True)
class _Horner:
    coefficients: tuple[float, ...]

    def __call__(self, z: Array) -> Array:
        return jnp.polyval(jnp.asarray(self.coefficients[::-1], z.dtype), z)


@cache
def _polynomial(coefficients: tuple[float, ...], name: str | None = None) -> Activation:
    used = [i for i, c in enumerate(coefficients) if c != 0.0]
    parities = {i % 2 for i in used}
    return Activation(
        name or f"polynomial({','.join(f'{c:g}' for c in coefficients)})",
        _Horner(coefficients),
        parity=("even" if parities <= {0} else "odd") if len(parities) <= 1 else None,
        degree=float(used[0]) if len(used) == 1 else None,
        forms=polynomials.polynomial(coefficients),
    )


def hermite(k: int | float) -> Activation:
    """Hermite polynomial ``He_k(z) / sqrt(k!)``, of second moment one at variance one.

    Raises
    ------
    ValueError
        If ``k`` is negative or not whole.
    """
    if k < 0 or int(k) != k:
        raise ValueError(f"hermite({k}): the degree must be a whole number, zero or more")
    k = int(k)
    coefficients = np.polynomial.hermite_e.herme2poly([0.0] * k + [1.0]) / math.sqrt(
        math.factorial(k)
    )
    return _polynomial(tuple(float(c) for c in coefficients), f"hermite({k})")
