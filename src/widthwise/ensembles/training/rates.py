"""Learning rates: which factors of the parametrization an optimizer needs, and their sizes."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from widthwise.ensembles.tangent.parametric import parametric, rate_leaves
from widthwise.numerics.choices import check_choice


@runtime_checkable
class Transformation(Protocol):
    """An Optax transformation of gradients: a pair of functions."""

    @property
    def init(self) -> Callable[..., Any]:
        """Make the state from the parameters."""
        ...

    @property
    def update(self) -> Callable[..., Any]:
        """Turn gradients and state into updates and the next state."""
        ...


Optimizer = Transformation | Callable[[Any], Transformation]
_POWERS = {"sgd": 2, "adam": 1, "muon": 1}
_SIZES = (1e-2, 1.0, 1e2)


def checked_rates(optimizer: Optimizer, rates: str | None) -> str:
    """Say which column of learning-rate factors an optimizer needs, by trying it.

    Updates proportional to the gradients need those of gradient descent; updates that do not
    depend on the size of the gradients, weight decay included, need those of Adam. Three updates
    of a few numbers tell the two apart, at gradients of three sizes.

    Parameters
    ----------
    optimizer
        The transformation, or a function of the learning rate that makes it.
    rates
        ``"sgd"``, ``"adam"``, ``"muon"``, or None to find out which of the first two.

    Raises
    ------
    TypeError
        If it is not an optimizer.
    ValueError
        If the updates are neither, as those of SGD with weight decay or clipping.
    """
    if not isinstance(optimizer, Transformation):
        made = optimizer(1.0) if callable(optimizer) else None
        if not isinstance(made, Transformation):
            raise TypeError(
                f"optimizer is {optimizer!r}: give an Optax transformation such as optax.sgd(0.1), "
                "or a function of the learning rate such as optax.sgd"
            )
        optimizer = made
    if rates is not None:
        check_choice("rates", rates, tuple(_POWERS))
        return rates
    first, *others = (_updates(optimizer, size) for size in _SIZES)
    ratios = [size / _SIZES[0] for size in _SIZES[1:]]
    for name, power in (("sgd", 1), ("adam", 0)):
        expected = [first * ratio**power for ratio in ratios]
        if all(np.allclose(o, e, rtol=1e-3, atol=0) for o, e in zip(others, expected, strict=True)):
            return name
    raise ValueError(
        "the optimizer's updates are neither proportional to the gradients nor independent of "
        "their size, so the learning-rate factors of the parametrization are not determined: "
        "give rates='sgd' or rates='adam'"
    )


def _updates(optimizer: Transformation, size: float) -> np.ndarray:
    """Updates of three numbers in three steps."""
    params = {"w": jnp.asarray([0.3, -0.5, 0.7])}
    state, found = optimizer.init(params), []
    for pattern in ([1.0, -2.0, 0.5], [0.7, 1.5, -0.4], [1.2, 0.3, 0.9]):
        gradients = {"w": jnp.asarray(size * np.asarray(pattern))}
        updates, state = optimizer.update(gradients, state, params)
        found.append(np.asarray(updates["w"]))
    return np.stack(found)


def rate_factors(
    network: eqx.Module, params: PyTree, rates: str, richness: Float[Array, ""]
) -> PyTree:
    """Factor of the updates of every array of parameters.

    The parametrization's own factor times ``richness ** 2`` under gradient descent, and times
    ``richness`` where updates do not depend on the size of the gradients: so the trained function
    starts equally fast whatever the richness.

    Parameters
    ----------
    network
        The finite network.
    params
        Its arrays of parameters.
    rates
        ``"sgd"``, ``"adam"`` or ``"muon"``.
    richness
        The number gamma0.
    """
    own = rate_leaves(parametric(network, params), rates)
    scale = richness ** _POWERS[rates]
    return jax.tree.unflatten(jax.tree.structure(params), [scale * factor for factor in own])
