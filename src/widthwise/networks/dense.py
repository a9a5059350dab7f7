"""The fully connected layer."""

from dataclasses import dataclass, replace

import equinox as eqx
from jaxtyping import Array, Float

from widthwise.networks.layer import Layer
from widthwise.networks.parametrization import Real, Scale, check_std
from widthwise.networks.place import Features, Place
from widthwise.networks.state import DenseState
from widthwise.numerics.draws import Draws


class Affine(eqx.Module):
    """The map x -> multiplier * W x + bias_multiplier * b of one example.

    ``weight`` has shape (outputs, inputs); ``weight_scale`` and ``bias_scale`` tell how the
    arrays were drawn and how their learning rates scale.
    """

    weight: Float[Array, "k d"]
    bias: Float[Array, " k"] | None
    weight_scale: Scale = eqx.field(static=True)
    bias_scale: Scale | None = eqx.field(static=True)

    def __call__(self, x: Float[Array, " d"]) -> Float[Array, " k"]:
        """Apply the map."""
        y = self.weight @ x * self.weight_scale.multiplier
        if self.bias is None or self.bias_scale is None:
            return y
        return y + self.bias * self.bias_scale.multiplier


@dataclass(frozen=True, repr=False)
class Dense(Layer):
    """Fully connected layer with Gaussian weights.

    Parameters
    ----------
    width
        Number of outputs.
    weight_std, bias_std
        Gains of this layer; None takes those of the network's parametrization.
    bias
        False leaves the bias out whatever the parametrization says.
    """

    width: int
    weight_std: Real | None = None
    bias_std: Real | None = None
    bias: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.width, bool) or not isinstance(self.width, int):
            raise TypeError(f"the width of Dense is {self.width!r}: give a whole number")
        if self.width < 1:
            raise ValueError(f"the width of Dense is {self.width}: give a number of at least 1")
        check_std("weight_std", self.weight_std)
        check_std("bias_std", self.bias_std)

    def __repr__(self) -> str:
        settings = (
            f", {name}={value}"
            for name, value, default in (
                ("weight_std", self.weight_std, None),
                ("bias_std", self.bias_std, None),
                ("bias", self.bias, True),
            )
            if value is not default
        )
        return f"Dense({self.width}{''.join(settings)})"

    def output(self, features: Features, place: Place) -> Features:
        """See :class:`Layer`."""
        if len(features.shape) != 1:
            raise ValueError(
                f"Dense reads one axis of features, but an example has shape {features.shape} "
                "here: flatten it first"
            )
        return replace(features, shape=(self.width,), wide=not place.last, law="fresh")

    def scales(self, features: Features, place: Place) -> tuple[Scale, Scale | None]:
        """Scales of the weights and, if there are any, of the biases."""
        rules = place.parametrization
        wide_out = 1 if place.last else self.width
        depth = place.depth if place.in_branch else 0
        weight_std = rules.weight_std if self.weight_std is None else self.weight_std
        bias_std = rules.bias_std if self.bias_std is None else self.bias_std
        weight = rules.scale(
            place.role(features), features.shape[0], wide_out, std=weight_std, depth=depth
        )
        if bias_std is None or not self.bias:
            return weight, None
        return weight, rules.scale("bias", 1, wide_out, std=bias_std, depth=depth)

    def build(self, draws: Draws, features: Features, place: Place) -> Affine:
        """See :class:`Layer`."""
        weight_scale, bias_scale = self.scales(features, place)
        shape = (self.width, features.shape[0])
        weight = weight_scale.init_std * draws.normal(shape, features.dtype)
        if bias_scale is None:
            return Affine(weight, None, weight_scale, None)
        bias = bias_scale.init_std * draws.normal((self.width,), features.dtype)
        return Affine(weight, bias, weight_scale, bias_scale)

    def propagate(self, state: DenseState, place: Place) -> DenseState:
        """See :class:`Layer`.

        With n inputs, weights m w, w ~ N(0, s^2), learning rate eta, and the same for the bias:
        K' = (m s)^2 n K + (m_b s_b)^2 and T' = eta m^2 n K + eta_b m_b^2 + (m s)^2 n T.
        """
        weight, bias = self.scales(state.features, place)
        n = state.features.shape[0]
        gain = (weight.multiplier * weight.init_std) ** 2 * n
        own = weight.sgd * weight.multiplier**2 * n
        shift, own_bias = 0.0, 0.0
        if bias is not None:
            shift = (bias.multiplier * bias.init_std) ** 2
            own_bias = bias.sgd * bias.multiplier**2
        return DenseState(
            nngp=gain * state.nngp + shift,
            ntk=own * state.nngp + own_bias + gain * state.ntk,
            variance1=gain * state.variance1 + shift,
            variance2=gain * state.variance2 + shift,
            features=self.output(state.features, place),
        )

    def resized(self, width: int, place: Place) -> "Dense":
        """See :class:`Layer`."""
        return self if place.last else replace(self, width=width)
