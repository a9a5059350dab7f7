"""Deep linear networks of finite size in the proportional setting, trained side by side."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import lax
from jaxtyping import Array, Float, Key
from scipy.linalg import eigvalsh

from widthwise.networks.proportional import ProportionalLinear
from widthwise.numerics.draws import Draws, numbered_keys
from widthwise.numerics.memory import refuse_beyond_memory

_Sizes = tuple[int, int, int | None, int]  # hidden matrices, width, samples, inputs


class _Weights(eqx.Module):
    """W^0 (width, inputs), W^1.. (layers, width, width) and w (width,), of one network or many."""

    first: Array
    hidden: Array
    readout: Array


class _Task(eqx.Module):
    """Target (inputs,), inputs (samples, inputs) and noise (samples,); None for the population."""

    beta: Array
    x: Array | None
    noise: Array | None


def train_proportional(
    network: ProportionalLinear,
    inputs: int,
    *,
    learning_rate: float,
    steps: int,
    key: Key[Array, ""],
    members: int | tuple[int, int] = 1,
    record: tuple[int, ...] = (),
) -> xr.Dataset:
    """Train deep linear networks on random regression tasks by gradient descent.

    Each member has its own weights, inputs, target and noise; the target has length exactly
    ``sqrt(D)``, which cuts the scatter of narrow networks.

    Parameters
    ----------
    network
        The network and its task.
    inputs
        D; width and samples follow from the ratios, rounded.
    learning_rate
        Positive; it is multiplied by ``gamma^2 D``.
    steps
        Number of updates T, at least 1.
    key
        Member i depends on ``jax.random.fold_in(key, i)`` and the sizes alone.
    members
        Number of networks, or a range (start, stop) of them.
    record
        Numbers of updates after which the weights are kept, increasing, each from 0 to T.

    Returns
    -------
    xarray.Dataset
        Dimensions ``member``, ``step`` (0..T) and ``recorded_step``: ``test_loss`` and
        ``train_loss`` (half the mean squared error; the test loss is that of the population
        without label noise); and the recorded weights in float32: ``first`` (neuron, input),
        ``hidden`` (layer, neuron, neuron_2) and ``readout`` (neuron). A member that diverges has
        losses that are not finite.

    Raises
    ------
    ValueError
        If a number is out of range, or the recorded weights do not fit in memory.

    Examples
    --------
    >>> import jax
    >>> from widthwise.ensembles import train_proportional
    >>> from widthwise.networks import ProportionalLinear
    >>> network, key = ProportionalLinear(width_ratio=2.0), jax.random.key(0)
    >>> found = train_proportional(network, 20, learning_rate=0.1, steps=3, key=key)
    >>> found.test_loss.shape
    (1, 4)
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}: give at least 1")
    if not learning_rate > 0:
        raise ValueError(f"learning_rate is {learning_rate}: give a positive number")
    if list(record) != sorted(set(record)) or not all(0 <= t <= steps for t in record):
        raise ValueError(f"record is {record}: give increasing numbers from 0 to {steps}")
    start, stop = (0, members) if isinstance(members, int) else members
    if not 0 <= start < stop:
        raise ValueError(f"members is {members}: give a number, or a range, of at least one")
    width, _ = network.sizes(inputs)
    weights = width * (inputs + (network.hidden_layers - 1) * width)
    refuse_beyond_memory(
        8 * (stop - start) * (len(record) + 1) * weights,
        f"the weights of {stop - start} networks at {len(record)} times",
        "record fewer steps, or train fewer members at a time",
    )
    # where each step's weights go; steps that are not recorded go nowhere
    slots = np.full(steps + 1, len(record))
    slots[list(record)] = np.arange(len(record))
    rates = jnp.asarray([learning_rate, network.output_scale, network.noise], jnp.float32)
    sizes = (network.hidden_layers - 1, *network.sizes(inputs), inputs)
    test, train, kept = _train(
        numbered_keys(key, start, stop), jnp.asarray(slots), rates, sizes, len(record)
    )
    at = ("member", "recorded_step")
    return xr.Dataset(
        {
            "test_loss": (("member", "step"), np.asarray(test)),
            "train_loss": (("member", "step"), np.asarray(train)),
            "first": ((*at, "neuron", "input"), np.asarray(kept.first)),
            "hidden": ((*at, "layer", "neuron", "neuron_2"), np.asarray(kept.hidden)),
            "readout": ((*at, "neuron"), np.asarray(kept.readout)),
        },
        coords={
            "member": np.arange(start, stop),
            "step": np.arange(steps + 1),
            "recorded_step": list(record),
        },
    )


def leading_ntk_eigenvalue(found: xr.Dataset) -> xr.DataArray:
    """Largest eigenvalue of the tangent kernel's operator over inputs, at the recorded steps.

    Gradient descent on the population loss is stable while learning rate times this is below 2.

    Parameters
    ----------
    found
        From `train_proportional`, with recorded weights.

    Returns
    -------
    xarray.DataArray
        Dimensions ``member`` and ``recorded_step``.
    """
    weights = [found[name].values for name in ("first", "hidden", "readout")]
    members, steps = weights[0].shape[:2]
    values = [
        [_leading(*(array[i, t] for array in weights)) for t in range(steps)]
        for i in range(members)
    ]
    return (
        found["readout"].isel(neuron=0, drop=True).copy(data=np.array(values)).rename("leading_ntk")
    )


@partial(jax.jit, static_argnames=("sizes", "records"))
def _train(
    keys: Array, slots: Array, rates: Float[Array, "3"], sizes: _Sizes, records: int
) -> tuple[Array, Array, _Weights]:
    """Train one network after the other: their products are bound by memory, not by overhead.

    The rates are learning rate, divisor of the output, and label noise: compiled once for all.
    """

    def one(key: Array) -> tuple[Array, Array, _Weights]:
        weights, task = _draw(Draws(key), sizes, rates[2])
        kept = jax.tree.map(lambda a: jnp.zeros((records, *a.shape), a.dtype), weights)

        def step(state: tuple[_Weights, _Weights], slot: Array) -> tuple:
            weights, kept = state
            if records:
                kept = jax.tree.map(partial(_write, slot), kept, weights)
            weights, losses = _update(weights, task, rates[0], rates[1])
            return (weights, kept), losses

        (_, kept), (test, train) = lax.scan(step, (weights, kept), slots)
        return test, train, kept

    return lax.map(one, keys)


def _write(slot: Array, kept: Array, value: Array) -> Array:
    return kept.at[slot].set(value, mode="drop")


def _draw(draws: Draws, sizes: _Sizes, noise: Array) -> tuple[_Weights, _Task]:
    layers, width, samples, inputs = sizes
    dtype = jnp.float32
    weights = _Weights(
        draws.normal((width, inputs), dtype),
        draws.normal((layers, width, width), dtype),
        draws.normal((width,), dtype),
    )
    beta = draws.normal((inputs,), dtype)
    beta = beta * (inputs**0.5 / jnp.linalg.norm(beta))
    if samples is None:
        return weights, _Task(beta, None, None)
    x, label_noise = draws.normal((samples, inputs), dtype), draws.normal((samples,), dtype)
    return weights, _Task(beta, x, noise * label_noise)


def _update(
    weights: _Weights, task: _Task, learning_rate: Array, gamma: Array
) -> tuple[_Weights, tuple[Array, Array]]:
    """One step of gradient descent, and the losses before it."""
    width, inputs = weights.first.shape
    gradients = [weights.readout]
    for w in weights.hidden[::-1]:
        gradients.append(w.T @ gradients[-1] / width**0.5)
    gradients = gradients[::-1]
    missing = task.beta - weights.first.T @ gradients[0] / (gamma * width**0.5)
    test = jnp.mean(missing**2) / 2
    if task.x is None or task.noise is None:
        train, direction = test, missing
    else:
        residual = task.x @ missing / inputs**0.5 + task.noise
        train = jnp.mean(residual**2) / 2
        direction = inputs**0.5 / len(residual) * (task.x.T @ residual)
    features = [weights.first @ direction / inputs**0.5]
    for w in weights.hidden:
        features.append(w @ features[-1] / width**0.5)
    first = weights.first + learning_rate * gamma / width**0.5 * jnp.outer(gradients[0], direction)
    step = learning_rate * gamma * (inputs / width) ** 0.5
    hidden = weights.hidden
    if len(hidden):
        outer = jnp.stack(
            [jnp.outer(g, h) for g, h in zip(gradients[1:], features[:-1], strict=True)]
        )
        hidden = hidden + step / width**0.5 * outer
    return _Weights(first, hidden, weights.readout + step * features[-1]), (test, train)


def _leading(first: np.ndarray, hidden: np.ndarray, readout: np.ndarray) -> float:
    """``|g^1|^2 / N + sum_l (|g^{l+1}|^2 / N) T_l^T T_l / N``, T_l the map from inputs to h^l."""
    width, inputs = first.shape
    norms, g = [1.0], readout  # of g^{L+1}, g^L, ...
    for w in hidden[::-1]:
        norms.append(float(np.mean(g**2)))
        g = w.T @ g / width**0.5
    operator = np.mean(g**2) * np.eye(inputs)
    mapped = first
    for layer, norm in enumerate(norms[::-1]):
        if layer:
            mapped = hidden[layer - 1] @ mapped / width**0.5
        operator = operator + norm * (mapped.T @ mapped) / width
    return float(eigvalsh(operator, subset_by_index=(inputs - 1, inputs - 1))[0])
