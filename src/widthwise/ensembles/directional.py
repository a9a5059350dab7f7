"""Linear classifiers trained on fresh samples of a law of inputs: their norm and direction."""

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import lax
from jaxtyping import Array, Float, Key

from widthwise.numerics.ranges import check_positive

Draw = Callable[[Array, int], Array]
Start = Callable[[Array], list[Array]]


def train_directions(
    draw: Draw,
    start: Start,
    teacher: Float[np.ndarray, " d"],
    *,
    keys: Key[Array, " member"],
    learning_rate: float | int,
    batch_size: int,
    at: Sequence[int],
) -> xr.Dataset:
    """Train linear networks of any depth by stochastic gradient descent on the logistic loss.

    Labels are the signs of ``teacher . x``. Every step draws new inputs.

    Parameters
    ----------
    draw
        ``draw(key, count)`` gives inputs (count, d), such as ``SphericalLaw.draw``.
    start
        ``start(key)`` gives the layers of one member, from the inputs on: (d_1, d), ...,
        (1, d_{N-1}).
    teacher
        A vector, not zero.
    keys
        One random key for each member.
    learning_rate, batch_size
        Of every step.
    at
        After how many steps to record, ascending.

    Returns
    -------
    xarray.Dataset
        ``norm`` of the product of all layers, ``log_tangent`` of half its angle to the teacher,
        the ``loss`` of one more batch, and ``defect``, the largest entry of
        ``W_{j+1}^T W_{j+1} - W_j W_j^T``: all (member, step).

    Raises
    ------
    ValueError
        If the teacher is zero, steps do not ascend, or a number is not positive.

    Notes
    -----
    Functions are compiled once for each ``draw`` and ``start`` that compare equal.
    """
    v = np.asarray(teacher, np.float64)
    check_positive(learning_rate=learning_rate, batch_size=batch_size, teacher=np.linalg.norm(v))
    steps = np.asarray(at)
    if steps.ndim != 1 or not steps.size or steps[0] < 0 or np.any(np.diff(steps) <= 0):
        raise ValueError(f"at is {at}: give numbers of steps, ascending, from 0 on")
    gaps = jnp.asarray(np.diff(steps, prepend=0))
    rate = jnp.asarray(learning_rate, jnp.float32)
    unit = jnp.asarray(v / np.linalg.norm(v), jnp.float32)
    found = _train(draw, start, batch_size, keys, unit, rate, gaps)
    names = ("norm", "log_tangent", "loss", "defect")
    return xr.Dataset(
        {n: (("member", "step"), np.asarray(a)) for n, a in zip(names, found, strict=True)},
        coords={"step": steps},
    )


@partial(jax.jit, static_argnums=(0, 1, 2))
def _train(
    draw: Draw, start: Start, batch: int, keys: Array, v: Array, rate: Array, gaps: Array
) -> tuple[Array, ...]:
    def loss(layers: list[Array], x: Array) -> Array:
        out = x
        for w in layers:
            out = out @ w.T
        sign = jnp.where(x @ v >= 0, 1.0, -1.0)
        return jnp.mean(jax.nn.softplus(-sign * out[:, 0]))

    def one(key: Array) -> tuple[Array, ...]:
        first, stream = jax.random.split(key)

        def step(_: Array, state: tuple[list[Array], Array]) -> tuple[list[Array], Array]:
            layers, count = state
            x = draw(jax.random.fold_in(stream, count), batch).astype(v.dtype)
            moves = jax.grad(loss)(layers, x)
            return [w - rate * g for w, g in zip(layers, moves, strict=True)], count + 1

        def record(
            state: tuple[list[Array], Array], gap: Array
        ) -> tuple[tuple[list[Array], Array], tuple[Array, ...]]:
            state = lax.fori_loop(0, gap, step, state)
            layers, count = state
            x = draw(jax.random.fold_in(stream, 2**31 + count), batch).astype(v.dtype)
            return state, (*_direction(layers, v), loss(layers, x), _defect(layers))

        layers = [w.astype(v.dtype) for w in start(first)]
        return lax.scan(record, (layers, jnp.asarray(0, jnp.uint32)), gaps)[1]

    return jax.vmap(one)(keys)


def _direction(layers: list[Array], v: Array) -> tuple[Array, Array]:
    w = layers[0]
    for layer in layers[1:]:
        w = layer @ w
    along = w[0] @ v
    across = jnp.linalg.norm(w[0] - along * v)
    norm = jnp.hypot(along, across)
    # tan(theta / 2), without a difference of nearly equal numbers.
    ahead, behind = across / (norm + jnp.abs(along)), (norm + jnp.abs(along)) / across
    return norm, jnp.log(jnp.where(along >= 0, ahead, behind))


def _defect(layers: list[Array]) -> Array:
    gaps = [jnp.max(jnp.abs(b.T @ b - a @ a.T)) for a, b in zip(layers, layers[1:], strict=False)]
    return jnp.max(jnp.stack(gaps)) if gaps else jnp.zeros(())
