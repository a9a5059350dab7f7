"""Two-layer linear networks, any inputs: exact at infinite width and to first order in 1/width.

All of training depends on the Gram matrix M of the vectors ``(h_1 .. h_n, w)``, divided by N. Of a
finite network it starts as a Wishart matrix and moves as ``M <- L M L^T``, where L depends on M
through the outputs ``M_hw / gamma`` alone: one deterministic map at every width. To first order
fluctuations are carried by its Jacobian, and the mean is moved by its second derivative,

    A_{t+1} = J_t A_t,   m_{t+1} = J_t m_t + (1/2) sum_k D^2[a_k, a_k],   Cov = A A^T / N,

with ``A_0`` the root of the Wishart covariance and ``m_0 = 0``. Derived; the map is used in B.
Bordelon and C. Pehlevan, "Dynamics of Finite Width Kernel and Prediction Fluctuations in Mean Field
Neural Networks" (2023), arXiv 2304.03408.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from widthwise.dynamics.fluctuations.descent import Descent, force
from widthwise.dynamics.fluctuations.result import Fluctuations
from widthwise.numerics.memory import refuse_beyond_memory
from widthwise.numerics.roots import covariance_root


def two_layer_linear(
    descent: Descent,
    *,
    gains: tuple[float, float] = (1.0, 1.0),
    slope: float = 1.0,
    kernels: bool = True,
) -> Fluctuations:
    """Fluctuations of two-layer linear networks, without sampling.

    Parameters
    ----------
    descent
        What is trained and how.
    gains
        Multipliers of the two layers.
    slope
        Of the activation.
    kernels
        False gives the outputs only.

    Returns
    -------
    Fluctuations
        With mean corrections of all quantities.

    Raises
    ------
    ValueError
        If richness is zero, the descent diverges, or the result does not fit into memory.

    Examples
    --------
    >>> import numpy as np
    >>> found = two_layer_linear(Descent(np.eye(1), np.ones(1), steps=10, learning_rate=0.1))
    >>> round(float(found.mean["output"][10, 0]), 6), round(float(found.variance()[10, 0]), 6)
    (0.931737, 0.042245)
    """
    require_rich(descent)
    inner = descent.with_gains(gains[0], slope * gains[1])
    root = covariance_root(inner.input_kernel)
    n, size = descent.points, root.shape[1] + 1
    directions = size * (size + 1) // 2
    quantities = (descent.steps + 1) * (n + (3 * n * n if kernels else 0))
    refuse_beyond_memory(
        8 * (3 * descent.steps * directions * (n + 1) ** 2 + 3 * quantities**2),
        f"fluctuations of {n} points over {descent.steps} steps",
        "give fewer points or steps, or kernels=False; for whitened inputs take whitened_linear",
    )
    with jax.enable_x64(True):
        path = _march(
            inner.objective,
            inner.centered,
            jnp.asarray(inner.input_kernel),
            jnp.asarray(inner.targets),
            inner.steps,
            (jnp.asarray(inner.learning_rate), jnp.asarray(inner.richness)),
            jnp.asarray(_wishart_root(root)),
        )
    gram, factors, shift, forces = (np.asarray(part) for part in path)
    inner.require_converging(forces)

    def read(centered: np.ndarray, gram: np.ndarray) -> dict[str, np.ndarray]:
        """Order parameters, which are linear in the Gram matrix (..., n + 1, n + 1)."""
        found = {"output": centered[..., :-1, -1] / inner.richness}
        if kernels:
            features, readout = gram[..., :-1, :-1], gram[..., -1:, -1:]
            squares = (slope * gains[1]) ** 2
            found["ntk"] = squares * (features + readout * inner.input_kernel)
            found["feature_kernel"] = slope**2 * features[..., None, :, :]
            gradients = np.broadcast_to(squares * readout, features.shape)
            found["gradient_kernel"] = gradients[..., None, :, :]
        return found

    start = gram[:1] if descent.centered else 0 * gram[:1]
    mean = read(gram - start, gram)
    # factors: (step, direction, ...) -> (direction, step, ...)
    spread = factors.swapaxes(0, 1)
    begun = spread[:, :1] if descent.centered else 0 * spread[:, :1]
    factor = read(spread - begun, spread)
    flat = np.concatenate([part.reshape(directions, -1) for part in factor.values()], axis=1)
    return Fluctuations(
        mean=mean,
        correction=read(shift, shift),
        joint=flat.T @ flat,
        descent=descent,
        loss=descent.loss_derivatives(mean["output"]),
    )


def require_rich(descent: Descent) -> None:
    """Refuse the lazy limit."""
    if descent.richness == 0:
        raise ValueError(
            "richness is 0, the lazy limit: take lazy, which has it in closed form, or a positive "
            "richness"
        )


def _wishart_root(root: Float[np.ndarray, "n r"]) -> Float[np.ndarray, "k n+1 n+1"]:
    """Directions whose outer products add up to the covariance of a Wishart matrix, times N."""
    n, r = root.shape
    both = np.zeros((n + 1, r + 1))
    both[:n, :r], both[n, r] = root, 1.0
    first, second = np.triu_indices(r + 1)
    scale = np.where(first == second, np.sqrt(0.5), 1.0)[:, None, None]
    outer = both.T[first][:, :, None] * both.T[second][:, None, :]
    return scale * (outer + outer.swapaxes(1, 2))


@partial(jax.jit, static_argnums=(0, 1, 4))
def _march(
    objective: Callable,
    centered: bool,
    kernel: Array,
    targets: Array,
    steps: int,
    rates: tuple[Array, Array],
    directions: Float[Array, "k m m"],
) -> tuple[Array, Array, Array, Array]:
    """Gram matrix, its fluctuations, its mean correction and the forces, at every step."""
    n, trained = len(kernel), len(targets)
    learning_rate, richness = rates

    def force_at(gram: Array, start: Array) -> Array:
        outputs = (gram - start if centered else gram)[:trained, n] / richness
        return force(objective, outputs, targets)

    def step(gram: Array, start: Array) -> Array:
        forces = learning_rate * richness * force_at(gram, start)
        move = jnp.eye(n + 1).at[:n, n].add(kernel[:, :trained] @ forces)
        move = move.at[n, :trained].add(forces)
        return move @ gram @ move.T

    def slope(gram: Array, start: Array, along: Array, along_start: Array) -> Array:
        return jax.jvp(step, (gram, start), (along, along_start))[1]

    def bend(gram: Array, start: Array, along: Array, along_start: Array) -> Array:
        def at(g: Array, s: Array) -> Array:
            return slope(g, s, along, along_start)

        return jax.jvp(at, (gram, start), (along, along_start))[1]

    everywhere = (None, None, 0, 0)

    def one(carry: tuple[Array, Array, Array], _: None) -> tuple:
        gram, along, shift = carry
        bent = jax.vmap(bend, everywhere)(gram, start, along, directions).sum(axis=0) / 2
        moved = (
            step(gram, start),
            jax.vmap(slope, everywhere)(gram, start, along, directions),
            slope(gram, start, shift, jnp.zeros_like(shift)) + bent,
        )
        return moved, (*carry, force_at(gram, start))

    start = jnp.zeros((n + 1, n + 1)).at[:n, :n].set(kernel).at[n, n].set(1.0)
    begin = (start, directions, jnp.zeros_like(start))
    return jax.lax.scan(one, begin, None, length=steps + 1)[1]
