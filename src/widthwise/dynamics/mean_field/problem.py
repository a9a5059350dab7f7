"""What a mean-field solver is given: constants, kernel of the inputs, loss, learning rates."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float

from widthwise.dynamics.mean_field.constants import Constants
from widthwise.dynamics.mean_field.losses import Force
from widthwise.numerics.roots import covariance_root

_EXPLODED = 1e6  # forces this large do not come back


class Diverged(ValueError):
    """Gradient descent exploded; ``step`` says when."""

    def __init__(self, step: int, learning_rate: float) -> None:
        super().__init__(
            f"gradient descent diverges: a force exceeds {_EXPLODED:g} after {step} updates at "
            f"learning_rate={learning_rate:g}; give a smaller learning rate (see "
            "max_learning_rate), or times instead of steps for gradient flow"
        )
        self.step = step


@dataclass(frozen=True)
class Problem:
    """A training of an infinitely wide network by gradient descent.

    Parameters
    ----------
    constants
        Those of the network.
    kernel
        ``x x^T / features`` of training points, then test points, (n, n).
    train
        Number of training points, the first of the n.
    richness
        gamma_0: outputs are divided by it, learning rates multiplied by its square.
    learning_rates
        That of each update, (t,).
    force
        Minus the derivative of the loss in the outputs, and the loss.
    """

    constants: Constants
    kernel: Float[np.ndarray, "n n"]
    train: int
    richness: float
    learning_rates: Float[np.ndarray, " t"]
    force: Force

    @property
    def depth(self) -> int:
        """Number of hidden layers."""
        return self.constants.depth

    @property
    def steps(self) -> int:
        """Number of updates."""
        return len(self.learning_rates)

    @property
    def points(self) -> int:
        """Number of training and test points."""
        return len(self.kernel)

    @cached_property
    def root(self) -> Float[np.ndarray, "n r"]:
        """``B`` of full column rank with ``B B^T`` the kernel: it may be singular."""
        return covariance_root(self.kernel)

    def at(self, learning_rates: Float[np.ndarray, " t"]) -> "Problem":
        """Return the same problem with other learning rates."""
        return replace(self, learning_rates=learning_rates)

    def delta(
        self, outputs: Float[np.ndarray, " n"], step: int
    ) -> tuple[Float[np.ndarray, " n"], float]:
        """Return the force on every output (zero at test points) and the loss.

        Raises
        ------
        Diverged
            If a force has exploded.
        """
        force, loss = self.force(outputs[: self.train], step)
        if not np.isfinite(loss) or np.max(np.abs(force)) > _EXPLODED:
            raise Diverged(step, float(np.max(self.learning_rates, initial=0.0)))
        return np.concatenate([force, np.zeros(self.points - self.train)]), loss
