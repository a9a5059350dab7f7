"""Deep linear networks trained by gradient descent: the public function."""

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, Int
from numpy.typing import ArrayLike

from widthwise.ensembles.deep_linear.descent import Networks, State, Task, descend
from widthwise.ensembles.deep_linear.observed import observed, squares
from widthwise.networks.deep_linear import (
    Matrix,
    checked_weights,
    end_to_end,
)
from widthwise.networks.linear_regression import checked_task, loss_factor
from widthwise.numerics.memory import refuse_beyond_memory
from widthwise.numerics.roots import covariance_root

_LOST = 1e6  # loss from which a network is given up, over that of the start and of the map zero
_BATCH = 32  # networks at a time: their weights stay in a core's cache, one program serves all


def train_deep_linear(
    weights: Sequence,
    covariance: ArrayLike,
    target: ArrayLike,
    *,
    steps: int | Sequence[int] | np.ndarray,
    learning_rates: Sequence[float | int] | np.ndarray | None = None,
    pace: float | None = None,
    readout: Float[np.ndarray, "..."] | None = None,
    loss: str = "mean",
    hessian: bool = False,
) -> xr.Dataset:
    """Train deep linear networks with one output by full-batch gradient descent.

    Parameters
    ----------
    weights
        W_1 to W_L, the last of shape (1, fan_in), each with the same further axes in front: none,
        (member,), or (scale, member), as `deep_linear_start` draws them.
    covariance, target
        Second moments of the inputs ``X^T X / n``, and the solution of least norm: the loss is a
        quadratic form in them. Its minimum over all maps does not matter.
    steps
        Number of updates T, or numbers after which weights are kept, increasing. The dataset also
        has those before training, and, for a number alone, those one step before the end: where
        these differ training ended in a cycle, or has not ended.
    learning_rates
        Learning rates: each trains all networks.
    pace
        In the place of learning rates: in every step the largest stable learning rate is estimated
        from the weights, and this fraction of it taken. So small weights leave the saddle at zero
        in a number of steps that grows with the logarithm of their size only.
    readout
        A map (1, width) after W_L that is not trained, with the same axes in front; W_L is then
        square.
    loss
        ``"mean"`` for half the mean squared error, ``"mse"`` for the mean squared error.
    hessian
        Whether the sharpness of the full Hessian is computed also, at every record.

    Returns
    -------
    xarray.Dataset
        Dimensions ``([learning_rate], [scale], [member], step)``: ``distance``, the squared
        distance of the map from the target; ``excess``, the loss above its minimum;
        ``gauss_newton``, the largest eigenvalue of the Gauss-Newton matrix, at a minimum that of
        the Hessian; ``sharpness``, that of the Hessian, if asked for; ``layers`` and ``readout``,
        the weights padded with zeros, see `deep_linear_weights`. ``diverged_at`` is the first step
        at which the loss was a million times those at step 0 and at the map zero, or no number; -1
        if none was. From there on what is recorded is NaN.

    Raises
    ------
    ValueError
        If shapes do not fit, or a number is out of range.

    Notes
    -----
    A network that has arrived, its gradient being rounding, stands still from there on.

    Examples
    --------
    >>> import numpy as np
    >>> start = (0.3 * np.eye(2), 0.3 * np.ones((1, 2)))
    >>> found = train_deep_linear(start, np.eye(2), [1.0, 0.5], steps=200, learning_rates=[0.1])
    >>> bool(found.distance[0, -1] < 1e-9), found.gauss_newton[0, -1].round(1).item()
    (True, 2.2)
    """
    found, last = checked_weights(weights, readout)
    axes = found[0].shape[:-2]
    _check_network(found, last, axes)
    sigma, goal = checked_task(covariance, target)
    if goal.shape != (1, found[0].shape[-1]):
        raise ValueError(
            f"target has shape {goal.shape[1:]} and the networks {found[0].shape[-1]} inputs: give "
            "(inputs,)"
        )
    moments = _moments(steps)
    rates = _rates(learning_rates, pace)
    factor = loss_factor(loss)
    size = max(max(w.shape[-2:]) for w in found)
    count, records = max(int(np.prod(axes)), 1), len(moments)
    refuse_beyond_memory(
        8 * (records + 2) * count * len(rates) * len(found) * size**2,
        f"{count * len(rates)} networks at {records} times",
        "give fewer steps to keep, or fewer networks at a time",
    )
    dtype = np.float32 if _is_single(covariance, target) else np.float64
    layers, last_layer = _padded(found, last, size)
    away = (end_to_end(found, last)[..., 0, :] - goal[0]).reshape(-1, goal.shape[1])
    limit = _LOST * factor / 2 * np.maximum(squares(away, sigma), squares(goal, sigma))
    parts = {"covariance": sigma, "target": goal[0], "root": covariance_root(sigma)}
    with jax.enable_x64(dtype == np.float64):
        task = Task(
            **{name: jnp.asarray(_pad(part, size), dtype) for name, part in parts.items()},
            factor=jnp.asarray(factor, dtype),
            trained=jnp.asarray(last is None, dtype),
        )
        train = partial(_train, moments=moments, task=task, paced=pace is not None)
        layers, tail, lost = _in_batches(
            train, layers, last_layer, limit, rates=rates.astype(dtype)
        )
    names = ("scale", "member")[2 - len(axes) :]
    lead = () if learning_rates is None else (len(rates),)
    dims = (*(("learning_rate",) if lead else ()), *names)

    def shaped(array: np.ndarray) -> np.ndarray:
        """From learning rates and networks on the last axis to axes of their own in front."""
        moved = np.moveaxis(array, -1, 0)
        return moved.reshape(*lead, *axes, *moved.shape[1:])

    lost = shaped(lost)
    gone = (lost[..., None] >= 0) & (lost[..., None] <= moments)
    layers = np.where(gone[..., None, None, None], np.nan, shaped(layers))
    tail = np.where(gone[..., None], np.nan, shaped(tail))
    dataset = xr.Dataset(
        {
            "layers": ((*dims, "step", "layer", "neuron", "neuron_2"), layers),
            "readout": ((*dims, "step", "neuron"), tail),
            "diverged_at": (dims, lost),
        },
        coords={"step": moments},
        attrs={
            "sizes": [found[0].shape[-1], *(w.shape[-2] for w in found)],
            "readout_trained": int(last is None),
            "loss": loss,
        },
    )
    if lead:
        dataset = dataset.assign_coords(learning_rate=np.asarray(learning_rates, np.float64))
    return dataset.assign(observed(dataset, sigma, goal[0], factor, hessian))


def _in_batches(
    train: Callable[..., tuple[np.ndarray, ...]],
    layers: np.ndarray,
    last: np.ndarray,
    limit: np.ndarray,
    *,
    rates: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Train all networks at all rates in batches of one size, the last filled up with copies."""
    count = last.shape[-1]
    total = count * len(rates)
    found = []
    for start in range(0, total, _BATCH):
        index = np.minimum(np.arange(start, start + _BATCH), total - 1)
        member = index % count
        numbers = (layers[..., member], last[..., member], limit[member], rates[index // count])
        found.append(train(*(jnp.asarray(array, rates.dtype) for array in numbers)))
    layers, last, lost = (
        np.concatenate(parts, axis=-1)[..., :total] for parts in zip(*found, strict=True)
    )
    return layers, last, lost


def _train(
    layers: Array,
    last: Array,
    limit: Array,
    rates: Array,
    *,
    moments: np.ndarray,
    task: Task,
    paced: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights of one batch at all records, and the steps at which networks diverged."""
    state = State(
        Networks(layers, last),
        jnp.asarray(0, jnp.int32),
        jnp.full(len(rates), -1, jnp.int32),
        jnp.zeros(len(rates), dtype=bool),
        limit,
    )
    path = []
    for moment in moments:
        state = descend(state, jnp.asarray(moment, jnp.int32), rates, task, paced=paced)
        path.append([np.asarray(part) for part in state.networks])
    layers_at, last_at = (np.stack(parts) for parts in zip(*path, strict=True))
    return layers_at, last_at, np.asarray(state.diverged_at)


def _padded(
    weights: tuple[Matrix, ...], readout: Matrix | None, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return layers (l, n, n, network), padded to squares, and what follows, (n, network)."""
    squares, last = (weights[:-1], weights[-1]) if readout is None else (weights, readout)
    count = max(int(np.prod(last.shape[:-2])), 1)
    layers = np.zeros((len(squares), size, size, count))
    for k, w in enumerate(squares):
        flat = w.reshape(count, *w.shape[-2:])
        layers[k, : w.shape[-2], : w.shape[-1]] = np.moveaxis(flat, 0, -1)
    tail = np.zeros((size, count))
    tail[: last.shape[-1]] = last.reshape(count, -1).T
    return layers, tail


def _pad(array: np.ndarray, size: int) -> np.ndarray:
    return np.pad(array, [(0, size - n) for n in array.shape])


def _check_network(weights: tuple[Matrix, ...], readout: Matrix | None, axes: tuple) -> None:
    last = weights[-1] if readout is None else readout
    if len(axes) > 2 or last.shape[-2] != 1 or last.shape[:-2] != axes:
        raise ValueError(
            f"weights have shapes {[w.shape for w in weights]}, the readout "
            f"{None if readout is None else readout.shape}: give networks with one output, with no "
            "axes in front, (member,) or (scale, member)"
        )


def _moments(steps: int | Sequence[int] | np.ndarray) -> Int[np.ndarray, " r"]:
    single = isinstance(steps, int | np.integer)
    given = np.asarray([steps - 1, steps] if single else steps)
    found = np.unique(np.concatenate([[0], given]))
    rising = given.ndim == 1 and given.size > 0 and list(given) == sorted(set(given.tolist()))
    if not rising or given.dtype.kind not in "iu" or given[0] < 0 or given[-1] < 1:
        raise ValueError(f"steps is {steps}: give a whole number of at least 1, or increasing ones")
    return found.astype(np.int64)


def _rates(
    learning_rates: Sequence[float | int] | np.ndarray | None, pace: float | None
) -> Float[np.ndarray, " r"]:
    if (learning_rates is None) == (pace is None):
        raise ValueError("give either learning_rates or pace")
    name, given = ("learning_rates", learning_rates) if pace is None else ("pace", [pace])
    found = np.asarray(given, np.float64)
    if found.ndim != 1 or found.size == 0 or not np.all((found > 0) & np.isfinite(found)):
        raise ValueError(f"{name} is {given}: give positive, finite numbers")
    if pace is not None and pace >= 1:
        raise ValueError(f"pace is {pace}: give a fraction of the stable learning rate below 1")
    return found


def _is_single(*arrays: ArrayLike) -> bool:
    """Tell whether arrays were given in single precision."""
    return all(getattr(a, "dtype", None) == np.float32 for a in arrays)
