"""Inputs as the theory of wide networks likes them: of squared length equal to the dimension."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

_LARGEST_HYPERCUBE = 20


def as_unit_inputs(
    images: Num[np.ndarray, "n ..."] | Num[Array, "n ..."], *, subtract_mean: bool = False
) -> Float[Array, "n m"]:
    """Flatten images and scale each to squared length ``m``, its number of pixels.

    With weights of variance ``1 / m`` the first pre-activations then have variance one, and the
    correlation of two of them is ``x @ y / m``.

    Parameters
    ----------
    images
        Any numbers; the first axis counts the images.
    subtract_mean
        Subtract from each image the mean of its own pixels first; the correlation of two inputs is
        then the Pearson correlation of their pixels.

    Returns
    -------
    jax.Array
        One row per image, in JAX's default float type.

    Raises
    ------
    ValueError
        If an image is zero (or constant, with ``subtract_mean``) or not finite.

    Examples
    --------
    >>> x = as_unit_inputs(np.array([[3, 4], [1, -1]]))
    >>> (x**2).sum(axis=1).tolist()
    [2.0, 2.0]
    """
    rows = np.asarray(images, np.float64)
    rows = rows.reshape(len(rows), -1)
    if subtract_mean:
        rows = rows - rows.mean(axis=1, keepdims=True)
    square = np.mean(rows**2, axis=1, keepdims=True)
    bad = np.flatnonzero(~((square[:, 0] > 0) & np.isfinite(square[:, 0])))
    if bad.size:
        kind = "constant, zero or not finite" if subtract_mean else "zero or not finite"
        raise ValueError(f"Image {bad[0]} is {kind} and has no unit scale; leave it out.")
    return jnp.asarray(rows / np.sqrt(square), jnp.result_type(float))


def hypercube(m: int) -> Float[Array, "vertices m"]:
    """Return all ``2^m`` sign vectors, in binary order: +1 for a zero bit, -1 for a one.

    Row ``i`` and row ``2^m - 1 - i`` are opposite.

    Parameters
    ----------
    m
        Dimension, 1 to 20.

    Returns
    -------
    jax.Array
        One vertex per row, in JAX's default float type.

    Raises
    ------
    ValueError
        If ``m`` is outside 1 to 20.

    Examples
    --------
    >>> hypercube(2).tolist()
    [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]
    """
    if not 1 <= m <= _LARGEST_HYPERCUBE:
        raise ValueError(
            f"A hypercube of dimension {m} was asked for; all vertices are listed for m from 1 to "
            f"{_LARGEST_HYPERCUBE} only: choose a smaller m."
        )
    bits = jnp.arange(2**m)[:, None] >> jnp.arange(m - 1, -1, -1)[None, :] & 1
    return (1 - 2 * bits).astype(jnp.result_type(float))
