"""One trained network: archived functions of a tangent kernel and initial outputs."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Real

from widthwise import dynamics
from widthwise.compat.neural_tangents.axes import OutputAxes
from widthwise.dynamics import KernelMatrices
from widthwise.dynamics.single import Outputs

Axes = int | Sequence[int]
Values = Real[ArrayLike, "..."] | None


class ODEState(eqx.Module):
    """Outputs, and their velocities under momentum; here only outputs are offered.

    Parameters
    ----------
    fx_train, fx_test
        Outputs at the training and test points.
    qx_train, qx_test
        None.
    """

    fx_train: Any = None
    fx_test: Any = None
    qx_train: Any = None
    qx_test: Any = None


class Problem(eqx.Module):
    """One kernel, targets, and how to read both.

    Parameters
    ----------
    axes
        How to read the kernel.
    k_train_train
        The kernel, as a matrix.
    y_train
        Targets, as given.
    """

    axes: OutputAxes = eqx.field(static=True)
    k_train_train: Float[Array, "n n"]
    y_train: Real[Array, "..."]

    @classmethod
    def of(
        cls, k_train_train: Real[ArrayLike, "..."], y_train: Real[ArrayLike, "..."], trace: Axes
    ) -> "Problem":
        """Check a kernel and targets."""
        y = jnp.asarray(y_train)
        axes = OutputAxes.of(y, trace)
        return cls(axes, axes.matrix("k_train_train", jnp.asarray(k_train_train)), y)

    def kernels(self, k_test_train: Values) -> KernelMatrices:
        """Return the kernels; without test points those of the training points."""
        if k_test_train is None:
            return KernelMatrices(self.k_train_train)
        cross = self.axes.matrix("k_test_train", jnp.asarray(k_test_train))
        return KernelMatrices(self.k_train_train, cross)

    def start(self, fx_0: Values, points: int) -> Float[Array, "rows k"]:
        """Initial outputs, where one number may stand for all, as columns."""
        shape = (points, *self.y_train.shape[1:])
        fx = jnp.asarray(0.0 if fx_0 is None else fx_0, self.k_train_train.dtype)
        return self.axes.columns(jnp.broadcast_to(fx, shape) if fx.ndim == 0 else fx)

    def run(self, flow: Callable[..., Any], t: Any, fx: tuple[Values, Values], test: Values) -> Any:
        """Solve from initial outputs, and give back what was asked for at the times ``t``."""
        if fx[0] is None and fx[1] is None:
            raise ValueError("both initial outputs are None: give fx_train_0, fx_test_0 or both")
        if fx[1] is not None and test is None:
            raise ValueError("fx_test_0 was given without k_test_train: give the kernel too")
        moments, shape = times(t)
        predicted = fx[1] is not None
        points = len(jnp.asarray(test)) if predicted else 0
        solved = flow(
            self.kernels(test if predicted else None),
            initial_train=self.start(fx[0], len(self.y_train)),
            initial_test=self.start(fx[1], points) if predicted else None,
            time=moments,
        )
        found = [
            self.at(part, shape)
            for part, wanted in ((solved.train, fx[0]), (solved.test, fx[1]))
            if wanted is not None
        ]
        return tuple(found) if len(found) > 1 else found[0]

    def at(self, columns: Float[Array, "t rows k"], shape: tuple[int, ...]) -> Float[Array, "..."]:
        """Bring outputs to the axes of times and of the targets."""
        outputs = self.axes.outputs(columns)
        return outputs.reshape(*shape, *outputs.shape[1:])


def times(t: Any) -> tuple[np.ndarray, tuple[int, ...]]:
    """Write times in one axis, None as infinity; return them and the shape they came in."""
    array = np.asarray(np.inf if t is None else t, float)
    return array.reshape(-1), array.shape


def gradient_descent_mse(
    k_train_train: Real[ArrayLike, "..."],
    y_train: Real[ArrayLike, "..."],
    learning_rate: float | int = 1.0,
    diag_reg: float | int = 0.0,
    diag_reg_absolute_scale: bool = False,
    trace_axes: Axes = (-1,),
) -> Callable[..., Any]:
    """Train one network under squared loss: :func:`widthwise.dynamics.gradient_flow`.

    Parameters
    ----------
    k_train_train, y_train
        Tangent kernel of the training points, and targets.
    learning_rate
        Factor of the times.
    diag_reg, diag_reg_absolute_scale
        What is added to the diagonal of the kernel, in units of trace / n or as it is.
    trace_axes
        Axes of the targets that the kernel lacks.

    Returns
    -------
    ``predict_fn(t=None, fx_train_0=0.0, fx_test_0=None, k_test_train=None)``, which gives the
    outputs at the training points, the test points, or both, wherever initial ones are given.
    """
    problem = Problem.of(k_train_train, y_train, trace_axes)
    targets = problem.axes.columns(problem.y_train)

    def predict_fn(
        t: Any = None, fx_train_0: Any = 0.0, fx_test_0: Values = None, k_test_train: Values = None
    ) -> Any:
        def flow(kernels: KernelMatrices, **start: Any) -> Outputs:
            return dynamics.gradient_flow(
                kernels,
                None,
                targets,
                learning_rate=learning_rate,
                diag_reg=diag_reg,
                diag_reg_absolute=diag_reg_absolute_scale,
                **start,
            )

        return problem.run(flow, t, (fx_train_0, fx_test_0), k_test_train)

    return predict_fn


def gradient_descent(
    loss: Callable[[Array, Array], Array],
    k_train_train: Real[ArrayLike, "..."],
    y_train: Real[ArrayLike, "..."],
    learning_rate: float | int = 1.0,
    momentum: float | int | None = None,
    trace_axes: Axes = (-1,),
) -> Callable[..., Any]:
    """Train one network under any loss: :func:`widthwise.dynamics.loss_flow`.

    Parameters
    ----------
    loss
        ``loss(outputs, y_train)``.
    k_train_train, y_train, learning_rate, trace_axes
        As for :func:`gradient_descent_mse`.
    momentum
        Heavy-ball momentum, or None.

    Returns
    -------
    ``predict_fn(t, fx_train_or_state_0=0.0, fx_test_0=None, k_test_train=None)``, at finite times.
    """
    problem = Problem.of(k_train_train, y_train, trace_axes)

    def of_columns(columns: Float[Array, "rows k"]) -> Array:
        return loss(problem.axes.outputs(columns), problem.y_train)

    def flow(kernels: KernelMatrices, **start: Any) -> Outputs:
        return dynamics.loss_flow(
            kernels, None, of_columns, learning_rate=learning_rate, momentum=momentum, **start
        )

    def predict_fn(
        t: Any = None,
        fx_train_or_state_0: Any = 0.0,
        fx_test_0: Values = None,
        k_test_train: Values = None,
    ) -> Any:
        if not isinstance(fx_train_or_state_0, ODEState):
            return problem.run(flow, t, (fx_train_or_state_0, fx_test_0), k_test_train)
        state = fx_train_or_state_0
        if fx_test_0 is not None:
            raise ValueError("fx_test_0 was given beside an ODEState: put it into the state")
        if momentum is not None or state.qx_train is not None or state.qx_test is not None:
            raise NotImplementedError(
                "an ODEState with momentum is not offered: give initial outputs, which start at "
                "rest, and all times at once"
            )
        found = problem.run(flow, t, (state.fx_train, state.fx_test), k_test_train)
        if state.fx_train is None or state.fx_test is None:
            return ODEState(None, found) if state.fx_train is None else ODEState(found)
        return ODEState(*found)

    return predict_fn


def max_learning_rate(
    ntk_train_train: Real[ArrayLike, "..."],
    y_train_size: int | None = None,
    momentum: float | int = 0.0,
    eps: float | int = 1e-12,
) -> float:
    """Largest stable learning rate: :func:`widthwise.dynamics.max_learning_rate`.

    Parameters
    ----------
    ntk_train_train
        Tangent kernel, (n, n) or with axes of outputs in pairs.
    y_train_size
        Number of target values; None takes the rows of the kernel.
    momentum
        Heavy-ball momentum.
    eps
        Not needed: a kernel without a positive eigenvalue is refused.
    """
    del eps
    kernel = jnp.asarray(ntk_train_train)
    if kernel.ndim % 2 or not kernel.ndim:
        raise ValueError(f"ntk_train_train has shape {kernel.shape}: give axes in pairs, (n, n)")
    matrix = OutputAxes(kernel.shape[::2], ()).matrix("ntk_train_train", kernel)
    size = len(matrix) if y_train_size is None else int(y_train_size)
    return dynamics.max_learning_rate(matrix, size, momentum=momentum)
