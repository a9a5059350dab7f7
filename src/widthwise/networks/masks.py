"""Inputs of unequal length: which positions of an example are real, and which are padding.

Padding is zero from the inputs on and after every layer, so that sums need not know of it.
"""

from abc import abstractmethod
from collections.abc import Sequence
from functools import reduce
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Key, Shaped

from widthwise.networks.keyed import call
from widthwise.networks.windows import Window, window_sums

Mask = Bool[Array, "..."]


class Masking(eqx.Module):
    """A map of one example that treats padding on its own, or says what becomes of it.

    All other maps must act on every position alone; what they make of padding is set to zero.
    """

    @abstractmethod
    def masked(
        self, x: Float[Array, "..."], mask: Mask, key: Key[Array, ""] | None
    ) -> tuple[Float[Array, "..."], Mask | None]:
        """Apply the map to an example that is zero where ``mask`` is False.

        Returns
        -------
        The result, and which of its positions are real; None if it has no positions.
        """


def run(
    module: Any, x: Float[Array, "..."], mask: Mask | None, key: Key[Array, ""] | None
) -> tuple[Float[Array, "..."], Mask | None]:
    """Apply any map of one example, and say which positions of the result are real.

    Raises
    ------
    ValueError
        If the map changes the positions and does not say what becomes of a mask.
    """
    if mask is None:
        return call(module, x, key), None
    if isinstance(module, Masking):
        y, mask = module.masked(x, mask, key)
    else:
        y = call(module, x, key)
    if mask is None:
        return y, None
    check_unmoved(type(module).__name__, y.shape[:-1], mask.shape)
    return zeroed(y, mask), mask


def check_unmoved(name: str, positions: tuple[int, ...], masked: tuple[int, ...]) -> None:
    """Refuse a layer that changes the positions and leaves their mask as it was."""
    if positions != masked:
        raise ValueError(
            f"{name} makes positions {positions} of {masked} and does not say which of them are "
            "real: leave out the mask, and give examples of one length"
        )


def zeroed(x: Float[Array, "*positions c"], mask: Mask) -> Float[Array, "*positions c"]:
    """Set the padding of one example, or of a batch, to zero."""
    return jnp.where(mask[..., None], x, jnp.zeros((), x.dtype))


def common(masks: Sequence[Mask | None]) -> Mask | None:
    """Positions that are real in all masks there are."""
    found = [mask for mask in masks if mask is not None]
    return reduce(jnp.logical_and, found) if found else None


def real_windows(owner: str, mask: Mask, windows: Sequence[Window]) -> Mask:
    """Say which windows are real, as if the examples had not been padded.

    Without padding of its own a window is real where all its positions are. With ``SAME``, one
    output (or several) for each position, an output is as real as its position.

    Parameters
    ----------
    owner
        Name of the layer, for errors.
    mask
        Real positions, in the trailing axes; one window for each of these.
    windows
        The windows.

    Raises
    ------
    ValueError
        If where a window lies, or what it holds, depends on an example's own length.
    """
    for axis, window in enumerate(windows, -len(windows)):
        if window.wrap or (window.same and window.stride > 1):
            raise ValueError(
                f"padding of {owner} is {'CIRCULAR' if window.wrap else 'SAME with strides'}, "
                "which depends on the length that an example has without its padding: with masks "
                "give 'VALID', or 'SAME' with strides of 1"
            )
        if window.same:
            mask = jnp.repeat(mask, window.spread, axis)
        elif window.spread > 1 or window.low or window.high:
            raise ValueError(
                f"padding of {owner} is 'VALID', with outputs beyond the ends of an example: with "
                "masks give 'SAME'"
            )
        else:
            held = window_sums(mask.astype(jnp.float32), steps=((window, (axis,)),))
            mask = held == window.size
    return mask


def input_masks(
    x1: Shaped[Array, "n ..."],
    x2: Shaped[Array, "m ..."] | None,
    mask1: Shaped[ArrayLike, "..."] | None,
    mask2: Shaped[ArrayLike, "..."] | None,
) -> tuple[Mask | None, Mask | None]:
    """Check the masks of two batches; where only one is given, the other batch is all real.

    Raises
    ------
    ValueError
        If a mask is not boolean, does not have the shape (n, *positions) of its batch, belongs to
        a batch that is not given, or leaves an example without a real position.
    """
    if mask1 is None and mask2 is None:
        return None, None
    if x2 is None and mask2 is not None:
        raise ValueError("mask2 is given without x2: give mask1 alone, which holds for both")
    first = _mask("mask1", x1, mask1)
    return first, first if x2 is None else _mask("mask2", x2, mask2)


def _mask(name: str, x: Shaped[Array, "n ..."], mask: Shaped[ArrayLike, "..."] | None) -> Mask:
    if x.ndim < 3:
        raise ValueError(f"{name} is given, but examples of shape {x.shape[1:]} have no positions")
    if mask is None:
        return jnp.ones(x.shape[:-1], bool)
    found = jnp.asarray(mask)
    if found.dtype != bool or found.shape != x.shape[:-1]:
        raise ValueError(
            f"{name} is {found.dtype} of shape {found.shape}: give booleans of shape "
            f"{x.shape[:-1]}, (examples, positions...), True where a position is real"
        )
    try:
        known = np.asarray(found)
    except jax.errors.TracerArrayConversionError:
        return found
    if not known.any(axis=tuple(range(1, known.ndim))).all():
        raise ValueError(f"{name} leaves an example without a real position: drop that example")
    return found
