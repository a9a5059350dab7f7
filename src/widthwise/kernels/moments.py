"""First finite-width corrections to the covariance of pre-activations, for pairs of inputs.

Given layer l, the neurons of layer l + 1 are independent, centred and Gaussian, with the covariance
``Khat' = C_b + (C_W / n) sum_i s(z_i) s(z_i)^T``. Let P, Q run over the distinct entries 11, 12,
22 of a pair's covariance and ``F_P(K) = E[s s]_P``. Write ``K + H / n`` for the mean and ``V / n``
for the covariance of ``Khat`` over networks, to first order in 1/n. Expanding ``F(Khat)`` around K,

    K' = C_b + C_W F(K)
    V' = C_W^2 [ Cov(s_a s_b, s_c s_d) + J V J^T ],                    J = dF/dK,
    H' = C_W [ J H + (1/2) sum_PQ (d^2 F / dK_P dK_Q) V_PQ ],

starting from ``V = H = 0``. Derived here; equivalent to the recursions of D. A. Roberts, S. Yaida,
B. Hanin, "The Principles of Deep Learning Theory" (2021), arXiv 2106.10165, chapter 4.

If the widths differ, each layer's own noise ``Cov`` is divided by its width relative to n.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike, Bool, Float

from widthwise.activations import Activation
from widthwise.activations.products import mean_products
from widthwise.kernels.infinite_width import checked_covariance, checked_scales
from widthwise.kernels.products import product_moments

_CHUNK = 16  # pairs per compiled call: one compilation serves every number of pairs
_NODES = 2**21  # quadrature nodes at once, which bounds the memory
RELIABLE = 0.3  # largest relative variance V / (n K^2) of a squared norm for first order to hold


@dataclass(frozen=True)
class FiniteWidth:
    """Moments of the pre-activations of pairs of inputs to first order in ``1 / width``.

    The axis ``l`` counts the hidden layers passed (0 is the first pre-activation); the axes of
    size 3 are the entries 11, 12, 22 of a pair's covariance.

    Attributes
    ----------
    K
        Covariance at infinite width.
    H
        First correction: the mean over networks of ``z_a z_b`` is ``K + H / n``.
    V
        Covariance over networks of two entries of the empirical covariance, times n. It is also
        what two different neurons i, j share: ``Cov(z_i1 z_i2, z_j1 z_j2) = V_(12)(12) / n``.
    J
        Jacobian ``dF/dK`` of the mean products at each transition (without ``C_W``).
    """

    K: Float[np.ndarray, "l p 3"]
    H: Float[np.ndarray, "l p 3"]
    V: Float[np.ndarray, "l p 3 3"]
    J: Float[np.ndarray, "transitions p 3 3"]

    def covariance(self, width: int) -> Float[np.ndarray, "l p 3"]:
        """Mean over networks of ``z_a z_b`` at this width, ``K + H / n``."""
        return self.K + self.H / width

    def excess_kurtosis(self, width: int) -> Float[np.ndarray, "l p 2"]:
        """Excess kurtosis over networks of a pre-activation, for both inputs: ``3 V / (n K^2)``."""
        own = np.stack([self.V[..., 0, 0], self.V[..., 2, 2]], axis=-1)
        return 3 * _relative(own, self.K[..., ::2]) / width

    def reliable(self, width: int) -> Bool[np.ndarray, "l p"]:
        """Whether first order may be trusted: ``V_1111 / (n K_11^2) <= 0.3`` for both inputs."""
        return np.all(self.excess_kurtosis(width) / 3 <= RELIABLE, axis=-1)


@dataclass(frozen=True)
class FiniteWidthMatrix:
    """First-order moments for all pairs among n inputs.

    Attributes
    ----------
    K, H
        As in [`FiniteWidth`][widthwise.kernels.FiniteWidth], as symmetric matrices.
    V
        ``V_(ab)(ab)``: width times the variance over networks of each entry of the covariance.
    """

    K: Float[np.ndarray, "l n n"]
    H: Float[np.ndarray, "l n n"]
    V: Float[np.ndarray, "l n n"]

    def covariance(self, width: int) -> Float[np.ndarray, "l n n"]:
        """Mean over networks of ``z_a z_b`` at this width, ``K + H / n``."""
        return self.K + self.H / width

    def reliable(self, width: int) -> Bool[np.ndarray, "l n n"]:
        """Whether first order may be trusted for both inputs of a pair."""
        own = np.diagonal(self.V, axis1=1, axis2=2)
        fine = _relative(own, np.diagonal(self.K, axis1=1, axis2=2)) / width <= RELIABLE
        return fine[:, :, None] & fine[:, None, :]


def finite_width(
    phi: Activation,
    k1_pairs: Float[ArrayLike, "p 3"],
    *,
    depth: int,
    weight_variance: float | None = None,
    bias_variance: float = 0.0,
    relative_widths: Sequence[float | int] | None = None,
) -> FiniteWidth:
    """First ``1 / width`` corrections for many pairs of inputs, at every layer, in float64.

    Parameters
    ----------
    phi
        Activation of the hidden layers. The duals it knows in closed form are used.
    k1_pairs
        Covariances ``K11, K12, K22`` of the first pre-activations, one pair per row. Equal,
        opposite and zero inputs are allowed.
    depth
        Number of hidden layers, at least 1.
    weight_variance, bias_variance
        ``C_W`` (natural if None) and ``C_b`` of the layers after the first.
    relative_widths
        Width of each hidden layer divided by the width n that H and V refer to; all one if None.

    Returns
    -------
    FiniteWidth

    Raises
    ------
    ValueError
        If a pair has a correlation outside [-1, 1], or a scalar is out of range.

    Examples
    --------
    >>> from widthwise import activations
    >>> moments = finite_width(activations.relu, np.array([[1, 0.5, 1.0]]), depth=3)
    >>> np.round(moments.V[:, 0, 0, 0], 8).tolist()
    [0.0, 5.0, 10.0, 15.0]
    """
    pairs = np.asarray(k1_pairs, np.float64)
    if pairs.ndim != 2 or pairs.shape[1] != 3 or not len(pairs):
        raise ValueError(f"Pairs of shape {pairs.shape} were given; give rows of K11, K12, K22.")
    for k11, k12, k22 in pairs:
        checked_covariance(np.array([[k11, k12], [k12, k22]]))
    scales = checked_scales(phi, depth, weight_variance, bias_variance)
    widths = np.ones(depth) if relative_widths is None else np.asarray(relative_widths, float)
    if widths.shape != (depth,) or not np.all(widths > 0):
        raise ValueError(
            f"relative_widths={relative_widths} was given; give {depth} positive numbers, one for "
            "each hidden layer."
        )
    distinct, where = np.unique(pairs, axis=0, return_inverse=True)
    chunk = max(1, min(_CHUNK, _NODES // phi.rule.plane_nodes))
    padded = np.resize(distinct, (-(-len(distinct) // chunk) * chunk, 3))
    inverse_widths = [float(w) for w in 1 / widths]
    with jax.enable_x64(True):
        chunks = [
            _moments(phi, pairs, inverse_widths, *scales) for pairs in padded.reshape(-1, chunk, 3)
        ]
    joined = (np.concatenate(parts, axis=1) for parts in zip(*chunks, strict=True))
    return FiniteWidth(*(moment[:, where.ravel()] for moment in joined))


def finite_width_matrix(
    phi: Activation,
    k1: Float[ArrayLike, "n n"],
    *,
    depth: int,
    weight_variance: float | None = None,
    bias_variance: float = 0.0,
    relative_widths: Sequence[float | int] | None = None,
) -> FiniteWidthMatrix:
    """First ``1 / width`` corrections for all pairs among n inputs.

    Parameters
    ----------
    phi, depth, weight_variance, bias_variance, relative_widths
        As in [`finite_width`][widthwise.kernels.finite_width].
    k1
        Covariance of the first pre-activation: ``x @ x.T / m``.

    Returns
    -------
    FiniteWidthMatrix

    Raises
    ------
    ValueError
        If ``k1`` is no covariance matrix, or a scalar is out of range.
    """
    k1 = checked_covariance(k1)
    first, second = np.triu_indices(len(k1))
    moments = finite_width(
        phi,
        np.stack([k1[first, first], k1[first, second], k1[second, second]], axis=1),
        depth=depth,
        weight_variance=weight_variance,
        bias_variance=bias_variance,
        relative_widths=relative_widths,
    )

    def matrix(entries: np.ndarray) -> np.ndarray:
        full = np.empty((depth + 1, *k1.shape))
        full[:, first, second] = full[:, second, first] = entries
        return full

    return FiniteWidthMatrix(
        matrix(moments.K[..., 1]), matrix(moments.H[..., 1]), matrix(moments.V[..., 1, 1])
    )


def _relative(variance: np.ndarray, k: np.ndarray) -> np.ndarray:
    """``V / K^2``, and zero where K is zero."""
    return variance / np.where(k > 0, k, 1.0) ** 2


def _moments(
    phi: Activation,
    pairs: np.ndarray,
    inverse_widths: Sequence[float],
    weight_variance: float,
    bias_variance: float,
) -> tuple[np.ndarray, ...]:
    """K, H, V at every layer and J at every transition, layers first."""
    zero = np.zeros_like(pairs)
    state = (pairs, zero, zero[:, :, None] * zero[:, None, :])
    states, jacobians = [state], []
    for inverse_width in inverse_widths:
        f = mean_products(phi, jnp.asarray(state[0]))
        found = product_moments(phi, jnp.asarray(state[0]), f)
        noise, jacobian, curvature = (np.asarray(moment) for moment in found)
        _, h, v = state
        carried = np.einsum("pij,pjk,plk->pil", jacobian, v, jacobian)
        drift = np.einsum("pij,pj->pi", jacobian, h) + np.einsum("pijk,pjk->pi", curvature, v) / 2
        state = (
            bias_variance + weight_variance * np.asarray(f),
            weight_variance * drift,
            weight_variance**2 * (inverse_width * noise + carried),
        )
        states.append(state)
        jacobians.append(jacobian)
    k, h, v = (np.stack(path) for path in zip(*states, strict=True))
    return k, h, v, np.stack(jacobians)
