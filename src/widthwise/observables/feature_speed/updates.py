"""Directions in which parameters move: those of optimizers, and one that balances the layers."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import ArrayLike, PyTree

from widthwise.ensembles.tangent.parametric import Rates, parametric, rate_leaves
from widthwise.numerics.choices import check_choice
from widthwise.observables.feature_speed.speeds import Direction


def balanced(gradients: PyTree, params: PyTree) -> PyTree:
    """Gradient descent in which all arrays of parameters lower the loss equally fast.

    Array number l of L has the learning rate ``1 / (L |gradient_l|^2)``, so that the loss falls at
    the rate 1 (Chizat & Netrapalli 2024, arXiv:2311.18718, proposition 4.1). An array without
    gradient does not move.
    """
    del params
    leaves = jax.tree.leaves(gradients)

    def one(gradient: jax.Array) -> jax.Array:
        square = jnp.sum(gradient**2)
        return jnp.where(
            square > 0, -gradient / (len(leaves) * jnp.where(square > 0, square, 1)), 0
        )

    return jax.tree.map(one, gradients)


def factors_of(update: Any, learning_rates: Rates, model: Any) -> list[ArrayLike]:
    """Return the learning-rate factor of every array, and refuse an update that is none.

    Parameters
    ----------
    update
        ``"gradient"``, ``"balanced"``, an Optax transformation, or ``update(gradients, params)``.
    learning_rates
        Factors of the arrays, as for :func:`~widthwise.ensembles.empirical_ntk`; they multiply
        the update.
    model
        The network.

    Raises
    ------
    TypeError, ValueError
        If it is none of these, or the factors do not fit.
    """
    if isinstance(update, str):
        check_choice("update", update, ("gradient", "balanced"))
        if update == "balanced" and learning_rates is not None:
            raise ValueError(
                "update='balanced' decides the learning rates itself: leave learning_rates out"
            )
    elif not (callable(update) or _is_transformation(update)):
        raise TypeError(
            f"update is {update!r}: give 'gradient', 'balanced', an Optax transformation such as "
            "optax.adam(1e-3), or a function of gradients and parameters"
        )
    return rate_leaves(parametric(model, None), learning_rates)


def direction_of(update: Any, factors: Sequence[ArrayLike]) -> Direction:
    """Return the direction that was asked for, each array times its factor."""

    def raw(gradients: PyTree, params: PyTree) -> PyTree:
        if update == "balanced":
            return balanced(gradients, params)
        if update == "gradient":
            return jax.tree.map(jnp.negative, gradients)
        if callable(update):
            return update(gradients, params)
        return update.update(gradients, update.init(params), params)[0]

    def direction(gradients: PyTree, params: PyTree) -> PyTree:
        leaves, structure = jax.tree.flatten(raw(gradients, params))
        return jax.tree.unflatten(
            structure,
            [jnp.asarray(f, u.dtype) * u for f, u in zip(factors, leaves, strict=True)],
        )

    return direction


def _is_transformation(update: Any) -> bool:
    return callable(getattr(update, "init", None)) and callable(getattr(update, "update", None))
