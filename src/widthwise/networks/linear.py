"""What every layer with weights shares: their scales, their drawing, their kernels."""

from dataclasses import replace
from functools import partial
from typing import Any, Literal, NamedTuple, TypeVar

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

from widthwise.networks.parametrization import Real, Scale
from widthwise.networks.place import Features, Place
from widthwise.networks.spatial_state import SpatialState
from widthwise.networks.state import DenseState
from widthwise.networks.windows import Steps, window_sums
from widthwise.numerics.draws import Draws

Scales = tuple[Scale, Scale | None]
Distribution = Literal["normal", "uniform"]
Numbers = Float[Array | np.ndarray, "..."]
AnyState = TypeVar("AnyState", DenseState, SpatialState)


class Linear(eqx.Module):
    """The weights of one layer, its biases if any, and how both were drawn and are trained."""

    weight: Float[Array, "..."]
    bias: Float[Array, "..."] | None
    weight_scale: Scale = eqx.field(static=True)
    bias_scale: Scale | None = eqx.field(static=True)

    def scaled(self, y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Turn the product with the bare weights into the layer's output."""
        y = y * self.weight_scale.multiplier
        if self.bias is None or self.bias_scale is None:
            return y
        bias = self.bias * self.bias_scale.multiplier
        return y + bias.reshape((1,) * (y.ndim - bias.ndim) + bias.shape)


def scales(
    features: Features,
    place: Place,
    *,
    fan_in: int,
    width: int,
    weight_std: Real | None,
    bias_std: Real | None = None,
    bias: bool = True,
) -> Scales:
    """Scales of a layer's weights and, if there are any, of its biases.

    Parameters
    ----------
    features, place
        What enters the layer, and where it stands.
    fan_in
        Number of terms in the sum that makes one output.
    width
        Number of output channels.
    weight_std, bias_std
        Gains of the layer; None takes those of the parametrization.
    bias
        False for no biases.
    """
    rules = place.parametrization
    wide_out = 1 if place.last and not rules.counts_outputs else width
    depth = place.depth if place.in_branch else 0
    weight_std = rules.weight_std if weight_std is None else weight_std
    bias_std = rules.bias_std if bias_std is None else bias_std
    weight = rules.scale(place.role(features), fan_in, wide_out, std=weight_std, depth=depth)
    if bias_std is None or not bias:
        return weight, None
    return weight, rules.scale("bias", 1, wide_out, std=bias_std, depth=depth)


def draw(
    draws: Draws,
    features: Features,
    scales: Scales,
    *,
    weight: tuple[int, ...],
    bias: tuple[int, ...],
    distribution: Distribution = "normal",
) -> tuple[Float[Array, "..."], Float[Array, "..."] | None, Scale, Scale | None]:
    """Draw weights and biases of the given shapes: the fields of a :class:`Linear`."""
    weight_scale, bias_scale = scales
    numbers = draws.normal if distribution == "normal" else draws.uniform
    w = weight_scale.init_std * numbers(weight, features.dtype)
    if bias_scale is None:
        return w, None, weight_scale, None
    return w, bias_scale.init_std * draws.normal(bias, features.dtype), weight_scale, bias_scale


class Gains(NamedTuple):
    r"""How a linear layer acts on kernels: K' = gain K + shift, T' = gain T + own K + own_shift."""

    gain: Real
    own: Real
    shift: Real
    own_shift: Real

    def covariance(self, k: Numbers) -> Any:
        """Return K'."""
        return self.gain * k + self.shift

    def tangent(self, k: Numbers, t: Numbers) -> Any:
        """Return T'."""
        return self.own * k + self.own_shift + self.gain * t


def gains(scales: Scales, fan_in: int) -> Gains:
    """Evaluate the action on kernels.

    With n inputs, weights m w, w ~ N(0, s^2), learning rate eta, and the same for the bias:
    K' = (m s)^2 n K + (m_b s_b)^2 and T' = eta m^2 n K + eta_b m_b^2 + (m s)^2 n T.
    """
    weight, bias = scales
    gain = (weight.multiplier * weight.init_std) ** 2 * fan_in
    own = weight.sgd * weight.multiplier**2 * fan_in
    if bias is None:
        return Gains(gain, own, 0.0, 0.0)
    return Gains(gain, own, (bias.multiplier * bias.init_std) ** 2, bias.sgd * bias.multiplier**2)


@partial(jax.jit, static_argnames=("features", "steps", "size"))
def through(
    state: AnyState, gains: Gains, features: Features, *, steps: Steps = (), size: int = 1
) -> AnyState:
    """Send kernels through the weights of a layer.

    Parameters
    ----------
    state
        The kernels of the inputs.
    gains
        How the weights act.
    features
        What leaves the layer.
    steps, size
        Windows over whose offsets the kernels are first averaged, and their number of positions.
    """
    mean1, mean2, nngp, ntk = (
        window_sums(k, steps=steps) / size
        for k in (state.variance1, state.variance2, state.nngp, state.ntk)
    )
    return replace(
        state,
        nngp=gains.covariance(nngp),
        ntk=gains.tangent(nngp, ntk),
        variance1=gains.covariance(mean1),
        variance2=gains.covariance(mean2),
        features=features,
    ).tied()
