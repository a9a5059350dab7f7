"""Gaussian processes on the corners of a hypercube, drawn exactly.

The covariance of a wide random network at two inputs in ``{-1, 1}^m`` depends on their Hamming
distance alone, so the Walsh functions (products of coordinates) diagonalize it: a draw is a fast
Walsh-Hadamard transform of independent Gaussians, at a cost of ``2^m m`` instead of ``2^{3 m}``.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key
from scipy.linalg import hadamard

from widthwise.activations import Activation
from widthwise.numerics.draws import Draws, numbered_keys

LARGEST_EXHAUSTIVE = 20  # input bits, where all 2^m inputs are listed
_FACTOR = 5  # a Walsh-Hadamard transform of 2^m values is done in factors of at most 2^5


def hypercube_correlations(phi: Activation, m: int, depth: int) -> Float[np.ndarray, " h"]:
    """Correlation of an output at two inputs, for each Hamming distance, at infinite width.

    Inputs at distance ``h`` start at ``1 - 2 h / m``; each of the ``depth`` hidden layers applies
    the correlation map of the activation at pre-activation variance one (no biases).

    Parameters
    ----------
    phi
        Activation.
    m
        Number of input bits.
    depth
        Number of hidden layers, at least 1.

    Returns
    -------
    Float[np.ndarray, " h"]
        ``m + 1`` correlations in float64, the first of them one.
    """
    check_sizes(m, 1, depth, largest=1000)
    with jax.enable_x64(True):
        rho = np.linspace(1.0, -1.0, m + 1)
        for _ in range(depth):
            rho = np.clip(phi.correlation_map(rho), -1.0, 1.0)
            # One is a fixed point, often a repelling one: rounding must not grow there.
            rho[0] = 1.0
            if phi.parity is not None:
                rho[m] = -1.0 if phi.parity == "odd" else 1.0
        return rho


def hypercube_spectrum(correlations: Float[np.ndarray, " h"]) -> Float[np.ndarray, " h"]:
    """Eigenvalues of a covariance on ``{-1, 1}^m`` that depends on Hamming distance alone.

    Its eigenvectors are the products of ``w`` coordinates (the Walsh functions), and the
    eigenvalue is ``sum_h c_h K_h(w)`` with the Krawtchouk polynomial
    ``K_h(w) = sum_j (-1)^j binomial(w, j) binomial(m - w, h - j)``.

    Parameters
    ----------
    correlations
        Covariance at distance 0 to ``m``.

    Returns
    -------
    Float[np.ndarray, " h"]
        The eigenvalue of the products of ``w`` coordinates, for ``w`` from 0 to ``m``.

    Raises
    ------
    ValueError
        If an eigenvalue is negative by more than rounding.

    Examples
    --------
    >>> import numpy as np
    >>> hypercube_spectrum(np.array([1.0, 0.0, 0.0])).tolist()
    [1.0, 1.0, 1.0]
    """
    m = len(correlations) - 1
    table = [
        [sum((-1) ** j * math.comb(w, j) * math.comb(m - w, h - j) for j in range(min(w, h) + 1))
         for h in range(m + 1)]
        for w in range(m + 1)
    ]  # fmt: skip
    eigenvalues = np.array(table, float) @ correlations
    # Interpolated or integrated correlations are good to about 1e-10 each.
    if eigenvalues.min() < -1e-9 * 2**m * abs(correlations[0]):
        raise ValueError(
            f"the covariance has eigenvalue {eigenvalues.min():.3g} on the hypercube; "
            "a covariance must be positive semi-definite"
        )
    return np.maximum(eigenvalues, 0.0)


def sample_violations(
    key: jax.Array, phi: Activation, m: int, *, n_outputs: int, depth: int, draws: int
) -> Int[Array, " draws"]:
    """Count the violations of functions drawn from the infinite-width network.

    Exact: a Gaussian process whose covariance depends on Hamming distance is a Walsh-Hadamard
    transform of independent Gaussians with the variances of `hypercube_spectrum`.

    Parameters
    ----------
    key
        JAX random key; draw ``i`` depends on ``fold_in(key, i)`` alone.
    phi
        Activation; pre-activation variance one, no biases.
    m
        Number of input bits, 1 to 20.
    n_outputs, depth
        Number of outputs and of hidden layers, at least 1.
    draws
        Number of functions, at least 1.

    Returns
    -------
    Int[Array, " draws"]
        The number of inputs at which all outputs are negative, for each draw.

    Raises
    ------
    ValueError
        If a number is out of range.
    """
    check_sizes(m, n_outputs, depth)
    if draws < 1:
        raise ValueError(f"draws = {draws} was given; it must be at least 1")
    spectrum = hypercube_spectrum(hypercube_correlations(phi, m, depth))
    products = np.array([index.bit_count() for index in range(2**m)])
    scales = jnp.asarray(np.sqrt(spectrum / 2**m)[products])
    batch = min(draws, max(1, 2**20 // (n_outputs * 2**m)))
    counts = [
        np.asarray(_draw_counts(numbered_keys(key, start, start + batch), scales, n_outputs))
        for start in range(0, draws, batch)
    ]
    return jnp.asarray(np.concatenate(counts)[:draws])


@partial(jax.jit, static_argnames="n_outputs")
def _draw_counts(
    keys: Key[Array, " draws"], scales: Float[Array, " points"], n_outputs: int
) -> Int[Array, " draws"]:
    shape = (n_outputs, len(scales))
    normal = jax.vmap(lambda k: Draws(k).normal(shape, scales.dtype))(keys)
    values = _walsh_hadamard(normal * scales[None, None, :])
    violates: Bool[Array, "draws points"] = jnp.all(values < 0, axis=1)
    return jnp.sum(violates, axis=1)


def _walsh_hadamard(values: Float[Array, "*batch points"]) -> Float[Array, "*batch points"]:
    """Transform the last axis: a product of small Hadamard matrices, one matrix product each."""
    bits = values.shape[-1].bit_length() - 1
    flat = values.reshape(-1, values.shape[-1])
    for start in range(0, bits, _FACTOR):
        size = 2 ** min(_FACTOR, bits - start)
        matrix = jnp.asarray(hadamard(size), values.dtype)
        # Transform the trailing bits and move them to the front: after all factors they are back.
        blocks = flat.reshape(len(flat), -1, size) @ matrix
        flat = jnp.swapaxes(blocks, 1, 2).reshape(len(flat), -1)
    return flat.reshape(values.shape)


def check_sizes(
    m: int, n_outputs: int, depth: int = 1, *, largest: int = LARGEST_EXHAUSTIVE
) -> None:
    """Raise unless the sizes make sense."""
    if not 1 <= m <= largest:
        raise ValueError(
            f"m = {m} input bits were given; 1 to {largest} are accepted"
            + (" where all 2^m inputs are listed" if largest == LARGEST_EXHAUSTIVE else "")
        )
    for name, value in (("n_outputs", n_outputs), ("depth", depth)):
        if value < 1:
            raise ValueError(f"{name} = {value} was given; it must be at least 1")
