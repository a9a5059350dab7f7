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
    """

    activations: tuple[Activation, ...]
    weight_std: Float[np.ndarray, " weights"]
    rate: Float[np.ndarray, " weights"]
    ratio: Float[np.ndarray, " weights"]

    @property
    def depth(self) -> int:
        """Number of hidden layers."""
        return len(self.activations)

    @property
    def linear(self) -> bool:
        """Whether every activation is a multiple of the identity: odd and of degree one."""
        return all(phi.parity == "odd" and phi.degree == 1 for phi in self.activations)

    @property
    def slopes(self) -> Float[np.ndarray, " weights"]:
        """Of a linear network: the factor of the activation below each layer, one for the first."""
        with jax.enable_x64(True):
            return np.array([1.0, *(float(phi(jnp.asarray(1.0))) for phi in self.activations)])


def constants(net: Sequential, features: int) -> Constants:
    """Read the constants of a network.

    Parameters
    ----------
    net
        ``Dense, activation, ..., Dense(1)`` without biases.
    features
        Number of input features.

    Raises
    ------
    TypeError
        If it is no Sequential.
    ValueError
        If it has other layers, biases or several outputs, or if its parametrization does not
        train features at infinite width.
    """
    if not isinstance(net, Sequential):
        raise TypeError(f"net is a {type(net).__name__}: give a Sequential of Dense layers")
    activations = _activations(net)
    widths = [row.shape[0] for row in net.parameter_table((features,))][:-1]
    weight_std, rate = _scales(net, features)
    wider = net.at_width(2 * max(widths))
    if not all(
        np.allclose(here, there, rtol=_SAME, atol=0)
        for here, there in zip((weight_std, rate), _scales(wider, features), strict=True)
    ):
        name = "NTK() and Standard()" if net.parametrization is None else repr(net.parametrization)
        width = widths[-1]
        raise ValueError(
            f"the parametrization {name} has no mean-field limit at fixed richness: give "
            f"parametrization=MeanField() or MuP(); a network in NTK() at width {width} is one in "
            f"MeanField() at richness=1/sqrt({width})={width**-0.5:.4g}"
        )
    ratio = [1.0, *(one / two for one, two in pairwise(widths)), 1.0]
    return Constants(activations, weight_std, rate, np.array(ratio))


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
            f"the network is {net!r}: give Dense, activation, ..., Dense(1), at least one hidden "
            "layer"
        )
    if layers[-1].width != 1:
        raise ValueError(
            f"the network has {layers[-1].width} outputs: mean-field dynamics is implemented for "
            "one, Dense(1)"
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


def _scales(
    net: Sequential, features: int
) -> tuple[Float[np.ndarray, " weights"], Float[np.ndarray, " weights"]]:
    """Return the initial scale and the rate of the effective weights of each layer."""
    rows = net.parameter_table((features,))
    if any(row.role == "bias" for row in rows):
        raise ValueError(
            "the network has biases, which mean-field dynamics does not include: give bias_std="
            "None, and for biases of the first layer append a constant to the inputs"
        )
    std, rate = [], []
    for row in rows:
        fan_out, fan_in = row.shape
        effective = float(row.multiplier * row.init_std)
        last = row is rows[-1]
        std.append(effective * (fan_in if last else fan_in**0.5))
        grows = 1.0 if last else fan_out
        rate.append(row.sgd * float(row.multiplier) ** 2 * fan_in / grows)
    return np.array(std), np.array(rate)
