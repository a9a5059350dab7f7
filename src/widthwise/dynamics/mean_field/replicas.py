"""Independent solutions of one problem, averaged, with the standard error of the average."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from scipy.linalg import solve_triangular

from widthwise.dynamics.mean_field.solution import FieldSolution
from widthwise.dynamics.mean_field.whitening import Whitened
from widthwise.numerics.statistics import mean
from widthwise.numerics.threads import one_thread_per_core

_SAMPLED = ("output", "loss", "feature_kernel", "gradient_kernel")
_AVERAGED = (*_SAMPLED, "delta")


def averaged(
    solve: Callable[[np.random.Generator], FieldSolution], seeds: Sequence[np.random.Generator]
) -> FieldSolution:
    """Average the solutions with each of at least two generators; they run on all cores."""
    with one_thread_per_core() as pool:
        found = list(pool.map(solve, seeds))
    samples = {name: np.stack([getattr(one, name) for one in found]) for name in _AVERAGED}
    values = {name: array.mean(axis=0) for name, array in samples.items()}
    samples["ntk"] = np.stack([one.equal_time_ntk for one in found])
    errors = {name: mean(samples[name]).standard_error for name in (*_SAMPLED, "ntk")}
    below = [
        _response([(one.forward_response[k], one.gradient_kernel[k + 1]) for one in found], 0)
        for k in range(len(found[0].forward_response))
    ]
    above = [
        _response([(one.backward_response[k], one.feature_kernel[k]) for one in found], 1)
        for k in range(len(found[0].backward_response))
    ]
    return replace(
        found[0],
        **values,
        forward_response=np.reshape(below, found[0].forward_response.shape),
        backward_response=np.reshape(above, found[0].backward_response.shape),
        standard_error=errors,
        sites=len(found) * found[0].sites,
    )


def _response(pairs: Sequence[tuple[np.ndarray, np.ndarray]], lag: int) -> np.ndarray:
    """Return the response whose product with the averaged kernel is the average of the products.

    Each replica has its own choice of response where its kernel is nearly singular, and an average
    of these choices means nothing: only the product, the average ``<phi r>`` of features and
    field, does. It reaches back to fields at times ``s < t + lag``.
    """
    times = len(pairs[0][0])
    columns = math.isqrt(pairs[0][1].size)
    flat = [(r.reshape(-1, columns), kernel.reshape(columns, columns)) for r, kernel in pairs]
    product = np.mean([r @ kernel for r, kernel in flat], axis=0)
    field = Whitened.of(np.mean([kernel for _, kernel in flat], axis=0))
    pivots = np.asarray(field.pivots)
    averages = solve_triangular(field.factor[pivots], product[:, pivots].T, lower=True).T
    reaction, action = (np.arange(size) // (size // times) for size in (len(product), columns))
    averages[reaction[:, None] + lag <= action[pivots][None, :]] = 0.0
    return field.responses(averages)
