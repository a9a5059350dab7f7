"""Covariance over networks of the tangent kernel at initialization, to first order in 1/width.

Layer l has pre-activations of covariance Q^l and backward fields of covariance ``B^l`` before the
slope of the activation, ``G^l = B^l E[phi' phi']`` after it. At finite width each layer adds its
own noise, of its N neurons, and passes on what came before (forward) or after (backward) it:

    dQ^{l+1} = s^2 (noise of phi phi     + dE[phi phi]/dQ dQ^l),
    dG^l     = noise of g g + B^l dE[phi' phi']/dQ dQ^l + E[phi' phi'] s^2 dG^{l+1},
    dK       = sum_l (dG^l Q^l + G^l dQ^l),

with s the gain of the layer between. Both noises of one layer are correlated, those of different
layers are not. Derived. It is the lazy limit of B. Bordelon and C. Pehlevan (2023), arXiv
2304.03408; in one layer it agrees with D. A. Roberts, S. Yaida, B. Hanin, "The Principles of Deep
Learning Theory" (2021), chapter 8.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from widthwise.activations import Activation
from widthwise.dynamics.fluctuations.sites import count_sites, random_sites
from widthwise.dynamics.fluctuations.triangle import triangle
from widthwise.kernels.infinite_width import checked_covariance
from widthwise.kernels.moments import finite_width
from widthwise.numerics.memory import refuse_beyond_memory
from widthwise.numerics.quadrature import gaussian_nodes
from widthwise.numerics.roots import covariance_root

_LEAST = 4096  # sites below which covariances of four points would be noise


@dataclass(frozen=True, eq=False)
class LazyKernel:
    """Tangent kernel at initialization and its fluctuations.

    Attributes
    ----------
    ntk
        At infinite width.
    output
        N gamma^2 times the covariance of the outputs: the covariance of the NTK form.
    covariance
        N times the covariance of two entries of the tangent kernel.
    apart
        Deviations from ``covariance`` of independent groups of sites, for entries (i, j) with
        ``i <= j``: where four points enter a Gaussian mean, it is sampled. Zeros for one point.
    """

    ntk: Float[np.ndarray, "n n"]
    output: Float[np.ndarray, "n n"]
    covariance: Float[np.ndarray, "n n n n"]
    apart: Float[np.ndarray, "b k k"]

    def error(self, rows: Float[np.ndarray, "q k"]) -> Float[np.ndarray, " q"]:
        """Standard errors of the variances of sums of entries (i, j), ``i <= j``, of the kernel."""
        groups = len(self.apart)
        found = np.stack([np.sum((rows @ part) * rows, axis=1) for part in self.apart])
        return np.sqrt(np.sum(found**2, axis=0) / max(groups * (groups - 1), 1))


@dataclass(frozen=True)
class _Slope:
    """Derivative of an activation."""

    phi: Activation

    def __call__(self, z: Array) -> Array:
        return jax.jvp(self.phi, (z,), (jnp.ones_like(z),))[1]


def lazy_kernel(
    activations: Sequence[Activation],
    input_kernel: Float[np.ndarray, "n n"],
    *,
    gains: Sequence[float | int] | None = None,
    sites: int | None = None,
    key: Key[Array, ""] | None = None,
) -> LazyKernel:
    """Tangent kernel of random networks and its covariance over networks, any depth.

    Parameters
    ----------
    activations
        That of each hidden layer.
    input_kernel
        ``x @ x.T / d``.
    gains
        ``weight_std`` of each Dense layer, one more; ones if None.
    sites, key
        Points over which Gaussian means of four inputs are taken, for more than one input, and
        what draws them; 16384 fixed ones if None.

    Returns
    -------
    LazyKernel

    Raises
    ------
    ValueError
        If there is no activation, one has jumps, the kernel is none, or the result does not fit
        into memory.

    Examples
    --------
    >>> import numpy as np
    >>> from widthwise import activations
    >>> found = lazy_kernel([activations.relu] * 2, np.eye(1), gains=[1, 2**0.5, 2**0.5])
    >>> found.ntk.ravel().round(6).tolist(), found.covariance.ravel().round(6).tolist()
    ([3.0], [58.0])
    """
    q = checked_covariance(input_kernel)
    depth = len(activations)
    scales = np.ones(depth + 1) if gains is None else np.asarray(gains, np.float64)
    if not depth or scales.shape != (depth + 1,) or not all(phi.continuous for phi in activations):
        raise ValueError(
            f"{depth} activations and gains {gains} were given: give at least one activation "
            "without jumps, and one gain more than activations"
        )
    n = len(q)
    count = n * (n + 1) // 2
    size = count_sites(sites, least=_LEAST)
    refuse_beyond_memory(
        8 * (n**4 + (8 * depth + 24) * count**2 + 3 * size * count),
        f"the covariance of the tangent kernel of {n} points",
        "give fewer points",
    )
    q = scales[0] ** 2 * q
    layers = []
    for phi, scale in zip(activations, scales[1:], strict=True):
        layers.append(_layer(phi, q, size, key))
        q = scale**2 * layers[-1].features
    return _backward(layers, scales, q)


@dataclass(frozen=True, eq=False)
class _Layer:
    """One layer at infinite width, pairs of points as one axis of triangles.

    ``q`` covariance of its pre-activations; ``features``, ``slopes`` = E[phi phi], E[phi' phi'],
    both as matrices; ``in_features``, ``in_slopes`` their derivatives in the entries of q; ``a``
    and ``b`` the values phi, phi' at sites with weights and groups.
    """

    q: np.ndarray
    features: np.ndarray
    slopes: np.ndarray
    in_features: np.ndarray
    in_slopes: np.ndarray
    a: np.ndarray
    b: np.ndarray
    weights: np.ndarray
    groups: np.ndarray


def _layer(phi: Activation, q: np.ndarray, size: int, key: Key[Array, ""] | None) -> _Layer:
    slope = replace(
        phi,
        name=f"slope of {phi.name}",
        function=_Slope(phi),
        parity=None,
        degree=None,
        continuous=not phi.kinks,
        forms=None,
        gain=1.0,
        offset=0.0,
    )
    features, in_features = _means(phi, q)
    slopes, in_slopes = _means(slope, q)
    with jax.enable_x64(True):
        if len(q) == 1:
            fields, _, weights = gaussian_nodes(jnp.asarray(q[0, 0]), phi.rule.refined())
            fields, weights = np.asarray(fields)[:, None], np.asarray(weights)
            groups = weights[None]
        else:
            found = random_sites(covariance_root(q), size=size, key=key)
            fields, weights, groups = found.fields, found.weights, found.groups
        a, b = (np.asarray(function(jnp.asarray(fields))) for function in (phi, slope))
    return _Layer(q, features, slopes, in_features, in_slopes, a, b, weights, groups)


def _means(phi: Activation, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``E[phi phi]`` of all pairs, and its derivatives in the triangle of q."""
    first, second = np.triu_indices(len(q))
    rows = np.stack([q[first, first], q[first, second], q[second, second]], axis=1)
    moments = finite_width(phi, rows, depth=1, weight_variance=1.0)
    matrix = np.empty_like(q)
    matrix[first, second] = matrix[second, first] = moments.K[1, :, 1]
    where = triangle(len(q))
    rows_of = np.arange(len(first))
    jacobian = np.zeros((len(first), len(first)))
    for entry, (i, j) in enumerate(((first, first), (first, second), (second, second))):
        jacobian[rows_of, where[i, j]] += moments.J[0, :, 1, entry]
    return matrix, jacobian


def _backward(layers: list[_Layer], scales: np.ndarray, last: np.ndarray) -> LazyKernel:
    """Follow the gradients back, and gather what the noise of each layer does to the kernel."""
    first, second = np.triu_indices(len(last))
    depth = len(layers)
    # K = sum of G^l Q^l over the layers and the output, for which G = 1
    gradients, fields = [np.ones_like(last)], []
    for layer, scale in zip(reversed(layers), scales[:0:-1], strict=True):
        fields.insert(0, scale**2 * gradients[0])
        gradients.insert(0, fields[0] * layer.slopes)
    variances = [*(layer.q for layer in layers), last]
    ntk = np.sum([g * q for g, q in zip(gradients, variances, strict=True)], axis=0)

    # dK = sum_l left_l dQ^l (from l on) and right_l dG^l (from l back): go forth for the right
    flat = [matrix[first, second] for matrix in variances]
    through = [
        field[first, second][:, None] * layer.in_slopes
        for field, layer in zip(fields, layers, strict=True)
    ]
    right = [np.diag(flat[0])]
    for index in range(1, depth):
        before = layers[index - 1]
        back = scales[index] ** 2 * before.slopes[first, second]
        right.append(np.diag(flat[index]) + right[-1] * back[None, :])
    left = [np.diag(gradients[depth][first, second])]
    for index in reversed(range(1, depth)):
        carried = scales[index + 1] ** 2 * left[0] @ layers[index].in_features
        own = np.diag(gradients[index][first, second]) + right[index] @ through[index]
        left.insert(0, own + carried)
    covariance = np.zeros((len(first),) * 2)
    apart = np.zeros((len(layers[0].groups), *covariance.shape))
    for index, layer in enumerate(layers):
        noise, groups = _noise(layer, fields[index])
        push = np.concatenate([scales[index + 1] ** 2 * left[index], right[index]], axis=1)
        covariance = covariance + push @ noise @ push.T
        apart = apart + np.stack([push @ group @ push.T for group in groups])
    where = triangle(len(last))
    return LazyKernel(ntk, last, covariance[where][:, :, where], apart - covariance)


def _noise(layer: _Layer, field: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Covariance of ``(phi phi, g g)`` of one neuron; and the same from each group of sites.

    ``g = phi' z`` with an independent Gaussian ``z`` of covariance ``field``: its fourth moments
    follow from Wick's theorem.
    """
    first, second = np.triu_indices(len(field))
    products = layer.a[:, first] * layer.a[:, second]
    slopes = layer.b[:, first] * layer.b[:, second]
    pairs = field[first, second]
    wick = (
        pairs[:, None] * pairs[None, :]
        + field[first[:, None], first[None, :]] * field[second[:, None], second[None, :]]
        + field[first[:, None], second[None, :]] * field[second[:, None], first[None, :]]
    )

    def covariance(weights: np.ndarray) -> np.ndarray:
        both = np.concatenate([products, slopes], axis=1)
        means = np.concatenate([weights @ products, pairs * (weights @ slopes)])
        fourth = (weights[:, None] * both).T @ both
        count = len(pairs)
        fourth[:count, count:] *= pairs[None, :]
        fourth[count:, :count] *= pairs[:, None]
        fourth[count:, count:] *= wick
        return fourth - np.outer(means, means)

    return covariance(layer.weights), [covariance(weights) for weights in layer.groups]
