"""The random networks of the study, and their speeds of features."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree

from widthwise.experiments import Shard, member_keys, shards_of
from widthwise.networks import Dense, Layer, Relu, Residual, Sequential, Standard
from widthwise.observables.feature_speed import Node, find_nodes, node_speeds

INPUTS = 10
SPREAD = 5.0
"""The squared logarithm of the norm of a ReLU layer's features varies by 5 / width (Hanin 2018)."""


class Training(NamedTuple):
    """How the arrays of parameters start, and how fast each is trained.

    Parameters
    ----------
    std
        Of the entries of each, forward order.
    rates
        Learning rates; with ``balanced``, over the squared norm of each gradient.
    balanced
        Whether they are.
    """

    std: Float[np.ndarray, " arrays"]
    rates: Float[np.ndarray, " arrays"]
    balanced: bool


def plain(width: int, depth: int) -> Sequential:
    """ReLU network of so many hidden layers, with one output."""
    layers: list[Layer] = []
    for _ in range(depth):
        layers += [Dense(width, bias=False), Relu()]
    return Sequential(*layers, Dense(1, bias=False), parametrization=Standard())


def residual(width: int, branches: int) -> Sequential:
    """Residual network of so many branches, each a ReLU and a layer, with one output."""
    branch = Residual(Sequential(Relu(), Dense(width, bias=False)))
    first, last = Dense(width, bias=False), Dense(1, bias=False)
    return Sequential(first, *[branch] * branches, last, parametrization=Standard())


def member_shards(
    part: str, settings: dict, widths: Sequence[int], members: int, *, batch: int = 100_000
) -> list[Shard]:
    """Shards of all widths: ``members`` networks of the largest, of narrower ones more."""
    return [
        shard
        for width in widths
        for shard in shards_of(
            part,
            {**settings, "width": width},
            members=members * max(widths) // width,
            batch=batch,
        )
    ]


def keys_of(key: Key[Array, ""], shard: Shard, depth: int) -> Key[Array, " member"]:
    """Keys of the networks of a shard: other depths have other weights."""
    keys = member_keys(key, int(shard.settings["width"]), shard.members)
    return jax.vmap(jax.random.fold_in, (0, None))(keys, depth)


def speeds(
    net: Sequential,
    keys: Key[Array, " member"],
    *,
    trainings: Sequence[Training],
    names: Sequence[str],
    x: Float[np.ndarray, "n d"],
    errors: Float[np.ndarray, " n"],
) -> list[dict[str, Float[np.ndarray, "..."]]]:
    """Measure networks at their start, under the linear loss ``sum(errors * outputs)``.

    Parameters
    ----------
    net
        The architecture, whose weights are drawn with unit gain and then given their scale.
    keys
        One for each network.
    trainings
        Initial scales, and learning rates; all are tried on the same networks.
    names
        The nodes.
    x, errors
        Inputs, and the derivative of the loss in their outputs.

    Returns
    -------
    list
        For each training, numbers as of ``node_speeds``, with the members in front.
    """
    unit = np.array([float(row.init_std) for row in net.parameter_table(x.shape[1:])])
    data = tuple(jnp.asarray(a, jnp.float32) for a in (x, errors))
    settings = [
        (tuple(jnp.asarray(a, jnp.float32) for a in (t.std / unit, t.rates)), t.balanced)
        for t in trainings
    ]
    nodes: tuple[Node, ...] = ()
    rows: list[list[dict[str, Array]]] = [[] for _ in trainings]
    for key in keys:  # drawn outside of the program: far less is compiled
        model = net.init(key, x.shape[1:])
        nodes = nodes or tuple(find_nodes(model, data[0][0], names=names))
        for row, (numbers, balanced) in zip(rows, settings, strict=True):
            row.append(_run(model, numbers + data, nodes, balanced))
    return [
        {name: np.stack([np.asarray(n[name], np.float64) for n in row]) for name in row[0]}
        for row in rows
    ]


@eqx.filter_jit
def _run(
    model: eqx.Module, arrays: tuple[Array, ...], nodes: tuple[Node, ...], balanced: bool
) -> dict[str, Array]:
    scales, rates, x, errors = arrays

    def direction(gradients: PyTree, params: PyTree) -> PyTree:
        del params
        leaves, structure = jax.tree.flatten(gradients)
        steps = [
            -rate * g / jnp.maximum(jnp.sum(g**2), 1e-30) if balanced else -rate * g
            for rate, g in zip(rates, leaves, strict=True)
        ]
        return jax.tree.unflatten(structure, steps)

    params, frozen = eqx.partition(model, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(params)
    scaled = [scale * leaf for scale, leaf in zip(scales, leaves, strict=True)]
    model = eqx.combine(jax.tree.unflatten(structure, scaled), frozen)
    loss = partial(_linear_loss, errors)
    return node_speeds(model, x, loss, nodes=nodes, direction=direction)


def _linear_loss(errors: Array, outputs: Array) -> Array:
    return jnp.sum(errors * outputs[:, 0])
