"""Centered kernel alignment, and the sums over pairs of samples that it rests on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.tree_util import Partial
from jaxtyping import Array, Float

from widthwise.numerics.choices import check_choice
from widthwise.numerics.ranges import check_positive
from widthwise.observables.alignment.representations import centred, squared_distances

KernelFunction = Callable[[Float[Array, "n d"], Float[Array, "m d"]], Float[Array, "n m"]]
_MEDIAN_OF = 1000  # samples whose distances give the median
_ROWS = 2048  # rows of a kernel matrix that are held at once


class PairSums(NamedTuple):
    """Sums over pairs of samples of the kernels of l representations.

    Attributes
    ----------
    inner
        Sums of products of two kernels over all pairs.
    rows
        Sum of each kernel over the partners of each sample.
    diagonal
        Each kernel of each sample with itself.
    """

    inner: Float[Array, "l l"]
    rows: Float[Array, "l n"]
    diagonal: Float[Array, "l n"]


@dataclass(frozen=True)
class CKA:
    """Centered kernel alignment of two representations; 1 is equal up to rotation and scale.

    Parameters
    ----------
    kernel
        ``"linear"``; ``"rbf"``, the Gaussian ``exp(-d^2 / (2 s^2))`` of the distance; or a function
        ``kernel(x, y)`` of arrays (n, d) and (m, d) that returns the matrix (n, m).
    debiased
        Whether the Hilbert-Schmidt criterion is estimated without bias. The biased one is above
        zero for unrelated representations, by about (features)/(samples).
    center
        Whether kernels are centred (features, for the linear kernel).
    bandwidth
        The length s of ``"rbf"``, in units of the median distance between samples (of at most
        1,000 of them, evenly spaced).

    Raises
    ------
    ValueError
        If an option is none of the accepted ones.

    Notes
    -----
    Source: Kornblith, Norouzi, Lee & Hinton (2019), arXiv:1905.00414; without bias: Song et al.
    (2012), eq. 5. Features or samples, whichever is cheaper, are summed over first.
    """

    kernel: str | KernelFunction = "linear"
    debiased: bool = False
    center: bool = True
    bandwidth: float | int = 1.0

    larger_is_closer = True

    def __post_init__(self) -> None:
        if not callable(self.kernel):
            check_choice("kernel of CKA", self.kernel, ["linear", "rbf"])
        check_positive(bandwidth=self.bandwidth)
        if self.debiased and not self.center:
            raise ValueError("debiased CKA is centred by construction: leave out center=False")

    @property
    def resampling(self) -> tuple[str, ...]:
        """Which resampling gives its standard error.

        A sample that is drawn twice is its own neighbour, which the estimate without bias excludes.
        """
        return ("jackknife",) if self.debiased else ("jackknife", "bootstrap")

    @property
    def least_samples(self) -> int:
        """The fewest samples."""
        return 4 if self.debiased else 3

    def check(self, a: Float[np.ndarray, "n m"], b: Float[np.ndarray, "n m2"]) -> None:
        """Accept all that is not constant."""
        del a, b

    def __call__(self, a: Float[Array, "n m"], b: Float[Array, "n m2"]) -> Float[Array, ""]:
        """Compare; a pure function for ``jit`` and ``vmap``."""
        a, b = self.prepared(a), self.prepared(b)
        n, widths = len(a), (a.shape[1], b.shape[1])
        if self.kernel == "linear" and by_features(n, widths):
            sums = _feature_sums(a, b)
        else:
            sums = _sums_by_rows([a, b], [self.function(a), self.function(b)])
        return self.from_sums(sums)[0, 1]

    def prepared(self, x: Float[Array, "n m"]) -> Float[Array, "n m"]:
        """Centre features: for the linear kernel that centres the kernel."""
        return centred(x) if self.center and not callable(self.kernel) else x

    def function(self, x: Float[Array, "n m"]) -> KernelFunction:
        """Return the kernel as a function, the bandwidth being that of these samples."""
        if callable(self.kernel):
            return Partial(self.kernel)
        if self.kernel == "linear":
            return Partial(_linear)
        few = x[:: -(-len(x) // _MEDIAN_OF)]
        pairs = np.triu_indices(len(few), 1)
        median = jnp.median(jnp.sqrt(squared_distances(few, few)[pairs]))
        return Partial(_gaussian, 1 / (2 * (self.bandwidth * median) ** 2))

    def from_sums(self, sums: PairSums) -> Float[Array, "l l"]:
        """Return the alignment of all pairs of representations."""
        inner, rows, n = sums.inner, sums.rows, sums.rows.shape[1]
        if self.debiased:
            inner = inner - sums.diagonal @ sums.diagonal.T
            rows = rows - sums.diagonal
            total = jnp.sum(rows, axis=1)
            both = total[:, None] * total[None] / ((n - 1) * (n - 2))
            inner = inner + both - 2 / (n - 2) * (rows @ rows.T)
        elif self.center:
            rows = rows - jnp.mean(rows, axis=1, keepdims=True)  # the mean is taken off exactly
            mean = jnp.mean(sums.rows, axis=1)
            inner = inner - 2 / n * (rows @ rows.T) - mean[:, None] * mean[None]
        norm = jnp.sqrt(jnp.diagonal(inner))
        return inner / (norm[:, None] * norm[None])


def _linear(x: Float[Array, "n d"], y: Float[Array, "m d"]) -> Float[Array, "n m"]:
    return x @ y.T


def _gaussian(
    scale: Float[Array, ""], x: Float[Array, "n d"], y: Float[Array, "m d"]
) -> Float[Array, "n m"]:
    return jnp.exp(-scale * squared_distances(x, y))


def by_features(samples: int, widths: Sequence[int]) -> bool:
    """Whether cross-products of features cost less than kernel matrices."""
    return sum(widths) < samples


def _feature_sums(a: Float[Array, "n m"], b: Float[Array, "n m2"]) -> PairSums:
    """Sums of linear kernels without a matrix of samples."""
    pairs = [(x, y) for x in (a, b) for y in (a, b)]
    inner = jnp.stack([jnp.sum((x.T @ y) ** 2) for x, y in pairs]).reshape(2, 2)
    rows = jnp.stack([x @ jnp.sum(x, axis=0) for x in (a, b)])
    return PairSums(inner, rows, jnp.stack([jnp.sum(x**2, axis=1) for x in (a, b)]))


def _sums_by_rows(
    layers: Sequence[Float[Array, "n _"]], kernels: Sequence[KernelFunction]
) -> PairSums:
    """Sums of any kernels, some rows of their matrices at a time."""
    n = len(layers[0])
    blocks = -(-n // _ROWS)
    rows = -(-n // blocks)
    index = jnp.arange(blocks * rows).reshape(blocks, rows)

    def block(index: Array) -> PairSums:
        there, own = (index < n)[None, :, None], jnp.minimum(index, n - 1)
        pairs = zip(layers, kernels, strict=True)
        k = jnp.where(there, jnp.stack([kernel(x[own], x) for x, kernel in pairs]), 0.0)
        flat = k.reshape(len(layers), -1)
        diagonal = jnp.take_along_axis(k, own[None, :, None], axis=2)[..., 0]
        return PairSums(flat @ flat.T, jnp.sum(k, axis=2), diagonal)

    found = lax.map(block, index)
    spread = [jnp.moveaxis(x, 1, 0).reshape(len(layers), -1)[:, :n] for x in found[1:]]
    return PairSums(jnp.sum(found.inner, axis=0), *spread)
