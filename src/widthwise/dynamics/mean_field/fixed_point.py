"""The equations of deep linear networks as one map of whole histories: a check of the march.

A march needs no iteration. The map serves to state how far a solution is from its own image, and
its damped iteration as an independent way to the same solution, where it converges.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from widthwise.dynamics.mean_field.deep_linear import (
    Linear,
    Units,
    as_solution,
    couple_backward,
    couple_forward,
)
from widthwise.dynamics.mean_field.problem import Problem
from widthwise.dynamics.mean_field.solution import FieldSolution

_HOPELESS = 1e12


def sweep(
    problem: Problem, m: Linear, outputs: Float[np.ndarray, "t n"]
) -> tuple[Linear, Float[np.ndarray, "t n"]]:
    """Return the image of a whole history: matrices and outputs from those of the last sweep."""
    units, root, depth = Units.of(problem), problem.root, problem.depth
    times, r = problem.steps + 1, root.shape[1]
    force = [problem.delta(outputs[t], t)[0] for t in range(problem.steps)]
    push = problem.learning_rates[:, None] * (np.reshape(force, (-1, len(root))) @ root)
    image, found = Linear.empty(depth, times, r), outputs
    for k in range(1, depth + 1):
        for t in range(times):
            couple_forward(m, units, k, slice(t * r, (t + 1) * r), push[:t], problem.richness)
            couple_backward(m, units, k, t, push[:t], problem.richness)
        c, d = m.forward[k], m.backward[k]
        u = units.variance[k - 1] * m.features[k - 1]
        v = units.variance[k] * units.ratio[k] * m.gradients[k + 1]
        image.h_of_u[k][:] = np.linalg.inv(np.eye(times * r) - c @ d)
        image.g_of_r[k][:] = np.linalg.inv(np.eye(times) - d @ c)
        image.h_of_r[k][:] = image.h_of_u[k] @ c
        image.g_of_u[k][:] = image.g_of_r[k] @ d
        hu, hr, gu, gr = image.h_of_u[k], image.h_of_r[k], image.g_of_u[k], image.g_of_r[k]
        image.features[k][:] = hu @ u @ hu.T + hr @ v @ hr.T
        image.gradients[k][:] = gu @ u @ gu.T + gr @ v @ gr.T
        if k == depth:
            mixed = (hu @ u @ gu.T + hr @ v @ gr.T).reshape(times, r, times)
            found = np.einsum("ik,tkt->ti", root, mixed) / problem.richness
    return image, found


def residual(problem: Problem, m: Linear, outputs: Float[np.ndarray, "t n"]) -> float:
    """Largest difference between a solution and its image, relative to its largest entry."""
    image, found = sweep(problem, m, outputs)
    return _distance(m, image, outputs, found)


def _distance(m: Linear, image: Linear, outputs: np.ndarray, found: np.ndarray) -> float:
    pairs = [(outputs, found)]
    for name in ("features", "gradients", "h_of_r", "g_of_u"):
        pairs += zip(getattr(m, name)[1:-1], getattr(image, name)[1:-1], strict=True)
    return max(float(np.max(np.abs(a - b)) / max(1.0, np.max(np.abs(b)))) for a, b in pairs)


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
    times, r = problem.steps + 1, problem.root.shape[1]
    m = Linear.empty(problem.depth, times, r)
    outputs, distance = np.zeros((times, problem.points)), np.inf
    count = 0
    while count < max_sweeps:
        count += 1
        with np.errstate(over="ignore", invalid="ignore"):
            try:
                image, found = sweep(problem, m, outputs)
            except (ValueError, np.linalg.LinAlgError):  # the iteration exploded, not the descent
                break
            distance = _distance(m, image, outputs, found)
        if distance < tolerance:
            solution = as_solution(problem, image, found)
            return replace(solution, method="fixed_point", residual=distance)
        if not distance < _HOPELESS:
            break
        for name in ("features", "gradients", "h_of_r", "g_of_u"):
            for old, new in zip(getattr(m, name)[1:-1], getattr(image, name)[1:-1], strict=True):
                old *= damping
                old += (1 - damping) * new
        outputs = damping * outputs + (1 - damping) * found
    raise RuntimeError(
        f"the global iteration did not converge: residual {distance:.3g} after {count} sweeps "
        f"at damping={damping}; give more damping, a shorter training, or method='deep_linear'"
    )
