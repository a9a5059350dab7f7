"""Estimate the mean output of one given network from its weights, without running it.

For ``x ~ N(mean, covariance)`` and the layers ``z <- W h + b``, ``h <- s(z)``, every layer is taken
to be Gaussian, with the first two moments that reach it:

* *mean propagation* carries the mean vector and one scalar variance;
* *covariance propagation* carries the mean vector and the full covariance.

The activation acts through its Wick coefficients ``w_k = E[s^(k)(Z)]`` and ``m = E[s(Z)^2]``, with
``Z`` of the mean and variance of each unit.

Source: W. Wu, V. Lecomte, M. Winer, G. Robinson, J. Hilton, P. Christiano, "Estimating the expected
output of wide random MLPs more efficiently than sampling" (2026, arXiv 2605.05179).
"""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.stats import norm
from jaxtyping import Array, ArrayLike, Float

from widthwise.activations import Activation
from widthwise.activations.wick import second_moment, wick
from widthwise.networks import Affine, Chain
from widthwise.networks.elementwise import Pointwise

Method = Literal["mean", "mean_nominal", "covariance", "augmented", "sample"]


class GivenNetwork(eqx.Module):
    """The weights of one network: affine maps with one activation between them.

    Attributes
    ----------
    weights
        Matrices ``(outputs, inputs)`` in the order in which they act; rectangular ones allowed.
    biases
        One vector of outputs for each matrix; zeros where there is no bias.
    phi
        The activation after every affine map but the last.
    """

    weights: tuple[Float[Array, "_ _"], ...]
    biases: tuple[Float[Array, " _"], ...]
    phi: Activation = eqx.field(static=True)

    def __init__(
        self,
        phi: Activation,
        weights: Sequence[Float[Array, "_ _"]],
        biases: Sequence[Float[Array, " _"] | None] | None = None,
    ) -> None:
        """Take weights, and biases or None for each, from anywhere."""
        if not weights:
            raise ValueError("no weights were given; give at least one matrix")
        biases = [None] * len(weights) if biases is None else biases
        if len(biases) != len(weights):
            raise ValueError(
                f"{len(weights)} matrices and {len(biases)} biases were given; give one bias "
                "(or None) for each matrix"
            )
        for i, (below, above) in enumerate(pairwise(weights)):
            if below.shape[0] != above.shape[1]:
                raise ValueError(
                    f"matrix {i} has {below.shape[0]} outputs and matrix {i + 1} reads "
                    f"{above.shape[1]} inputs; they must agree"
                )
        self.phi = phi
        self.weights = tuple(weights)
        self.biases = tuple(
            jnp.zeros(w.shape[0], w.dtype) if b is None else b
            for w, b in zip(weights, biases, strict=True)
        )
        for i, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            if b.shape != w.shape[:1]:
                raise ValueError(
                    f"bias {i} has shape {b.shape} and its matrix {w.shape}; give one number "
                    "for each row"
                )

    @staticmethod
    def of(model: Chain) -> "GivenNetwork":
        """Read the weights of a model made of Dense layers and one activation in turn.

        Raises
        ------
        ValueError
            If the model is anything else.
        """
        affine = [layer for layer in model.layers[::2] if isinstance(layer, Affine)]
        pointwise = [layer for layer in model.layers[1::2] if isinstance(layer, Pointwise)]
        in_turn = len(affine) + len(pointwise) == len(model.layers) == 2 * len(affine) - 1
        if not in_turn or len({layer.phi for layer in pointwise}) != 1:
            kinds = ", ".join(type(layer).__name__ for layer in model.layers)
            raise ValueError(
                f"a model of layers {kinds} was given; moments are propagated through Dense "
                "layers with one and the same activation between them, a Dense layer at the end"
            )
        weights = [layer.weight * layer.weight_scale.multiplier for layer in affine]
        biases = [
            None
            if layer.bias is None or layer.bias_scale is None
            else layer.bias * layer.bias_scale.multiplier
            for layer in affine
        ]
        return GivenNetwork(pointwise[0].phi, weights, biases)

    @property
    def widths(self) -> tuple[int, ...]:
        """Sizes from the inputs to the outputs."""
        return (self.weights[0].shape[1], *(w.shape[0] for w in self.weights))

    def __call__(self, x: Float[Array, " d"]) -> Float[Array, " k"]:
        """Run the network on one input."""
        for w, b in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = self.phi(w @ x + b)
        return self.weights[-1] @ x + self.biases[-1]


class Moments(eqx.Module):
    """Mean and covariance of a random vector."""

    mean: Float[Array, " k"]
    covariance: Float[Array, "k k"]

    def tail_probability(
        self, direction: Float[Array, " k"], threshold: Float[ArrayLike, ""] | float
    ) -> Float[Array, ""]:
        """Probability that ``direction . f > threshold`` were ``f`` Gaussian with these moments."""
        spread = jnp.sqrt(direction @ self.covariance @ direction)
        return norm.sf((threshold - direction @ self.mean) / spread)


def mean_propagation(
    network: GivenNetwork,
    *,
    mean: Float[Array, " d"] | None = None,
    covariance: Float[Array, "d d"] | None = None,
    weight_variances: Sequence[float] | None = None,
) -> Moments:
    """Estimate the mean output with one scalar variance for each layer (order ``K = 1``).

    ``mu <- W mu + b``, ``v_i = q sum_j W_ij^2``, then ``mu_i <- w_0(mu_i, v_i)`` and ``q`` the
    average of ``m_i - w_0^2`` over the units. Two matrix-vector products a layer; over random
    weights of width ``n`` the squared error is ``O(1/n)``.

    Parameters
    ----------
    network
        The network.
    mean, covariance
        Of the Gaussian inputs; zero and the identity if None. Only the trace of the covariance
        is used.
    weight_variances
        ``C`` of each layer, for weights drawn as ``N(0, C / fan_in)``: then ``v_i = q C`` in place
        of the sum over the weights drawn.

    Returns
    -------
    Moments
        The estimated mean, and the variances ``v_i`` on the diagonal of the covariance.

    Raises
    ------
    ValueError
        If the number of ``weight_variances`` is not that of the layers.
    """
    if weight_variances is not None and len(weight_variances) != len(network.weights):
        raise ValueError(
            f"{len(weight_variances)} weight variances were given for {len(network.weights)} "
            "layers; give one for each matrix"
        )
    nominal = None if weight_variances is None else jnp.asarray(weight_variances, float)
    return _propagate_mean(network, *_inputs(network, mean, covariance), nominal)


def covariance_propagation(
    network: GivenNetwork,
    *,
    mean: Float[Array, " d"] | None = None,
    covariance: Float[Array, "d d"] | None = None,
    augmented: bool = False,
) -> Moments:
    """Estimate mean and covariance of the output with the full covariance (order ``K = 2``).

    ``mu <- W mu + b``, ``Sigma <- W Sigma W^T``; then ``mu_i <- w_0``, ``Sigma_ii <- m_i - w_0^2``
    and, for different units, ``Sigma_ij <- w_1i w_1j Sigma_ij``. Two products of matrices a layer;
    over random weights of width ``n`` the squared error of the mean is ``O(1/n^2)``. The mean is
    exact behind one hidden layer.

    Parameters
    ----------
    network
        The network.
    mean, covariance
        Of the Gaussian inputs; zero and the identity if None.
    augmented
        Add the second order, ``w_2i w_2j Sigma_ij^2 / 2``, to the covariance of different units.

    Returns
    -------
    Moments
    """
    return _propagate_covariance(network, *_inputs(network, mean, covariance), augmented)


def flops(widths: Sequence[int], method: Method) -> int:
    """Floating-point operations of one estimate, or of one sample, counting arrays of two axes.

    Products of matrices and vectors, row norms, and for the covariance its elementwise update; the
    few operations for each unit (activations, Wick coefficients) are left out.

    Parameters
    ----------
    widths
        Sizes from the inputs to the outputs (`GivenNetwork.widths`).
    method
        "sample" (one run of the network), "mean", "mean_nominal" (mean propagation with given
        ``weight_variances``), "covariance" or "augmented".

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If the method is unknown.

    Examples
    --------
    >>> flops((4, 4, 4), "sample"), flops((4, 4, 4), "mean")
    (64, 128)
    """
    update = {"sample": 0, "mean_nominal": 0, "mean": 0, "covariance": 2, "augmented": 6}
    if method not in update:
        raise ValueError(f"method {method!r} was given; it must be one of {', '.join(update)}")
    total = 0
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        total += 2 * inputs * outputs
        if method == "mean":
            total += 2 * inputs * outputs
        elif method in ("covariance", "augmented"):
            total += 2 * inputs * outputs * (inputs + outputs)
            total += update[method] * outputs**2 * (i < len(widths) - 2)
    return total


def _inputs(network: GivenNetwork, mean: Array | None, covariance: Array | None) -> tuple:
    """Fill in the standard normal and check the sizes."""
    d, dtype = network.widths[0], network.weights[0].dtype
    mean = jnp.zeros(d, dtype) if mean is None else mean
    covariance = jnp.eye(d, dtype=dtype) if covariance is None else covariance
    if mean.shape != (d,) or covariance.shape != (d, d):
        raise ValueError(
            f"a mean of shape {mean.shape} and a covariance of shape {covariance.shape} were "
            f"given for a network of {d} inputs; give shapes ({d},) and ({d}, {d})"
        )
    return mean, covariance


@jax.jit
def _propagate_mean(
    network: GivenNetwork, mean: Array, covariance: Array, nominal: Array | None
) -> Moments:
    q = jnp.trace(covariance) / len(mean)
    variance = jnp.zeros_like(mean)
    for i, (w, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        if i > 0:
            outer = wick(network.phi, 0, mean, variance)[0]
            q = jnp.mean(second_moment(network.phi, mean, variance) - outer**2)
            mean = outer
        mean = w @ mean + b
        rows = jnp.sum(w**2, axis=1) if nominal is None else jnp.full_like(mean, nominal[i])
        variance = q * rows
    return Moments(mean, jnp.diag(variance))


@partial(jax.jit, static_argnames="augmented")
def _propagate_covariance(
    network: GivenNetwork, mean: Array, covariance: Array, augmented: bool
) -> Moments:
    for i, (w, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        if i > 0:
            mean, covariance = activate(network.phi, mean, covariance, augmented)
        mean, covariance = w @ mean + b, w @ covariance @ w.T
    return Moments(mean, covariance)


def activate(
    phi: Activation, mean: Array, covariance: Array, augmented: bool
) -> tuple[Array, Array]:
    """Moments after the activation of a Gaussian vector, to first or second order."""
    variance = jnp.maximum(jnp.diagonal(covariance), 0.0)
    w = wick(phi, 2, mean, variance)
    across = w[1][:, None] * w[1][None, :] * covariance
    if augmented:
        across = across + w[2][:, None] * w[2][None, :] * covariance**2 / 2
    own = jnp.maximum(second_moment(phi, mean, variance) - w[0] ** 2, 0.0)
    same = jnp.eye(len(mean), dtype=bool)
    return w[0], jnp.where(same, own[:, None], across)
