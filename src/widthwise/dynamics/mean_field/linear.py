"""The equations of deep linear networks, which close.

With V^l of variance sigma_l^2, b(s) = learning_rate(s) delta(s) (with momentum, what delta(s) has
moved until t), and all fields in a basis of the span of the inputs, and of a constant if there are
biases (x = B v, so that nothing grows with the number of points but one product):

    h^l = u^l + C^l g^l,    C^l(t, s) = sigma^2 R_h^(l-1)(t, s) + rate richness H^(l-1)(t, s) b(s)
    g^l = r^l + D^l h^l,    D^l(t, s) = sigma^2 R_g^(l+1)(t, s) + rate richness G^(l+1)(t, s) b(s)

with u^l ~ N(0, sigma_(l-1)^2 H^(l-1)), r^l ~ N(0, sigma_l^2 G^(l+1)) independent. g, r, b and G
have an index of outputs. Biases add ``bias_std^2 a a^T`` to the covariance of u and ``bias_rate a
a^T`` to ``rate H^(l-1)``, where ``B a`` is one at all points.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from widthwise.dynamics.mean_field.problem import Problem
from widthwise.numerics.roots import covariance_root


@dataclass(frozen=True)
class Linear:
    """The matrices of the march. ``H[0]`` and ``G[L + 1]`` are the ends.

    With r directions, t times and k outputs:

    Parameters
    ----------
    forward, backward
        ``C[l]`` (t r, t k) and ``D[l]`` (t k, t r), the couplings; index 0 and L + 1 are unused.
    features, gradients
        ``H[l]`` (t r, t r) and ``G[l]`` (t k, t k).
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
    def empty(cls, units: "Units", times: int) -> "Linear":
        """Return matrices of zeros with the right ends."""
        depth, k = len(units.rate) - 1, units.outputs
        wide, narrow, shapes = times * len(units.inputs), times * k, []
        for shape in ((wide, narrow), (narrow, wide), (wide, wide), (narrow, narrow)):
            shapes.append(lambda shape=shape: [np.zeros(shape) for _ in range(depth + 2)])
        hr, gu, hh, gg = shapes
        features, gradients = hh(), gg()
        features[0] = np.kron(np.ones((times, times)), units.inputs)
        gradients[depth + 1] = np.kron(np.ones((times, times)), np.eye(k))
        return cls(hr(), gu(), features, gradients, hh(), hr(), gu(), gg())


@dataclass(frozen=True)
class Units:
    """Constants of a linear network after its slopes are taken into the weights above them.

    Parameters
    ----------
    variance, rate, ratio, bias_variance, bias_rate, slopes
        Of each layer.
    richness, outputs
        Of the problem.
    root
        B, (n, r).
    inputs
        Kernel of the inputs in the basis, (r, r): one without biases.
    constant
        Coordinates a of the function that is one at all points, (r,); zero without biases.
    """

    variance: Float[np.ndarray, " weights"]
    rate: Float[np.ndarray, " weights"]
    ratio: Float[np.ndarray, " weights"]
    bias_variance: Float[np.ndarray, " weights"]
    bias_rate: Float[np.ndarray, " weights"]
    slopes: Float[np.ndarray, " weights"]
    richness: float
    outputs: int
    root: Float[np.ndarray, "n r"]
    inputs: Float[np.ndarray, "r r"]
    constant: Float[np.ndarray, " r"]

    @classmethod
    def of(cls, problem: Problem) -> "Units":
        """Read them off a problem."""
        c, root = problem.constants, problem.root
        inputs, constant = np.eye(root.shape[1]), np.zeros(root.shape[1])
        if c.biased:
            root = covariance_root(problem.kernel + 1.0)
            inverse = np.linalg.pinv(root)
            inputs, constant = inverse @ problem.kernel @ inverse.T, inverse.sum(axis=1)
        return cls(
            (c.weight_std * c.slopes) ** 2, c.rate * c.slopes**2, c.ratio,
            c.bias_std**2, c.bias_rate, c.slopes, problem.richness, problem.outputs,
            root, inputs, constant,
        )  # fmt: skip

    def noise_below(
        self, m: Linear, k: int, rows: slice, columns: slice
    ) -> Float[np.ndarray, "tr sr"]:
        """Entries of the covariance of the noise u of layer k."""
        found = self.variance[k - 1] * m.features[k - 1][rows, columns]
        if self.bias_variance[k - 1]:
            found += self.bias_variance[k - 1] * self._of_constant(found.shape)
        return found

    def noise_above(self, m: Linear, k: int, rows: slice) -> Float[np.ndarray, "tk tk"]:
        """Entries of the covariance of the noise r of layer k, rows and columns alike."""
        return self.variance[k] * self.ratio[k] * m.gradients[k + 1][rows, rows]

    def memory_below(
        self, m: Linear, k: int, rows: slice, columns: slice
    ) -> Float[np.ndarray, "tr sr"]:
        """How much forces at earlier times moved the fields of layer k, for each direction."""
        found = self.rate[k - 1] * m.features[k - 1][rows, columns]
        if self.bias_rate[k - 1]:
            found += self.bias_rate[k - 1] * self._of_constant(found.shape)
        return self.richness * found

    def _of_constant(self, shape: tuple[int, ...]) -> Float[np.ndarray, "tr sr"]:
        r = len(self.constant)
        return np.kron(np.ones((shape[0] // r, shape[1] // r)),
                       np.outer(self.constant, self.constant))  # fmt: skip


def couple_forward(
    m: Linear, units: Units, k: int, rows: slice, push: Float[np.ndarray, "s r k"]
) -> None:
    """Fill the given rows of ``C[k]``: how gradients before moved the features."""
    s, r, outputs = push.shape
    memory = units.memory_below(m, k, rows, slice(0, s * r))
    memory = memory.reshape(len(memory), s, r)
    found = np.einsum("isr,src->isc", memory, push).reshape(len(memory), s * outputs)
    if k > 1:
        strength = units.variance[k - 1] * units.ratio[k - 1]
        found += strength * m.h_of_r[k - 1][rows, : s * outputs]
    m.forward[k][rows, : s * outputs] = found


def couple_backward(
    m: Linear, units: Units, k: int, rows: slice, push: Float[np.ndarray, "s r k"]
) -> None:
    """Fill the given rows of ``D[k]``: how features before moved the gradients."""
    s, r, outputs = push.shape
    memory = m.gradients[k + 1][rows, : s * outputs]
    memory = memory.reshape(len(memory), s, outputs)
    found = np.einsum("isc,src->isr", memory, push).reshape(len(memory), s * r)
    found *= units.rate[k] * units.richness
    if k < len(units.rate) - 1:
        found += units.variance[k] * m.g_of_u[k + 1][rows, : s * r]
    m.backward[k][rows, : s * r] = found


def pushed(
    problem: Problem, root: Float[np.ndarray, "n r"], delta: Float[np.ndarray, "t n k"], step: int
) -> Float[np.ndarray, "s r k"]:
    """What the forces before an update have moved until then, in each direction."""
    moved = problem.reach[step, :step, None, None] * delta[:step]
    return np.einsum("nr,snk->srk", root, moved)


def sweep(
    problem: Problem, m: Linear, outputs: Float[np.ndarray, "t n k"]
) -> tuple[Linear, Float[np.ndarray, "t n k"]]:
    """Return the image of a whole history: matrices and outputs from those of the last sweep."""
    units, depth = Units.of(problem), problem.depth
    root, times = units.root, problem.steps + 1
    r, c = root.shape[1], problem.outputs
    delta = np.zeros((times, problem.points, c))
    for t in range(problem.steps):
        delta[t] = problem.delta(outputs[t], t)[0]
    push = [pushed(problem, root, delta, t) for t in range(times)]
    image, found, everything = Linear.empty(units, times), outputs, slice(None)
    for k in range(1, depth + 1):
        for t in range(times):
            couple_forward(m, units, k, slice(t * r, (t + 1) * r), push[t])
            couple_backward(m, units, k, slice(t * c, (t + 1) * c), push[t])
        ahead, back = m.forward[k], m.backward[k]
        u = units.noise_below(m, k, everything, everything)
        v = units.noise_above(m, k, everything)
        image.h_of_u[k][:] = np.linalg.inv(np.eye(times * r) - ahead @ back)
        image.g_of_r[k][:] = np.linalg.inv(np.eye(times * c) - back @ ahead)
        image.h_of_r[k][:] = image.h_of_u[k] @ ahead
        image.g_of_u[k][:] = image.g_of_r[k] @ back
        hu, hr, gu, gr = image.h_of_u[k], image.h_of_r[k], image.g_of_u[k], image.g_of_r[k]
        image.features[k][:] = hu @ u @ hu.T + hr @ v @ hr.T
        image.gradients[k][:] = gu @ u @ gu.T + gr @ v @ gr.T
        if k == depth:
            mixed = (hu @ u @ gu.T + hr @ v @ gr.T).reshape(times, r, times, c)
            found = np.einsum("ir,trtc->tic", root, mixed) / problem.richness
            found += np.array([problem.output_bias(delta, t) for t in range(times)])[:, None]
    return image, found


def residual(problem: Problem, m: Linear, outputs: Float[np.ndarray, "t n k"]) -> float:
    """Largest difference between a solution and its image, relative to its largest entry."""
    image, found = sweep(problem, m, outputs)
    return distance(m, image, outputs, found)


def distance(
    m: Linear,
    image: Linear,
    outputs: Float[np.ndarray, "t n k"],
    found: Float[np.ndarray, "t n k"],
) -> float:
    """Largest difference between two histories, relative to the largest entry of each matrix."""
    pairs = [(outputs, found)]
    for name in ("features", "gradients", "h_of_r", "g_of_u"):
        pairs += zip(getattr(m, name)[1:-1], getattr(image, name)[1:-1], strict=True)
    return max(float(np.max(np.abs(a - b)) / max(1.0, np.max(np.abs(b)))) for a, b in pairs)
