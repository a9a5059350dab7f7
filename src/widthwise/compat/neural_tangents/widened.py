"""The standard parametrization of networks that are several times as wide as their names say."""

from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx

from widthwise.compat.neural_tangents.settings import whole
from widthwise.compat.neural_tangents.steps import Form
from widthwise.networks import Features, Layer, Place
from widthwise.networks.parametrization import Power, Rule
from widthwise.networks.spatial_state import State
from widthwise.numerics.draws import Draws


@dataclass(frozen=True)
class Widened(Layer):
    """A layer of the standard parametrization whose inputs are ``factor`` times as wide.

    Its weights start and are trained like those of the narrow layer, N(0, gain^2 factor / fan_in),
    and are divided by the square root of the factor. So however large that is, both kernels are
    those of the narrow network: Sohl-Dickstein et al. (2020, arXiv:2001.07301).

    Parameters
    ----------
    layer
        A layer with weights.
    factor
        How many times its inputs are as wide.
    """

    layer: Layer
    factor: int

    def output(self, features: Features, place: Place) -> Features:
        """See :class:`Layer`."""
        return self.layer.output(features, self._scaled(place))

    def build(self, draws: Draws, features: Features, place: Place) -> eqx.Module:
        """See :class:`Layer`."""
        return self.layer.build(draws, features, self._scaled(place))

    def propagate(self, state: State, place: Place) -> State:
        """See :class:`Layer`."""
        return self.layer.propagate(state, self._scaled(place))

    def needs_all_positions(self, wanted: bool) -> bool:
        """See :class:`Layer`."""
        return self.layer.needs_all_positions(wanted)

    def resized(self, width: int, place: Place) -> "Widened":
        """See :class:`Layer`."""
        return replace(self, layer=self.layer.resized(width, place))

    def _scaled(self, place: Place) -> Place:
        narrow, root = Power(fan_in=-0.5), float(self.factor) ** 0.5
        rule = Rule(
            init=lambda fan_in, fan_out: narrow(fan_in, fan_out) * root,
            multiplier=lambda *_sizes: 1.0 / root,
        )
        rules = replace(place.parametrization, input=rule, hidden=rule, output=rule)
        return replace(place, parametrization=rules)


def widths(owner: str, form: Form, width: Any, s: Any) -> tuple[int, int]:
    """Read the factors ``s`` of inputs and outputs.

    Returns
    -------
    Width of the outputs, and the factor of the inputs; without the standard parametrization the
    factors count as one, as in the archived library.

    Raises
    ------
    ValueError
        If they are no two whole numbers of at least 1.
    """
    factors = tuple(whole(each) for each in s)
    if len(factors) != 2 or not all(isinstance(each, int) and each >= 1 for each in factors):
        raise ValueError(
            f"s of {owner} is {s!r}: give two whole numbers of at least 1, how many times the "
            "inputs and the outputs are as wide"
        )
    if form == "ntk":
        return whole(width), 1
    return whole(width) * factors[1], factors[0]


def widened(layer: Layer, factor: int) -> Layer:
    """Return a layer whose inputs are ``factor`` times as wide."""
    return layer if factor == 1 else Widened(layer, factor)
