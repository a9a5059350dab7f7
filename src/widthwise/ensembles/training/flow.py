"""Training of one network by gradient flow: a compiled function of its job."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PyTree, Real

from widthwise.ensembles.training.problem import Job, Problem
from widthwise.ensembles.training.rates import rate_factors
from widthwise.ensembles.training.recorders import arrays_of, observe
from widthwise.ensembles.training.trained import Recorder


class Flow(eqx.Module):
    """Solves d(parameters)/dt = - learning rates * gradient for one network.

    By Tsitouras' Runge-Kutta method of order 5 with adaptive steps, which end at every time that
    is recorded.

    Parameters
    ----------
    problem
        Network, data and loss.
    recorders
        What to keep.
    times
        When, ascending.
    tolerance
        Relative and absolute error of the parameters allowed in each step.
    max_steps
        Steps after which the solver gives up.
    """

    problem: Problem
    recorders: tuple[Recorder, ...] = eqx.field(static=True)
    times: Float[Array, " t"]
    tolerance: float = eqx.field(static=True)
    max_steps: int = eqx.field(static=True)

    def __call__(self, job: Job) -> tuple[dict[str, Array], Float[Array, ""]]:
        """Train; return what was recorded, and the first time that was not reached or -1."""
        import diffrax  # half a second, which those who do not solve equations need not wait

        problem = self.problem
        model = problem.start(job)
        params, frozen = eqx.partition(model.network, eqx.is_inexact_array)
        factors = rate_factors(model.network, params, "sgd", job.richness)
        offset = problem.offset(model)

        def velocity(t: Real[ArrayLike, ""], params: PyTree, args: Any) -> PyTree:
            del t, args

            def value(params: PyTree) -> Array:
                network = eqx.combine(params, frozen)
                return problem.value(network, job.richness, problem.x, problem.y, offset)

            gradients = jax.grad(value)(params)
            return jax.tree.map(lambda g, f: -job.learning_rate * f * g, gradients, factors)

        def record(t: Real[ArrayLike, ""], params: PyTree, args: Any) -> dict[str, Array]:
            del t, args
            now = eqx.tree_at(lambda m: m.network, model, eqx.combine(params, frozen))
            return arrays_of(observe(self.recorders, problem, now))

        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(velocity),  # pyright: ignore[reportArgumentType]
            diffrax.Tsit5(),
            t0=jnp.zeros_like(self.times[0]),
            t1=self.times[-1],
            dt0=None,
            y0=params,
            saveat=diffrax.SaveAt(ts=self.times, fn=record),
            stepsize_controller=diffrax.ClipStepSizeController(
                diffrax.PIDController(rtol=self.tolerance, atol=self.tolerance),
                step_ts=self.times,
            ),
            max_steps=self.max_steps,
            throw=False,
        )
        assert solution.ys is not None
        assert solution.ts is not None
        reached = jnp.isfinite(solution.ts)
        stopped = jnp.where(reached.all(), -1.0, self.times[jnp.argmin(reached)])

        def kept(array: Array) -> Array:
            if not jnp.issubdtype(array.dtype, jnp.inexact):
                return array
            return jnp.where(reached.reshape((-1,) + (1,) * (array.ndim - 1)), array, jnp.nan)

        return jax.tree.map(kept, solution.ys), stopped


def flow_of(
    problem: Problem,
    recorders: tuple[Recorder, ...],
    times: np.ndarray,
    *,
    tolerance: float | None,
    max_steps: int,
) -> Flow:
    """Check the settings of the solver, and put them together."""
    dtype = problem.x.dtype
    if tolerance is None:
        tolerance = float(jnp.finfo(dtype).eps ** (2 / 3))
    if not 0 < tolerance < 1 or max_steps < 1:
        raise ValueError(
            f"tolerance={tolerance}, max_steps={max_steps} were given; the first must lie between "
            "0 and 1, the second be at least 1"
        )
    return Flow(problem, recorders, jnp.asarray(times, dtype), tolerance, max_steps)


def checked_times(times: Sequence[float | int] | np.ndarray) -> np.ndarray:
    """Check at which times to record.

    Raises
    ------
    ValueError
        If they are not ascending, finite and not negative, or all zero.
    """
    given = np.asarray(times, np.float64)
    valid = given.ndim == 1 and given.size > 0 and np.all(np.isfinite(given))
    if not valid or given[0] < 0 or given[-1] <= 0 or np.any(np.diff(given) <= 0):
        raise ValueError(f"times is {times}: give ascending, finite times of at least 0")
    return given
