r"""Population training of any linear network, balanced or not, by its own weights.

The product w of all layers moves as ``dw/dt = -K_w gradient`` with ``K_w = sum_k |W_N..W_{k+1}|^2
(W_{k-1}..W_1)^T (W_{k-1}..W_1)``. For wide networks in the NTK parametrization K_w stays at twice
the identity (two layers), and the direction follows that of ONE layer at twice the time.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.integrate import solve_ivp

from widthwise.data.spherical import SphericalLaw
from widthwise.dynamics.directional.flow import checked_times
from widthwise.dynamics.directional.gradient import population_gradient
from widthwise.numerics.ranges import check_positive

Weights = list[np.ndarray]


class Directions(NamedTuple):
    """A network through training.

    Parameters
    ----------
    times
        Learning rate times number of steps, for descent.
    product
        The product of all layers.
    norm, log_tangent
        Its norm, and ``ln tan(theta / 2)`` of its angle to the teacher.
    defect
        Largest entry of ``W_{j+1}^T W_{j+1} - W_j W_j^T``: zero for balanced layers.
    """

    times: Float[np.ndarray, " t"]
    product: Float[np.ndarray, "t d"]
    norm: Float[np.ndarray, " t"]
    log_tangent: Float[np.ndarray, " t"]
    defect: Float[np.ndarray, " t"]

    @property
    def angle(self) -> Float[np.ndarray, " t"]:
        """Angle to the teacher."""
        return 2 * np.arctan(np.exp(self.log_tangent))


def weights_flow(
    law: SphericalLaw,
    weights: Sequence[Float[np.ndarray, "..."]],
    teacher: Float[np.ndarray, " d"],
    times: Sequence[float | int] | Float[np.ndarray, " t"],
    *,
    scale: float | int = 1.0,
) -> Directions:
    """Gradient flow on the logistic loss of all inputs.

    Parameters
    ----------
    law
        Of the inputs.
    weights
        Layers from the inputs on: (d_1, d), ..., (1, d_{N-1}).
    teacher
        The unit vector whose signs are the labels.
    times
        When to report, ascending.
    scale
        Factor of the output, such as 1/sqrt(width); the flow is that of the weights.

    Raises
    ------
    ValueError
        If layers do not fit each other, or the teacher, the product or a number is out of range.
    """
    layers, v, when = *checked_weights(law, weights, teacher), checked_times(times)
    check_positive(scale=scale)
    shapes = [w.shape for w in layers]

    def velocity(_: float, flat: np.ndarray) -> np.ndarray:
        return -_flat(_gradients(law, _layers(flat, shapes), v, float(scale)))

    found = solve_ivp(
        velocity, (0.0, max(float(when[-1]), 1e-12)), _flat(layers), method="DOP853",
        t_eval=when, rtol=1e-9, atol=1e-11,
    )  # fmt: skip
    if not found.success:
        raise ValueError(f"the flow was not solved up to time {when[-1]:g}: {found.message}")
    return _reported(when, [_layers(flat, shapes) for flat in found.y.T], v, float(scale))


def weights_descent(
    law: SphericalLaw,
    weights: Sequence[Float[np.ndarray, "..."]],
    teacher: Float[np.ndarray, " d"],
    rates: Sequence[float] | Float[np.ndarray, " n"],
    *,
    scale: float | int = 1.0,
    at: Sequence[int] | np.ndarray | None = None,
) -> Directions:
    """Gradient descent on the logistic loss of all inputs, step by step.

    Parameters
    ----------
    law, weights, teacher
        As for :func:`weights_flow`; one layer (1, d) gives the exact map of a linear classifier.
    rates
        The learning rate of each step, positive.
    scale
        Factor of the output.
    at
        After how many steps to report, ascending; None for all.

    Raises
    ------
    ValueError
        If layers do not fit each other, the teacher is no unit vector, or a rate is not positive.
    """
    layers, v = checked_weights(law, weights, teacher)
    steps = np.asarray(rates, np.float64)
    if steps.ndim != 1 or not np.all((steps > 0) & np.isfinite(steps)):
        raise ValueError(f"rates is {rates}: give a positive, finite learning rate for each step")
    times = np.append(0.0, np.cumsum(steps))
    wanted = np.arange(len(times)) if at is None else np.asarray(at)
    if not np.all(np.isin(wanted, np.arange(len(times)))) or np.any(np.diff(wanted) <= 0):
        raise ValueError(f"at is {at}: give numbers of steps from 0 to {len(steps)}, ascending")
    kept = [layers]
    for i, rate in enumerate(steps):
        gradients = _gradients(law, layers, v, float(scale))
        layers = [w - rate * g for w, g in zip(layers, gradients, strict=True)]
        if i + 1 in wanted:
            kept.append(layers)
    return _reported(times[wanted], kept[int(0 not in wanted) :], v, float(scale))


def balanced_weights(
    product: Float[np.ndarray, " d"], widths: Sequence[int], *, seed: int = 0
) -> Weights:
    """Return balanced layers of rank one whose product is given.

    Parameters
    ----------
    product
        The product of all layers, not zero.
    widths
        Of the hidden layers; none for one layer.
    seed
        Of their directions.
    """
    w = np.asarray(product, np.float64)
    norm = float(np.linalg.norm(w))
    check_positive(norm=norm)
    draw = np.random.default_rng(seed)
    ends = [w / norm]
    for width in widths:
        u = draw.standard_normal(width)
        ends.append(u / np.linalg.norm(u))
    ends.append(np.ones(1))
    size = norm ** (1 / (len(widths) + 1))
    return [size * np.outer(b, a) for a, b in pairwise(ends)]


def checked_weights(
    law: SphericalLaw, weights: Sequence[np.ndarray], teacher: np.ndarray
) -> tuple[Weights, np.ndarray]:
    """Check that layers fit each other, the inputs and the teacher."""
    layers = [np.asarray(w, np.float64) for w in weights]
    v = np.asarray(teacher, np.float64)
    if not layers or any(w.ndim != 2 or not np.all(np.isfinite(w)) for w in layers):
        raise ValueError("weights: give a list of finite matrices, from the inputs on")
    sizes = [law.dimension, *(len(w) for w in layers)]
    if [w.shape[1] for w in layers] != sizes[:-1] or sizes[-1] != 1:
        raise ValueError(
            f"weights have shapes {[w.shape for w in layers]} for inputs of dimension "
            f"{law.dimension}: give (d_1, {law.dimension}), ..., (1, d_N-1)"
        )
    if v.shape != (law.dimension,) or not abs(float(np.linalg.norm(v)) - 1) < 1e-9:
        raise ValueError(
            f"teacher has shape {v.shape} and norm {np.linalg.norm(v):.6g}: give a unit vector of "
            f"{law.dimension} numbers, v / |v|"
        )
    return layers, v


def _gradients(law: SphericalLaw, layers: Weights, v: np.ndarray, scale: float) -> Weights:
    inputs = [np.eye(law.dimension)]  # products of the layers before each
    for w in layers:
        inputs.append(w @ inputs[-1])
    pull = scale * population_gradient(law, scale * inputs[-1][0], v)
    found, after = [], np.ones((1, 1))
    for w, before in zip(layers[::-1], inputs[-2::-1], strict=True):
        found.append(after.T @ (before @ pull)[None])
        after = after @ w
    return found[::-1]


def _reported(times: np.ndarray, states: list[Weights], v: np.ndarray, scale: float) -> Directions:
    products, defects = [], []
    for layers in states:
        out = layers[0]
        for w in layers[1:]:
            out = w @ out
        products.append(scale * out[0])
        gaps = [b.T @ b - a @ a.T for a, b in pairwise(layers)]
        defects.append(max((float(np.max(np.abs(gap))) for gap in gaps), default=0.0))
    w = np.stack(products)
    along = w @ v
    across = np.linalg.norm(w - along[:, None] * v[None], axis=1)
    norm = np.hypot(along, across)
    if np.any(norm == 0):
        raise ValueError("the product of all layers is zero: it has no direction")
    # tan(theta / 2), without the difference of nearly equal numbers on either side.
    tangent = np.where(
        along > 0, across / (norm + along), (norm - along) / np.where(across > 0, across, 1.0)
    )
    with np.errstate(divide="ignore"):
        log_tangent = np.log(tangent)
    return Directions(times, w, norm, log_tangent, np.asarray(defects))


def _flat(layers: Weights) -> np.ndarray:
    return np.concatenate([w.ravel() for w in layers])


def _layers(flat: np.ndarray, shapes: list[tuple[int, ...]]) -> Weights:
    ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
    return [part.reshape(shape) for part, shape in zip(np.split(flat, ends), shapes, strict=True)]
