"""The pointwise nonlinearity."""

from dataclasses import dataclass, replace

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from widthwise import activations
from widthwise.activations import Activation
from widthwise.activations.averages import ComposedPair
from widthwise.networks.layer import Layer
from widthwise.networks.place import Features, Place
from widthwise.networks.spatial_state import SpatialState, State, outer, position_diagonal
from widthwise.numerics import gaussian_pair_mean
from widthwise.numerics.draws import Draws


class Pointwise(eqx.Module):
    """The map x -> phi(x), coordinate by coordinate."""

    phi: Activation = eqx.field(static=True)

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Apply the map."""
        return self.phi(x)


@dataclass(frozen=True)
class _Slope:
    """Derivative of a function where it has one, without the deltas of its jumps."""

    phi: Activation

    def __call__(self, z: Array) -> Array:
        return jax.jvp(self.phi, (z,), (jnp.ones_like(z),))[1]


@dataclass(frozen=True, repr=False)
class Elementwise(Layer):
    """An activation applied to every coordinate.

    Parameters
    ----------
    phi
        The activation, one of :mod:`widthwise.activations`.
    """

    phi: Activation

    def __post_init__(self) -> None:
        if not isinstance(self.phi, Activation):
            raise TypeError(
                f"Elementwise was given {self.phi!r}: give an Activation, for your own function "
                "activations.from_function(f)"
            )

    def __repr__(self) -> str:
        return f"Elementwise({self.phi.name})"

    def output(self, features: Features, place: Place) -> Features:
        """See :class:`Layer`."""
        del place
        return replace(features, law="other")

    def build(self, draws: Draws, features: Features, place: Place) -> Pointwise:
        """See :class:`Layer`."""
        del draws, features, place
        return Pointwise(self.phi)

    def propagate(self, state: State, place: Place) -> State:
        """See :class:`Layer`.

        K' = E[phi(u) phi(v)] and T' = T E[phi'(u) phi'(v)] for (u, v) ~ N(0, K). A point paired
        with itself keeps exactly its variance. At a jump phi' is what gradients see: nothing.
        """
        if state.features.law == "other":
            raise ValueError(
                f"{self!r} has no kernel here: an activation needs Gaussian features, so put a "
                "Dense or convolutional layer (or sums of them) directly before it"
            )
        # Quadrature compiles its own parts, which all functions share.
        run = _propagate if self.phi.forms is None else _compiled
        return run(state, self.phi, self.output(state.features, place))

    def resized(self, width: int, place: Place) -> "Elementwise":
        """See :class:`Layer`."""
        del width, place
        return self


def _propagate(state: State, phi: Activation, features: Features) -> State:
    k11, k22 = state.marginals()
    return replace(
        state,
        nngp=_dual(phi, state.nngp, k11, k22),
        ntk=state.ntk * _dual_slope(phi, state.nngp, k11, k22),
        variance1=_own(phi, state, state.variance1),
        variance2=_own(phi, state, state.variance2),
        features=features,
    )


_compiled = jax.jit(_propagate, static_argnames=("phi", "features"))


def _dual(phi: Activation, k12: Array, k11: Array, k22: Array) -> Array:
    same_point = (k12 == k11) & (k12 == k22)
    return jnp.where(same_point, phi.second_moment(k11), phi.dual(k12, k11, k22))


def _dual_slope(phi: Activation, k12: Array, k11: Array, k22: Array) -> Array:
    if phi.continuous:
        return phi.dual_derivative(k12, k11, k22)
    pair = ComposedPair(_Slope(phi), jnp.multiply)
    return gaussian_pair_mean(pair, k12, k11, k22, rule=phi.rule, continuous=False)


def _own(phi: Activation, state: State, variance: Array) -> Array:
    if isinstance(state, SpatialState) and not state.aligned:
        q = position_diagonal(variance, state.axes)
        return _dual(phi, variance, *outer(q, state.axes))
    return phi.second_moment(variance)


def Relu() -> Elementwise:
    """Max(z, 0)."""
    return Elementwise(activations.relu)


def LeakyRelu(slope: float) -> Elementwise:
    """Max(z, 0) + slope * min(z, 0)."""
    return Elementwise(activations.leaky_relu(slope))


def Abs() -> Elementwise:
    """|z|."""
    return Elementwise(activations.abs)


def Gelu() -> Elementwise:
    """The number z times the normal distribution function at z."""
    return Elementwise(activations.gelu)


def Silu() -> Elementwise:
    """The number z times its sigmoid, 1 / (1 + exp(-z))."""
    return Elementwise(activations.silu)


def Elu(alpha: float = 1.0) -> Elementwise:
    """The number z if positive, otherwise alpha (exp(z) - 1)."""
    return Elementwise(activations.elu(alpha))


def Softplus() -> Elementwise:
    """log(1 + exp(z))."""
    return Elementwise(activations.softplus)


def Tanh(c: float = 1.0) -> Elementwise:
    """tanh(c z)."""
    return Elementwise(activations.tanh(c))


def Erf() -> Elementwise:
    """erf(z)."""
    return Elementwise(activations.erf)


def Sin() -> Elementwise:
    """sin(z)."""
    return Elementwise(activations.sin)


def Cos() -> Elementwise:
    """cos(z)."""
    return Elementwise(activations.cos)


def Sigmoid() -> Elementwise:
    """1 / (1 + exp(-z))."""
    return Elementwise(activations.sigmoid)


def Identity() -> Elementwise:
    """z: no nonlinearity."""
    return Elementwise(activations.identity)
