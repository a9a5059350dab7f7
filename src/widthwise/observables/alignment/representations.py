"""Representations that users bring: read, checked, centred; and distances between their samples."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def read(name: str, given: Any) -> Float[np.ndarray, "n m"]:
    """Return a representation (samples, features) in float32 or float64.

    Parameters
    ----------
    name
        What it is called in errors.
    given
        NumPy, JAX or PyTorch array, or lists; shape (n,) is one feature. Double precision and whole
        numbers give float64, anything else float32.

    Raises
    ------
    TypeError
        If it holds no real numbers that can be read on the host.
    ValueError
        If it has another shape, numbers that are not finite, or the same features for all samples.
    """
    try:
        array = np.asarray(given)
    except (RuntimeError, TypeError, ValueError) as error:
        raise TypeError(
            f"{name} cannot be read as an array ({error}): give numbers that stand on the host, "
            "such as tensor.detach().cpu()"
        ) from None
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(
            f"{name} has shape {array.shape}: give (samples, features), "
            "with array.reshape(len(array), -1) for images or sequences"
        )
    short = jnp.issubdtype(array.dtype, jnp.floating) and array.dtype.itemsize < 8
    if not short and array.dtype.kind not in "fiub":
        raise TypeError(f"{name} has entries of type {array.dtype}: give real numbers")
    array = np.asarray(array, np.float32 if short else np.float64)
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if bad.size:
        raise ValueError(
            f"{name} has {bad.size} samples with entries that are not finite (the first is "
            f"{bad[0]}): leave them out, in both representations"
        )
    if len(array) == 0 or _is_constant(array):
        raise ValueError(
            f"{name} has the same features for all {len(array)} samples: a collapsed or dead layer "
            "is aligned with nothing; leave it out"
        )
    return array


def read_pair(a: Any, b: Any, *, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two representations of the same samples, in one precision.

    Parameters
    ----------
    a, b
        As in `read`.
    least
        The fewest samples that will do.

    Raises
    ------
    TypeError, ValueError
        As in `read`, or if the numbers of samples differ or are too small.
    """
    one, other = read("a", a), read("b", b)
    if len(one) != len(other):
        raise ValueError(
            f"a has {len(one)} samples and b has {len(other)}: give both networks the same inputs, "
            "in the same order"
        )
    if len(one) < least:
        raise ValueError(f"{len(one)} samples were given: this measure needs at least {least}")
    kind = np.result_type(one, other)
    return one.astype(kind, copy=False), other.astype(kind, copy=False)


def centred(x: Float[Array, "n m"]) -> Float[Array, "n m"]:
    """Subtract from each feature its mean; the second time removes what rounding left."""
    x = x - jnp.mean(x, axis=0, keepdims=True)
    return x - jnp.mean(x, axis=0, keepdims=True)


def squared_distances(x: Float[Array, "n d"], y: Float[Array, "m d"]) -> Float[Array, "n m"]:
    """Squared Euclidean distances between rows."""
    norms = jnp.sum(x**2, axis=1)[:, None] + jnp.sum(y**2, axis=1)[None]
    return jnp.maximum(norms - 2 * x @ y.T, 0.0)


def _is_constant(array: np.ndarray) -> bool:
    """Whether features differ by no more than rounding."""
    spread = np.ptp(array, axis=0)
    largest = np.max(np.abs(array), axis=0)
    return bool(np.all(spread <= 8 * np.finfo(array.dtype).eps * largest))
