"""One hidden layer: neurons interact only through the outputs, so a set of neurons is marched.

Each has pre-activations h (n,) and readout weights w (k,), one for each output. With
g_c = w_c phi'(h), b = learning_rate delta:

    h <- h + richness (rate_0 K + bias_rate_0) (sum_c b_c g_c),  w_c <- w_c + rate_1 richness b_c .
    phi(h),  f_c = <w_c phi(h)> / richness

from h = B v + b, v ~ N(0, sigma_0^2), b ~ N(0, bias_std_0^2), w ~ N(0, sigma_1^2); with momentum
both updates are those of a heavy ball. This is gradient descent exactly; only the average over
neurons is approximate. Where h and w have one direction each it is a trapezoidal rule, which
converges faster than any power for smooth activations; otherwise it runs over points of a scrambled
Sobol sequence, each with both signs of w, so that f = 0 at first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from widthwise.dynamics.mean_field.assemble import solution
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
        Standard normal coordinates v, (s, r), and of biases, if there are any.
    readout
        Standard normal w, (s, k).
    weight
        Part of each in averages, (s,); they sum to one.
    """

    directions: Float[np.ndarray, "s r"]
    readout: Float[np.ndarray, "s k"]
    weight: Float[np.ndarray, " s"]


def grid(nodes: int) -> Neurons:
    """Product trapezoidal rule with ``nodes`` nodes in v and in w."""
    x = np.linspace(-_REACH, _REACH, nodes)
    density = np.exp(-(x**2) / 2)
    density /= density.sum()
    v, w = np.meshgrid(x, x, indexing="ij")
    return Neurons(v.reshape(-1, 1), w.reshape(-1, 1), np.outer(density, density).ravel())


def scrambled(
    sites: int, directions: int, rng: np.random.Generator, *, outputs: int = 1
) -> Neurons:
    """Points of a scrambled Sobol sequence, with both signs of w."""
    points = normal_points(sites // 2, directions + outputs, rng)
    v, w = points[:directions].T, points[directions:].T
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
    if has_grid(problem):
        nodes = 161 if sites is None else max(9, round(sites**0.5))
        nodes += 1 - nodes % 2
        fine, coarse = (march(problem, grid(n)) for n in (nodes, (nodes + 1) // 2))
        residual = float(np.max(np.abs(fine.output - coarse.output)))
        return replace(fine, residual=residual)
    share = sites_each(2**15 if sites is None else sites, len(seeds))
    directions = _start(problem).shape[1]

    def one(rng: np.random.Generator) -> FieldSolution:
        return march(problem, scrambled(share, directions, rng, outputs=problem.outputs))

    return averaged(one, seeds)


def has_grid(problem: Problem) -> bool:
    """Whether fields and readout weights have one direction each, so that a grid covers them."""
    return problem.outputs == 1 and _start(problem).shape[1] == 1


def _start(problem: Problem) -> Float[np.ndarray, "n r"]:
    """Initial pre-activations of all points for each standard normal coordinate."""
    c = problem.constants
    start = c.weight_std[0] * problem.root
    if not c.bias_std[0]:
        return start
    return np.concatenate([start, np.full((problem.points, 1), c.bias_std[0])], axis=1)


def march(problem: Problem, neurons: Neurons) -> FieldSolution:
    """Train a set of neurons."""
    c, n, times, k = problem.constants, problem.points, problem.steps + 1, problem.outputs
    phi = Pointwise(c.activations[0])
    h = neurons.directions @ _start(problem).T
    w = c.weight_std[1] * neurons.readout
    kernel = c.rate[0] * problem.kernel + c.bias_rate[0]
    speed, turn = np.zeros_like(h), np.zeros_like(w)  # of h before the kernel, and of w
    size = np.sqrt(neurons.weight)
    features = np.zeros((len(h), times, n))
    gradients = np.zeros((len(h), times, n, k))
    outputs, delta, loss = np.zeros((times, n, k)), np.zeros((times, n, k)), np.zeros(times)
    for t in range(times):
        value, slope = phi(h)
        outputs[t] = value.T @ (neurons.weight[:, None] * w) / problem.richness
        outputs[t] += problem.output_bias(delta, t)
        delta[t], loss[t] = problem.delta(outputs[t], t)
        g = slope[:, :, None] * w[:, None, :]
        features[:, t] = size[:, None] * value
        gradients[:, t] = size[:, None, None] * g
        if t < problem.steps:
            speed = problem.momentum * speed + np.einsum("snk,nk->sn", g, delta[t])
            turn = problem.momentum * turn + value @ delta[t]
            rate = problem.learning_rates[t] * problem.richness
            h = h + rate * speed @ kernel
            w = w + rate * c.rate[1] * turn
    flat = gradients.reshape(len(h), -1), features.reshape(len(h), -1)
    return solution(
        problem,
        "two_layer",
        output=outputs,
        delta=delta,
        loss=loss,
        gradient_kernel=[flat[0].T @ flat[0]],
        feature_kernel=[flat[1].T @ flat[1]],
        sites=len(h),
    )
