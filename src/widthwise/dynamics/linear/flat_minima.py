"""How flat the minima of a deep linear network can be, and which of them training finds.

For one output. Source: Marion & Chizat (2024, arXiv:2405.13456), theorem 1, for the lower bound and
the published upper bounds. The exact minimum, the balanced value and the tighter upper bound are
derived here by keeping what its proof gives away.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from widthwise.dynamics.linear.modes import check_depth
from widthwise.networks.linear_regression import checked_task, loss_factor
from widthwise.numerics.roots import covariance_root

_HALF_WIDTH = 12.0  # of the search, in the logarithm of the squared norm of the first layer


@dataclass(frozen=True)
class FlatMinima:
    """Sharpness of networks ``W_L ... W_1`` whose map is the target: bounds and values.

    ``lower <= minimum <= balanced <= upper <= published_upper``. The sharpness of such networks has
    no upper bound: the upper bounds are those of the flattest one.

    Attributes
    ----------
    lower
        Lower bound of theorem 1, ``factor L a |w|^(2 - 2/L)`` with a the variance of the inputs
        along the target.
    minimum
        The least sharpness there is.
    balanced
        That of the network of equal layers of rank one, where gradient flow from vanishing weights
        ends.
    upper, published_upper
        Upper bounds of the minimum.
    small_start
        Published upper bound of where gradient flow from small weights ends.
    first_norm
        Norm of the first layer of the flattest network; its other layers are equal.
    unique
        Whether all minimisers have this map; otherwise there may be flatter ones.
    target
        The map, (d,).
    depth
        L.
    """

    lower: float
    minimum: float
    balanced: float
    upper: float
    published_upper: float
    small_start: float
    first_norm: float
    unique: bool
    target: Float[np.ndarray, " d"]
    depth: int

    @property
    def max_learning_rate(self) -> float:
        """Largest learning rate at which gradient descent can stay at any of these networks."""
        return 2 / self.minimum

    @property
    def published_learning_rate(self) -> float:
        """Published threshold, 2 over the lower bound: slightly larger."""
        return 2 / self.lower

    def weights(
        self, widths: Sequence[int] = (), *, flattest: bool = False
    ) -> tuple[Float[np.ndarray, "_ _"], ...]:
        """Weights of rank one that reach the balanced value, or the minimum.

        Parameters
        ----------
        widths
            Of the L - 1 hidden layers; all one unless given.
        flattest
            Whether the first layer has the norm that makes the network flattest.
        """
        sizes = [len(self.target), *(widths or (1,) * (self.depth - 1)), 1]
        if len(sizes) != self.depth + 1 or min(sizes) < 1:
            raise ValueError(
                f"widths is {tuple(widths)}: give {self.depth - 1} positive numbers, one for each "
                "hidden layer"
            )
        norm = float(np.linalg.norm(self.target))
        first = self.first_norm if flattest else norm ** (1 / self.depth)
        rest = (norm / first) ** (1 / (self.depth - 1)) if self.depth > 1 else 1.0
        right = [self.target / norm, *(np.ones(m) / math.sqrt(m) for m in sizes[1:])]
        lengths = [first, *(rest,) * (self.depth - 1)]
        return tuple(
            length * np.outer(one, other)
            for length, one, other in zip(lengths, right[1:], right[:-1], strict=True)
        )


def flat_minima(
    covariance: ArrayLike,
    target: ArrayLike,
    *,
    depth: float | int,
    loss: str = "mean",
) -> FlatMinima:
    """Sharpness of the minima of deep linear regression with one output, whatever the widths.

    Parameters
    ----------
    covariance, target
        The regression, see [`least_squares`][widthwise.dynamics.linear.least_squares]; with fewer
        samples than features the numbers are for networks whose map is this target.
    depth
        Number L of weight matrices, at least 1.
    loss
        ``"mean"`` for half the mean squared error, ``"mse"`` for the mean squared error, of which
        the sharpness is twice as large (and the learning rates half).

    Returns
    -------
    FlatMinima

    Raises
    ------
    ValueError
        If the depth is no whole number of at least 1, the target is zero or not finite, or the
        inputs do not vary along it.

    Examples
    --------
    >>> found = flat_minima(np.diag([3.0, 1.0]), [0.0, 2.0], depth=4, loss="mse")
    >>> round(found.minimum, 6), round(found.balanced, 6), round(found.max_learning_rate, 6)
    (22.627417, 22.627417, 0.088388)
    """
    check_depth(depth)
    sigma, rows = checked_task(covariance, target)
    if len(rows) != 1:
        raise ValueError(
            f"target of shape {rows.shape} was given: bounds hold for one output, give (d,)"
        )
    depth, (w,) = int(depth), rows
    norm = float(np.linalg.norm(w))
    if norm == 0:
        raise ValueError(
            "target is zero (all y are zero, or unrelated to x): weights of zero solve it, and no "
            "bound is above zero"
        )
    factor = loss_factor(loss)
    root = covariance_root(sigma)
    b = root.T @ (w / norm)
    a, values = float(b @ b), np.linalg.eigvalsh(sigma)
    largest = float(values[-1])
    if a <= 1e-12 * largest:
        raise ValueError("the inputs do not vary along the target: give the solution of least norm")
    scale, gram = factor * norm ** (2 - 2 / depth), root.T @ root

    def top(log_first: float) -> float:
        """Largest eigenvalue at a first layer of squared norm |w|^(2/L) exp(-log_first)."""
        rest = (depth - 1) * math.exp(-log_first / (depth - 1))
        return float(np.linalg.eigvalsh(math.exp(log_first) * gram + rest * np.outer(b, b))[-1])

    if depth == 1:
        least, log_first, balanced = largest, 0.0, largest
    else:
        found: Any = minimize_scalar(
            top,
            bounds=(-_HALF_WIDTH, _HALF_WIDTH),
            method="bounded",
            options={"xatol": 1e-11, "maxiter": 1000},
        )
        balanced = top(0.0)
        least, log_first = min((float(found.fun), float(found.x)), (balanced, 0.0))
    return FlatMinima(
        lower=scale * depth * a,
        minimum=scale * least,
        balanced=scale * balanced,
        upper=scale * (largest + (depth - 1) * a),
        published_upper=scale * math.hypot(math.sqrt(2 * depth - 1) * largest, (depth - 1) * a),
        small_start=4 * scale * depth * largest,
        first_norm=norm ** (1 / depth) * math.exp(-log_first / 2),
        unique=bool(values[0] > 1e-12 * largest),
        target=w,
        depth=depth,
    )
