"""Linear classifiers trained on fresh samples of a law of inputs: their norm and direction."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import lax
from jaxtyping import Array, Float, Key

from widthwise.numerics.ranges import check_positive

Draw = Callable[[Array, int], Array]


def train_directions(
    draw: Draw,
    layers: Sequence[Float[np.ndarray, "member ..."]],
    teacher: Float[np.ndarray, " d"],
    *,
    keys: Key[Array, " member"],
    learning_rate: float | int,
    batch_size: int,
    at: Sequence[int] | np.ndarray,
) -> xr.Dataset:
    """Train linear networks of any depth by stochastic gradient descent on the logistic loss.

    Labels are the signs of ``teacher . x``. Every step draws new inputs.

    Parameters
    ----------
    draw
        ``draw(key, count)`` gives inputs (count, d), such as ``SphericalLaw.draw``.
    layers
        What members start from, from the inputs on: (member, d_1, d), ..., (member, 1, d_{N-1}).
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
        ``product`` of all layers (member, step, input), the ``loss`` of one more batch, and
        ``defect``, the largest entry of ``W_{j+1}^T W_{j+1} - W_j W_j^T`` (member, step).

    Raises
    ------
    ValueError
        If shapes do not fit, the teacher is zero, steps do not ascend, or a number is not positive.
    """
    v = np.asarray(teacher, np.float64)
    length = float(np.linalg.norm(v))
    check_positive(learning_rate=learning_rate, batch_size=batch_size, teacher=length)
    check_positive(
        learning_rate=learning_rate, batch_size=batch_size, teacher=float(np.linalg.norm(v))
    )
    steps = np.asarray(at)
    if steps.ndim != 1 or not steps.size or steps[0] < 0 or np.any(np.diff(steps) <= 0):
        raise ValueError(f"at is {at}: give numbers of steps, ascending, from 0 on")
    start = [jnp.asarray(w, jnp.float32) for w in layers]
    sizes = [len(v), *(w.shape[1] for w in start)]
    shapes = [(len(keys), b, a) for a, b in pairwise(sizes)]
    if [w.shape for w in start] != shapes or sizes[-1] != 1:
        raise ValueError(
            f"layers have shapes {[w.shape for w in start]} for {len(keys)} keys and inputs of "
            f"dimension {len(v)}: give ({len(keys)}, d_1, {len(v)}), ..., ({len(keys)}, 1, d_N-1)"
        )
    unit = jnp.asarray(v / np.linalg.norm(v), jnp.float32)
    rate = jnp.asarray(learning_rate, jnp.float32)
    records, last = [], 0
    for count in steps.tolist():
        span = jnp.asarray([last, count])
        start, record = _advance(draw, batch_size, start, keys, unit, rate, span)
        records.append(record)
        last = count
    product, loss, defect = (np.stack(table, axis=1) for table in zip(*records, strict=True))
    clock = ("member", "step")
    return xr.Dataset(
        {
            "product": ((*clock, "input"), np.asarray(product, np.float64)),
            "loss": (clock, np.asarray(loss, np.float64)),
            "defect": (clock, np.asarray(defect, np.float64)),
        },
        coords={"step": steps},
    )


@partial(jax.jit, static_argnums=(0, 1))
def _advance(
    draw: Draw,
    batch: int,
    start: list[Array],
    keys: Array,
    v: Array,
    rate: Array,
    span: Array,
) -> tuple[list[Array], tuple[Array, Array, Array]]:
    """Take the steps of a span, and record."""

    def loss(layers: list[Array], x: Array) -> Array:
        out = x
        for w in layers:
            out = out @ w.T
        sign = jnp.where(x @ v >= 0, 1.0, -1.0).astype(x.dtype)
        return jnp.mean(jax.nn.softplus(-sign * out[:, 0]))

    def one(layers: list[Array], key: Array) -> tuple[list[Array], tuple[Array, Array, Array]]:
        stream, other = jax.random.split(key)

        def step(count: Array, layers: list[Array]) -> list[Array]:
            x = draw(jax.random.fold_in(stream, count), batch).astype(v.dtype)
            moves = jax.grad(loss)(layers, x)
            return [w - rate * g for w, g in zip(layers, moves, strict=True)]

        layers = lax.fori_loop(span[0], span[1], step, layers)
        x = draw(jax.random.fold_in(other, span[1]), batch).astype(v.dtype)
        w = layers[0]
        for layer in layers[1:]:
            w = layer @ w
        return layers, (w[0], loss(layers, x), _defect(layers))

    return jax.vmap(one)(start, keys)


def _defect(layers: list[Array]) -> Array:
    gaps = [jnp.max(jnp.abs(b.T @ b - a @ a.T)) for a, b in pairwise(layers)]
    return jnp.max(jnp.stack(gaps)) if gaps else jnp.zeros((), layers[0].dtype)
