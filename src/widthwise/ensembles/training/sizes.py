"""How many networks are trained side by side: as many as fit in a core's cache, or in memory."""

import math

import jax

from widthwise.ensembles.training.problem import Problem


def fitting_batch(problem: Problem, count: int, threads: int) -> int:
    """Count the networks of one batch."""
    numbers = numbers_of(problem)
    room, most = (2**18, 32) if jax.default_backend() == "cpu" else (2**30, 2**14)
    return max(1, min(most, room // numbers, -(-count // threads)))


def numbers_of(problem: Problem) -> int:
    """Count the numbers that one step of one network touches: weights and features, twice each."""
    rows = problem.net.parameter_table(problem.x.shape[1:])
    weights = sum(math.prod(row.shape) for row in rows)
    features = sum(row.shape[0] for row in rows) * len(problem.x)
    return 3 * weights + 3 * features
