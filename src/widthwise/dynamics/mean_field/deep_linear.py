"""Deep linear networks: a march in time solves their equations to rounding.

Every sum in the equations of `Linear` runs over s < t, so row t of all matrices follows from the
rows before it: first the features of all layers upwards, then the gradients downwards.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from widthwise.dynamics.mean_field.linear import (
    Linear,
    Units,
    couple_backward,
    couple_forward,
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


def march(problem: Problem) -> tuple[Linear, Float[np.ndarray, "t n"]]:
    """Solve forward in time; return the matrices and the outputs."""
    units, root = Units.of(problem), problem.root
    depth, times, r = problem.depth, problem.steps + 1, root.shape[1]
    m = Linear.empty(depth, times, r)
    outputs, push = np.zeros((times, problem.points)), np.zeros((times, r))
    for t in range(times):
        past, now = slice(0, t), slice(0, t + 1)
        rows, before, until = slice(t * r, (t + 1) * r), slice(0, t * r), slice(0, (t + 1) * r)
        for k in range(1, depth + 1):
            couple_forward(m, units, k, rows, push[past], problem.richness)
            c, u = m.forward[k][rows, past], units.variance[k - 1]
            m.h_of_u[k][rows, before] = c @ m.g_of_u[k][past, before]
            m.h_of_u[k][rows, rows] = np.eye(r)
            m.h_of_r[k][rows, past] = c @ m.g_of_r[k][past, past]
            v = units.variance[k] * units.ratio[k]
            row = u * m.h_of_u[k][rows, until] @ m.features[k - 1][until, until]
            found = row @ m.h_of_u[k][until, until].T
            row = v * m.h_of_r[k][rows, past] @ m.gradients[k + 1][past, past]
            found += row @ m.h_of_r[k][until, past].T
            m.features[k][rows, until], m.features[k][until, rows] = found, found.T
        for k in range(depth, 0, -1):
            couple_backward(m, units, k, t, push[past], problem.richness)
            d, v = m.backward[k][t, before], units.variance[k] * units.ratio[k]
            m.g_of_r[k][t, past] = d @ m.h_of_r[k][before, past]
            m.g_of_r[k][t, t] = 1.0
            m.g_of_u[k][t, before] = d @ m.h_of_u[k][before, before]
            from_r = v * m.g_of_r[k][t, now] @ m.gradients[k + 1][now, now]
            u = units.variance[k - 1]
            from_u = u * m.g_of_u[k][t, before] @ m.features[k - 1][before, until]
            found = from_r @ m.g_of_r[k][now, now].T + from_u @ m.g_of_u[k][now, until].T
            m.gradients[k][t, now], m.gradients[k][now, t] = found, found
            if k == depth:  # g of the last hidden layer is the readout
                outputs[t] = root @ (
                    m.h_of_u[k][rows, until] @ from_u + m.h_of_r[k][rows, now] @ from_r
                )
        outputs[t] /= problem.richness
        force, _ = problem.delta(outputs[t], t)
        if t < problem.steps:
            push[t] = problem.learning_rates[t] * (root.T @ force)
    return m, outputs


def as_solution(problem: Problem, m: Linear, outputs: Float[np.ndarray, "t n"]) -> FieldSolution:
    """Leave the basis of directions for the points, and write down all that is determined."""
    units, root = Units.of(problem), problem.root
    depth, times, (n, r) = problem.depth, problem.steps + 1, root.shape
    delta, loss = np.zeros((times, n)), np.zeros(times)
    for t in range(times):
        delta[t], loss[t] = problem.delta(outputs[t], t)
    push = problem.learning_rates[:, None] * delta[:-1]
    features = np.zeros((depth, times, n, times, n))
    gradients = np.zeros((depth, times, n, times, n))
    forward = np.zeros((depth - 1, times, n, times, n))
    backward = np.zeros((depth - 1, times, n, times, n))
    response = np.zeros((times * r, times * n))
    strictly = np.tril(np.ones((times, times)), -1)
    pull = np.zeros((times, times * n))
    for k in range(depth, 1, -1):  # the noise u^k, of points instead of directions
        memory = units.rate[k] * problem.richness * (m.gradients[k + 1] * strictly)[:, :-1, None]
        coupling = units.variance[k] * pull
        coupling[:, :-n] += (memory * push[None]).reshape(times, -1)
        pull = m.g_of_r[k] @ coupling
        backward[k - 2] = pull.reshape(times, 1, times, n)
    for k in range(1, depth + 1):
        slope = units.slopes[k]
        mixed = (m.features[k].reshape(-1, r) @ root.T).reshape(times, r, times, n)
        features[k - 1] = slope**2 * np.einsum("ik,tksj->tisj", root, mixed)
        gradients[k - 1] = m.gradients[k][:, None, :, None]
        if k < depth:  # the noise r^k: each point's own, though their values agree
            memory = (m.features[k - 1].reshape(-1, r) @ root.T).reshape(times, r, times, n)
            memory[:, :, :-1] *= units.rate[k - 1] * problem.richness * push
            memory[:, :, -1] = 0.0
            coupling = (memory * strictly[:, None, :, None]).reshape(times * r, times * n)
            if k > 1:
                coupling += units.variance[k - 1] * units.ratio[k - 1] * response
            response = m.h_of_u[k] @ coupling
            shaped = response.reshape(times, r, times, n)
            forward[k - 1] = slope**2 * np.einsum("ik,tksj->tisj", root, shaped)
    return FieldSolution(
        problem=problem,
        method="deep_linear",
        output=outputs,
        delta=delta,
        loss=loss,
        feature_kernel=features,
        gradient_kernel=gradients,
        forward_response=forward,
        backward_response=backward,
        standard_error={},
    )
