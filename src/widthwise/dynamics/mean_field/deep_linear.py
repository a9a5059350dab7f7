"""Deep linear networks: a march in time solves their equations to rounding.

Every sum in the equations of `Linear` runs over s < t, so row t of all matrices follows from the
rows before it: first the features of all layers upwards, then the gradients downwards.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from widthwise.dynamics.mean_field.assemble import solution
from widthwise.dynamics.mean_field.linear import (
    Linear,
    Units,
    couple_backward,
    couple_forward,
    pushed,
    residual,
)
from widthwise.dynamics.mean_field.problem import Problem
from widthwise.dynamics.mean_field.solution import FieldSolution


def solve_deep_linear(problem: Problem) -> FieldSolution:
    """Solve a network of multiples of the identity exactly.

    Raises
    ------
    ValueError
        If an activation is none.
    Diverged
        If gradient descent explodes.
    """
    if not problem.constants.linear:
        names = ", ".join(phi.name for phi in problem.constants.activations)
        raise ValueError(
            f"method 'deep_linear' was asked for activations {names}: give Identity(), or 'auto'"
        )
    linear, outputs = march(problem)
    found = as_solution(problem, linear, outputs)
    return replace(found, residual=residual(problem, linear, outputs))


def march(problem: Problem) -> tuple[Linear, Float[np.ndarray, "t n k"]]:
    """Solve forward in time; return the matrices and the outputs."""
    units, depth, times = Units.of(problem), problem.depth, problem.steps + 1
    root, r, c = units.root, units.root.shape[1], problem.outputs
    m = Linear.empty(units, times)
    outputs, delta = np.zeros((2, times, problem.points, c))
    for t in range(times):
        past, now = slice(0, t * c), slice(0, (t + 1) * c)
        rows, before, until = slice(t * r, (t + 1) * r), slice(0, t * r), slice(0, (t + 1) * r)
        fields, push = slice(t * c, (t + 1) * c), pushed(problem, root, delta, t)
        for k in range(1, depth + 1):
            couple_forward(m, units, k, rows, push)
            ahead = m.forward[k][rows, past]
            m.h_of_u[k][rows, before] = ahead @ m.g_of_u[k][past, before]
            m.h_of_u[k][rows, rows] = np.eye(r)
            m.h_of_r[k][rows, past] = ahead @ m.g_of_r[k][past, past]
            row = m.h_of_u[k][rows, until] @ units.noise_below(m, k, until, until)
            found = row @ m.h_of_u[k][until, until].T
            row = m.h_of_r[k][rows, past] @ units.noise_above(m, k, past)
            found += row @ m.h_of_r[k][until, past].T
            m.features[k][rows, until], m.features[k][until, rows] = found, found.T
        for k in range(depth, 0, -1):
            couple_backward(m, units, k, fields, push)
            back = m.backward[k][fields, before]
            m.g_of_r[k][fields, past] = back @ m.h_of_r[k][before, past]
            m.g_of_r[k][fields, fields] = np.eye(c)
            m.g_of_u[k][fields, before] = back @ m.h_of_u[k][before, before]
            from_r = m.g_of_r[k][fields, now] @ units.noise_above(m, k, now)
            from_u = m.g_of_u[k][fields, before] @ units.noise_below(m, k, before, until)
            found = from_r @ m.g_of_r[k][now, now].T + from_u @ m.g_of_u[k][now, until].T
            m.gradients[k][fields, now], m.gradients[k][now, fields] = found, found.T
            if k == depth:  # g of the last hidden layer is the readout
                outputs[t] = root @ (
                    m.h_of_u[k][rows, until] @ from_u.T + m.h_of_r[k][rows, now] @ from_r.T
                )
        outputs[t] = outputs[t] / problem.richness + problem.output_bias(delta, t)
        delta[t], _ = problem.delta(outputs[t], t)
    return m, outputs


def as_solution(problem: Problem, m: Linear, outputs: Float[np.ndarray, "t n k"]) -> FieldSolution:
    """Leave the basis of directions for the points, and write down all that is determined."""
    units = Units.of(problem)
    depth, times, c, (n, r) = problem.depth, problem.steps + 1, problem.outputs, units.root.shape
    delta, loss = np.zeros((times, n, c)), np.zeros(times)
    for t in range(times):
        delta[t], loss[t] = problem.delta(outputs[t], t)
    push = np.zeros((times, times, n, c))  # what the force at s has moved until t
    push[:, :-1] = problem.reach[:, :, None, None] * delta[:-1]
    to_points = np.kron(np.eye(times), units.root)
    features, gradients, forward, backward, everything = [], [], [], [], slice(None)
    for k in range(1, depth + 1):
        features.append(units.slopes[k] ** 2 * to_points @ m.features[k] @ to_points.T)
        g = m.gradients[k].reshape(times, 1, c, times, 1, c)  # the same at all points
        gradients.append(np.broadcast_to(g, (times, n, c, times, n, c)))
    pull = np.zeros((times * c, times * n))
    for k in range(depth, 1, -1):  # the noise u^k, of points instead of directions
        memory = m.gradients[k + 1].reshape(times, c, times, c)
        moved = np.einsum("tcsd,tsnd->tcsn", memory, push).reshape(times * c, times * n)
        pull = m.g_of_r[k] @ (units.variance[k] * pull + units.rate[k] * problem.richness * moved)
        shaped = pull.reshape(times, 1, c, times, n)
        backward.insert(0, np.broadcast_to(shaped, (times, n, c, times, n)))
    response = np.zeros((times * r, times * n * c))
    for k in range(1, depth):  # the noise r^k: each point's own, though their values agree
        memory = units.memory_below(m, k, everything, everything) @ to_points.T
        memory = memory.reshape(times, r, times, n)
        coupling = np.einsum("trsn,tsnc->trsnc", memory, push).reshape(times * r, -1)
        if k > 1:
            coupling += units.variance[k - 1] * units.ratio[k - 1] * response
        response = m.h_of_u[k] @ coupling
        forward.append(units.slopes[k] ** 2 * to_points @ response)
    return solution(
        problem,
        "deep_linear",
        output=outputs,
        delta=delta,
        loss=loss,
        feature_kernel=features,
        gradient_kernel=gradients,
        responses=(forward, backward),
    )
