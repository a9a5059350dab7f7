"""Regression with the kernel of an infinitely wide network, on very many points."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import ArrayLike, Float, Shaped

from widthwise.dynamics.kernel_solver import Solver, solve_directly, solve_iteratively
from widthwise.dynamics.matrices import require_finite
from widthwise.networks import KernelOperator, Sequential
from widthwise.numerics.statistics import Estimate, mean


@dataclass(frozen=True, eq=False)
class KernelRegression:
    """A kernel regression, solved.

    Attributes
    ----------
    kernel
        Kernel of the training points.
    weights
        Solution of ``(K + ridge) weights = y - offset``, (n, outputs).
    offset
        What is added to predictions: the frequencies of the classes, zero without classes.
    classes
        The labels that the outputs stand for; None if targets were numbers.
    ridge
        What was added to the diagonal of the kernel.
    method
        ``"direct"`` or ``"iterative"``.
    converged
        Whether the residual is below the tolerance.
    residual
        ``|y - offset - (K + ridge) weights| / |y - offset|`` of each output, computed at the end.
    residuals
        The same after each iteration, (iterations + 1, outputs), from the recurrence of the method.
    seconds
        Time it took, that of interrupted runs before included.
    flat
        Whether targets came without an axis of outputs.
    """

    kernel: KernelOperator
    weights: Float[np.ndarray, "n outputs"]
    offset: Float[np.ndarray, " outputs"]
    classes: Shaped[np.ndarray, " outputs"] | None
    ridge: float
    method: Literal["direct", "iterative"]
    converged: bool
    residual: Float[np.ndarray, " outputs"]
    residuals: Float[np.ndarray, "iterations outputs"]
    seconds: float
    flat: bool

    @property
    def iterations(self) -> int:
        """Products with the kernel matrix; 0 for the direct method."""
        return len(self.residuals) - 1

    def predict(
        self, x: Shaped[ArrayLike, "..."], *, mask: Shaped[ArrayLike, "..."] | None = None
    ) -> Float[np.ndarray, "m *outputs"]:
        """Predict at new inputs, in tiles: (m,) or (m, outputs), for classes their scores.

        Parameters
        ----------
        x
            Inputs.
        mask
            Which of their positions are real; None if all are.
        """
        k = self.kernel
        test = k.net.kernel_operator(
            x, k.x1, which=k.which, tile=k.size, devices=k.devices, mask1=mask, mask2=k.mask1
        )
        found = test @ self.weights + self.offset[None]
        return found[:, 0] if self.flat else found

    def classify(
        self, x: Shaped[ArrayLike, "..."], *, mask: Shaped[ArrayLike, "..."] | None = None
    ) -> Shaped[np.ndarray, " m"]:
        """Return the class of the largest score; inputs as for :meth:`predict`.

        Raises
        ------
        ValueError
            If targets were numbers.
        """
        if self.classes is None:
            raise ValueError("targets were numbers: give integer labels to get classes, or predict")
        return self.classes[np.argmax(self.predict(x, mask=mask), axis=1)]

    def accuracy(
        self,
        x: Shaped[ArrayLike, "..."],
        labels: Shaped[ArrayLike, "..."],
        *,
        mask: Shaped[ArrayLike, "..."] | None = None,
    ) -> Estimate:
        """Part of the labels that ``classify`` finds, with its standard error over the inputs."""
        found, right = self.classify(x, mask=mask), np.asarray(labels)
        if found.shape != right.shape:
            raise ValueError(f"labels have shape {right.shape}: give {found.shape}")
        return mean((found == right).astype(np.float64))


def kernel_regression(
    net: Sequential,
    x: Shaped[ArrayLike, "..."],
    y: Shaped[ArrayLike, "..."],
    *,
    which: Literal["nngp", "ntk"] = "ntk",
    ridge: float,
    solver: Solver = Solver(),  # noqa: B008
    checkpoint: str | Path | None = None,
    mask: Shaped[ArrayLike, "..."] | None = None,
) -> KernelRegression:
    """Fit targets with one of the kernels of an infinitely wide network.

    Parameters
    ----------
    net
        The network.
    x
        Training inputs, as for ``net.kernel``. The kernel has their dtype; sums are in float64.
    y
        Integer labels (n,), of which each class becomes an output, one for its members and zero
        for the others, less its mean; or real numbers, (n,) or (n, outputs), as they are.
    which
        The NTK gives the mean of an ensemble trained to the end, the NNGP the Bayesian posterior.
    ridge
        Multiple of the mean of the kernel's diagonal that is added to the diagonal, as ``diag_reg``
        of [`predict`][widthwise.dynamics.predict]. Positive.
    solver
        How to solve.
    checkpoint
        Folder in which an iterative solve keeps where it stands after each iteration. The same
        call goes on from there, with the numbers of a call that was not interrupted.
    mask
        Which positions of the inputs are real, as for ``net.kernel``; None if all are.

    Returns
    -------
    KernelRegression

    Raises
    ------
    ValueError
        If shapes do not fit, a number is not finite or the kernel plus ridge is not positive
        definite; if the checkpoint is damaged or of another problem; and, as ``NotConverged``, if
        the tolerance was not reached.

    Notes
    -----
    The iteration is conjugate gradients, preconditioned by randomly pivoted Cholesky (Diaz et al.,
    2023, arXiv:2304.12465).

    Examples
    --------
    >>> import widthwise.networks as nets
    >>> net = nets.Sequential(nets.Dense(8), nets.Relu(), nets.Dense(1))
    >>> found = kernel_regression(net, np.eye(4), np.array([0, 1, 1, 0]), ridge=0.01)
    >>> found.classify(np.eye(4)).tolist(), found.method, found.converged
    ([0, 1, 1, 0], 'direct', True)
    """
    if not 0 < ridge < float("inf"):
        raise ValueError(f"ridge is {ridge}: give a positive, finite number")
    kernel = net.kernel_operator(x, which=which, mask1=mask)
    points = kernel.shape[0]
    kernel = replace(kernel, memory=solver.tiles(points))
    require_finite("x", kernel.x1)
    targets, offset, classes = _targets(y, points)
    absolute = float(ridge) * kernel.trace() / points
    require_finite("the diagonal of the kernel", absolute)
    if solver.is_direct(points):
        solved = solve_directly(kernel, absolute, targets, solver=solver)
    else:
        folder = None if checkpoint is None else Path(checkpoint)
        solved = solve_iteratively(kernel, absolute, targets, solver=solver, folder=folder)
    return KernelRegression(
        kernel=kernel,
        weights=solved.weights,
        offset=offset,
        classes=classes,
        ridge=absolute,
        method="direct" if solver.is_direct(points) else "iterative",
        converged=bool(solved.residual.max() <= solver.tolerance),
        residual=solved.residual,
        residuals=solved.residuals,
        seconds=solved.seconds,
        flat=classes is None and np.ndim(y) == 1,
    )


def _targets(
    y: Shaped[ArrayLike, "..."], points: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return targets (n, outputs), what to add to predictions, and the classes."""
    array = np.asarray(y)
    if array.ndim not in (1, 2) or len(array) != points or array.size == 0:
        raise ValueError(
            f"y has shape {array.shape}: give ({points},) or ({points}, outputs), one row for each "
            "input"
        )
    if array.dtype.kind in "iub" and array.ndim == 1:
        classes, index = np.unique(array, return_inverse=True)
        members = np.eye(len(classes))[index]
        offset = members.mean(axis=0)
        return members - offset[None], offset, classes
    require_finite("y", array)
    numbers = np.array(array, np.float64).reshape(points, -1)
    return numbers, np.zeros(numbers.shape[1]), None
