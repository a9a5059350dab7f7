"""How far moment propagation is from the truth on random networks, beside sampling at equal cost.

The truth is a sample mean with a control variate. Of a network with Gaussian inputs, mean and
covariance of the *second* pre-activation ``z`` are known exactly (the first is Gaussian). With
``d = z - E z``, the output minus ``G (w_1 d + w_2 (d^2 - Var z) / 2)`` has the same mean for any
fixed matrix ``G``; with ``G`` the gain of the layers behind, it has about 1/25 of the variance for
two hidden ReLU layers and 1/5 for four. What is left of the sampling variance is subtracted from
the squared errors, which makes them unbiased.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from widthwise.activations import Activation
from widthwise.activations.wick import wick
from widthwise.kernels.infinite_width import natural_weight_variance
from widthwise.kernels.propagation import (
    GivenNetwork,
    Method,
    Moments,
    activate,
    covariance_propagation,
    flops,
    mean_propagation,
)
from widthwise.numerics import statistics
from widthwise.numerics.draws import Draws, numbered_keys
from widthwise.numerics.fits import PowerLaw, fit_power_law
from widthwise.numerics.statistics import Estimate

METHODS: tuple[Method, ...] = ("mean", "mean_nominal", "covariance", "augmented", "sample")
_CHUNK = 500  # samples run side by side


@dataclass(frozen=True)
class ErrorScaling:
    """Mean squared errors at several widths.

    Attributes
    ----------
    widths
        Widths of the square networks.
    layers
        Number of weight matrices.
    errors
        For each `Method`, an estimate at each width.
    """

    widths: tuple[int, ...]
    layers: int
    errors: dict[Method, Estimate]

    def fit(self, method: Method) -> PowerLaw:
        """Fit ``error = amplitude * width ** exponent``.

        As the width grows the exponent is ``-1`` for both kinds of mean propagation and ``-2`` for
        both kinds of covariance propagation.
        """
        error = self.errors[method]
        return fit_power_law(np.array(self.widths), error.value, error.standard_error)

    def at_equal_cost(self, method: Method) -> Estimate:
        """Mean squared error of sampling with as many operations as ``method`` takes."""
        one = self.errors["sample"]
        share = np.array([sampling_mse(1.0, (n,) * (self.layers + 1), method) for n in self.widths])
        return Estimate(one.value * share, one.standard_error * share, one.count)


def sampling_mse(variance: float, widths: Sequence[int], method: Method) -> float:
    """Squared error of the sample mean that costs as many operations as another method.

    Parameters
    ----------
    variance
        Variance of the output over the inputs.
    widths
        Sizes of the network from the inputs to the outputs.
    method
        The method to compare with; at least one sample is taken.

    Returns
    -------
    float

    Examples
    --------
    >>> sampling_mse(1.0, (64, 64, 64), "mean")
    0.5
    """
    return variance / max(1.0, flops(widths, method) / flops(widths, "sample"))


def random_network(
    key: jax.Array, phi: Activation, width: int, *, hidden_layers: int = 2
) -> GivenNetwork:
    """Draw a square network whose pre-activations have variance one on inputs of norm ``sqrt(n)``.

    No biases; the first weights have variance ``1 / n``, all later ones ``1 / (n E[s(z)^2])``.
    """
    return _draw(Draws(key), phi, width, _weight_variances(phi, hidden_layers))


def squared_errors(
    keys: jax.Array,
    phi: Activation,
    width: int,
    *,
    methods: Sequence[Method] = METHODS,
    hidden_layers: int = 2,
    samples: int = 10_000,
) -> dict[Method, Float[Array, " members"]]:
    """Measure the errors of estimated mean outputs, one random network for each key.

    Inputs are standard normal.

    Parameters
    ----------
    keys
        Array of JAX random keys, one for each network (see `random_network`).
    phi
        Activation.
    width
        Width of the square networks, at least 1.
    methods
        Which ways to estimate: those that propagate moments (``"mean_nominal"`` is mean propagation
        with the variances the weights were drawn with), and ``"sample"``, a single run.
    hidden_layers
        At least 2: behind one hidden layer the mean of covariance propagation is exact.
    samples
        Runs for the true mean, rounded up to a multiple of 500.

    Returns
    -------
    dict
        For each method the squared error of each network, averaged over its outputs: unbiased, so
        a single one may be negative. That of a sample is the variance of the output over inputs.

    Raises
    ------
    ValueError
        If a number is too small, or a method is unknown.
    """
    if unknown := set(methods) - set(METHODS):
        raise ValueError(f"methods {unknown} were given; they must be among {', '.join(METHODS)}")
    if width < 1 or samples < 1:
        raise ValueError(f"width = {width} and samples = {samples} were given; both start at 1")
    if hidden_layers < 2:
        raise ValueError(
            f"hidden_layers = {hidden_layers} was given; it must be at least 2 (behind one hidden "
            "layer covariance propagation gives the exact mean)"
        )
    variances = _weight_variances(phi, hidden_layers)
    chunks = -(-samples // _CHUNK)
    return _squared_errors(keys, phi, width, tuple(methods), variances, chunks)


def error_scaling(
    key: jax.Array,
    phi: Activation,
    widths: Sequence[int],
    *,
    members: int = 50,
    hidden_layers: int = 2,
    samples: int = 10_000,
) -> ErrorScaling:
    """Measure the mean squared errors over random networks of several widths.

    Parameters
    ----------
    key
        JAX random key; member ``i`` at width ``n`` has ``fold_in(fold_in(key, n), i)``.
    phi
        Activation.
    widths
        Widths to measure.
    members
        Networks at each width, at least 2.
    hidden_layers, samples
        As in `squared_errors`.

    Returns
    -------
    ErrorScaling
        With standard errors over the networks.

    Raises
    ------
    ValueError
        If a number is too small.
    """
    measured = []
    for width in widths:
        (at_width,) = numbered_keys(key, width, width + 1)
        keys = numbered_keys(at_width, 0, members)
        measured.append(
            squared_errors(keys, phi, width, hidden_layers=hidden_layers, samples=samples)
        )
    errors: dict[Method, Estimate] = {
        method: statistics.mean(np.stack([found[method] for found in measured], axis=1))
        for method in METHODS
    }
    return ErrorScaling(tuple(widths), hidden_layers + 1, errors)


@partial(jax.jit, static_argnames=("phi", "width", "methods", "variances", "chunks"))
def _squared_errors(
    keys: jax.Array,
    phi: Activation,
    width: int,
    methods: tuple[Method, ...],
    variances: tuple[float, ...],
    chunks: int,
) -> dict[Method, Array]:
    estimates: dict[Method, Callable[[GivenNetwork], Moments]] = {
        "mean": mean_propagation,
        "mean_nominal": partial(mean_propagation, weight_variances=variances),
        "covariance": covariance_propagation,
        "augmented": partial(covariance_propagation, augmented=True),
    }

    def one(key: jax.Array) -> dict[Method, Array]:
        draws = Draws(key)
        network = _draw(draws, phi, width, variances)
        inputs = draws.normal((chunks, _CHUNK, width), network.weights[0].dtype)
        truth, uncertainty = _true_mean(network, inputs)
        errors: dict[Method, Array] = {
            method: jnp.mean((estimates[method](network).mean - truth) ** 2 - uncertainty)
            for method in methods
            if method != "sample"
        }
        if "sample" in methods:
            errors["sample"] = jnp.mean(jnp.var(jax.vmap(network)(inputs[0]), axis=0, ddof=1))
        return errors

    return jax.lax.map(one, keys)


def _weight_variances(phi: Activation, hidden_layers: int) -> tuple[float, ...]:
    """Return the natural weight variance of every layer."""
    return (1.0, *[natural_weight_variance(phi)] * hidden_layers)


def _draw(draws: Draws, phi: Activation, width: int, variances: tuple[float, ...]) -> GivenNetwork:
    dtype = jnp.result_type(float)
    weights = [(c / width) ** 0.5 * draws.normal((width, width), dtype) for c in variances]
    return GivenNetwork(phi, weights)


def _true_mean(
    network: GivenNetwork, inputs: Float[Array, "chunks samples d"]
) -> tuple[Array, Array]:
    """Estimate the mean output by sampling, and the variance of that estimate."""
    control = _control_variate(network)

    def chunk(x: Array) -> tuple[Array, Array]:
        values = jax.vmap(lambda x: network(x) - control(x))(x)
        return jnp.mean(values, axis=0), jnp.var(values, axis=0, ddof=1)

    means, variances = jax.lax.map(chunk, inputs)
    samples = inputs.shape[0] * inputs.shape[1]
    return jnp.mean(means, axis=0), jnp.mean(variances, axis=0) / samples


def _control_variate(network: GivenNetwork) -> Callable[[Array], Array]:
    """Build a function of the input with mean zero that follows the output.

    For a network without biases and standard normal inputs.
    """
    phi, (first, second, *later) = network.phi, network.weights
    k = first @ first.T
    own = jnp.diagonal(k)
    outer = wick(phi, 0, jnp.zeros_like(own), own)[0]
    inner = phi.dual(k, own[:, None], own[None, :]) - outer[:, None] * outer[None, :]
    mean, covariance = second @ outer, second @ inner @ second.T
    variance = jnp.diagonal(covariance)
    slope, curvature = wick(phi, 2, mean, variance)[1:]
    gain = later[0]
    centre, spread = activate(phi, mean, covariance, augmented=False)
    for w_in, w_out in pairwise(later):
        centre, spread = w_in @ centre, w_in @ spread @ w_in.T
        passed = wick(phi, 1, centre, jnp.diagonal(spread))[1]
        gain = w_out @ (passed[:, None] * gain)
        centre, spread = activate(phi, centre, spread, augmented=False)

    def control(x: Array) -> Array:
        shift = second @ phi(first @ x) - mean
        return gain @ (slope * shift + curvature * (shift**2 - variance) / 2)

    return control
