"""One wide network, trained under any loss."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Real, Shaped

from widthwise.dynamics.matrices import KernelMatrices, one_kernel
from widthwise.dynamics.single import Outputs, initial_outputs
from widthwise.dynamics.spectral import product
from widthwise.dynamics.training import Times, check_rates
from widthwise.networks import Sequential


def loss_flow(
    net: Sequential | KernelMatrices,
    x_train: Shaped[ArrayLike, "..."] | None,
    loss: Callable[[Array], Array],
    x_test: Shaped[ArrayLike, "..."] | None = None,
    *,
    initial_train: Real[ArrayLike, "..."],
    initial_test: Real[ArrayLike, "..."] | None = None,
    time: Times,
    learning_rate: float | int = 1.0,
    momentum: float | int | None = None,
    tolerance: float | None = None,
    max_steps: int = 100_000,
    mask_train: Shaped[ArrayLike, "..."] | None = None,
    mask_test: Shaped[ArrayLike, "..."] | None = None,
) -> Outputs:
    """Train ONE wide network by its tangent kernel under any differentiable loss.

    Solves ``df/dt = -learning_rate Theta dloss/df_train`` by an adaptive Runge-Kutta method of
    order 8. For the squared loss, [`gradient_flow`][widthwise.dynamics.gradient_flow] is exact.

    Parameters
    ----------
    net
        The network, or the tangent kernel to train with; this comes with ``x_train=None``.
    x_train, x_test
        Inputs, (n, features) and (m, features); nothing is predicted without ``x_test``.
    loss
        Maps the outputs at all training points, in the shape of ``initial_train``, to a number.
    initial_train, initial_test
        Outputs of the network before training, (n,) or (n, outputs), and m in place of n.
    time
        Finite time or list of times.
    learning_rate, momentum
        As in [`predict`][widthwise.dynamics.predict].
    tolerance
        Relative and absolute error of the outputs allowed in each step of the solver; None takes
        the square root of the rounding unit.
    max_steps
        Steps after which the solver gives up, from each time to the next.
    mask_train, mask_test
        Which positions of padded inputs are real, as for ``net.kernel``; None if all are.

    Returns
    -------
    Outputs
        Fields ``train`` and ``test``.

    Raises
    ------
    ValueError
        If shapes do not fit, or a number is out of range or not finite.
    RuntimeError
        If the solver did not reach the last time within its tolerance and steps.

    Notes
    -----
    Source: Lee et al. (2019, arXiv:1902.06720), equations 6 and 7.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> def cross_entropy(logits):
    ...     return -jax.nn.log_softmax(logits)[jnp.arange(2), jnp.array([0, 1])].mean()
    >>> kernel = KernelMatrices(jnp.eye(2))
    >>> start = jnp.zeros((2, 2))
    >>> trained = loss_flow(kernel, None, cross_entropy, initial_train=start, time=3.0).train
    >>> bool(cross_entropy(trained) < cross_entropy(start))
    True
    """
    import diffrax  # half a second, which those who do not solve equations need not wait

    kernel = one_kernel(net, "ntk", x_train, x_test, mask_train=mask_train, mask_test=mask_test)
    train, test, flat = initial_outputs(kernel, initial_train, initial_test)
    check_rates(learning_rate, momentum)
    times = _checked_times(time)
    if tolerance is None:
        tolerance = float(jnp.finfo(train.dtype).eps ** 0.5)
    if not 0 < tolerance < 1 or max_steps < 1:
        raise ValueError(
            f"tolerance={tolerance}, max_steps={max_steps} were given; the first must lie between "
            "0 and 1, the second be at least 1"
        )
    rows, start = kernel.train_train, train
    if test is not None:
        rows, start = jnp.concatenate([rows, kernel.cross]), jnp.concatenate([train, test])
    dtype = start.dtype
    damping = None if momentum is None else jnp.asarray(1 - momentum, dtype)
    motion = diffrax.ODETerm(_Motion(rows, jnp.asarray(learning_rate, dtype), damping, loss, flat))
    state = (start,) if momentum is None else (start, jnp.zeros_like(start))
    # one solution from each time to the next: interpolation between steps is less accurate
    moments = np.unique(times)
    found = []
    for begin, end in zip((0.0, *moments[:-1]), moments, strict=True):
        solution = diffrax.diffeqsolve(
            motion,
            diffrax.Dopri8(),
            t0=jnp.asarray(begin, dtype),
            t1=jnp.asarray(end, dtype),
            dt0=None,
            y0=state,
            stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance),
            max_steps=max_steps,
            throw=False,
        )
        if solution.result != diffrax.RESULTS.successful or solution.ys is None:
            raise RuntimeError(
                f"the solver gave up on its way to time {end:g}, after "
                f"{solution.stats['num_steps']} steps at tolerance {tolerance:.3g}: give a shorter "
                "time or smaller learning_rate, a larger tolerance or max_steps, or a loss that "
                "is smooth and finite"
            )
        state = tuple(part[-1] for part in solution.ys)
        found.append(state[0])
    outputs = jnp.stack(found)[np.searchsorted(moments, times)]
    trained, predicted = outputs[..., : len(train), :], outputs[..., len(train) :, :]
    if flat:
        trained, predicted = trained[..., 0], predicted[..., 0]
    return Outputs(trained, None if test is None else predicted)


class _Motion(eqx.Module):
    """Velocity of the outputs, training points first; compiled once for each loss function."""

    rows: Float[Array, "p n"]
    learning_rate: Float[Array, ""]
    damping: Float[Array, ""] | None
    loss: Callable[[Array], Array]
    flat: bool

    def __call__(
        self, t: Real[ArrayLike, ""], state: tuple[Array, ...], args: None
    ) -> tuple[Array, ...]:
        del t, args
        train = state[0][: self.rows.shape[1]]
        slope = jax.grad(lambda f: self.loss(f[:, 0] if self.flat else f))(train)
        force = -self.learning_rate * product(self.rows, slope)
        if self.damping is None:
            return (force,)
        return state[1], force - self.damping * state[1]


def _checked_times(time: Times) -> np.ndarray:
    times = np.asarray(time, np.float64)
    if times.ndim > 1 or times.size == 0 or not np.all((times >= 0) & np.isfinite(times)):
        raise ValueError(
            f"time is {times}: give one finite number of at least 0, or a list; under a general "
            "loss training need not end"
        )
    return times
