"""The equations of deep linear networks, which close.

With V^l of variance sigma_l^2, b(s) = learning_rate(s) delta(s), and all fields in a basis of the
span of the inputs (x = B v, so that nothing grows with the number of points but one product):

    h^l = u^l + C^l g^l,    C^l(t, s) = sigma^2 R_h^(l-1)(t, s) + rate richness H^(l-1)(t, s) b(s)
    g^l = r^l + D^l h^l,    D^l(t, s) = sigma^2 R_g^(l+1)(t, s) + rate richness G^(l+1)(t, s) b(s)

with u^l ~ N(0, sigma_(l-1)^2 H^(l-1)), r^l ~ N(0, sigma_l^2 G^(l+1)) independent.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from widthwise.dynamics.mean_field.problem import Problem


@dataclass(frozen=True)
class Linear:
    """The matrices of the march. ``H[0]`` and ``G[L + 1]`` are the ends; r directions, t times.

    Parameters
    ----------
    forward, backward
        ``C[l]`` (t r, t) and ``D[l]`` (t, t r), the couplings; index 0 and L + 1 are unused.
    features, gradients
        ``H[l]`` (t r, t r) and ``G[l]`` (t, t).
    h_of_u, h_of_r, g_of_u, g_of_r
        Derivatives of both fields of layer l in both of its noises.
    """

    forward: list[np.ndarray]
    backward: list[np.ndarray]
    features: list[np.ndarray]
    gradients: list[np.ndarray]
    h_of_u: list[np.ndarray]
    h_of_r: list[np.ndarray]
    g_of_u: list[np.ndarray]
    g_of_r: list[np.ndarray]

    @classmethod
    def empty(cls, depth: int, times: int, directions: int) -> "Linear":
        """Return matrices of zeros with the right ends."""
        wide, shapes = times * directions, []
        for shape in ((wide, times), (times, wide), (wide, wide), (times, times)):
            shapes.append(lambda shape=shape: [np.zeros(shape) for _ in range(depth + 2)])
        hr, gu, hh, gg = shapes
        features, gradients = hh(), gg()
        features[0] = np.kron(np.ones((times, times)), np.eye(directions))
        gradients[depth + 1] = np.ones((times, times))
        return cls(hr(), gu(), features, gradients, hh(), hr(), gu(), gg())


@dataclass(frozen=True)
class Units:
    """Constants of a linear network after its slopes are taken into the weights above them."""

    variance: Float[np.ndarray, " weights"]
    rate: Float[np.ndarray, " weights"]
    ratio: Float[np.ndarray, " weights"]
    slopes: Float[np.ndarray, " weights"]

    @classmethod
    def of(cls, problem: Problem) -> "Units":
        """Read them off a problem."""
        c = problem.constants
        slopes = c.slopes
        return cls((c.weight_std * slopes) ** 2, c.rate * slopes**2, c.ratio, slopes)


def couple_forward(
    m: Linear, units: Units, k: int, rows: slice, push: Float[np.ndarray, "s r"], richness: float
) -> None:
    """Fill the given rows of ``C[k]``: how gradients before moved the features."""
    s, r = push.shape
    memory = m.features[k - 1][rows, : s * r]
    memory = memory.reshape(len(memory), s, r)
    m.forward[k][rows, :s] = units.rate[k - 1] * richness * np.einsum("isr,sr->is", memory, push)
    if k > 1:
        strength = units.variance[k - 1] * units.ratio[k - 1]
        m.forward[k][rows, :s] += strength * m.h_of_r[k - 1][rows, :s]


def couple_backward(
    m: Linear, units: Units, k: int, t: int, push: Float[np.ndarray, "s r"], richness: float
) -> None:
    """Fill row t of ``D[k]``: how features before moved the gradients."""
    s, r = push.shape
    memory = m.gradients[k + 1][t, :s, None] * push
    m.backward[k][t, : s * r] = units.rate[k] * richness * memory.ravel()
    if k < len(units.rate) - 1:
        m.backward[k][t, : s * r] += units.variance[k] * m.g_of_u[k + 1][t, : s * r]


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
    return distance(m, image, outputs, found)


def distance(
    m: Linear,
    image: Linear,
    outputs: Float[np.ndarray, "t n"],
    found: Float[np.ndarray, "t n"],
) -> float:
    """Largest difference between two histories, relative to the largest entry of each matrix."""
    pairs = [(outputs, found)]
    for name in ("features", "gradients", "h_of_r", "g_of_u"):
        pairs += zip(getattr(m, name)[1:-1], getattr(image, name)[1:-1], strict=True)
    return max(float(np.max(np.abs(a - b)) / max(1.0, np.max(np.abs(b)))) for a, b in pairs)
