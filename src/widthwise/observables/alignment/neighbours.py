"""Measures of nearest neighbours: who is close to whom, whatever the distances are."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from widthwise.observables.alignment.representations import centred, squared_distances


@dataclass(frozen=True)
class MutualNeighbours:
    """Share of each sample's nearest neighbours that both representations have in common.

    For unrelated representations ``neighbours / (samples - 1)``.

    Parameters
    ----------
    neighbours
        How many nearest neighbours of each sample.

    Raises
    ------
    ValueError
        If that is below one.

    Notes
    -----
    Source: Huh, Cheung, Wang & Isola (2024), arXiv:2405.07987, who scale samples to norm one first.
    Holds all pairs of samples in memory.
    """

    neighbours: int = 10

    larger_is_closer = True
    resampling = ("jackknife",)

    def __post_init__(self) -> None:
        if self.neighbours < 1:
            raise ValueError(f"neighbours is {self.neighbours}: give at least 1")

    @property
    def least_samples(self) -> int:
        """The fewest samples: more than there are neighbours."""
        return self.neighbours + 2

    def check(self, a: Float[np.ndarray, "n m"], b: Float[np.ndarray, "n m2"]) -> None:
        """Refuse equal samples, whose neighbours are not defined.

        Raises
        ------
        ValueError
            If two samples have the same features.
        """
        check_distinct(a, b)

    def __call__(self, a: Float[Array, "n m"], b: Float[Array, "n m2"]) -> Float[Array, ""]:
        """Compare; a pure function for ``jit`` and ``vmap``."""
        one, other = (self._neighbours(x) for x in (a, b))
        common = jnp.any(one[:, :, None] == other[:, None, :], axis=2)
        return jnp.mean(common.astype(a.dtype))

    def _neighbours(self, x: Float[Array, "n m"]) -> Array:
        return lax.top_k(-_to_others(x), self.neighbours)[1]


@dataclass(frozen=True)
class InformationImbalance:
    """How badly nearest neighbours in ``a`` predict closeness in ``b``: 0 fully, 1 not at all.

    ``2 / n`` times the mean rank in ``b`` of the nearest neighbour in ``a``; not symmetric.

    Notes
    -----
    Source: Glielmo, Zeni, Cheng, Csanyi & Laio (2022), arXiv:2104.15079. Holds all pairs of samples
    in memory.
    """

    larger_is_closer = False
    resampling = ("jackknife",)
    least_samples = 3

    def check(self, a: Float[np.ndarray, "n m"], b: Float[np.ndarray, "n m2"]) -> None:
        """Refuse equal samples, whose neighbours are not defined.

        Raises
        ------
        ValueError
            If two samples have the same features.
        """
        check_distinct(a, b)

    def __call__(self, a: Float[Array, "n m"], b: Float[Array, "n m2"]) -> Float[Array, ""]:
        """Compare; a pure function for ``jit`` and ``vmap``."""
        nearest = jnp.argmin(_to_others(a), axis=1)[:, None]
        distances = _to_others(b)
        reached = jnp.take_along_axis(distances, nearest, axis=1)
        rank = 1 + jnp.sum(distances < reached, axis=1)
        return 2 / len(a) * jnp.mean(rank.astype(a.dtype))


def check_distinct(a: Float[np.ndarray, "n m"], b: Float[np.ndarray, "n m2"]) -> None:
    """Refuse representations with equal samples: ties would be broken by their order, in both.

    Raises
    ------
    ValueError
        Naming how many there are.
    """
    for name, x in (("a", a), ("b", b)):
        twice = len(x) - len(np.unique(x, axis=0))
        if twice:
            raise ValueError(
                f"{twice} samples of {name} have the same features as another: nearest neighbours "
                "are not defined; leave them out of both, or use another measure"
            )


def _to_others(x: Float[Array, "n m"]) -> Float[Array, "n n"]:
    """Squared distances, infinite to itself."""
    x = centred(x)
    own = jnp.eye(len(x), dtype=bool)
    return jnp.where(own, jnp.inf, squared_distances(x, x))
