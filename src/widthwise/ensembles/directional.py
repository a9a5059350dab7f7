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
Layers = list[Array]


def train_directions(
    draw: Draw,
    networks: Sequence[Sequence[Float[np.ndarray, "member ..."]]],
    teacher: Float[np.ndarray, " d"],
    *,
    keys: Key[Array, " member"],
    learning_rates: Sequence[float],
    batch_size: int,
    at: Sequence[int] | np.ndarray,
) -> list[xr.Dataset]:
    """Train linear networks of any depths by stochastic gradient descent on the logistic loss.

    Labels are the signs of ``teacher . x``. Every step draws new inputs, the same for all networks
    of a member: to draw them costs more than to train on them.

    Parameters
    ----------
    draw
        ``draw(key, count)`` gives inputs (count, d), such as ``SphericalLaw.draw``.
    networks
        What the members of each network start from, layers from the inputs on:
        (member, d_1, d), ..., (member, 1, d_{N-1}).
    teacher
        A vector, not zero.
    keys
        One random key for each member.
    learning_rates
        One for each network.
    batch_size
        Of every step.
    at
        After how many steps to record, ascending.

    Returns
    -------
    list of xarray.Dataset
        For each network the ``product`` of all layers (member, step, input), the ``loss`` of its
        next batch, and ``defect``, the largest entry of ``W_{j+1}^T W_{j+1} - W_j W_j^T``
        (member, step).

    Raises
    ------
    ValueError
        If shapes do not fit, the teacher is zero, steps do not ascend, or a number is not positive.
    """
    v = np.asarray(teacher, np.float64)
    length = float(np.linalg.norm(v))
    check_positive(batch_size=batch_size, teacher=length)
    for rate in learning_rates:
        check_positive(learning_rate=rate)
    if not networks or len(learning_rates) != len(networks):
        raise ValueError(
            f"{len(networks)} networks and {len(learning_rates)} learning rates: give one rate for "
            "each network, and at least one network"
        )
    steps = np.asarray(at)
    if steps.ndim != 1 or not steps.size or steps[0] < 0 or np.any(np.diff(steps) <= 0):
        raise ValueError(f"at is {at}: give numbers of steps, ascending, from 0 on")
    state = [_checked(layers, len(keys), len(v)) for layers in networks]
    unit = jnp.asarray(v / length, jnp.float32)
    rates = jnp.asarray(learning_rates, jnp.float32)
    records, last = [], 0
    for count in steps.tolist():
        span = jnp.asarray([last, count])
        state, record = _advance(draw, batch_size, state, keys, unit, rates, span)
        records.append(record)
        last = count
    return [_dataset([record[i] for record in records], steps) for i in range(len(networks))]


def _checked(layers: Sequence[np.ndarray], members: int, dimension: int) -> Layers:
    start = [jnp.asarray(w, jnp.float32) for w in layers]
    sizes = [dimension, *(w.shape[1] for w in start)]
    shapes = [(members, b, a) for a, b in pairwise(sizes)]
    if not start or [w.shape for w in start] != shapes or sizes[-1] != 1:
        raise ValueError(
            f"layers have shapes {[w.shape for w in start]} for {members} keys and inputs of "
            f"dimension {dimension}: give ({members}, d_1, {dimension}), ..., "
            f"({members}, 1, d_N-1)"
        )
    return start


def _dataset(records: list[tuple[Array, Array, Array]], steps: np.ndarray) -> xr.Dataset:
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


# Steps are short: most of the time is compilation, which this level halves at no cost in speed.
@partial(jax.jit, static_argnums=(0, 1), compiler_options={"xla_backend_optimization_level": 1})
def _advance(
    draw: Draw,
    batch: int,
    start: list[Layers],
    keys: Array,
    v: Array,
    rates: Array,
    span: Array,
) -> tuple[list[Layers], list[tuple[Array, Array, Array]]]:
    """Take the steps of a span, and record."""

    def losses(networks: list[Layers], x: Array) -> tuple[Array, Array]:
        # The product before the samples: the same numbers, at no cost of depth or width.
        products = jnp.stack([_product(layers) for layers in networks], axis=1)
        sign = jnp.where(x @ v >= 0, 1.0, -1.0).astype(x.dtype)
        each = jnp.mean(jax.nn.softplus(-sign[:, None] * (x @ products)), axis=0)
        return jnp.sum(each), each

    def one(networks: list[Layers], key: Array) -> tuple[list[Layers], list]:
        def step(count: Array, state: tuple[list[Layers], Array]) -> tuple[list[Layers], Array]:
            networks, _ = state
            x = draw(jax.random.fold_in(key, count), batch).astype(v.dtype)
            (_, each), moves = jax.value_and_grad(losses, has_aux=True)(networks, x)
            # The batch after the last step is seen, for the loss, and trained on in the next span.
            moving = jnp.where(count < span[1], rates, 0.0)
            moved = [
                [w - moving[i] * g for w, g in zip(layers, moves[i], strict=True)]
                for i, layers in enumerate(networks)
            ]
            return moved, each

        state = (networks, jnp.zeros_like(rates))
        networks, each = lax.fori_loop(span[0], span[1] + 1, step, state)
        return networks, [
            (_product(layers), each[i], _defect(layers)) for i, layers in enumerate(networks)
        ]

    return jax.vmap(one)(start, keys)


def _product(layers: Layers) -> Array:
    w = layers[-1][0]
    for layer in layers[-2::-1]:
        w = w @ layer
    return w


def _defect(layers: Layers) -> Array:
    gaps = [jnp.max(jnp.abs(b.T @ b - a @ a.T)) for a, b in pairwise(layers)]
    return jnp.max(jnp.stack(gaps)) if gaps else jnp.zeros((), layers[0].dtype)
