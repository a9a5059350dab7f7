"""What the theory needs to know of a network: activations and gains of a fully connected chain."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from widthwise.activations import Activation
from widthwise.activations import identity as _identity
from widthwise.networks import Dense, Elementwise, Layer, MeanField, MuP, Sequential

_ELSEWHERE = "train an ensemble instead (widthwise.train)"


@dataclass(frozen=True)
class MeanFieldNetwork:
    """A fully connected network without biases, in the mean-field scaling.

    Parameters
    ----------
    activations
        That of each hidden layer.
    gains
        Multiplier of each Dense layer's weights, which are drawn from N(0, 1); one more.
    width
        Of the hidden layers.
    """

    activations: tuple[Activation, ...]
    gains: tuple[float, ...]
    width: int

    @property
    def depth(self) -> int:
        """Number of hidden layers."""
        return len(self.activations)

    @property
    def linear(self) -> bool:
        """Whether all activations are linear."""
        return all(is_linear(phi) for phi in self.activations)

    @property
    def total_gains(self) -> np.ndarray:
        """Gains of the Dense layers, each with that of the activation before it."""
        before = [1.0, *(phi.gain for phi in self.activations)]
        return np.array(self.gains) * before


def is_linear(phi: Activation) -> bool:
    """Whether an activation is a multiple of the identity."""
    return phi.function is _identity.function and phi.offset == 0


def read(net: Sequential) -> MeanFieldNetwork:
    """Read a network.

    Raises
    ------
    TypeError
        If it is no Sequential.
    ValueError
        If it is none that the theory describes, and which part is not.
    """
    if not isinstance(net, Sequential):
        raise TypeError(f"net is {net!r}: give a Sequential")
    rules = net.parametrization
    accepted = [make(*_stds(rules)) for make in (MeanField, MuP)] if rules is not None else []
    if rules not in accepted:
        raise ValueError(
            f"the parametrization is {rules!r}: fluctuations are expanded in the mean-field "
            "scaling, give parametrization=MeanField() (or MuP(), equal to it); a network in the "
            "NTK form of width N is the one of richness=1/sqrt(N)"
        )
    layers = _flat(net)
    for index, layer in enumerate(layers):
        if not isinstance(layer, Elementwise if index % 2 else Dense):
            raise ValueError(
                f"layer {index} is {layer!r}: fluctuations are derived for Dense layers with an "
                f"activation between each two of them; {_ELSEWHERE}"
            )
    dense = [layer for layer in layers if isinstance(layer, Dense)]
    activations = tuple(layer.phi for layer in layers if isinstance(layer, Elementwise))
    if len(dense) < 2 or len(dense) != len(activations) + 1:
        raise ValueError("the network has no hidden layer, or no output layer: end it with Dense")
    if dense[-1].width != 1:
        raise ValueError(
            f"the network has {dense[-1].width} outputs: fluctuations are derived for one; "
            f"{_ELSEWHERE}"
        )
    for layer in dense:
        bias_std = rules.bias_std if layer.bias_std is None else layer.bias_std
        if layer.bias and bias_std is not None:
            raise ValueError(
                f"{layer!r} has biases, which the theory leaves out: give bias=False, and for "
                "biases of the first layer append a constant to the inputs"
            )
    gains = tuple(
        float(rules.weight_std if layer.weight_std is None else layer.weight_std) for layer in dense
    )
    if rules.gain == "init" and any(gain != 1 for gain in gains):
        raise ValueError(
            f"{rules!r} with weight_std other than 1 trains otherwise than the mean-field form: "
            "give MeanField(weight_std=...)"
        )
    if not all(gains):
        raise ValueError("a Dense layer has weight_std 0: give positive gains")
    if len(widths := {layer.width for layer in dense[:-1]}) > 1:
        raise ValueError(
            f"the hidden layers have widths {sorted(widths)}: give one, fluctuations are counted "
            "in 1/width"
        )
    for phi in activations:
        _check(phi)
    return MeanFieldNetwork(activations, gains, dense[0].width)


def _check(phi: Activation) -> None:
    if not phi.continuous:
        raise ValueError(
            f"{phi.name} has no derivative where it jumps: gradients do not train through it"
        )
    low, high = (float(np.max(np.abs(phi(jnp.asarray([-z, z]))))) for z in (1e3, 1e6))
    if not (high < float("inf") and high <= 2e3 * max(low, 1.0)):
        raise ValueError(
            f"{phi.name} grows faster than linearly: at infinite width there are neurons of "
            "arbitrarily large readout weights, which it drives to infinity; " + _ELSEWHERE
        )


def _stds(rules: object) -> tuple:
    return getattr(rules, "weight_std", 1.0), getattr(rules, "bias_std", None)


def _flat(net: Sequential) -> list[Layer]:
    layers: list[Layer] = []
    for layer in net.layers:
        layers += _flat(layer) if isinstance(layer, Sequential) else [layer]
    return layers
