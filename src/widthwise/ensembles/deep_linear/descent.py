"""The loop of gradient descent on deep linear networks, compiled once for a depth and a batch.

The loss is a quadratic form in the linear map, so samples do not enter. A step needs no product of
matrices: one vector passes backwards through the layers, which gives the map, another forwards.
Arrays have the networks on their last axis; all layers are padded with zeros to one square shape,
which stay zero.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

_ARRIVED = 1e3  # gradient in the map at which a network stands still, in rounding units


class Networks(NamedTuple):
    """Weights of a batch of networks.

    Parameters
    ----------
    layers
        Square matrices, that next to the inputs first.
    last
        The vector after them.
    """

    layers: Float[Array, "*r l n n b"]
    last: Float[Array, "*r n b"]


class Task(NamedTuple):
    """What is trained, and how.

    Parameters
    ----------
    covariance, target
        Padded with zeros.
    root
        Of the covariance; its columns are counted in a bound of the curvature.
    factor
        How many times half the mean squared error the loss is.
    trained
        Whether the vector after the layers is trained: one or zero.
    """

    covariance: Float[Array, "n n"]
    target: Float[Array, " n"]
    root: Float[Array, "n n"]
    factor: Float[Array, ""]
    trained: Float[Array, ""]


class State(NamedTuple):
    """A batch of networks on its way.

    Parameters
    ----------
    networks
        Weights now.
    step
        Updates so far.
    diverged_at
        First step at which the loss was above the limit, or -1.
    resting
        Which networks have arrived.
    limit
        Loss from which a network is given up.
    """

    networks: Networks
    step: Int[Array, ""]
    diverged_at: Int[Array, " b"]
    resting: Bool[Array, " b"]
    limit: Float[Array, " b"]


@partial(jax.jit, static_argnames="paced")
def descend(
    state: State, stop: Int[Array, ""], rates: Float[Array, " b"], task: Task, *, paced: bool
) -> State:
    """Train a batch up to a number of steps.

    If ``paced``, rates are not learning rates but fractions of the largest stable one.
    """

    def going(now: State) -> Array:
        return (now.step < stop) & jnp.any((now.diverged_at < 0) & ~now.resting)

    state = lax.while_loop(going, partial(_step, rates=rates, task=task, paced=paced), state)
    return state._replace(step=stop)


def _step(state: State, *, rates: Array, task: Task, paced: bool) -> State:
    """One update of the networks that have neither diverged nor arrived."""
    layers, last = state.networks
    product, after = _backward(state.networks)
    away = product - task.target[:, None]
    half = task.covariance @ away
    slope = task.factor * half
    excess = task.factor / 2 * jnp.sum(away * half, axis=0)
    lost = ~(excess <= state.limit)  # true of no number, too
    rounding = jnp.finfo(last.dtype).eps * _ARRIVED
    size = jnp.sum((task.covariance @ task.target) ** 2)
    resting = jnp.sum(half**2, axis=0) <= rounding**2 * size
    diverged_at = jnp.where(lost & (state.diverged_at < 0), state.step, state.diverged_at)
    moving = (diverged_at < 0) & ~resting
    if paced:
        rates = rates * _stable_rate(state.networks, after, slope, task)
    rates = jnp.where(moving, rates, 0.0)

    def forward(vector: Array, both: tuple[Array, Array]) -> tuple[Array, Array]:
        layer, behind = both
        moved = layer - (rates[None] * behind)[:, None] * vector[None]
        return jnp.sum(layer * vector[None], axis=1), moved

    vector, layers = lax.scan(forward, slope, (layers, after))
    vector = jnp.where(moving[None], vector, 0.0)
    found = Networks(layers, last - task.trained * rates[None] * vector)
    return State(found, state.step + 1, diverged_at, resting, state.limit)


def _backward(networks: Networks) -> tuple[Array, Array]:
    """Return the linear maps, (n, b), and what stands behind each layer, (l, n, b)."""

    def back(behind: Array, layer: Array) -> tuple[Array, Array]:
        return jnp.sum(layer * behind[:, None], axis=0), behind

    return lax.scan(back, networks.last, networks.layers, reverse=True)


def _stable_rate(networks: Networks, after: Array, slope: Array, task: Task) -> Array:
    """Return a rate that is stable near a minimum, and changes no layer by more than its norm.

    The first by the trace of the Gauss-Newton matrix, which bounds its largest eigenvalue; the
    second where the map is still near zero, and gradients too small to measure a curvature by.
    """
    n, b = networks.last.shape

    def forward(carry: tuple, both: tuple[Array, Array]) -> tuple[tuple, None]:
        vector, before, trace, change = carry
        layer, behind = both
        behind2 = jnp.sum(behind**2, axis=0)
        trace = trace + behind2 * jnp.sum(before**2, axis=(0, 1))
        gradient2 = behind2 * jnp.sum(vector**2, axis=0)
        change = jnp.maximum(change, gradient2 / jnp.sum(layer**2, axis=(0, 1)))
        vector = jnp.sum(layer * vector[None], axis=1)
        before = jnp.sum(layer[:, :, None] * before[None], axis=1)
        return (vector, before, trace, change), None

    root = jnp.broadcast_to(task.root[..., None], (n, n, b))
    zero = jnp.zeros(b, slope.dtype)
    start = (slope, root, zero, zero)
    (vector, before, trace, change), _ = lax.scan(forward, start, (networks.layers, after))
    trace = trace + task.trained * jnp.sum(before**2, axis=(0, 1))
    own = jnp.sum(vector**2, axis=0) / jnp.sum(networks.last**2, axis=0)
    change = jnp.maximum(change, task.trained * own)
    return jnp.minimum(2 / (task.factor * trace), 1 / jnp.sqrt(change))
