"""Solving (K + ridge) a = y with the kernel of very many inputs, directly or by iteration."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import scipy.linalg as sl
from jaxtyping import Float

from widthwise.dynamics.kernel_checkpoint import Checkpoint, Progress, problem_of
from widthwise.experiments.progress import residual_bar
from widthwise.networks import KernelOperator
from widthwise.numerics.conjugate_gradients import conjugate_gradients, first_iterate
from widthwise.numerics.low_rank import LowRank, pivoted_cholesky, shifted_inverse
from widthwise.numerics.memory import as_bytes, in_words

_log = logging.getLogger("widthwise")

_DIRECT = 15_000  # points up to which factoring takes less time than iterating
_RANK = 2_000  # of the preconditioner, at most unless given
_PER_RANK = 30  # points for each column of the preconditioner, at least unless given
_RESTARTS = 3  # from the true residual, where rounding has parted it from the recurrence

Method = Literal["auto", "direct", "iterative"]


class NotConverged(ValueError):
    """The iteration ended with a residual above the tolerance."""


@dataclass(frozen=True)
class Solver:
    """How a kernel regression is solved.

    Parameters
    ----------
    method
        ``"direct"``: a Cholesky factorization in float64, ``8 n^2`` bytes. ``"iterative"``:
        conjugate gradients with a preconditioner of low rank. ``"auto"``: direct up to 15,000
        points, if it fits ``memory``.
    tolerance
        Largest relative residual ``|y - (K + ridge) a| / |y|`` of any output.
    rank
        Columns of the preconditioner; by default a thirtieth of the points, at most 2,000.
    memory
        For the matrix, or for the preconditioner and the tiles of the kernel that are kept: a
        symmetric kernel in float32 takes ``2 n^2`` bytes. Tiles beyond are computed in each
        iteration.
    max_iterations
        Where to give up.
    on_failure
        ``"raise"``, or ``"return"`` what there is, marked as not converged.
    seed
        Of the columns drawn for the preconditioner.
    progress
        Whether to draw a bar; by default where standard error is a terminal.
    """

    method: Method = "auto"
    tolerance: float = 1e-6
    rank: int | None = None
    memory: str | int = "8GB"
    max_iterations: int = 500
    on_failure: Literal["raise", "return"] = "raise"
    seed: int = 0
    progress: bool | None = None

    def __post_init__(self) -> None:
        if not 0 < self.tolerance < 1:
            raise ValueError(f"tolerance is {self.tolerance}: give a number between 0 and 1")
        if self.rank is not None and self.rank < 1:
            raise ValueError(f"rank is {self.rank}: give at least 1, or None")
        if self.max_iterations < 1:
            raise ValueError(f"max_iterations is {self.max_iterations}: give at least 1")
        as_bytes("memory", self.memory)

    @property
    def bytes(self) -> int:
        """Memory in bytes."""
        return as_bytes("memory", self.memory)

    def is_direct(self, points: int) -> bool:
        """Say whether the matrix of so many points is factored."""
        return self.method == "direct" or (
            self.method == "auto" and points <= _DIRECT and 8 * points**2 <= self.bytes
        )

    def columns(self, points: int) -> int:
        """Columns of the preconditioner."""
        wanted = self.rank or max(1, min(_RANK, points // _PER_RANK))
        return min(wanted, points, max(1, self.bytes // (32 * points)))

    def tiles(self, points: int) -> int:
        """Bytes that are left for the tiles of the kernel."""
        if self.is_direct(points):
            return 0
        return max(0, self.bytes - 16 * points * self.columns(points))


@dataclass(frozen=True)
class Solved:
    """Weights, and how they were found; see :class:`KernelRegression`."""

    weights: Float[np.ndarray, "n k"]
    residual: Float[np.ndarray, " k"]
    residuals: Float[np.ndarray, "iterations k"]
    seconds: float


def solve_directly(
    kernel: KernelOperator, ridge: float, y: Float[np.ndarray, "n k"], *, solver: Solver
) -> Solved:
    """Factor the matrix in place, in float64.

    Raises
    ------
    ValueError
        If it does not fit the memory, or is not positive definite.
    """
    start = time.perf_counter()
    needed = 8 * len(y) ** 2
    if needed > solver.bytes:
        raise ValueError(
            f"the direct method needs {in_words(needed)} for {len(y)} points, and memory is "
            f"{solver.memory}: allow more, or give method='iterative'"
        )
    matrix = kernel.todense(memory=needed, dtype=np.float64).T  # columns in order, for LAPACK
    every = np.diag_indices_from(matrix)
    matrix[every] += ridge
    diagonal = matrix[every]
    try:
        factor = sl.cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError:
        raise ValueError(
            f"the kernel of the training points plus ridge {ridge:.3g} is not positive definite "
            "beyond rounding: give a larger ridge, or inputs in float64"
        ) from None
    weights = sl.cho_solve(factor, y, check_finite=False)
    whole = factor[0]  # its upper triangle is still that of the matrix
    whole[every] = diagonal
    (dsymm,) = sl.get_blas_funcs(("symm",), (whole, weights))
    error = y - dsymm(1.0, whole, weights, lower=0)
    residual = _relative(error, y)
    return Solved(weights, residual, residual[None], time.perf_counter() - start)


def solve_iteratively(
    kernel: KernelOperator,
    ridge: float,
    y: Float[np.ndarray, "n k"],
    *,
    solver: Solver,
    folder: Path | None,
) -> Solved:
    """Iterate until the true residual is below the tolerance.

    Raises
    ------
    NotConverged
        If it is not after ``max_iterations``, and the solver is to raise.
    ValueError
        If the matrix is not positive definite, or the checkpoint is damaged or of another problem.
    """
    clock = time.perf_counter()
    checkpoint = None if folder is None else Checkpoint(folder, _problem(kernel, ridge, y, solver))
    kept = None if checkpoint is None else checkpoint.read_progress()
    low_rank = _preconditioner(kernel, solver.columns(len(y)), solver.seed, checkpoint)
    # What the factor misses acts like a ridge of its mean: that saves the first iterations.
    precondition = shifted_inverse(low_rank.factor, ridge + low_rank.left * kernel.trace() / len(y))
    at = first_iterate(y.copy(), precondition) if kept is None else kept.iterate
    residuals = [_relative(at.residual, y)] if kept is None else kept.residuals
    before = 0.0 if kept is None else kept.seconds
    residual = residuals[-1]

    def multiply(v: np.ndarray) -> np.ndarray:
        return kernel @ v + ridge * v

    def seconds() -> float:
        return before + time.perf_counter() - clock

    below = solver.tolerance * np.linalg.norm(y, axis=0)
    with residual_bar("regression", solver.tolerance, show=solver.progress) as advance:
        for _ in range(1 + _RESTARTS):
            start = at
            for at in conjugate_gradients(multiply, precondition, start, below=below):
                residuals.append(_relative(at.residual, y))
                advance(at.iteration, float(residuals[-1].max()))
                if checkpoint is not None:
                    checkpoint.write_progress(Progress(at, residuals, seconds()))
                if at.iteration >= solver.max_iterations:
                    break
            error = y - multiply(at.solution)
            residual = _relative(error, y)
            if residual.max() <= solver.tolerance or at.iteration >= solver.max_iterations:
                break
            again = {"solution": at.solution, "iteration": at.iteration}
            at = first_iterate(error, precondition, **again)
    if residual.max() > solver.tolerance and solver.on_failure == "raise":
        raise NotConverged(_failure(residual.max(), at.iteration, low_rank, solver))
    return Solved(at.solution, residual, np.stack(residuals), seconds())


def _preconditioner(
    kernel: KernelOperator, rank: int, seed: int, checkpoint: Checkpoint | None
) -> LowRank:
    found = None if checkpoint is None else checkpoint.read_preconditioner()
    if found is None:
        found = pivoted_cholesky(kernel, rank, seed=seed)
        if checkpoint is not None:
            checkpoint.write_preconditioner(found)
    text = "preconditioner of rank %d misses %.3g of the trace"
    _log.info(text, found.factor.shape[1], found.left)
    return found


def _problem(kernel: KernelOperator, ridge: float, y: np.ndarray, solver: Solver) -> str:
    """Tell problems apart; a few entries stand for functions whose names may be equal."""
    words = f"{kernel.net!r} {kernel.which} {ridge!r} {solver.columns(len(y))} {solver.seed}"
    masks = () if kernel.mask1 is None else (kernel.mask1,)
    return problem_of(words, kernel.x1, *masks, y, kernel.block(slice(8), slice(8)))


def _relative(error: np.ndarray, y: np.ndarray) -> np.ndarray:
    scale = np.linalg.norm(y, axis=0)
    return np.linalg.norm(error, axis=0) / np.where(scale > 0, scale, 1.0)


def _failure(residual: float, iterations: int, low_rank: LowRank, solver: Solver) -> str:
    return (
        f"the relative residual is {residual:.3g} after {iterations} iterations, and tolerance is "
        f"{solver.tolerance:.3g} (the preconditioner of rank {low_rank.factor.shape[1]} misses "
        f"{low_rank.left:.3g} of the trace): give a larger rank, ridge or max_iterations, or "
        "on_failure='return' to get what there is"
    )
