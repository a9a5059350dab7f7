"""One hidden layer: neurons interact only through the outputs, so a set of neurons is marched.

Each has pre-activations h (n,) and a readout weight w. With g = w phi'(h), b = learning_rate delta:

    h <- h + rate_0 richness K (b g),  w <- w + rate_1 richness b . phi(h),
    f = <w phi(h)> / richness

from h = B v, v ~ N(0, sigma_0^2), w ~ N(0, sigma_1^2). This is gradient descent exactly; only the
average over neurons is approximate. Where the inputs span one direction it is a trapezoidal rule,
which converges faster than any power for smooth activations; otherwise it runs over points of a
scrambled Sobol sequence, each with both signs of w, so that f = 0 at first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from widthwise.dynamics.mean_field.normal_points import normal_points, sites_each
from widthwise.dynamics.mean_field.pointwise import Pointwise
from widthwise.dynamics.mean_field.problem import Problem
from widthwise.dynamics.mean_field.replicas import averaged
from widthwise.dynamics.mean_field.solution import FieldSolution

_REACH = 8.0  # standard deviations that the grid covers


@dataclass(frozen=True)
class Neurons:
    """Neurons with weights of an average.

    Parameters
    ----------
    directions
        Standard normal coordinates v, (s, r).
    readout
        Standard normal w, (s,).
    weight
        Part of each in averages, (s,); they sum to one.
    """

    directions: Float[np.ndarray, "s r"]
    readout: Float[np.ndarray, " s"]
    weight: Float[np.ndarray, " s"]


def grid(nodes: int) -> Neurons:
    """Product trapezoidal rule with ``nodes`` nodes in v and in w."""
    x = np.linspace(-_REACH, _REACH, nodes)
    density = np.exp(-(x**2) / 2)
    density /= density.sum()
    v, w = np.meshgrid(x, x, indexing="ij")
    return Neurons(v.reshape(-1, 1), w.ravel(), np.outer(density, density).ravel())


def scrambled(sites: int, directions: int, rng: np.random.Generator) -> Neurons:
    """Points of a scrambled Sobol sequence, with both signs of w."""
    points = normal_points(sites // 2, directions + 1, rng)
    v, w = points[:-1].T, points[-1]
    return Neurons(np.concatenate([v, v]), np.concatenate([w, -w]), np.full(sites, 1 / sites))


def solve_two_layer(
    problem: Problem, *, sites: int | None, seeds: Sequence[np.random.Generator]
) -> FieldSolution:
    """Solve a network with one hidden layer.

    Parameters
    ----------
    problem
        What is solved.
    sites
        Neurons in all; None takes 161^2 nodes of a grid, or 2^15 points of a sequence.
    seeds
        Generators for independent scramblings; unused by the grid.

    Raises
    ------
    ValueError
        If there is more than one hidden layer.
    Diverged
        If gradient descent explodes.
    """
    if problem.depth != 1:
        raise ValueError(
            f"method 'two_layer' was asked for {problem.depth} hidden layers: give one, or 'auto'"
        )
    if problem.root.shape[1] == 1:
        nodes = 161 if sites is None else max(9, round(sites**0.5))
        nodes += 1 - nodes % 2
        fine, coarse = (march(problem, grid(n)) for n in (nodes, (nodes + 1) // 2))
        residual = float(np.max(np.abs(fine.output - coarse.output)))
        return replace(fine, residual=residual)
    share = sites_each(2**15 if sites is None else sites, len(seeds))
    directions = problem.root.shape[1]
    return averaged(lambda rng: march(problem, scrambled(share, directions, rng)), seeds)


def march(problem: Problem, neurons: Neurons) -> FieldSolution:
    """Train a set of neurons."""
    c, n, times = problem.constants, problem.points, problem.steps + 1
    phi = Pointwise(c.activations[0])
    h = c.weight_std[0] * neurons.directions @ problem.root.T
    w = c.weight_std[1] * neurons.readout
    size = np.sqrt(neurons.weight)[:, None]
    features = np.zeros((len(h), times, n))
    gradients = np.zeros((len(h), times, n))
    outputs, delta, loss = np.zeros((times, n)), np.zeros((times, n)), np.zeros(times)
    for t in range(times):
        value, slope = phi(h)
        outputs[t] = (neurons.weight * w) @ value / problem.richness
        delta[t], loss[t] = problem.delta(outputs[t], t)
        g = w[:, None] * slope
        features[:, t], gradients[:, t] = size * value, size * g
        if t < problem.steps:
            push = problem.learning_rates[t] * problem.richness * delta[t]
            h = h + c.rate[0] * (g * push) @ problem.kernel
            w = w + c.rate[1] * value @ push
    flat = (len(h), times * n)
    shape = (1, times, n, times, n)
    none = np.zeros((0, times, n, times, n))
    return FieldSolution(
        problem=problem,
        method="two_layer",
        output=outputs,
        delta=delta,
        loss=loss,
        feature_kernel=(features.reshape(flat).T @ features.reshape(flat)).reshape(shape),
        gradient_kernel=(gradients.reshape(flat).T @ gradients.reshape(flat)).reshape(shape),
        forward_response=none,
        backward_response=none,
        standard_error={},
        sites=len(h),
    )
