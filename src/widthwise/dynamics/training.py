"""How a network is trained: flow or steps, for how long, at which rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Real

from widthwise.dynamics.filters import descent_filter, flow_filter, heavy_ball_filter
from widthwise.dynamics.matrices import concrete, require_finite

Loss = Literal["mean", "sum"]
Times = Real[ArrayLike, "..."] | Sequence[float | int]
_ROUNDING = 1e-9  # a learning rate this far above the largest stable one is rounding
_NOTICEABLE = 1e-4  # decay of a zero mode by rounding alone


@dataclass(frozen=True)
class Training:
    """Full-batch training of a linear model under squared loss.

    Parameters
    ----------
    learning_rate
        Factor of every gradient.
    divisor
        What the loss divides half the sum of squared errors by.
    moments
        Times, or numbers of steps, of shape (t,).
    scalar
        Whether they were given as a single number.
    discrete
        Whether they are steps.
    momentum
        None for plain gradient descent.
    """

    learning_rate: float | int
    divisor: int
    moments: np.ndarray
    scalar: bool
    discrete: bool
    momentum: float | int | None

    @property
    def rate(self) -> float:
        """Rate of decay of a mode of eigenvalue one."""
        return self.learning_rate / self.divisor

    @property
    def settled(self) -> bool:
        """Whether only the limit of infinite time is asked for."""
        return bool(np.isinf(self.moments).all())

    def phi(
        self, eigenvalues: Float[Array, " n"], resolution: Float[Array, ""]
    ) -> Float[Array, "t n"]:
        """Return the filter ``phi(lambda)`` of each mode.

        Modes with eigenvalues up to ``resolution`` are zero but for rounding, and taken as zero.
        Rounding would move them in the end: from times when it could be noticed, they are at rest.
        """
        zero = eigenvalues <= resolution
        x = self.rate * jnp.maximum(eigenvalues, 0.0)
        momentum = jnp.asarray(self.momentum or 0.0, x.dtype)
        ended = np.isinf(self.moments)
        if self.discrete:
            phi = descent_filter(x, jnp.asarray(self.moments), momentum)
        else:
            time = jnp.asarray(np.where(ended, 0.0, self.moments), x.dtype)
            if self.momentum is None:
                phi = flow_filter(x, time)
            else:
                phi = heavy_ball_filter(x, time, momentum)
        late = self.rate * resolution * jnp.asarray(self.moments, x.dtype) > _NOTICEABLE
        return self.rate * _at_limits(phi, x, zero, jnp.asarray(ended), late)

    def require_stable(self, name: str, largest: Float[Array, ""]) -> None:
        """Raise ``ValueError`` if steps at this rate diverge in the mode of largest eigenvalue."""
        value = concrete(largest)
        if not self.discrete or value is None:
            return
        limit = 2 * (1 + (self.momentum or 0)) / float(value) if value > 0 else float("inf")
        if self.rate > limit * (1 + _ROUNDING):
            raise ValueError(
                f"gradient descent on the {name} is unstable at learning_rate={self.learning_rate}"
                f": give at most {limit * self.divisor:.6g} (see max_learning_rate), or time "
                "instead of steps for gradient flow"
            )


@jax.jit
def _at_limits(
    phi: Float[Array, "t n"],
    x: Float[Array, " n"],
    zero: Bool[Array, " n"],
    ended: Bool[Array, " t"],
    late: Bool[Array, " t"],
) -> Float[Array, "t n"]:
    """Set the filter at infinite time, and of zero modes at late times."""
    limit = 1 / jnp.where(zero, 1.0, x)
    phi = jnp.where(ended[:, None], limit[None, :], phi)
    return jnp.where((late | ended)[:, None] & zero[None, :], 0.0, phi)


def training_rule(
    size: int,
    *,
    time: Times,
    steps: Times | None,
    learning_rate: float | int,
    momentum: float | int | None,
    loss: Loss,
) -> Training:
    """Check the settings of a training and put them together.

    Parameters
    ----------
    size
        Number of target values.
    time, steps, learning_rate, momentum, loss
        As in [`predict`][widthwise.dynamics.predict].
    """
    check_rates(learning_rate, momentum)
    if loss not in ("mean", "sum"):
        raise ValueError(f"loss is {loss!r}: give 'mean' or 'sum' of the squared errors")
    divisor = size if loss == "mean" else 1
    if steps is None:
        moments = np.asarray(time, np.float64)
        kind, valid = "time", np.all(moments >= 0)
    else:
        if not np.all(np.isinf(np.asarray(time))):
            raise ValueError(
                "time and steps were both given: give time for gradient flow or "
                "steps for gradient descent"
            )
        moments = np.asarray(steps)
        kind, valid = "steps", moments.dtype.kind in "iu" and np.all(moments >= 0)
    if not valid or moments.ndim > 1 or moments.size == 0:
        whole = " whole" if kind == "steps" else ""
        raise ValueError(f"{kind} is {moments}: give one{whole} number of at least 0, or a list")
    return Training(
        learning_rate, divisor, np.atleast_1d(moments), moments.ndim == 0, kind == "steps", momentum
    )


def check_rates(learning_rate: float | int, momentum: float | int | None) -> None:
    """Raise ``ValueError`` for a learning rate or a momentum out of range."""
    if not 0 < learning_rate < float("inf"):
        raise ValueError(f"learning_rate is {learning_rate}: give a positive, finite number")
    if momentum is not None and not 0 <= momentum < 1:
        raise ValueError(f"momentum is {momentum}: give a number in [0, 1), or None for none")


def max_learning_rate(
    ntk: Real[ArrayLike, "..."], size: int, *, momentum: float | int = 0.0
) -> float:
    """Largest learning rate at which gradient descent on the squared loss does not diverge.

    Parameters
    ----------
    ntk
        Tangent kernel of the training points, (n, n).
    size
        What the loss divides the sum of squares by: the number of target values, ``y.size``, for
        half the mean square; 1 for half the sum.
    momentum
        Heavy-ball momentum in [0, 1).

    Returns
    -------
    float
        ``2 (1 + momentum) size / lambda_max``.

    Raises
    ------
    ValueError
        If the kernel is not finite or has no positive eigenvalue, or a number is out of range.

    Notes
    -----
    Derived: the roots of ``z^2 - (1 + momentum - x) z + momentum`` lie in the unit disk exactly
    for ``0 <= x <= 2 (1 + momentum)``.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> max_learning_rate(jnp.diag(jnp.array([1.0, 4.0])), 2)
    1.0
    """
    check_rates(1.0, momentum)
    if size < 1:
        raise ValueError(f"size is {size}: give the number of target values, at least 1")
    require_finite("ntk", ntk)
    largest = float(jnp.linalg.eigvalsh(jnp.asarray(ntk))[-1])
    if largest <= 0:
        raise ValueError(
            f"the largest eigenvalue of the kernel is {largest:.6g}: no learning rate is too "
            "large, or this is no tangent kernel"
        )
    return 2 * (1 + momentum) * size / largest
