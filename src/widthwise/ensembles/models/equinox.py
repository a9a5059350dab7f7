"""Equinox modules in training."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Key, PyTree

from widthwise.ensembles.models.taps import seen_by, tapped
from widthwise.ensembles.models.trial import Training
from widthwise.networks.scaling import Plan
from widthwise.numerics.losses import cross_entropy, half_mean_square

_BUILD = {
    "sgd": optax.sgd,
    "adam": optax.adam,
    "adamw": optax.adamw,
    "sign": optax.sign_sgd,
    "lion": optax.lion,
}
State = tuple[eqx.Module, Any]


@dataclass(frozen=True, eq=False)
class EquinoxTrial:
    """See :class:`~widthwise.ensembles.models.Trial`; the model maps one example."""

    training: Training
    width: int
    depth: int | None
    plan: Plan | None

    def start(self, key: Key[Array, ""]) -> State:
        """Draw a model, and start the optimizer."""
        return self._start(key)

    def step(self, state: State, x: Any, y: Any, rate: float | int) -> State:
        """Take one step on a batch."""
        return self._step(state, jnp.asarray(x), jnp.asarray(y), jnp.asarray(rate))[0]

    def losses(self, state: State, batches: np.ndarray, rate: float | int) -> np.ndarray:
        """Train on batches."""
        found = self._losses(state, jnp.asarray(batches), jnp.asarray(rate), self._data)
        return np.asarray(found, np.float64)

    def activations(self, state: State, x: Any) -> dict[str, np.ndarray]:
        """Return what leaves every layer with parameters."""
        with seen_by() as seen:
            outputs = np.asarray(self._watched(state[0], jnp.asarray(x)))
        layers = {name: np.concatenate([p.ravel() for p in parts]) for name, parts in seen.items()}
        return {**layers, "output": outputs}

    def pull(self, state: State, x: Any, y: Any) -> float:
        """Sum of the absolute derivatives of the loss by the outputs."""
        return float(self._pull(state[0], jnp.asarray(x), jnp.asarray(y)))

    def _optimizer(self, rate: Any) -> optax.GradientTransformation:
        made = (self.training.build or partial(optimizer_of, self.training.optimizer))(rate)
        return made if self.plan is None else self.plan.transformation(made)

    @cached_property
    def _data(self) -> tuple[Array, Array]:
        x, y = self.training.data
        return jnp.asarray(x), jnp.asarray(y)

    @cached_property
    def _start(self) -> Callable[..., State]:
        @eqx.filter_jit
        def start(key: Key[Array, ""]) -> State:
            model = self.training.family.model(self.width, self.depth, key=key)
            model = model if self.plan is None else self.plan.initialize(model)
            return model, self._optimizer(0.0).init(eqx.filter(model, eqx.is_inexact_array))

        return start

    def _taken(self, state: State, x: Array, y: Array, rate: Any) -> tuple[State, Array]:
        """Take one step, and return the loss before it."""
        params, rest = eqx.partition(state[0], eqx.is_inexact_array)

        def value(params: PyTree) -> Array:
            return loss_of(self.training.loss, jax.vmap(eqx.combine(params, rest))(x), y)

        loss, gradients = jax.value_and_grad(value)(params)
        updates, inner = self._optimizer(rate).update(gradients, state[1], params)
        model: Any = eqx.combine(optax.apply_updates(params, updates), rest)
        return (model, inner), loss

    @cached_property
    def _step(self) -> Callable[..., tuple[State, Array]]:
        return eqx.filter_jit(self._taken)

    @cached_property
    def _losses(self) -> Callable[..., Array]:
        @eqx.filter_jit
        def run(state: State, batches: Array, rate: Array, data: tuple[Array, Array]) -> Array:
            moving, rest = eqx.partition(state, eqx.is_array)

            def one(moving: PyTree, batch: Array) -> tuple[PyTree, Array]:
                x, y = data[0][batch], data[1][batch]
                after, loss = self._taken(eqx.combine(moving, rest), x, y, rate)
                return eqx.filter(after, eqx.is_array), loss

            return jax.lax.scan(one, moving, batches)[1]

        return run

    @cached_property
    def _watched(self) -> Callable[..., Array]:
        return eqx.filter_jit(lambda model, x: jax.vmap(tapped(model))(x))

    @cached_property
    def _pull(self) -> Callable[..., Array]:
        @eqx.filter_jit
        def pull(model: eqx.Module, x: Array, y: Array) -> Array:
            outputs = jax.vmap(model)(x)  # pyright: ignore[reportArgumentType]
            return jnp.sum(jnp.abs(jax.grad(partial(loss_of, self.training.loss))(outputs, y)))

        return pull


def loss_of(loss: str | Callable[[Any, Any], Any], outputs: Array, y: Array) -> Array:
    """Loss of a batch: ``"mean"``, ``"cross_entropy"`` over the last axis, or the user's own."""
    if callable(loss):
        return loss(outputs, y)
    if loss == "mean":
        return half_mean_square(outputs, y.reshape(outputs.shape))
    return cross_entropy(outputs.reshape(-1, outputs.shape[-1]), y.reshape(-1))


def optimizer_of(name: str, rate: Any) -> optax.GradientTransformation:
    """Make the optimizer of a name at a learning rate."""
    return _BUILD[name](rate)
