"""Deep linear networks at infinite width: two-time kernels and responses.

Solved by mean-field dynamics; left here is the shape in which the action takes them. Source:
B. Bordelon and C. Pehlevan, "Self-Consistent Dynamical Field Theory of Kernel Evolution in Wide
Neural Networks" (2022), arXiv 2205.09653; in discrete time derived.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from widthwise.activations import identity
from widthwise.dynamics.fluctuations.descent import Descent
from widthwise.dynamics.mean_field.constants import Constants
from widthwise.dynamics.mean_field.deep_linear import as_solution, march
from widthwise.dynamics.mean_field.losses import checked_force
from widthwise.dynamics.mean_field.problem import Problem


@dataclass(frozen=True, eq=False)
class DeepLinear:
    """An infinitely wide deep linear network through training; rows count steps, then points.

    Attributes
    ----------
    features, gradients
        ``H^l`` (t n, t n) and ``G^l`` (t, t) of the hidden layers l = 1 .. L. Gradients of a linear
        network do not depend on the point.
    forward, backward
        ``<dh^l/dr^l>`` (t n, t) and ``<dg^{l+1}/du^{l+1}>`` (t, t n), for l = 1 .. L - 1.
    outputs
        (t, n).
    """

    features: tuple[Float[np.ndarray, "tn tn"], ...]
    gradients: tuple[Float[np.ndarray, "t t"], ...]
    forward: tuple[Float[np.ndarray, "tn t"], ...]
    backward: tuple[Float[np.ndarray, "t tn"], ...]
    outputs: Float[np.ndarray, "t n"]


def deep_linear_saddle(depth: int, descent: Descent) -> DeepLinear:
    """Solve for a deep linear network of unit gains.

    Raises
    ------
    ValueError
        If the descent diverges.
    """
    ones, none = np.ones(depth + 1), np.zeros(depth + 1)
    problem = Problem(
        Constants((identity,) * depth, ones, rate=ones, ratio=ones, bias_std=none, bias_rate=none),
        descent.input_kernel,
        descent.trained,
        float(descent.richness),
        np.full(descent.steps, float(descent.learning_rate)),
        checked_force(descent.loss, descent.targets, None, descent.steps),
    )
    found = as_solution(problem, *march(problem))
    times, points = found.output.shape
    wide = times * points
    return DeepLinear(
        tuple(kernel.reshape(wide, wide) for kernel in found.feature_kernel),
        tuple(kernel[:, 0, :, 0] for kernel in found.gradient_kernel),
        # all points feel the noise of the one gradient
        tuple(part.sum(axis=3).reshape(wide, times) for part in found.forward_response),
        tuple(part[:, 0].reshape(times, wide) for part in found.backward_response),
        found.output,
    )
