"""How the models of an audit are trained, and what looks at them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import jax

from widthwise.networks.scaling import Plan
from widthwise.networks.scaling.family import is_torch
from widthwise.observables.audit.look import Look, Stepped

_FEW = 4  # examples that are looked at for each size at least


@dataclass(frozen=True, eq=False)
class Setting:
    """What is the same for all models of an audit.

    Attributes
    ----------
    batch
        Inputs and targets.
    loss
        ``"mean"``, ``"cross_entropy"``, or a function of outputs and targets.
    optimizer
        A name, or a function of the model that returns an optimizer of PyTorch, or an Optax
        transformation.
    learning_rate
        Of an optimizer that is named.
    """

    batch: tuple[Any, Any]
    loss: str | Callable[[Any, Any], Any]
    optimizer: str | Callable[[Any], Any]
    learning_rate: float | int

    @property
    def examples(self) -> int:
        """Number of targets."""
        return _rows(jax.tree.leaves(self.batch[1])[0])

    def quartered(self) -> "Setting":
        """The same with the first quarter of the examples, but no less than 4."""
        few = max(_FEW, self.examples // 4)
        if self.examples <= few:
            return self
        return replace(
            self,
            batch=jax.tree.map(lambda a: a[:few] if _rows(a) == self.examples else a, self.batch),
        )


def _rows(array: Any) -> int:
    return array.shape[0] if len(getattr(array, "shape", ())) else 1


@runtime_checkable
class Probe(Protocol):
    """Looks at models of one size."""

    def start(self, model: Any, plan: Plan | None) -> Any:
        """Return a state: a copy of the model, and its optimizer."""
        ...

    def step(
        self, state: Any, *, details: bool, after: bool = True, since: Look | None = None
    ) -> tuple[Look, Stepped, Any]:
        """Look, take one step, and return how far that moved, and the new state.

        Moved from what was seen, or from what was seen ``since``.
        """
        ...


def probe_of(model: Any, setting: Setting) -> Probe:
    """Return what looks at a model, by its framework."""
    if is_torch(model):
        from widthwise.observables.audit.pytorch import TorchProbe

        return TorchProbe(setting)
    from widthwise.observables.audit.equinox import EquinoxProbe

    return EquinoxProbe(setting)
