"""Training of one network in steps: a compiled function of its job."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, Key, PyTree

from widthwise.ensembles.training.problem import Job, Problem
from widthwise.ensembles.training.rates import Optimizer, Transformation, rate_factors
from widthwise.ensembles.training.recorders import arrays_of, observe
from widthwise.ensembles.training.schedule import ORDER, batch_of_step
from widthwise.ensembles.training.trained import Recorder, Trained

DIVERGED = 1e6


class Descent(eqx.Module):
    """Trains one network with an Optax transformation, and records it on the way.

    Parameters
    ----------
    problem
        Network, data and loss.
    optimizer
        The transformation, or a function of the learning rate that makes it.
    rates
        Which learning-rate factors of the parametrization apply, ``"sgd"`` or ``"adam"``.
    recorders
        What to keep.
    gaps
        Steps before each record, since the one before.
    batch_size
        Samples in each step; None for all.
    schedule
        The key of the order of samples that all members share; None for one of each member's.
    """

    problem: Problem
    optimizer: Optimizer = eqx.field(static=True)
    rates: str = eqx.field(static=True)
    recorders: tuple[Recorder, ...] = eqx.field(static=True)
    gaps: Int[Array, " t"]
    batch_size: int | None = eqx.field(static=True)
    schedule: Key[Array, ""] | None

    def __call__(self, job: Job) -> tuple[dict[str, Array], Int[Array, ""]]:
        """Train; return what was recorded, times first, and the step of divergence or -1."""
        problem = self.problem
        model = problem.start(job)
        params, frozen = eqx.partition(model.network, eqx.is_inexact_array)
        factors = rate_factors(model.network, params, self.rates, job.richness)
        optimizer = self.transformation(job.learning_rate)
        offset = problem.offset(model)
        order = self.schedule
        if self.batch_size is not None and order is None:
            order = jax.random.fold_in(job.key, ORDER)

        def loss_of(params: PyTree, *batch: Any) -> Array:
            return problem.value(eqx.combine(params, frozen), job.richness, *batch)

        def whole(params: PyTree) -> Array:
            return loss_of(params, problem.x, problem.y, offset)

        limit = DIVERGED * jnp.maximum(whole(params), _loss_at_zero(problem, model))

        def step(_: Array, carry: Any) -> Any:
            params, state, count, diverged = carry
            batch = self.batch(order, count, offset)
            value, gradients = jax.value_and_grad(loss_of)(params, *batch)
            updates, state = optimizer.update(gradients, state, params)
            params = jax.tree.map(
                lambda p, update, factor: p + (factor * update).astype(p.dtype),
                params, updates, factors,
            )  # fmt: skip
            return params, state, count + 1, _first(diverged, value, limit, count)

        def record(carry: Any, gap: Array) -> Any:
            carry = lax.fori_loop(0, gap, step, carry)
            now = eqx.tree_at(lambda m: m.network, model, eqx.combine(carry[0], frozen))
            return carry, arrays_of(observe(self.recorders, problem, now))

        start = (params, optimizer.init(params), jnp.asarray(0), jnp.asarray(-1))
        (params, _, count, diverged), kept = lax.scan(record, start, self.gaps)
        diverged = _first(diverged, whole(params), limit, count)
        late = (diverged >= 0) & (jnp.cumsum(self.gaps) >= diverged)
        return {name: _without(array, late) for name, array in kept.items()}, diverged

    def transformation(self, learning_rate: Float[Array, ""]) -> Transformation:
        """Return the transformation of one network."""
        if isinstance(self.optimizer, Transformation):
            return self.optimizer
        return self.optimizer(learning_rate)

    def batch(
        self, order: Key[Array, ""] | None, step: Array, offset: Array | None
    ) -> tuple[Array, Array, Array | None]:
        """Return inputs, targets and outputs at step 0 of the samples of one step."""
        x, y = self.problem.x, self.problem.y
        if self.batch_size is None or order is None:
            return x, y, offset
        index = batch_of_step(order, step, samples=len(x), batch_size=self.batch_size)
        return x[index], y[index], None if offset is None else offset[index]


def _loss_at_zero(problem: Problem, model: Trained) -> Float[Array, ""]:
    """Loss of a function that is zero."""
    outputs = jax.eval_shape(jax.vmap(model), problem.x)
    value = problem.loss(jnp.zeros(outputs.shape, outputs.dtype), problem.y)
    return jnp.where(jnp.isfinite(value), value, 0.0)


def _first(diverged: Array, value: Array, limit: Array, count: Array) -> Array:
    """Note the step at which the loss is first beyond its limit, or no number."""
    return jnp.where((diverged < 0) & ~(value <= limit), count, diverged)


def _without(array: Array, late: Array) -> Array:
    """Replace what was recorded from divergence on by NaN."""
    if not jnp.issubdtype(array.dtype, jnp.inexact):
        return array
    late = late.reshape((-1,) + (1,) * (array.ndim - 1))
    return jnp.where(late, jnp.nan, array)
