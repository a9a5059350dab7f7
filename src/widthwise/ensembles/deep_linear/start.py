"""How deep linear networks start: small random weights, or near the identity."""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from widthwise.numerics.draws import Draws, numbered_keys

Members = int | tuple[int, int]


def deep_linear_start(
    inputs: int,
    *,
    depth: int,
    scales: Sequence[float | int] | np.ndarray,
    members: Members,
    key: Key[Array, ""],
    width: int | None = None,
) -> tuple[Float[np.ndarray, "scale member _ _"], ...]:
    """Draw weights of networks ``W_L ... W_1`` with one output: independent, N(0, scale^2).

    Parameters
    ----------
    inputs
        Input dimension d.
    depth
        Number L of weight matrices, the last of shape (1, width).
    scales
        Standard deviations. Networks of one member are the same random numbers at every scale.
    members
        Number of networks, or a range (start, stop) of them.
    key
        Member i depends on ``jax.random.fold_in(key, i)`` and the shapes alone.
    width
        Of the hidden layers; that of the inputs unless given.

    Returns
    -------
    W_1 to W_L, (scale, member, fan_out, fan_in) in float64.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> import jax
    >>> weights = deep_linear_start(3, depth=2, scales=[0.1], members=4, key=jax.random.key(0))
    >>> [w.shape for w in weights]
    [(1, 4, 3, 3), (1, 4, 1, 3)]
    """
    sizes = [inputs, *(width or inputs for _ in range(depth - 1)), 1]
    if depth < 1 or min(sizes) < 1:
        raise ValueError(
            f"inputs={inputs}, depth={depth}, width={width} were given: give numbers of at least 1"
        )
    unit = _unit([*zip(sizes[1:], sizes[:-1], strict=True)], members, key)
    spread = _checked(scales)[:, None, None, None]
    return tuple(spread * w[None] for w in unit)


def residual_start(
    inputs: int,
    *,
    depth: int,
    scales: Sequence[float | int] | np.ndarray,
    members: Members,
    key: Key[Array, ""],
) -> tuple[
    tuple[Float[np.ndarray, "scale member d d"], ...], Float[np.ndarray, "scale member 1 d"]
]:
    """Draw networks ``p W_L ... W_1`` that start near the identity, with a readout not trained.

    ``W_k = I + scale N / sqrt(L d)`` with independent N(0, 1) entries, p a random unit vector.

    Parameters
    ----------
    inputs, depth, scales, members, key
        As for `deep_linear_start`; a scale of zero is the identity itself.

    Returns
    -------
    The weights, (scale, member, d, d) each, and the readouts p, (scale, member, 1, d).

    Notes
    -----
    Source: Marion & Chizat (2024, arXiv:2405.13456).
    """
    if depth < 1 or inputs < 1:
        raise ValueError(f"inputs={inputs}, depth={depth} were given: give numbers of at least 1")
    shapes = [(1, inputs), *((inputs, inputs) for _ in range(depth))]
    first, *unit = _unit(shapes, members, key)
    readout = first / np.linalg.norm(first, axis=-1, keepdims=True)
    spread = _checked(scales)[:, None, None, None] / (depth * inputs) ** 0.5
    weights = tuple(np.eye(inputs) + spread * w[None] for w in unit)
    return weights, np.broadcast_to(readout[None], (len(spread), *readout.shape)).copy()


def _checked(scales: Sequence[float | int] | np.ndarray) -> np.ndarray:
    found = np.asarray(scales, np.float64)
    if found.ndim != 1 or found.size == 0 or not np.all((found >= 0) & np.isfinite(found)):
        raise ValueError(f"scales is {scales}: give a list of finite numbers of at least 0")
    return found


def _unit(
    shapes: Sequence[tuple[int, int]], members: Members, key: Key[Array, ""]
) -> list[np.ndarray]:
    """Draw standard normal matrices for each member, all in one array that is cut."""
    start, stop = (0, members) if isinstance(members, int) else members
    if not 0 <= start < stop:
        raise ValueError(f"members is {members}: give a number, or a range, of at least one")
    ends = np.cumsum([m * k for m, k in shapes])
    flat = np.asarray(_numbers(numbered_keys(key, start, stop), int(ends[-1])), np.float64)
    parts = np.split(flat, ends[:-1], axis=1)
    return [part.reshape(-1, *shape) for part, shape in zip(parts, shapes, strict=True)]


@partial(jax.jit, static_argnames="count")
def _numbers(keys: Key[Array, " member"], count: int) -> Float[Array, "member n"]:
    return jax.vmap(lambda key: Draws(key).normal((count,), jnp.float32))(keys)
