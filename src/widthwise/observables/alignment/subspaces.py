"""Measures that look for the best rotation or linear map: Procrustes, CCA, SVCCA, PWCCA."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from widthwise.numerics.choices import check_choice
from widthwise.observables.alignment.representations import centred


@dataclass(frozen=True)
class Procrustes:
    """Similarity after the best rotation: ``|A^T B|_* / (|A| |B|)``, of centred features.

    ``2 - 2`` times it is the squared Procrustes distance of representations of norm one.

    Parameters
    ----------
    center
        Whether the mean of each feature is subtracted.

    Notes
    -----
    Source: Ding, Denain & Steinhardt (2021), arXiv:2108.01661; Williams et al. (2021),
    arXiv:2110.14739.
    """

    center: bool = True

    larger_is_closer = True
    resampling = ("jackknife", "bootstrap")
    least_samples = 3

    def check(self, a: Float[np.ndarray, "n m"], b: Float[np.ndarray, "n m2"]) -> None:
        """Accept all that is not constant."""
        del a, b

    def __call__(self, a: Float[Array, "n m"], b: Float[Array, "n m2"]) -> Float[Array, ""]:
        """Compare; a pure function for ``jit`` and ``vmap``."""
        if self.center:
            a, b = centred(a), centred(b)
        # The product of the small factors has the singular values of the large one.
        left, right = (jnp.linalg.qr(x.T, mode="r").T if x.shape[1] > len(x) else x for x in (a, b))
        nuclear = jnp.sum(jnp.linalg.svd(left.T @ right, compute_uv=False))
        return nuclear / (jnp.linalg.norm(a) * jnp.linalg.norm(b))


@dataclass(frozen=True)
class CCA:
    """Mean canonical correlation of two representations; invariant under any linear map.

    Directions of no variance (beyond rounding) are left out, so features may be linearly dependent.

    Parameters
    ----------
    variance
        Keep as many principal components as hold this share of the variance: SVCCA has 0.99. With
        1.0 all are kept.
    weighting
        ``"uniform"``, or ``"projection"``: canonical directions of ``a`` count by how much of ``a``
        they hold (PWCCA), which is not symmetric.

    Raises
    ------
    ValueError
        If an option is out of range.

    Notes
    -----
    Source: Raghu et al. (2017), arXiv:1706.05806 (SVCCA); Morcos, Raghu & Bengio (2018),
    arXiv:1806.05759 (PWCCA).
    """

    variance: float | int = 1.0
    weighting: str = "uniform"

    larger_is_closer = True
    resampling = ("jackknife",)
    least_samples = 4

    def __post_init__(self) -> None:
        check_choice("weighting of CCA", self.weighting, ["uniform", "projection"])
        if not 0 < self.variance <= 1:
            raise ValueError(f"variance is {self.variance}: give a share above 0 and up to 1")

    def check(self, a: Float[np.ndarray, "n m"], b: Float[np.ndarray, "n m2"]) -> None:
        """Refuse representations that have common directions whatever they hold.

        Raises
        ------
        ValueError
            If directions are as many as samples.
        """
        kept = [int(self._basis(jnp.asarray(x))[1]) for x in (a, b)]
        if sum(kept) > len(a) - 1:
            raise ValueError(
                f"{kept[0]} and {kept[1]} directions in {len(a)} samples: some canonical "
                f"correlations would be 1 for any data; give more than {sum(kept) + 1} samples, "
                "keep fewer directions with CCA(variance=...), or use 'cka-debiased'"
            )

    def __call__(self, a: Float[Array, "n m"], b: Float[Array, "n m2"]) -> Float[Array, ""]:
        """Compare; a pure function for ``jit`` and ``vmap``."""
        (left, ranks), (right, other) = self._basis(a), self._basis(b)
        directions, values, _ = jnp.linalg.svd(left.T @ right, full_matrices=False)
        kept = jnp.arange(len(values)) < jnp.minimum(ranks, other)
        values = jnp.where(kept, jnp.minimum(values, 1.0), 0.0)
        if self.weighting == "uniform":
            return jnp.sum(values) / jnp.sum(kept)
        held = jnp.sum(jnp.abs((left @ directions).T @ centred(a)), axis=1)
        weights = jnp.where(kept, held, 0.0)
        return jnp.sum(weights * values) / jnp.sum(weights)

    def _basis(self, x: Float[Array, "n m"]) -> tuple[Float[Array, "n k"], Array]:
        """Return an orthonormal basis of the directions kept (zero for the others), their number.

        How many depends on the data; with zeros in their place shapes do not.
        """
        u, s, _ = jnp.linalg.svd(centred(x), full_matrices=False)
        share = jnp.cumsum(s**2) / jnp.sum(s**2)
        before = jnp.concatenate([jnp.zeros(1, s.dtype), share[:-1]])
        kept = s > s[0] * max(x.shape) * jnp.finfo(s.dtype).eps
        if self.variance < 1:
            kept = kept & (before < self.variance)
        return u * kept.astype(u.dtype)[None], jnp.sum(kept)
