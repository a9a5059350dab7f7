"""Independent solutions of one problem, averaged, with the standard error of the average."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from widthwise.dynamics.mean_field.solution import FieldSolution
from widthwise.numerics.statistics import mean
from widthwise.numerics.threads import one_thread_per_core

_SAMPLED = ("output", "loss", "feature_kernel", "gradient_kernel")
_AVERAGED = (*_SAMPLED, "delta", "forward_response", "backward_response")


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
    return replace(found[0], **values, standard_error=errors, sites=len(found) * found[0].sites)
