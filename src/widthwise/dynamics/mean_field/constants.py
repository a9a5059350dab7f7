"""What the parametrization of a fully connected network means in units of the mean-field limit."""

from dataclasses import dataclass
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from widthwise.activations import Activation
from widthwise.activations.standard import identity
from widthwise.networks import Dense, Elementwise, Sequential
from widthwise.networks.layer import walk
from widthwise.networks.table import ParameterRow

_SAME = 1e-9  # relative difference of constants that is rounding


@dataclass(frozen=True)
class Constants:
    """The constants of a network with L hidden layers that its infinite-width dynamics knows.

    Parameters
    ----------
    activations
        That of each hidden layer, L of them.
    weight_std
        Standard deviation of the effective weights ``m W`` of each of the L + 1 layers, in units
        of ``1 / sqrt(fan_in)``, for the output layer of ``1 / fan_in``.
    rate
        Learning rate of the effective weights of each layer, ``r m^2``, in units of
        ``fan_out / fan_in``, for the output layer of ``1 / fan_in``.
    ratio
        Widths of hidden layers l and l + 1 divided, for l = 0 .. L; one where either is no hidden
        layer.
    bias_std
        Standard deviation of the effective biases of each layer, zero of the output layer.
    bias_rate
        Learning rate of the effective biases of each layer, in units of ``fan_out``, for the
        output layer of one; zero where there are none.
    outputs
        Number of outputs.
    """

    activations: tuple[Activation, ...]
    weight_std: Float[np.ndarray, " weights"]
    rate: Float[np.ndarray, " weights"]
    ratio: Float[np.ndarray, " weights"]
    bias_std: Float[np.ndarray, " weights"]
    bias_rate: Float[np.ndarray, " weights"]
    outputs: int = 1

    @property
    def depth(self) -> int:
        """Number of hidden layers."""
        return len(self.activations)

    @property
    def biased(self) -> bool:
        """Whether a layer has biases that start or move away from zero."""
        return bool(np.any(self.bias_std) or np.any(self.bias_rate))

    @property
    def linear(self) -> bool:
        """Whether every activation is a multiple of the identity: odd and of degree one."""
        return all(phi.parity == "odd" and phi.degree == 1 for phi in self.activations)

    @property
    def slopes(self) -> Float[np.ndarray, " weights"]:
        """Of a linear network: the factor of the activation below each layer, one for the first."""
        with jax.enable_x64(True):
            return np.array([1.0, *(float(phi(jnp.asarray(1.0))) for phi in self.activations)])


def constants(net: Sequential, features: int, *, plain: bool = False) -> Constants:
    """Read the constants of a network.

    Parameters
    ----------
    net
        ``Dense, activation, ..., Dense``.
    features
        Number of input features.
    plain
        Whether biases and several outputs are refused.

    Raises
    ------
    TypeError
        If it is no Sequential.
    ValueError
        If it has other layers, if its outputs have random biases, or if its parametrization does
        not train features at infinite width.
    """
    if not isinstance(net, Sequential):
        raise TypeError(f"net is a {type(net).__name__}: give a Sequential of Dense layers")
    activations = _activations(net)
    if plain:
        _require_plain(net, features)
    *widths, outputs = [row.shape[0] for row in _weights(net, features)]
    scales = _scales(net, features)
    wider = net.at_width(2 * max(widths))
    if not all(
        np.allclose(here, there, rtol=_SAME, atol=0)
        for here, there in zip(scales, _scales(wider, features), strict=True)
    ):
        name = "NTK() and Standard()" if net.parametrization is None else repr(net.parametrization)
        width = widths[-1]
        raise ValueError(
            f"the parametrization {name} has no mean-field limit at fixed richness: give "
            f"parametrization=MeanField() or MuP(); a network in NTK() at width {width} is one in "
            f"MeanField() at richness=1/sqrt({width})={width**-0.5:.4g}"
        )
    ratio = [1.0, *(one / two for one, two in pairwise(widths)), 1.0]
    weight_std, rate, bias_std, bias_rate = scales
    if bias_std[-1]:
        raise ValueError(
            f"the biases of the outputs start with standard deviation {bias_std[-1]:g} at every "
            "width, so outputs are random even at infinite width: give the last layer "
            "Dense(..., bias_std=0) or Dense(..., bias=False)"
        )
    return Constants(activations, weight_std, rate, np.array(ratio), bias_std, bias_rate, outputs)


def _activations(net: Sequential) -> tuple[Activation, ...]:
    """Return the activation of each hidden layer; a layer without one has the identity."""
    layers = [layer for layer in walk(net) if not isinstance(layer, Sequential)]
    strange = [layer for layer in layers if not isinstance(layer, Dense | Elementwise)]
    if strange:
        raise ValueError(
            f"the network has {strange[0]!r}: mean-field dynamics is known for Dense layers and "
            "activations; for others train an ensemble"
        )
    found: list[Activation] = []
    for before, after in pairwise(layers):
        if isinstance(before, Elementwise) and isinstance(after, Elementwise):
            raise ValueError(f"{before!r} is followed by {after!r}: put a Dense layer between them")
        if isinstance(before, Dense):
            found.append(after.phi if isinstance(after, Elementwise) else identity)
    if not isinstance(layers[0], Dense) or not isinstance(layers[-1], Dense) or not found:
        raise ValueError(
            f"the network is {net!r}: give Dense, activation, ..., Dense, at least one hidden layer"
        )
    for phi in found:
        _require_trainable(phi)
    return tuple(found)


def _require_trainable(phi: Activation) -> None:
    """Refuse activations without a derivative, and those under which moments diverge."""
    if not phi.continuous:
        raise ValueError(
            f"{phi.name} has jumps, so its gradient is zero almost everywhere: give an activation "
            "with a derivative"
        )
    far, near = (
        max(abs(float(phi(jnp.asarray(sign * size)))) / size for sign in (-1, 1))
        for size in (1e6, 1e3)
    )
    if not (near < np.inf and far <= 10 * max(near, 1e-2)):
        raise ValueError(
            f"{phi.name} grows faster than its argument: averages over the infinitely many neurons "
            "diverge in training; give an activation that grows at most linearly"
        )


def _require_plain(net: Sequential, features: int) -> None:
    """Refuse biases and several outputs."""
    rows = net.parameter_table((features,))
    biases, outputs = any(row.role == "bias" for row in rows), rows[-1].shape[0]
    if biases or outputs > 1:
        raise ValueError(
            f"the network has {'biases' if biases else f'{outputs} outputs'}: this theory is known "
            "for one output without biases; give Dense(1) and bias_std=None, or train an ensemble "
            "(widthwise.train)"
        )


def _weights(net: Sequential, features: int) -> list[ParameterRow]:
    return [row for row in net.parameter_table((features,)) if row.role != "bias"]


def _scales(net: Sequential, features: int) -> tuple[Float[np.ndarray, " weights"], ...]:
    """Return the initial scale and the rate of the effective weights, and biases, of each layer."""
    rows = net.parameter_table((features,))
    weights = _weights(net, features)
    std, rate = np.zeros((2, len(weights))), np.zeros((2, len(weights)))
    layer = -1
    for row in rows:
        bias = row.role == "bias"
        layer += not bias
        last = layer == len(weights) - 1
        multiplier, fan_in = float(row.multiplier), 1 if bias else row.shape[1]
        std[int(bias), layer] = multiplier * float(row.init_std) * (fan_in if last else fan_in**0.5)
        rate[int(bias), layer] = row.sgd * multiplier**2 * fan_in / (1 if last else row.shape[0])
    return std[0], rate[0], std[1], rate[1]
