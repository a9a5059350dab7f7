"""Deep linear networks at infinite width: two-time kernels and responses, by a causal march.

With fields ``h = u + C g`` and ``g = r + D h`` of a layer, C and D strictly causal (see
`deep_linear`), kernels and responses are closed:

    H^l = M (H^{l-1} + C G^{l+1} C^T) M^T,   <dh^l/dr^l> = M C,   M = (1 - C D)^-1,

and likewise back with C and D exchanged. Every pass over the layers makes one more step exact, so
nothing is iterated. Source: B. Bordelon and C. Pehlevan, "Self-Consistent Dynamical Field Theory of
Kernel Evolution in Wide Neural Networks" (2022), arXiv 2205.09653; in discrete time derived.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from widthwise.dynamics.fluctuations.descent import Descent


@dataclass(frozen=True, eq=False)
class DeepLinear:
    """An infinitely wide deep linear network through training; rows count steps, then points.

    Attributes
    ----------
    features, gradients
        ``H^l`` (t n, t n) and ``G^l`` (t, t) of the hidden layers l = 1 .. L. Gradients of a linear
        network do not depend on the point.
    forward, backward
        ``<dh^l/dr^l>`` (t n, t) and ``<dg^{l+1}/du^{l+1}>`` (t, t n), for l = 1 .. L - 1.
    outputs
        (t, n).
    """

    features: tuple[Float[np.ndarray, "tn tn"], ...]
    gradients: tuple[Float[np.ndarray, "t t"], ...]
    forward: tuple[Float[np.ndarray, "tn t"], ...]
    backward: tuple[Float[np.ndarray, "t tn"], ...]
    outputs: Float[np.ndarray, "t n"]


def deep_linear_saddle(depth: int, descent: Descent) -> DeepLinear:
    """Solve for a deep linear network of unit gains.

    Raises
    ------
    ValueError
        If the descent diverges.
    """
    n, points, trained = descent.steps + 1, descent.points, descent.trained
    rate, wide, short = descent.learning_rate * descent.richness, n * points, np.eye(n)
    earlier = np.tril(np.ones((n, n)), -1)
    h: list[np.ndarray] = [
        np.kron(np.ones((n, n)), descent.input_kernel),
        *_zeros(depth, wide, wide),
    ]
    g: list[np.ndarray] = [*_zeros(depth + 1, n, n), np.ones((n, n))]
    forward, backward = _zeros(depth + 1, wide, n), _zeros(depth + 1, n, wide)
    outputs, forces = np.zeros((n, points)), np.zeros((n, trained))
    errors = np.zeros((n, points))

    def into(layer: int) -> np.ndarray:
        pull = np.einsum("tasb,sb->tas", h[layer - 1].reshape(n, points, n, points), errors)
        return forward[layer - 1] + rate * (pull * earlier[:, None]).reshape(wide, n)

    def back(layer: int) -> np.ndarray:
        push = (g[layer + 1] * earlier)[:, :, None] * errors[None]
        return backward[layer] + rate * push.reshape(n, wide)

    for t in range(n):
        for layer in range(1, depth + 1):
            c, d = into(layer), back(layer)
            m = np.linalg.inv(np.eye(wide) - c @ d)
            h[layer] = m @ (h[layer - 1] + c @ g[layer + 1] @ c.T) @ m.T
            forward[layer] = m @ c if layer < depth else forward[layer]
        for layer in range(depth, 0, -1):
            c, d = into(layer), back(layer)
            m = np.linalg.inv(short - d @ c)
            g[layer] = m @ (g[layer + 1] + d @ h[layer - 1] @ d.T) @ m.T
            backward[layer - 1] = m @ d if layer > 1 else backward[0]
        c, d = into(depth), back(depth)
        m, m_back = np.linalg.inv(np.eye(wide) - c @ d), np.linalg.inv(short - d @ c)
        product = m @ (h[depth - 1] @ d.T + c @ g[depth + 1]) @ m_back.T
        outputs[t] = product.reshape(n, points, n)[t, :, t] / descent.richness
        with jax.enable_x64(True):
            force = descent.force(jnp.asarray(outputs[t, :trained]))
        forces[t] = errors[t, :trained] = np.asarray(force)
        descent.require_converging(forces[: t + 1])
    return DeepLinear(
        tuple(h[1:]),
        tuple(g[1:-1]),
        tuple(forward[1:depth]),
        tuple(backward[1:depth]),
        outputs,
    )


def _zeros(count: int, rows: int, columns: int) -> list[np.ndarray]:
    return [np.zeros((rows, columns)) for _ in range(count)]
