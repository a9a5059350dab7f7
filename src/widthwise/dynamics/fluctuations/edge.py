"""Two-layer linear networks on one point, at any step size: the edge of stability.

The output f and the tangent kernel K of a network of ANY width obey

    f' = f + eta K D + eta^2 gamma^2 f D^2,   K' = K + 4 eta gamma^2 f D + eta^2 gamma^2 K D^2,

``D = y - f``, for an input with ``|x|^2 = d``. Width enters through the start alone: ``(0, 2)``
plus a fluctuation of covariance ``diag(1 / gamma^2, 4) / N``. With small steps the kernel grows to
``2 sqrt(1 + gamma^2 y^2)``; where that is more than ``2 / eta``, it stops there, and fluctuations
die out. Derived; used in B. Bordelon and C. Pehlevan (2023), arXiv 2304.03408, section 6.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from widthwise.dynamics.training import check_rates


@dataclass(frozen=True, eq=False)
class EdgeOfStability:
    """Training at infinite width, and its fluctuations.

    Attributes
    ----------
    output, ntk
        f and K after every step.
    covariance
        N times that of (f, K).
    correction
        N times the change of the mean of (f, K).
    threshold
        ``2 / eta``: a kernel above it is unstable.
    flow_limit
        Where the kernel would go with small steps, ``2 sqrt(1 + gamma^2 y^2)``.
    """

    output: Float[np.ndarray, " t"]
    ntk: Float[np.ndarray, " t"]
    covariance: Float[np.ndarray, "t 2 2"]
    correction: Float[np.ndarray, "t 2"]
    threshold: float
    flow_limit: float

    @property
    def reaches_edge(self) -> bool:
        """Whether the kernel would grow beyond the threshold, if steps were small."""
        return self.flow_limit > self.threshold


def edge_of_stability(
    target: float, *, steps: int, learning_rate: float | int, richness: float | int = 1.0
) -> EdgeOfStability:
    """Train two-layer linear networks on one point, on half the squared error.

    Parameters
    ----------
    target
        Value at the point.
    steps, learning_rate, richness
        As for [`fluctuations`][widthwise.dynamics.fluctuations].

    Returns
    -------
    EdgeOfStability

    Raises
    ------
    ValueError
        If a number is out of range, or the descent diverges.

    Examples
    --------
    >>> found = edge_of_stability(1.0, steps=20, learning_rate=0.3, richness=4.0)
    >>> found.reaches_edge, round(found.threshold, 3), found.ntk[-2:].round(2).tolist()
    (True, 6.667, [4.26, 10.38])
    """
    check_rates(learning_rate, None)
    if not 0 < richness < float("inf") or steps < 1:
        raise ValueError(
            f"richness={richness}, steps={steps} were given: give a positive richness and at "
            "least 1 step"
        )
    rich, square = learning_rate * richness**2, learning_rate**2 * richness**2
    f, k = 0.0, 2.0
    covariance, shift = np.diag([1 / richness**2, 4.0]), np.zeros(2)
    path = [(f, k, covariance, shift)]
    for step in range(steps):
        d = target - f
        jacobian = np.array(
            [
                [1 - learning_rate * k + square * (d**2 - 2 * f * d), learning_rate * d],
                [4 * rich * (d - f) - 2 * square * k * d, 1 + square * d**2],
            ]
        )
        bends = np.array(
            [
                [[square * (2 * f - 4 * d), -learning_rate], [-learning_rate, 0]],
                [[2 * square * k - 8 * rich, -2 * square * d], [-2 * square * d, 0]],
            ]
        )
        shift = jacobian @ shift + np.einsum("ijk,jk->i", bends, covariance) / 2
        covariance = jacobian @ covariance @ jacobian.T
        f, k = (
            f + learning_rate * k * d + square * f * d**2,
            k + 4 * rich * f * d + square * k * d**2,
        )
        if not max(abs(f), abs(k)) < 1e6 * max(1.0, abs(target)):
            raise ValueError(
                f"gradient descent diverges at infinite width after {step + 1} steps at "
                f"learning_rate={learning_rate}: give a smaller one; at "
                f"{1 / np.hypot(1.0, richness * target):.6g} the kernel ends just at the edge"
            )
        path.append((f, k, covariance, shift))
    outputs, kernels, covariances, shifts = (np.array(part) for part in zip(*path, strict=True))
    limit = 2 * float(np.hypot(1.0, richness * target))
    return EdgeOfStability(outputs, kernels, covariances, shifts, 2 / float(learning_rate), limit)
