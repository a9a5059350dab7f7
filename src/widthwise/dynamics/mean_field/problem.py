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
    momentum
        Of the heavy ball: the part of a velocity that is kept in each update, in [0, 1).
    """

    constants: Constants
    kernel: Float[np.ndarray, "n n"]
    train: int
    richness: float
    learning_rates: Float[np.ndarray, " t"]
    force: Force
    momentum: float = 0.0

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

    @property
    def outputs(self) -> int:
        """Number of outputs, k."""
        return self.constants.outputs

    @property
    def of_outputs(self) -> tuple[int, ...]:
        """Shape of what there is one of for each point and output: (n,) if one output, (n, k)."""
        return (self.points,) if self.outputs == 1 else (self.points, self.outputs)

    @cached_property
    def root(self) -> Float[np.ndarray, "n r"]:
        """``B`` of full column rank with ``B B^T`` the kernel: it may be singular."""
        return covariance_root(self.kernel)

    @cached_property
    def reach(self) -> Float[np.ndarray, "times t"]:
        """How far a unit gradient of update s has moved weights before update t: zero at t <= s.

        Without momentum it is the learning rate of update s from t = s + 1 on.
        """
        rates, moved = self.learning_rates, np.zeros((self.steps + 1, self.steps))
        velocity = np.zeros(self.steps)
        for t, rate in enumerate(rates):
            velocity = self.momentum * velocity
            velocity[t] += 1.0
            moved[t + 1] = moved[t] + rate * velocity
        return moved

    def output_bias(self, delta: Float[np.ndarray, "t n k"], step: int) -> Float[np.ndarray, " k"]:
        """Biases of the outputs before an update, in units of outputs: they start at zero."""
        moved = self.reach[step, :step] @ delta[:step].sum(axis=1)
        return self.constants.bias_rate[-1] * moved

    def at(self, learning_rates: Float[np.ndarray, " t"]) -> "Problem":
        """Return the same problem with other learning rates."""
        return replace(self, learning_rates=learning_rates)

    def delta(
        self, outputs: Float[np.ndarray, "n k"], step: int
    ) -> tuple[Float[np.ndarray, "n k"], float]:
        """Return the force on every output (zero at test points) and the loss.

        Raises
        ------
        Diverged
            If a force has exploded.
        """
        trained = outputs[: self.train]
        force, loss = self.force(trained[:, 0] if self.outputs == 1 else trained, step)
        if not np.isfinite(loss) or np.max(np.abs(force)) > _EXPLODED:
            raise Diverged(step, float(np.max(self.learning_rates, initial=0.0)))
        found = np.zeros((self.points, self.outputs))
        found[: self.train] = force.reshape(self.train, self.outputs)
        return found, loss
