"""Many two-layer linear networks of any width, trained without their weights.

All of training depends on the Gram matrix ``M = V V^T / N`` of the N-vectors ``(h_1 .. h_n, w)``:
it starts as a Wishart matrix and gradient descent on the weights moves it as ``M <- L M L^T`` with
L a function of M. So a hundred thousand networks of any width take seconds, and are exact.
"""

import numpy as np
import xarray as xr
from jaxtyping import Array, ArrayLike, Bool, Float, Key, Real

from widthwise.numerics.generators import numpy_generator
from widthwise.numerics.memory import refuse_beyond_memory

_DIVERGED = 1e12  # entries of the Gram matrix from which a network is given up


def two_layer_linear_ensemble(
    input_kernel: Real[ArrayLike, "..."],
    targets: Real[ArrayLike, "..."],
    *,
    width: int,
    members: int,
    steps: int,
    learning_rate: float | int,
    richness: float | int = 1.0,
    key: Key[Array, ""],
    centered: bool = False,
) -> xr.Dataset:
    r"""Train random two-layer linear networks on half the sum of squared errors.

    They are ``f = w . h / (richness N)`` with ``h = U x / sqrt(d)`` and all weights N(0, 1) at
    first; learning rates are multiplied by ``richness^2 N``. So are those of a `Sequential` in the
    mean-field parametrization.

    Parameters
    ----------
    input_kernel
        ``x @ x.T / d`` of all points, (n, n).
    targets
        Of the first p of them, which are trained, (p,).
    width
        Number of hidden neurons N.
    members
        Number of networks.
    steps, learning_rate, richness
        Of gradient descent.
    key
        Draws the networks.
    centered
        Whether the initial outputs are subtracted.

    Returns
    -------
    xarray.Dataset
        ``output`` (member, step, input), ``ntk`` (member, step, input, input2), and ``diverged``
        (member): whose numbers are NaN from the step on at which they exceed all bounds.

    Raises
    ------
    ValueError
        If the kernel is not square, symmetric and positive semi-definite, numbers are out of range,
        or the result does not fit into memory.

    Examples
    --------
    >>> import jax, numpy as np
    >>> found = two_layer_linear_ensemble(
    ...     np.eye(1), np.ones(1), width=100, members=10, steps=5, learning_rate=0.1,
    ...     key=jax.random.key(0),
    ... )
    >>> dict(found.output.sizes)
    {'member': 10, 'step': 6, 'input': 1}
    """
    kernel, y = np.asarray(input_kernel, np.float64), np.asarray(targets, np.float64)
    n, p = len(kernel), len(y)
    root = _root(kernel)
    if y.ndim != 1 or not 1 <= p <= n:
        raise ValueError(f"targets have shape {y.shape}: give (p,), at most one for each point")
    numbers = {"width": width, "members": members, "steps": steps}
    if min(numbers.values()) < 1 or not learning_rate > 0 or not richness > 0:
        raise ValueError(
            f"{numbers}, learning_rate={learning_rate}, richness={richness} were given: give "
            "positive ones"
        )
    refuse_beyond_memory(
        8 * members * ((steps + 1) * n * (n + 1) + 3 * (n + 1) ** 2),
        f"the training of {members} networks on {n} points",
        "give fewer members at a time",
    )
    generator = numpy_generator(key)
    gram = _draw(generator, root, width, members)
    output, ntk, diverged = train_gram(
        gram, kernel, y, steps=steps, rates=(learning_rate, richness), centered=centered
    )
    dimensions = ("member", "step", "input")
    return xr.Dataset(
        {
            "output": (dimensions, output),
            "ntk": ((*dimensions, "input2"), ntk),
            "diverged": ("member", diverged),
        },
        coords={"step": np.arange(steps + 1)},
        attrs={"width": width, "richness": richness, "centered": int(centered)},
    )


def train_gram(
    gram: Float[np.ndarray, "s m m"],
    input_kernel: Float[np.ndarray, "n n"],
    targets: Float[np.ndarray, " p"],
    *,
    steps: int,
    rates: tuple[float | int, float | int],
    centered: bool,
) -> tuple[Float[np.ndarray, "s t n"], Float[np.ndarray, "s t n n"], Bool[np.ndarray, " s"]]:
    """Train networks given by the Gram matrices of ``(h_1 .. h_n, w)``, divided by N.

    Parameters
    ----------
    gram
        One for each network, ``m = n + 1``.
    input_kernel, targets, steps, centered
        As for `two_layer_linear_ensemble`.
    rates
        Learning rate and richness.

    Returns
    -------
    tuple
        Outputs, tangent kernels, and which networks diverged.
    """
    members, n, p = len(gram), len(input_kernel), len(targets)
    learning_rate, richness = rates
    start = gram[:, :n, n] if centered else 0.0
    output = np.empty((members, steps + 1, n))
    ntk = np.empty((members, steps + 1, n, n))
    diverged = np.zeros(members, bool)
    move = np.empty_like(gram)
    for t in range(steps + 1):
        diverged |= ~(np.max(np.abs(gram), axis=(1, 2)) < _DIVERGED)
        gram = np.where(diverged[:, None, None], np.nan, gram)
        output[:, t] = (gram[:, :n, n] - start) / richness
        ntk[:, t] = gram[:, :n, :n] + gram[:, n:, n:] * input_kernel[None]
        if t < steps:
            errors = learning_rate * richness * (targets[None] - output[:, t, :p])
            move[:] = np.eye(n + 1)[None]
            move[:, :n, n] += errors @ input_kernel[:p]
            move[:, n, :p] += errors
            gram = move @ gram @ move.swapaxes(1, 2)
    return output, ntk, diverged


def _root(kernel: np.ndarray) -> np.ndarray:
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or not np.isfinite(kernel).all():
        raise ValueError(
            f"input_kernel of shape {kernel.shape} was given: give finite scalar products (n, n)"
        )
    values, vectors = np.linalg.eigh(kernel)
    bound = 1e-9 * max(values[-1], 1e-300)
    if values[0] < -bound or np.abs(kernel - kernel.T).max() > bound:
        raise ValueError("input_kernel is no matrix of scalar products: give x @ x.T / d")
    return vectors * np.sqrt(np.maximum(values, 0.0))[None]


def _draw(
    generator: np.random.Generator, root: np.ndarray, width: int, members: int
) -> Float[np.ndarray, "s m m"]:
    """Gram matrices of the fields and the readout: Wishart, by Bartlett's triangular factor."""
    size = len(root) + 1
    factor = np.zeros((members, size, size))
    if width < size:
        full = generator.standard_normal((members, size, width))
        gram = full @ full.swapaxes(1, 2)
    else:
        below = np.tril_indices(size, -1)
        factor[:, below[0], below[1]] = generator.standard_normal((members, len(below[0])))
        diagonal = np.arange(size)
        degrees = np.broadcast_to(width - diagonal, (members, size))
        factor[:, diagonal, diagonal] = np.sqrt(generator.chisquare(degrees))
        gram = factor @ factor.swapaxes(1, 2)
    both = np.eye(size)
    both[:-1, :-1] = root
    return both[None] @ gram @ both.T[None] / width
