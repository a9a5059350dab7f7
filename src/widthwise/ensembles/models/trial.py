"""One model of a family with its optimizer and loss, whichever framework it is of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Array, Key

from widthwise.networks.scaling import Family, Plan
from widthwise.numerics.choices import check_choice

LOSSES = ("mean", "cross_entropy")
OPTIMIZERS = ("sgd", "adam", "adamw", "sign", "lion")


@runtime_checkable
class Trial(Protocol):
    """A model of one size, ready to be trained."""

    def start(self, key: Key[Array, ""]) -> Any:
        """Draw a model, and start the optimizer."""
        ...

    def step(self, state: Any, x: Any, y: Any, rate: float | int) -> Any:
        """Take one step on a batch."""
        ...

    def losses(self, state: Any, batches: np.ndarray, rate: float | int) -> np.ndarray:
        """Train on batches of the data, given as indices (steps, size): losses before each step."""
        ...

    def activations(self, state: Any, x: Any) -> dict[str, np.ndarray]:
        """Return what leaves every layer with parameters, in forward order, and the output."""
        ...

    def pull(self, state: Any, x: Any, y: Any) -> float:
        """Sum of the absolute derivatives of the loss by the outputs."""
        ...


@dataclass(frozen=True, eq=False)
class Training:
    """What is the same for all sizes.

    Parameters
    ----------
    family
        The constructor.
    data
        Inputs and targets, examples first.
    loss
        ``"mean"``: half the mean square of the errors; ``"cross_entropy"``, of integer labels,
        over the last axis of the outputs; or a function of outputs and targets of a batch, in the
        framework of the model.
    optimizer
        A name in `OPTIMIZERS`.
    build
        What makes the optimizer, instead of the one that the name means: a function of the
        learning rate for Equinox, of parameter groups for PyTorch.
    """

    family: Family
    data: tuple[Any, Any]
    loss: str | Callable[[Any, Any], Any]
    optimizer: str
    build: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        if not callable(self.loss):
            check_choice("loss", self.loss, LOSSES)
        if self.build is None:
            check_choice("optimizer", self.optimizer, OPTIMIZERS)
        if not isinstance(self.data, tuple | list) or len(self.data) != 2:
            raise TypeError("data is not a pair (inputs, targets): give two arrays, examples first")
        x, y = self.data
        if len(x) != len(y) or len(x) < 1:
            raise ValueError(
                f"data has {len(x)} inputs and {len(y)} targets: give one target for each input"
            )


def trial_of(
    training: Training, width: int, depth: int | None = None, *, plan: Plan | None = None
) -> Trial:
    """Make the trial of one size.

    Parameters
    ----------
    training
        What is the same for all sizes.
    width, depth
        The size.
    plan
        Initial scales and learning rates; None for the model as it is written.
    """
    if training.family.torch:
        from widthwise.ensembles.models.pytorch import TorchTrial

        return TorchTrial(training, width, depth, plan)
    from widthwise.ensembles.models.equinox import EquinoxTrial

    return EquinoxTrial(training, width, depth, plan)
