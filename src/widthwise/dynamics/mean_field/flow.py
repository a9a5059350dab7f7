"""Gradient flow as the limit of gradient descent in small steps."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from widthwise.dynamics.mean_field.problem import Diverged, Problem
from widthwise.dynamics.mean_field.solution import FieldSolution

_KERNELS = ("feature_kernel", "gradient_kernel")
_VALUES = ("output", "delta", "loss", *_KERNELS)
_SIZES = ("output", *_KERNELS)
_LEVELS = 6  # halvings of the step at most
_FINER = 8  # further halvings where the first steps are so long that descent diverges


def solve_flow(
    problem: Problem,
    march: Callable[[Problem], FieldSolution],
    times: Float[np.ndarray, " t"],
    *,
    step: float,
    tolerance: float,
) -> FieldSolution:
    """Solve gradient flow by descent in steps that are halved, extrapolated to zero step.

    The error of descent is a series in powers of the step, of which each further level removes
    one (Richardson; Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, II.9).

    Parameters
    ----------
    problem
        With ``learning_rates`` of one entry: the rate of the flow.
    march
        Solver of gradient descent.
    times
        Increasing times of at least 0 at which the solution is wanted.
    step
        Length of the longest steps.
    tolerance
        Step error at which halving ends; it also ends at the error of sampling.

    Returns
    -------
    FieldSolution
        With ``step_error``, the last change by extrapolation: of ``output``, or of a kernel
        relative to its largest entry.

    Raises
    ------
    Diverged
        If steps much shorter still diverge.
    """
    spans = np.diff(times, prepend=0.0)
    pieces = np.ceil(spans / step - 1e-9).astype(int)
    row = None
    for _ in range(_FINER):
        try:
            row = [_descend(problem, march, spans, pieces)]
            break
        except Diverged:
            pieces = 2 * pieces
    row = row or [_descend(problem, march, spans, pieces)]
    error = np.inf
    for _ in range(_LEVELS):
        pieces, coarser = 2 * pieces, row
        row = [_descend(problem, march, spans, pieces)]
        for order, before in enumerate(coarser):
            row.append(_extrapolated(row[order], before, 2.0 ** (order + 1)))
        best, last = row[-1], coarser[-1]
        error = _largest(best, {name: getattr(best, name) - getattr(last, name) for name in _SIZES})
        if error <= max(tolerance, _largest(best, best.standard_error)):
            break
    return replace(row[-1], step_error=error, times=times)


def _descend(
    problem: Problem,
    march: Callable[[Problem], FieldSolution],
    spans: Float[np.ndarray, " t"],
    pieces: np.ndarray,
) -> FieldSolution:
    """Descend with so many steps in each span, and keep what is at its end."""
    rates = np.repeat(problem.learning_rates[0] * spans / np.maximum(pieces, 1), pieces)
    found, ends = march(problem.at(rates)), np.cumsum(pieces)
    kept = {name: getattr(found, name)[ends] for name in ("output", "delta", "loss")}
    kept |= {name: _at_both(getattr(found, name), ends) for name in _KERNELS}
    errors = {
        name: _at_both(error, ends) if name in _KERNELS else error[ends]
        for name, error in found.standard_error.items()
    }
    for name in ("forward_response", "backward_response"):  # to noise per step, not per time
        kept[name] = getattr(found, name)[:0, ends]
    return replace(found, problem=problem, standard_error=errors, **kept)


def _largest(solution: FieldSolution, changes: dict[str, np.ndarray]) -> float:
    """Largest change of an output, or of a kernel relative to its largest entry."""
    found = 0.0
    for name in _SIZES:
        unit = np.max(np.abs(getattr(solution, name))) if name in _KERNELS else 1.0
        found = max(found, float(np.max(np.abs(changes.get(name, 0.0)))) / unit)
    return found


def _at_both(kernels: np.ndarray, ends: np.ndarray) -> np.ndarray:
    second = 1 + kernels.ndim // 2  # axes: layer, time and what it has, time and what that has
    return kernels[:, ends].take(ends, second)


def _extrapolated(fine: FieldSolution, coarse: FieldSolution, factor: float) -> FieldSolution:
    """Remove the power of the step that halving divides by ``factor``."""
    values, part = {}, 1 / (factor - 1)
    for name in _VALUES:
        new = getattr(fine, name)
        values[name] = new + part * (new - getattr(coarse, name))
    errors = {  # as if the two were independent
        name: np.hypot((1 + part) * error, part * coarse.standard_error[name])
        for name, error in fine.standard_error.items()
    }
    return replace(fine, standard_error=errors, **values)
