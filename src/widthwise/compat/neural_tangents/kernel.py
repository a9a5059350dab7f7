"""The kernels of an infinitely wide network, under the names of the archived library."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Shaped

from widthwise import networks
from widthwise.compat.neural_tangents.blocks import Blocks
from widthwise.compat.neural_tangents.masking import split_mask
from widthwise.dynamics.matrices import concrete
from widthwise.networks import Features, Sequential

AnyArray = Array | np.ndarray


class Kernel(eqx.Module):
    """Kernels between two batches of inputs.

    Outputs with positions (height, width) give kernels of all pairs of positions, their axes in
    pairs: (n, m, height, height, width, width).

    Parameters
    ----------
    nngp, ntk
        Covariance of the outputs, and tangent kernel, (n, m).
    cov1, cov2
        Variances of the outputs at the first, and the second, inputs, (n,) and (m,); ``cov2`` is
        None if there were no second inputs.
    x1_is_x2
        Whether both batches are the same.
    is_gaussian
        Whether the outputs are Gaussian, as they are after a layer with weights.
    shape1, shape2
        Shapes of the outputs at both batches.
    """

    nngp: Float[AnyArray, "..."]
    ntk: Float[AnyArray, "..."]
    cov1: Float[Array, "..."]
    cov2: Float[Array, "..."] | None
    x1_is_x2: Bool[Array, ""]
    is_gaussian: bool = eqx.field(static=True)
    shape1: tuple[int, ...] = eqx.field(static=True)
    shape2: tuple[int, ...] = eqx.field(static=True)


WHOLE = Blocks()
FIELDS = tuple(Kernel.__dataclass_fields__)


def analytic(
    net: Sequential,
    x1: Shaped[ArrayLike, "..."],
    x2: Shaped[ArrayLike, "..."] | None,
    names: tuple[str, ...],
    *,
    blocks: Blocks = WHOLE,
    mask_constant: float | int | None = None,
) -> tuple[Any, ...]:
    """Compute fields of the Kernel of a network, no more than they need.

    Parameters
    ----------
    net
        The network.
    x1, x2
        Examples along the first axis; ``x2=None`` means x1 again, and so does an equal x2.
    names
        The fields.
    blocks
        How many inputs to take at a time.
    mask_constant
        What stands in the padding of the inputs; None if there is none.
    """

    def kernel(x1: Array, x2: Array | None = None, **options: bool) -> networks.Kernel:
        (one, mask1), other = split_mask(x1, mask_constant), (None, None)
        if x2 is not None:
            other = split_mask(x2, mask_constant)
        return net.kernel(one, other[0], mask1=mask1, mask2=other[1], **options)

    first = jnp.asarray(x1)
    second = None if x2 is None else jnp.asarray(x2)
    same = x2 is None or x1 is x2 or _equal(first, second)
    found: dict[str, Any] = {"x1_is_x2": jnp.asarray(same)}
    if not {"nngp", "ntk"}.isdisjoint(names) or (same and not {"cov1", "cov2"}.isdisjoint(names)):
        pair = blocks.run(kernel, first, None if same else second)
        found |= {"nngp": zipped(pair.nngp, 2), "ntk": zipped(pair.ntk, 2)}
    if same and "nngp" in found:
        found["cov1"] = jnp.moveaxis(jnp.diagonal(found["nngp"]), -1, 0)
        found["cov2"] = None if x2 is None else found["cov1"]
    elif not same:
        for name, x in (("cov1", first), ("cov2", second)):
            if name in names and x is not None:
                found[name] = zipped(kernel(x, diagonal=True).nngp, 1)
    if not {"is_gaussian", "shape1", "shape2"}.isdisjoint(names):
        outputs = net.output(Features(first.shape[1:], dtype=first.dtype), net.place)
        found["is_gaussian"] = outputs.law != "other"
        found["shape1"] = (len(first), *outputs.shape)
        found["shape2"] = (len(first if second is None else second), *outputs.shape)
    return tuple(found[name] for name in names)


def zipped(k: Float[AnyArray, "..."], lead: int) -> Float[AnyArray, "..."]:
    """Bring axes (..., *P, *P') to pairs (..., P1, P1', P2, P2', ...).

    Parameters
    ----------
    k
        A kernel.
    lead
        Number of axes of inputs.
    """
    axes = (k.ndim - lead) // 2
    if axes < 2:
        return k
    order = [lead + axis + side * axes for axis in range(axes) for side in (0, 1)]
    return k.transpose((*range(lead), *order))


def _equal(x1: Array, x2: Array | None) -> bool:
    if x2 is None or x1.shape != x2.shape:
        return False
    one, other = concrete(x1), concrete(x2)
    return (
        one is not None and other is not None and bool(np.array_equal(one, other, equal_nan=True))
    )
