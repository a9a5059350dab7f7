"""The fully connected layer."""

from dataclasses import dataclass, replace
from typing import get_args

import jax.numpy as jnp
from jaxtyping import Array, Float

from widthwise.networks.layer import Layer
from widthwise.networks.linear import Distribution, Linear, Scales, draw, gains, scales, through
from widthwise.networks.parametrization import Real, check_std
from widthwise.networks.place import Features, Place
from widthwise.networks.spatial_state import State
from widthwise.numerics.choices import check_choice
from widthwise.numerics.draws import Draws


class Affine(Linear):
    """The map x -> multiplier * W x + bias_multiplier * b of one example.

    ``weight`` has shape (outputs, inputs); ``weight_scale`` and ``bias_scale`` tell how the
    arrays were drawn and how their learning rates scale.
    """

    def __call__(self, x: Float[Array, "*positions d"]) -> Float[Array, "*positions k"]:
        """Apply the map, at every position if there are any."""
        return self.scaled(jnp.moveaxis(jnp.tensordot(self.weight, x, (1, -1)), 0, -1))


@dataclass(frozen=True, repr=False)
class Dense(Layer):
    """Fully connected layer with independent random weights.

    It reads the last axis. Where an example has axes of positions before it, the same map acts at
    every position, as a convolution with a window of one would; put :class:`Flatten` before it to
    connect all positions.

    Parameters
    ----------
    width
        Number of outputs.
    weight_std, bias_std
        Gains of this layer; None takes those of the network's parametrization.
    bias
        False leaves the bias out whatever the parametrization says.
    distribution
        Of the initial weights, at one standard deviation: ``"normal"``, or ``"uniform"``, under
        which kernels are those of the limit all the same. PyTorch's default is uniform of
        ``weight_std = 3 ** -0.5``.
    """

    width: int
    weight_std: Real | None = None
    bias_std: Real | None = None
    bias: bool = True
    distribution: Distribution = "normal"

    def __post_init__(self) -> None:
        if isinstance(self.width, bool) or not isinstance(self.width, int):
            raise TypeError(f"the width of Dense is {self.width!r}: give a whole number")
        if self.width < 1:
            raise ValueError(f"the width of Dense is {self.width}: give a number of at least 1")
        check_std("weight_std", self.weight_std)
        check_std("bias_std", self.bias_std)
        check_choice("distribution of Dense", self.distribution, get_args(Distribution))

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
        law = "" if self.distribution == "normal" else f", distribution={self.distribution!r}"
        return f"Dense({self.width}{''.join(settings)}{law})"

    def output(self, features: Features, place: Place) -> Features:
        """See :class:`Layer`."""
        shape = (*features.shape[:-1], self.width)
        return replace(features, shape=shape, wide=not place.last, law="fresh")

    def scales(self, features: Features, place: Place) -> Scales:
        """Scales of the weights and, if there are any, of the biases."""
        return scales(
            features,
            place,
            fan_in=features.shape[-1],
            width=self.width,
            weight_std=self.weight_std,
            bias_std=self.bias_std,
            bias=self.bias,
        )

    def build(self, draws: Draws, features: Features, place: Place) -> Affine:
        """See :class:`Layer`."""
        rows = self.scales(features, place)
        shape = (self.width, features.shape[-1])
        parts = draw(
            draws,
            features,
            rows,
            weight=shape,
            bias=(self.width,),
            distribution=self.distribution,
        )
        return Affine(*parts)

    def propagate(self, state: State, place: Place) -> State:
        """See :class:`Layer`; the map of kernels is that of :func:`gains`."""
        features = state.features
        action = gains(self.scales(features, place), features.shape[-1])
        return through(state, action, self.output(features, place))

    def resized(self, width: int, place: Place) -> "Dense":
        """See :class:`Layer`."""
        return self if place.last else replace(self, width=width)
