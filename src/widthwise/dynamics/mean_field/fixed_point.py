"""Deep linear networks by damped iteration of their equations over whole histories.

A march needs no iteration. This is an independent way to the same solution, where it converges.
"""

from dataclasses import replace

import numpy as np

from widthwise.dynamics.mean_field.deep_linear import as_solution
from widthwise.dynamics.mean_field.linear import Linear, Units, distance, sweep
from widthwise.dynamics.mean_field.problem import Problem
from widthwise.dynamics.mean_field.solution import FieldSolution

_HOPELESS = 1e12


def solve_fixed_point(
    problem: Problem, *, damping: float = 0.5, tolerance: float = 1e-10, max_sweeps: int = 2000
) -> FieldSolution:
    """Solve a deep linear network by damped iteration of the global equations.

    Only as a check: the march of `solve_deep_linear` is exact and always finishes.

    Parameters
    ----------
    problem
        What is solved.
    damping
        Part of the old history kept in each sweep, in [0, 1).
    tolerance
        Residual at which it stops.
    max_sweeps
        Sweeps after which it gives up.

    Raises
    ------
    ValueError
        If an activation is not a multiple of the identity.
    RuntimeError
        If it does not converge.
    """
    if not problem.constants.linear:
        raise ValueError("method 'fixed_point' is for linear networks: give Identity(), or 'auto'")
    if not 0 <= damping < 1:
        raise ValueError(f"damping is {damping}: give a number in [0, 1)")
    times = problem.steps + 1
    m = Linear.empty(Units.of(problem), times)
    outputs, error = np.zeros((times, problem.points, problem.outputs)), np.inf
    count = 0
    while count < max_sweeps:
        count += 1
        with np.errstate(over="ignore", invalid="ignore"):
            try:
                image, found = sweep(problem, m, outputs)
            except (ValueError, np.linalg.LinAlgError):  # the iteration exploded, not the descent
                break
            error = distance(m, image, outputs, found)
        if error < tolerance:
            solution = as_solution(problem, image, found)
            return replace(solution, method="fixed_point", residual=error)
        if not error < _HOPELESS:
            break
        for name in ("features", "gradients", "h_of_r", "g_of_u"):
            for old, new in zip(getattr(m, name)[1:-1], getattr(image, name)[1:-1], strict=True):
                old *= damping
                old += (1 - damping) * new
        outputs = damping * outputs + (1 - damping) * found
    raise RuntimeError(
        f"the global iteration did not converge: residual {error:.3g} after {count} sweeps "
        f"at damping={damping}; give more damping, a shorter training, or method='deep_linear'"
    )
