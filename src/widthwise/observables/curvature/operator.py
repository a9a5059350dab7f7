"""The curvature of any loss as a map of vectors."""

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, PyTree

from widthwise.numerics.hessian import gauss_newton_product, hessian_product

Product = Callable[[Array], Array]


class Curvature(NamedTuple):
    """A loss at its parameters, and which of its curvatures is meant.

    Parameters
    ----------
    loss
        ``loss(params, *args)``, or ``loss(outputs(params, *args), *args)``, one number.
    params
        Any pytree, such as an Equinox module; what is no array of real numbers is constant.
    args
        What the loss depends on besides, such as inputs and targets.
    outputs
        For the Gauss-Newton matrix; None for the Hessian.
    rates
        Learning-rate factors of the parameters, a pytree like their arrays; None for ones.
    """

    loss: Callable[..., Any]
    params: PyTree
    args: tuple[Any, ...]
    outputs: Callable[..., Any] | None
    rates: PyTree

    @property
    def arrays(self) -> list[Array]:
        """The arrays of parameters."""
        return jax.tree.leaves(eqx.filter(self.params, eqx.is_inexact_array))

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(array.size for array in self.arrays)

    @property
    def dtype(self) -> Any:
        """Type of the vector of all of them."""
        return jnp.result_type(*self.arrays)

    def product(self) -> Product:
        """Return the map; traced programs call it."""
        params, constant = eqx.partition(self.params, eqx.is_inexact_array)
        flat, unravel = ravel_pytree(params)
        scale = None
        if self.rates is not None:
            roots = jax.tree.map(lambda p, r: jnp.broadcast_to(r**0.5, p.shape), params, self.rates)
            scale = ravel_pytree(roots)[0].astype(flat.dtype)

        def value(vector: Array) -> Array:
            return self.loss(eqx.combine(unravel(vector), constant), *self.args)

        if self.outputs is None:
            return hessian_product(value, flat, scale=scale)
        outputs = self.outputs
        return gauss_newton_product(
            lambda vector: outputs(eqx.combine(unravel(vector), constant), *self.args),
            lambda found: self.loss(found, *self.args),
            flat,
            scale=scale,
        )


def curvature(
    loss: Callable[..., Any],
    params: PyTree,
    args: tuple[Any, ...],
    *,
    outputs: Callable[..., Any] | None,
    rates: PyTree,
) -> Any:
    """Check a loss and its parameters, JAX's or PyTorch's.

    Raises
    ------
    TypeError, ValueError
        If there are no parameters, some are complex or not finite, or the loss is no real number.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(params, torch.nn.Module):
        from widthwise.observables.curvature.pytorch import TorchCurvature

        if outputs is not None or rates is not None:
            raise ValueError(
                "outputs and rates are for parameters in JAX: leave them out for a PyTorch model"
            )
        return TorchCurvature.of(loss, params, args)
    params = jax.tree.map(_as_jax, params)
    found = Curvature(loss, params, args, outputs, rates)
    arrays = found.arrays
    if not arrays:
        raise TypeError(
            f"params ({type(params).__name__}) has no array of floating-point numbers: give the "
            "parameters that the loss is a function of"
        )
    for array in arrays:
        if jnp.issubdtype(array.dtype, jnp.complexfloating):
            raise TypeError("params has complex arrays: give real ones, such as real and imaginary")
        if not bool(jnp.all(jnp.isfinite(array))):
            raise ValueError("params has entries that are not finite: give finite parameters")
    _check_loss(found)
    _check_rates(found)
    return found


def _as_jax(leaf: Any) -> Any:
    return jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf


def _check_loss(found: Curvature) -> None:
    what = "loss(params, *args)" if found.outputs is None else "loss(outputs(params, *args), *args)"

    def value(params: PyTree, args: tuple) -> Any:
        if found.outputs is None:
            return found.loss(params, *args)
        return found.loss(found.outputs(params, *args), *args)

    shape = eqx.filter_eval_shape(value, found.params, found.args)
    real = isinstance(shape, jax.ShapeDtypeStruct) and jnp.issubdtype(shape.dtype, jnp.floating)
    if not real or shape.shape != ():
        raise ValueError(f"{what} returns {shape}: return one real number")


def _check_rates(found: Curvature) -> None:
    if found.rates is None:
        return
    arrays = eqx.filter(found.params, eqx.is_inexact_array)
    if jax.tree.structure(arrays) != jax.tree.structure(found.rates):
        raise ValueError(
            f"rates has the structure {jax.tree.structure(found.rates)}, and the parameters have "
            f"{jax.tree.structure(arrays)}: give one factor for each array"
        )
    for rate in jax.tree.leaves(found.rates):
        if np.any(np.asarray(rate) < 0) or not np.all(np.isfinite(np.asarray(rate))):
            raise ValueError(f"rates has {rate}: give factors of at least zero")
