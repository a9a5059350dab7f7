"""Two-layer linear networks on whitened inputs: closed recursions, whatever the number of points.

With ``x @ x.T / d = 1`` only the direction of the targets moves at infinite width. The state along
it is ``(f, H, W)``: output, feature kernel, mean square of the readout. In each of the ``P - 1``
other directions outputs and features fluctuate around zero, independently and alike; together they
shift the mean. So the variance is of order P / N, the bias too. Derived; multi-sample case of B.
Bordelon and C. Pehlevan (2023), arXiv 2304.03408.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from widthwise.dynamics.training import check_rates


@dataclass(frozen=True, eq=False)
class WhitenedLinear:
    """Mean and fluctuations after every step, to first order in 1/width.

    Attributes
    ----------
    output
        Along the direction of the targets, at infinite width; the others are zero.
    features, readout
        ``H``, the feature kernel along the targets, and ``W``, the mean square of the readout; the
        tangent kernel there is their sum.
    along
        N times the covariance of ``(f, H, W)``.
    across
        N times that of ``(f, H)`` in one of the other directions, where H is the entry of the
        feature kernel between it and the targets.
    correction
        N times the change of the mean of ``(f, H, W)``.
    target
        Norm of the targets.
    points
        Number of points P.
    """

    output: Float[np.ndarray, " t"]
    features: Float[np.ndarray, " t"]
    readout: Float[np.ndarray, " t"]
    along: Float[np.ndarray, "t 3 3"]
    across: Float[np.ndarray, "t 2 2"]
    correction: Float[np.ndarray, "t 3"]
    target: float
    points: int

    @property
    def excess(self) -> Float[np.ndarray, " t"]:
        """N times the change of the mean of ``|y - f|^2``, summed over points."""
        error = self.target - self.output
        spread = self.along[:, 0, 0] + (self.points - 1) * self.across[:, 0, 0]
        return spread - 2 * error * self.correction[:, 0]

    def squared_error(self, width: int) -> Float[np.ndarray, " t"]:
        """Mean of ``|y - f|^2`` over networks of this width."""
        if width < 1:
            raise ValueError(f"width is {width}: give a whole number of at least 1")
        return (self.target - self.output) ** 2 + self.excess / width


def whitened_linear(
    target: float,
    points: int,
    *,
    steps: int,
    learning_rate: float | int,
    richness: float | int = 1.0,
) -> WhitenedLinear:
    """Train two-layer linear networks on half the sum of squared errors, from their own outputs.

    Parameters
    ----------
    target
        Norm of the targets.
    points
        Number of points P. For isotropic inputs and batches so large that their noise is
        negligible, it stands for the dimension of the inputs.
    steps, learning_rate, richness
        As for [`fluctuations`][widthwise.dynamics.fluctuations].

    Returns
    -------
    WhitenedLinear

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> found = whitened_linear(1.0, 6, steps=20, learning_rate=0.05)
    >>> round(float(found.output[20]), 6), round(float(found.excess[20]), 6)
    (0.919091, 0.290775)
    """
    check_rates(learning_rate, None)
    if not 0 < richness < float("inf") or points < 1 or steps < 1:
        raise ValueError(
            f"richness={richness}, points={points}, steps={steps} were given: give a positive "
            "richness, and at least 1 point and step"
        )
    state = np.array([0.0, 1.0, 1.0])
    along, across = np.diag([1 / richness**2, 2.0, 2.0]), np.diag([1 / richness**2, 1.0])
    shift = np.zeros(3)
    path = [(state, along, across, shift)]
    rates = (learning_rate, learning_rate * richness**2, learning_rate**2 * richness**2)
    for _ in range(steps):
        jacobian, bends = _derivatives(state, target, rates)
        other, pull = _other_direction(state, target, rates)
        bent = np.einsum("ijk,jk->i", bends, along) / 2
        shift = jacobian @ shift + bent + (points - 1) * np.einsum("ijk,jk->i", pull, across)
        along, across = jacobian @ along @ jacobian.T, other @ across @ other.T
        state = _step(state, target, rates)
        path.append((state, along, across, shift))
    states, alongs, acrosses, shifts = (np.stack(part) for part in zip(*path, strict=True))
    f, h, w = states.T
    return WhitenedLinear(f, h, w, alongs, acrosses, shifts, float(target), points)


Rates = tuple[float, float, float]  # eta, eta gamma^2, eta^2 gamma^2


def _step(state: np.ndarray, target: float, rates: Rates) -> np.ndarray:
    f, h, w = state
    eta, rich, square = rates
    d = target - f
    return np.array(
        [
            f + eta * d * (h + w) + square * f * d**2,
            h + 2 * rich * d * f + square * d**2 * w,
            w + 2 * rich * d * f + square * d**2 * h,
        ]
    )


def _derivatives(state: np.ndarray, target: float, rates: Rates) -> tuple[np.ndarray, np.ndarray]:
    """Jacobian and Hessians of one step."""
    f, h, w = state
    eta, rich, square = rates
    d = target - f
    turn = 2 * rich * (d - f)
    jacobian = np.array(
        [
            [1 - eta * (h + w) + square * (d**2 - 2 * f * d), eta * d, eta * d],
            [turn - 2 * square * d * w, 1, square * d**2],
            [turn - 2 * square * d * h, square * d**2, 1],
        ]
    )
    bends = np.zeros((3, 3, 3))
    bends[0, 0] = [square * (2 * f - 4 * d), -eta, -eta]
    bends[1, 0] = [-4 * rich + 2 * square * w, 0, -2 * square * d]
    bends[2, 0] = [-4 * rich + 2 * square * h, -2 * square * d, 0]
    bends[:, :, 0] = bends[:, 0]
    return jacobian, bends


def _other_direction(
    state: np.ndarray, target: float, rates: Rates
) -> tuple[np.ndarray, np.ndarray]:
    """How one other direction moves, and how its covariance pulls at the mean along the targets."""
    f, _, w = state
    eta, rich, square = rates
    d = target - f
    move = np.array(
        [[1 - eta * (1 + w) - square * d * f, eta * d], [rich * (d - f) - square * w * d, 1]]
    )
    pull = np.zeros((3, 2, 2))
    pull[0] = [[-square * d, -eta / 2], [-eta / 2, 0]]
    pull[2] = [[square - 2 * rich, -square * d], [-square * d, 0]]
    return move, pull
