"""Fully connected networks: the angle at every layer, for one input, by a recursion of traces.

With W of variance ``C_W / m`` and slopes D of the activation, the kernel of layer v is
``K_v = c_v 1 + W D K_(v-1) D W^T``, where ``c_v`` is the learning rate of layer v times the
squared norm of what enters it. With ``a_1 = E s'^2``, ``a_2 = E s'^4`` and ``chi = C_W a_1``, the
traces obey

    M_1' = c + chi M_1,    M_2' = c^2 + 2 c chi M_1 + chi^2 M_2 + C_W^2 a_2 M_1^2.

Derived. Chizat & Netrapalli (2024, arXiv:2311.18718, proposition 5.1) have the order in depth.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from widthwise.activations import Activation
from widthwise.kernels.feature_speed.angles import LayerAngles, checked_contributions
from widthwise.kernels.infinite_width import checked_scales


@dataclass(frozen=True)
class MLPAngles(LayerAngles):
    """Angles in a fully connected network.

    Attributes
    ----------
    cosine
        At the pre-activations of each layer (before its activation).
    activation_cosine
        After its activation, where the backward vector is isotropic too.
    first, second
        Traces of the kernels of the pre-activations.
    variance
        Of the pre-activations.
    """

    activation_cosine: Float[np.ndarray, " nodes"]
    variance: Float[np.ndarray, " nodes"]


def mlp_angles(
    phi: Activation,
    *,
    depth: int,
    weight_variance: float | None = None,
    bias_variance: float | int = 0.0,
    variance: float | int = 1.0,
    contributions: ArrayLike | None = None,
) -> MLPAngles:
    r"""Angle at every layer of an infinitely wide fully connected network, for one input.

    Parameters
    ----------
    phi
        Activation of the hidden layers.
    depth
        Number of layers with trained weights up to the last node.
    weight_variance, bias_variance
        ``C_W`` (natural if None) and ``C_b`` of the layers after the first.
    variance
        Of the pre-activations of the first layer.
    contributions
        ``c_v``, for each layer its learning rate times the squared norm of what enters it (plus
        the learning rate of its biases, if they are trained); only ratios matter. None for equal
        ones: what balanced layers have at criticality.

    Returns
    -------
    MLPAngles

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    For ReLU with natural weights and equal contributions ``cos^2 = 3 v / (2 v^2 + 1)``.

    Examples
    --------
    >>> from widthwise import activations
    >>> [round(float(c), 6) for c in mlp_angles(activations.relu, depth=5).cosine]
    [1.0, 0.816497, 0.688247, 0.603023, 0.542326]
    """
    c = checked_contributions(contributions, depth)
    scale, shift = checked_scales(phi, depth, weight_variance, bias_variance)
    if not 0 < variance < np.inf:
        raise ValueError(f"variance is {variance}: give a positive, finite number")
    q, first, second = float(variance), c[0], c[0] ** 2
    rows = []
    for layer in range(depth):
        passed, a1, a2 = _moments(phi, q)
        after = a1**2 * (second - first**2) + a2 * first**2
        rows.append((q, first, second, a1 * first / np.sqrt(after) if after > 0 else np.nan))
        if layer + 1 < depth:
            q, own, chi = shift + scale * passed, c[layer + 1], scale * a1
            second = own**2 + 2 * own * chi * first + chi**2 * second + scale**2 * a2 * first**2
            first = own + chi * first
    q_, first_, second_, after_ = (np.array(column) for column in zip(*rows, strict=True))
    return MLPAngles(first_ / np.sqrt(second_), first_, second_, after_, q_)


@dataclass(frozen=True)
class _SlopePower:
    """A power of the derivative of an activation."""

    phi: Activation
    power: int

    def __call__(self, z: Array) -> Array:
        return jax.jvp(self.phi, (z,), (jnp.ones_like(z),))[1] ** self.power


def _moments(phi: Activation, variance: float | int) -> tuple[float, float, float]:
    """``E s^2``, ``E s'^2`` and ``E s'^4``."""
    with jax.enable_x64(True):
        q = jnp.asarray(variance, jnp.float64)
        square = phi.second_moment(q)
        slopes = (phi.expectation(_SlopePower(phi, power), q) for power in (2, 4))
        a1, a2 = (float(value) for value in slopes)
        return float(square), a1, a2
