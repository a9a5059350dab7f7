"""From the matrices of a march to a solution."""

from collections.abc import Sequence

import numpy as np

from widthwise.dynamics.mean_field.problem import Problem
from widthwise.dynamics.mean_field.solution import FieldSolution, Method


def solution(
    problem: Problem,
    method: Method,
    *,
    gradient_kernel: Sequence[np.ndarray],
    feature_kernel: Sequence[np.ndarray],
    responses: tuple[Sequence[np.ndarray], Sequence[np.ndarray]] = ((), ()),
    sites: int = 0,
    **found: np.ndarray,
) -> FieldSolution:
    """Bring what a march found to the shapes of a `FieldSolution` without errors.

    Parameters
    ----------
    problem, method, sites
        As there.
    gradient_kernel, feature_kernel
        Matrices of each layer over times, points and (gradients) outputs.
    responses
        Forward and backward, likewise.
    **found
        ``output`` and ``delta`` (t, n, k), and ``loss``.
    """
    times, n, fields = len(found["loss"]), (problem.points,), problem.of_outputs

    def shaped(matrices: Sequence[np.ndarray], rows: tuple, columns: tuple) -> np.ndarray:
        return np.reshape(list(matrices), (len(matrices), times, *rows, times, *columns))

    return FieldSolution(
        problem=problem,
        method=method,
        output=found["output"].reshape(times, *fields),
        delta=found["delta"].reshape(times, *fields),
        loss=found["loss"],
        feature_kernel=shaped(feature_kernel, n, n),
        gradient_kernel=shaped(gradient_kernel, fields, fields),
        forward_response=shaped(responses[0], n, fields),
        backward_response=shaped(responses[1], fields, n),
        standard_error={},
        sites=sites,
    )
