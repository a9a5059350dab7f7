"""Forward and backward norms, their angle, and the speed of features, at every node at once."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, PyTree, Shaped

from widthwise.observables.feature_speed.nodes import Node, tapped

Direction = Callable[[PyTree, PyTree], PyTree]
"""``direction(gradients, params)`` returns the change of the parameters per unit of step."""


def node_speeds(
    model: eqx.Module,
    x: Shaped[Array, "n ..."],
    loss: Callable[[Any], Float[Array, ""]],
    *,
    nodes: Sequence[Node],
    direction: Direction,
    steps: Sequence[float] = (),
    batched: bool = False,
) -> dict[str, Float[Array, "..."]]:
    """Measure at every node, with one forward, one backward and one forward-mode pass.

    A pure function of arrays, for ``jit``, ``vmap`` and ``lax.map`` over networks.

    Parameters
    ----------
    model
        The network.
    x
        Inputs, examples first.
    loss
        One number from all outputs.
    nodes
        Of :func:`find_nodes`.
    direction
        Turns gradients and parameters into the change of the parameters.
    steps
        Sizes of steps that are really made; one more forward pass each.
    batched
        Whether the model takes all examples at once.

    Returns
    -------
    dict
        ``loss``, ``loss_decay``; arrays (node,): ``feature_rms``, ``backward_norm``, ``decay``,
        ``upstream_decay``, ``cosine``, ``speed``; and, with steps, (step, node): ``moved`` and
        ``step_error``; see :func:`feature_speed`.

    Notes
    -----
    Chizat & Netrapalli (2024, arXiv:2311.18718), theorem 2.1, for any direction.
    """
    params, frozen = eqx.partition(model, eqx.is_inexact_array)
    shifts = [
        jnp.zeros(node.shape if batched else (len(x), *node.shape), node.dtype) for node in nodes
    ]

    def values(params: PyTree, shifts: list[Array]) -> tuple[Any, list[Array]]:
        def one(x: Array, shifts: list[Array]) -> tuple[Any, list[Array]]:
            return tapped(eqx.combine(params, frozen), nodes, shifts)(x)

        return one(x, shifts) if batched else jax.vmap(one)(x, shifts)

    def objective(params: PyTree, shifts: list[Array]) -> tuple[Array, list[Array]]:
        output, features = values(params, shifts)
        return loss(output), features

    gradient = jax.value_and_grad(objective, argnums=(0, 1), has_aux=True)
    (value, features), (gradients, backward) = gradient(params, shifts)
    update = direction(gradients, params)
    _, motion = jax.jvp(lambda p: values(p, shifts)[1], (params,), (update,))

    own = -_products(jax.tree.leaves(gradients), jax.tree.leaves(update))
    upstream = jnp.asarray([node.upstream for node in nodes], own.dtype)
    decay = -_products(backward, motion)
    moving, back = _norms(motion), _norms(backward)
    sizes = jnp.asarray([f.size for f in features], own.dtype) ** 0.5
    found = {
        "loss": value,
        "loss_decay": jnp.sum(own),
        "feature_rms": _norms(features) / sizes,
        "backward_norm": back,
        "decay": decay,
        "upstream_decay": upstream @ own,
        "cosine": decay / (moving * back),
        "speed": moving / sizes,
    }
    if not len(steps):
        return found

    def made(step: Array) -> tuple[Array, Array]:
        there = jax.tree.map(lambda p, u: p + step.astype(p.dtype) * u, params, update)
        change = [f - g for f, g in zip(values(there, shifts)[1], features, strict=True)]
        miss = [c - step.astype(v.dtype) * v for c, v in zip(change, motion, strict=True)]
        return _norms(change) / (step * sizes), _norms(miss) / (step * moving)

    moved, errors = lax.map(made, jnp.asarray(steps, own.dtype))
    found |= {"moved": moved, "step_error": errors}
    return found


def _norms(arrays: Sequence[Array]) -> Float[Array, " nodes"]:
    """Euclidean norms."""
    return jnp.sqrt(_products(arrays, arrays))


def _products(first: Sequence[Array], second: Sequence[Array]) -> Float[Array, " arrays"]:
    """Inner products, those of equal shapes side by side: far less is compiled."""
    groups: dict[tuple, list[int]] = {}
    for i, array in enumerate(first):
        groups.setdefault((array.shape, array.dtype), []).append(i)
    found = {}
    for members in groups.values():
        one, other = (jnp.stack([a[i] for i in members]) for a in (first, second))
        values = jnp.sum(one * other, axis=tuple(range(1, one.ndim)))
        found |= {i: values[k] for k, i in enumerate(members)}
    return jnp.stack([found[i] for i in range(len(first))])
