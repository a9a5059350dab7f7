"""The training that is described: full-batch gradient descent in the mean-field scaling.

Points enter through the Gram matrix of their inputs alone; those that are trained come first. The
network is ``f = w . phi(h^L) / (gamma N)``, its rates are the learning rate times ``gamma^2 N``.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Real

from widthwise.dynamics.matrices import require_finite
from widthwise.dynamics.mean_field.losses import Loss
from widthwise.dynamics.training import check_rates
from widthwise.kernels.infinite_width import checked_covariance
from widthwise.numerics.choices import check_choice
from widthwise.numerics.losses import SQUARED

_DIVERGED = 1e6  # slope of the loss, relative to that at the start, beyond which steps diverge
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Descent:
    """Gradient descent on points of given Gram matrix.

    Parameters
    ----------
    input_kernel
        ``x @ x.T / d`` of all points, (n, n); the trained points come first.
    targets
        Of the trained points, (p,) or (p, 1), ``p <= n``.
    steps
        Number of updates, at least 1.
    learning_rate
        Before the factors ``richness^2`` and ``width``.
    richness
        ``gamma_0``: 1 learns features, towards 0 the kernel stands still.
    loss
        ``"mean"`` or ``"sum"`` for half that of the squared errors, or a function
        ``loss(outputs, targets) -> scalar`` of two arrays (p,).
    centered
        Whether the initial outputs are subtracted.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is out of range, or the Gram matrix is none.
    """

    input_kernel: Real[np.ndarray, "..."]
    targets: Real[np.ndarray, "..."]
    steps: int
    learning_rate: float | int
    richness: float | int = 1.0
    loss: Loss = "mean"
    centered: bool = False

    def __post_init__(self) -> None:
        kernel = checked_covariance(self.input_kernel)
        spectrum = np.linalg.eigvalsh(kernel)
        if spectrum[0] < -_ROUNDING * max(spectrum[-1], 1e-300):
            raise ValueError(
                f"input_kernel has the eigenvalue {spectrum[0]:.3g}: give a matrix of scalar "
                "products, x @ x.T / d, which has none below zero"
            )
        targets = np.asarray(self.targets, np.float64)
        if targets.ndim not in (1, 2) or targets.shape[1:] not in ((), (1,)):
            raise ValueError(
                f"targets have shape {targets.shape}: give (p,) or (p, 1); fluctuations are "
                "derived for one output, for more of them train an ensemble (widthwise.train)"
            )
        if not 1 <= len(targets) <= len(kernel):
            raise ValueError(f"{len(targets)} targets were given for {len(kernel)} points")
        require_finite("targets", targets)
        if isinstance(self.steps, bool) or not isinstance(self.steps, int) or self.steps < 1:
            raise ValueError(f"steps is {self.steps!r}: give a whole number of at least 1")
        check_rates(self.learning_rate, None)
        if not 0 <= self.richness < float("inf"):
            raise ValueError(
                f"richness is {self.richness}: give a positive number, or 0 for the lazy limit"
            )
        if not callable(self.loss):
            if self.loss == "cross_entropy":
                raise ValueError(
                    "loss is 'cross_entropy', which needs an output for every class: fluctuations "
                    "are derived for one output; give a function of it, for example "
                    "lambda f, y: jax.numpy.logaddexp(0, -y * f).sum(), or train an ensemble"
                )
            check_choice("loss", self.loss, tuple(SQUARED))
        object.__setattr__(self, "input_kernel", kernel)
        object.__setattr__(self, "targets", targets.reshape(-1))

    @property
    def points(self) -> int:
        """Number of points."""
        return len(self.input_kernel)

    @property
    def trained(self) -> int:
        """Number of those that are trained."""
        return len(self.targets)

    @property
    def objective(self) -> Callable[[Array, Array], Array]:
        """The loss as a function of outputs and targets."""
        if callable(self.loss):
            return self.loss
        return SQUARED[self.loss]

    @property
    def signal(self) -> float:
        """Size of what is learned: the norm of the targets under a squared loss, otherwise 0."""
        return 0.0 if callable(self.loss) else float(np.linalg.norm(self.targets))

    def with_gains(self, first: float, last: float) -> "Descent":
        """Absorb multipliers of the first and last layer.

        ``last * w`` at richness gamma and rate eta is ``w`` at ``gamma / last``, ``eta last^2``.
        """
        return replace(
            self,
            input_kernel=first**2 * self.input_kernel,
            richness=self.richness / last,
            learning_rate=self.learning_rate * last**2,
        )

    def force(self, outputs: Float[Array, " p"]) -> Float[Array, " p"]:
        """``-dLoss/df`` at outputs of the trained points."""
        return force(self.objective, outputs, jnp.asarray(self.targets))

    def require_converging(self, forces: Float[ArrayLike, "t p"]) -> None:
        """Raise ``ValueError`` if the infinitely wide network diverges."""
        forces = np.asarray(forces)
        with np.errstate(invalid="ignore"):
            size = np.max(np.abs(forces), axis=1)
            gone = ~(size <= _DIVERGED * max(float(size[0]), 1.0))
        if gone.any():
            raise ValueError(
                f"gradient descent diverges at infinite width after {int(np.argmax(gone))} steps "
                f"at learning_rate={self.learning_rate:.6g}: give a smaller one (squared losses "
                "are stable below 2 / largest eigenvalue of the tangent kernel)"
            )

    def loss_derivatives(self, outputs: Float[np.ndarray, "t n"]) -> "LossDerivatives":
        """Loss of the trained points and its derivatives along a trajectory."""
        with jax.enable_x64(True):
            found = _derivatives(
                self.objective, jnp.asarray(outputs[:, : self.trained]), jnp.asarray(self.targets)
            )
        return LossDerivatives(*(np.asarray(part) for part in found))

    def curvature_drift(
        self, outputs: Float[np.ndarray, "t n"], covariances: Float[np.ndarray, "t p p"]
    ) -> Float[np.ndarray, "t p"]:
        """``(1/2) d^3Loss : covariance``, with which fluctuations change the mean slope."""
        with jax.enable_x64(True):
            drift = _drift(
                self.objective,
                jnp.asarray(outputs[:, : self.trained]),
                jnp.asarray(self.targets),
                jnp.asarray(covariances),
            )
        return np.asarray(drift)


@dataclass(frozen=True, eq=False)
class LossDerivatives:
    """Loss, gradient and Hessian in the outputs of the trained points, at every step."""

    value: Float[np.ndarray, " t"]
    gradient: Float[np.ndarray, "t p"]
    hessian: Float[np.ndarray, "t p p"]


def force(objective: Callable, outputs: Array, targets: Array) -> Array:
    """``-dLoss/df``, differentiable."""
    return -jax.grad(lambda f: objective(f, targets))(outputs)


@partial(jax.jit, static_argnums=0)
def _derivatives(objective: Callable, outputs: Array, targets: Array) -> tuple[Array, ...]:
    def one(f: Array) -> tuple[Array, Array, Array]:
        value = objective(f, targets)
        slope = -force(objective, f, targets)
        return value, slope, -jax.jacfwd(partial(force, objective, targets=targets))(f)

    return jax.vmap(one)(outputs)


@partial(jax.jit, static_argnums=0)
def _drift(objective: Callable, outputs: Array, targets: Array, covariances: Array) -> Array:
    def one(f: Array, covariance: Array) -> Array:
        def spread(f: Array) -> Array:
            hessian = -jax.jacfwd(partial(force, objective, targets=targets))(f)
            return jnp.sum(hessian * covariance) / 2

        return jax.grad(spread)(f)

    return jax.vmap(one)(outputs, covariances)
