"""Deep linear networks that learn features: fluctuations from the Hessian of an action.

``Cov = -(d^2 S)^-1 / N`` for the order parameters among the variables of the action S at its saddle
(see `action`). Source: B. Bordelon and C. Pehlevan, "Dynamics of Finite Width Kernel and Prediction
Fluctuations in Mean Field Neural Networks" (2023), arXiv 2304.03408.
"""

import numpy as np
from jaxtyping import Float

from widthwise.dynamics.fluctuations.action import Action, Variables
from widthwise.dynamics.fluctuations.descent import Descent
from widthwise.dynamics.fluctuations.result import Fluctuations
from widthwise.dynamics.fluctuations.saddle import DeepLinear, deep_linear_saddle
from widthwise.dynamics.fluctuations.triangle import triangle
from widthwise.dynamics.fluctuations.two_layer_linear import require_rich
from widthwise.numerics.memory import refuse_beyond_memory

LARGEST = 3000  # variables of the action
_STATIONARY = 1e-8  # slope of the action at a saddle, relative to its largest kernel


def deep_linear(depth: int, descent: Descent, *, saddle: DeepLinear | None = None) -> Fluctuations:
    """Fluctuations of deep linear networks of unit gains.

    Parameters
    ----------
    depth
        Number of hidden layers.
    descent
        What is trained and how.
    saddle
        The infinitely wide network, if it is already known.

    Returns
    -------
    Fluctuations
        Without mean corrections, which this expansion does not contain.

    Raises
    ------
    ValueError
        If richness is zero, the descent diverges, the action has more than 3000 variables, or
        ``saddle`` is not one.

    Examples
    --------
    >>> import numpy as np
    >>> found = deep_linear(2, Descent(np.eye(1), np.ones(1), steps=4, learning_rate=0.05))
    >>> [round(float(v), 6) for v in found.variance("feature_kernel")[0].ravel()]
    [2.0, 4.0]
    """
    require_rich(descent)
    if depth < 1:
        raise ValueError(f"depth={depth} was given; a network has at least 1 hidden layer")
    variables = Variables(depth, descent.steps + 1, descent.points)
    if variables.size > LARGEST:
        raise ValueError(
            f"{depth} layers, {descent.points} points and {descent.steps} steps make an action of "
            f"{variables.size} variables, {LARGEST} are accepted: give fewer steps (with a larger "
            "learning rate) or points, or train an ensemble (widthwise.train)"
        )
    refuse_beyond_memory(
        8 * (4 * variables.rows**2 * variables.size + 4 * variables.size**2),
        f"the Hessian of an action of {variables.size} variables",
        "give fewer steps or points",
    )
    if saddle is None:
        saddle = deep_linear_saddle(depth, descent)
    _check(saddle, variables)
    slope, hessian = Action(descent, saddle).slope_and_hessian()
    largest = max(float(np.max(np.abs(matrix))) for matrix in (*saddle.features, *saddle.gradients))
    if not np.max(np.abs(slope)) <= _STATIONARY * largest:
        raise ValueError(
            f"saddle is none: the action has a slope of {np.max(np.abs(slope)):.2g} there; give "
            "the solution for the same points, depth, learning rate and richness, in float64"
        )
    mean = _means(descent, saddle)
    observed = _observables(descent, variables, mean)
    joint = -observed @ np.linalg.solve(hessian, observed.T)
    return Fluctuations(
        mean=mean,
        correction={},
        joint=(joint + joint.T) / 2,
        descent=descent,
        loss=descent.loss_derivatives(mean["output"]),
    )


def _check(saddle: DeepLinear, variables: Variables) -> None:
    expected = (variables.depth, (variables.times, variables.points))
    if (len(saddle.features), saddle.outputs.shape) != expected:
        raise ValueError(
            f"saddle has {len(saddle.features)} layers and outputs of shape "
            f"{saddle.outputs.shape}: give that of {expected[0]} layers and {expected[1]}"
        )


def _means(descent: Descent, saddle: DeepLinear) -> dict[str, np.ndarray]:
    """Order parameters at infinite width, at equal times."""
    times, points = saddle.outputs.shape
    features = np.stack(
        [
            np.einsum("tatb->tab", matrix.reshape(times, points, times, points))
            for matrix in saddle.features
        ],
        axis=1,
    )
    diagonals = np.stack([np.diagonal(matrix) for matrix in saddle.gradients], axis=1)
    gradients = np.broadcast_to(diagonals[:, :, None, None], features.shape)
    ntk = gradients[:, 0] * descent.input_kernel[None] + features[:, -1]
    return {
        "output": saddle.outputs,
        "ntk": ntk + np.sum(gradients[:, 1:] * features[:, :-1], axis=1),
        "feature_kernel": features,
        "gradient_kernel": gradients,
    }


def _observables(
    descent: Descent, variables: Variables, mean: dict[str, np.ndarray]
) -> Float[np.ndarray, "observables variables"]:
    """Order parameters as linear functions of the variables, around the saddle."""
    times, points, depth = variables.times, variables.points, variables.depth
    rows = {name: np.zeros((*value.shape, variables.size)) for name, value in mean.items()}
    t = np.arange(times)
    output = variables.at("f").reshape(times, points)
    in_h, in_g = triangle(variables.fields), triangle(times)
    for a in range(points):
        rows["output"][t, a, output[:, a]] += 1
        if descent.centered:
            rows["output"][t, a, output[0, a]] -= 1
        for b in range(points):
            entries = in_h[t * points + a, t * points + b]
            for layer in range(1, depth + 1):
                where = t, layer - 1, a, b
                rows["feature_kernel"][(*where, variables.at("H", layer)[entries])] = 1
                rows["gradient_kernel"][(*where, variables.at("G", layer)[in_g[t, t]])] = 1
    features, gradients = rows["feature_kernel"], rows["gradient_kernel"]
    rows["ntk"] += features[:, -1] + descent.input_kernel[None, :, :, None] * gradients[:, 0]
    rows["ntk"] += np.sum(mean["gradient_kernel"][:, 1:, ..., None] * features[:, :-1], axis=1)
    rows["ntk"] += np.sum(mean["feature_kernel"][:, :-1, ..., None] * gradients[:, 1:], axis=1)
    return np.concatenate([row.reshape(-1, variables.size) for row in rows.values()])
