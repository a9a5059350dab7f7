"""PyTorch modules in training: the only file of trials that imports torch."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Array, Key

from widthwise.ensembles.models.trial import Training
from widthwise.networks.scaling import Plan

BUILD = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
State = tuple[torch.nn.Module, list[Any]]


@dataclass(frozen=True, eq=False)
class TorchTrial:
    """See :class:`~widthwise.ensembles.models.Trial`; the model maps a batch."""

    training: Training
    width: int
    depth: int | None
    plan: Plan | None

    def __post_init__(self) -> None:
        if self.training.build is None and self.training.optimizer not in BUILD:
            raise ValueError(
                f"optimizer is {self.training.optimizer!r}, which PyTorch does not have: give "
                f"{', '.join(BUILD)}, or build=, a function of parameter groups"
            )

    def start(self, key: Key[Array, ""]) -> State:
        """Draw a model; the optimizer is made with the learning rate of the first step."""
        model = self.training.family.model(self.width, self.depth, key=key)
        return (model if self.plan is None else self.plan.initialize(model)), []

    def step(self, state: State, x: Any, y: Any, rate: float | int) -> State:
        """Take one step on a batch, in place."""
        self._taken(state, _tensor(x), _tensor(y), rate)
        return state

    def losses(self, state: State, batches: np.ndarray, rate: float | int) -> np.ndarray:
        """Train on batches."""
        x, y = (_tensor(part) for part in self.training.data)
        indices = torch.as_tensor(np.asarray(batches, np.int64))
        return np.array([self._taken(state, x[batch], y[batch], rate) for batch in indices])

    def activations(self, state: State, x: Any) -> dict[str, np.ndarray]:
        """Return what leaves every module that holds parameters itself."""
        seen: dict[str, list[np.ndarray]] = defaultdict(list)
        handles = []
        for name, module in state[0].named_modules():
            if name and next(module.parameters(recurse=False), None) is not None:
                handles.append(module.register_forward_hook(_Hook(seen[name])))
        try:
            with torch.no_grad():
                outputs = logits_of(state[0](_tensor(x)))
        finally:
            for handle in handles:
                handle.remove()
        layers = {name: np.concatenate(parts) for name, parts in seen.items() if parts}
        return {**layers, "output": outputs.double().cpu().numpy()}

    def pull(self, state: State, x: Any, y: Any) -> float:
        """Sum of the absolute derivatives of the loss by the outputs."""
        with torch.no_grad():
            outputs = logits_of(state[0](_tensor(x)))
        outputs = outputs.detach().requires_grad_()
        (found,) = torch.autograd.grad(loss_of(self.training.loss, outputs, _tensor(y)), outputs)
        return float(found.abs().sum())

    def _taken(self, state: State, x: torch.Tensor, y: torch.Tensor, rate: float | int) -> float:
        model, optimizers = state
        if not optimizers:
            if self.plan is None:
                groups = [{"params": list(model.parameters()), "lr": rate}]
            else:
                epsilon = None if self.training.optimizer == "sgd" else 1e-8
                groups = self.plan.parameter_groups(model, learning_rate=rate, epsilon=epsilon)
            optimizers.append((self.training.build or BUILD[self.training.optimizer])(groups))
        (optimizer,) = optimizers
        optimizer.zero_grad()
        loss = loss_of(self.training.loss, logits_of(model(x)), y)
        loss.backward()
        optimizer.step()
        return float(loss.detach())


def _tensor(values: Any) -> torch.Tensor:
    return values if isinstance(values, torch.Tensor) else torch.as_tensor(np.asarray(values))


def loss_of(
    loss: str | Callable[[Any, Any], Any], outputs: torch.Tensor, y: torch.Tensor
) -> torch.Tensor:
    """Loss of a batch: ``"mean"``, ``"cross_entropy"`` over the last axis, or the user's own."""
    if callable(loss):
        return loss(outputs, y)
    if loss == "mean":
        return ((outputs - y.reshape(outputs.shape)) ** 2).mean() / 2
    flat = outputs.reshape(-1, outputs.shape[-1])
    return torch.nn.functional.cross_entropy(flat, y.reshape(-1).long())


def arguments(x: Any) -> tuple[tuple, dict]:
    """Return what a model is called with: a tensor, a tuple of arguments, or a dictionary."""
    if isinstance(x, dict):
        return (), x
    return (x if isinstance(x, tuple) else (x,)), {}


def logits_of(outputs: Any) -> torch.Tensor:
    """Return the outputs, also of models that wrap them as Hugging Face's do."""
    if isinstance(outputs, tuple):
        outputs = outputs[0]
    return getattr(outputs, "logits", outputs)


@dataclass(frozen=True, eq=False)
class _Hook:
    """Keeps what leaves a module."""

    seen: list[np.ndarray]

    def __call__(self, module: torch.nn.Module, args: Any, outputs: Any) -> None:
        del module, args
        self.seen.extend(_flat(outputs))


def _flat(outputs: Any) -> list[np.ndarray]:
    parts = outputs if isinstance(outputs, tuple | list) else [outputs]
    return [
        part.detach().double().reshape(-1).cpu().numpy()
        for part in parts
        if isinstance(part, torch.Tensor) and part.is_floating_point()
    ]
