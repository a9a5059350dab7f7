"""Standard errors and null distributions by drawing samples again.

Samples (inputs) are drawn again, never networks: the error says how well the alignment of these two
networks is known, not how it scatters over networks.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from widthwise.observables.alignment.measures import Measure


def jackknife(
    measure: Measure,
    a: Float[np.ndarray, "n m"],
    b: Float[np.ndarray, "n m2"],
    *,
    groups: int,
    rng: np.random.Generator,
) -> float:
    """Standard error from leaving out one of several random groups of samples after the other.

    No sample appears twice, so it serves measures of pairs and of neighbours too. In expectation it
    is too large rather than too small, by the inequality of Efron & Stein (1981), for any symmetric
    statistic of as many samples as are left.

    Parameters
    ----------
    measure, a, b
        What is estimated.
    groups
        How many; as many as there are samples at most. The error of the error is its share
        ``1 / sqrt(2 groups)``.
    rng
        Puts samples into groups.
    """
    n = len(a)
    groups = min(groups, n)
    size = n // groups
    order = rng.permutation(n)
    kept = np.stack([np.delete(order, slice(g * size, (g + 1) * size)) for g in range(groups)])
    values = np.asarray(_on_rows(measure, a, b, kept, kept), np.float64)
    # Exact for a mean, also where the groups do not take in all samples.
    factor = (n - size) ** 2 / (n * size * (groups - 1))
    return float(np.sqrt(factor * np.sum((values - values.mean()) ** 2)))


def bootstrap(
    measure: Measure,
    a: Float[np.ndarray, "n m"],
    b: Float[np.ndarray, "n m2"],
    *,
    resamples: int,
    rng: np.random.Generator,
) -> float:
    """Standard error from drawing the samples with replacement.

    Parameters
    ----------
    measure, a, b
        What is estimated.
    resamples
        How many times.
    rng
        Draws.
    """
    rows = rng.integers(0, len(a), (resamples, len(a)))
    return float(np.std(np.asarray(_on_rows(measure, a, b, rows, rows), np.float64), ddof=1))


def permuted(
    measure: Measure,
    a: Float[np.ndarray, "n m"],
    b: Float[np.ndarray, "n m2"],
    *,
    permutations: int,
    rng: np.random.Generator,
) -> Float[np.ndarray, " permutations"]:
    """Values between ``a`` and ``b`` with its samples in random order: as if unrelated.

    Parameters
    ----------
    measure, a, b
        What is estimated.
    permutations
        How many.
    rng
        Draws.
    """
    n = len(a)
    rows = rng.permuted(np.tile(np.arange(n), (permutations, 1)), axis=1)
    same = np.broadcast_to(np.arange(n), rows.shape)
    return np.asarray(_on_rows(measure, a, b, same, rows), np.float64)


@partial(jax.jit, static_argnames="measure")
def value_of(
    measure: Measure, a: Float[Array, "n m"], b: Float[Array, "n m2"]
) -> Float[Array, "..."]:
    """Evaluate a measure, compiled."""
    return jnp.asarray(measure(a, b))


@partial(jax.jit, static_argnames="measure")
def _on_rows(
    measure: Measure,
    a: Float[Array, "n m"],
    b: Float[Array, "n m2"],
    rows: Int[Array, "s k"],
    other_rows: Int[Array, "s k"],
) -> Float[Array, " s"]:
    """Values on chosen samples, one after the other."""
    return lax.map(lambda row: measure(a[row[0]], b[row[1]]), (rows, other_rows))
