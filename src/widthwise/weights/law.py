"""Gaussian laws that are block diagonal: a few small covariances, each with many copies.

A law of random matrices that is invariant under permutations of rows and columns falls, by Schur's
lemma, into independent parts, one for each irreducible representation. Part b has c_b kinds of
coordinates and n_b copies of each: its covariance is a c_b x c_b matrix, the same for every copy.
Only the first part, that of the trivial representation, may have a mean; it has one copy.
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

LOG_2PI = math.log(2 * math.pi)
_SINGULAR = 1e-13  # an eigenvalue below this fraction of the largest counts as zero
_NEGATIVE = 1e-12  # and one as far below zero as this is rounding


@dataclass(frozen=True)
class Parts:
    """A number that is a sum: of the mean's part and of one for each irreducible part.

    Attributes
    ----------
    parts
        The terms by name.
    """

    parts: dict[str, float]

    @property
    def total(self) -> float:
        """The sum."""
        return math.fsum(self.parts.values())


@dataclass(frozen=True, eq=False)
class Components:
    """Matrices in the coordinates of a law, summed over copies.

    Attributes
    ----------
    trivial
        Coordinates of the first part (matrix, kind).
    squares
        Of every further part, the products of its coordinates summed over copies,
        (matrix, kind, kind).
    """

    trivial: Float[np.ndarray, "k c"]
    squares: tuple[Float[np.ndarray, "k _ _"], ...]

    def __len__(self) -> int:
        return len(self.trivial)


@dataclass(frozen=True, eq=False)
class Law:
    """A Gaussian law in its irreducible parts.

    Attributes
    ----------
    names
        Of the parts.
    copies
        How many copies each has; one of the first.
    mean
        Of the first part.
    covariances
        One for each part; the first is None where it is not known.
    """

    names: tuple[str, ...]
    copies: tuple[int, ...]
    mean: Float[np.ndarray, " c"]
    covariances: tuple[Float[np.ndarray, "_ _"] | None, ...]

    @property
    def dimension(self) -> int:
        """Number of coordinates: the entries of a matrix."""
        kinds = [len(self.mean), *(len(s) for s in self.covariances[1:] if s is not None)]
        return sum(n * c for n, c in zip(self.copies, kinds, strict=True))

    def entropy(self) -> float:
        """Differential entropy in nats."""
        logs = [_log_det(*part) for part in zip(self.names, self.covariances, strict=True)]
        inner = sum(n * log for n, log in zip(self.copies, logs, strict=True))
        return 0.5 * (self.dimension * (LOG_2PI + 1) + inner)

    def log_density(self, at: Components) -> Float[np.ndarray, " k"]:
        """Logarithm of the density at each matrix, in nats."""
        inverses = [_inverse(*part) for part in zip(self.names, self.covariances, strict=True)]
        offset = at.trivial - self.mean[None]
        quadratic = np.einsum("ka,ab,kb->k", offset, inverses[0], offset)
        for inverse, squares in zip(inverses[1:], at.squares, strict=True):
            quadratic = quadratic + np.einsum("ab,kab->k", inverse, squares)
        constant = self.entropy() - 0.5 * self.dimension
        return -constant - 0.5 * quadratic


def fitted(copies: tuple[int, ...], at: Components) -> tuple[np.ndarray, list[np.ndarray | None]]:
    """Mean and covariances of greatest likelihood: plain averages.

    Of one matrix alone the covariance of the first part is not known: None.
    """
    mean = np.mean(at.trivial, axis=0)
    offset = at.trivial - mean[None]
    first = offset.T @ offset / len(at) if len(at) > 1 else None
    rest = [np.mean(x, axis=0) / n for n, x in zip(copies[1:], at.squares, strict=True)]
    return mean, [first, *rest]


def kl(p: Law, q: Law) -> Parts:
    """Kullback-Leibler divergence of p from q in nats, part by part."""
    inverse = _inverse(q.names[0], q.covariances[0])
    offset = p.mean - q.mean
    parts = {"mean": 0.5 * float(offset @ inverse @ offset)}
    for name, copies, a, b in zip(p.names, p.copies, p.covariances, q.covariances, strict=True):
        quotient = _inverse(name, b) @ _known(name, a)
        logs = _log_det(name, b) - _log_det(name, a)
        parts[name] = 0.5 * copies * float(np.trace(quotient) - len(quotient) + logs)
    return Parts(parts)


def squared_wasserstein(p: Law, q: Law) -> Parts:
    """Squared Wasserstein-2 distance, part by part; covariances may be singular."""
    parts = {"mean": float(np.sum((p.mean - q.mean) ** 2))}
    for name, copies, a, b in zip(p.names, p.copies, p.covariances, q.covariances, strict=True):
        if a is None or b is None:
            warnings.warn(
                f"the covariance of part {name!r} is not known from one matrix: it is left out of "
                "the Wasserstein distance",
                stacklevel=4,
            )
            continue
        parts[name] = copies * squared_bures(a, b)
    return Parts(parts)


def squared_bures(a: Float[np.ndarray, "c c"], b: Float[np.ndarray, "c c"]) -> float:
    """Squared Bures distance, ``tr a + tr b - 2 tr (a^(1/2) b a^(1/2))^(1/2)``.

    Computed as ``|a^(1/2) - b^(1/2) u|^2`` with the orthogonal u that makes it least, in which
    nothing large cancels.
    """
    root_a, root_b = square_root(a), square_root(b)
    left, _, right = np.linalg.svd(root_b @ root_a)
    return float(np.sum((root_a - root_b @ left @ right) ** 2))


def square_root(s: Float[np.ndarray, "c c"]) -> Float[np.ndarray, "c c"]:
    """Symmetric square root of a covariance, which may be singular."""
    values, vectors = np.linalg.eigh(s)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def checked_covariance(name: str, given: np.ndarray | None, kinds: int) -> np.ndarray | None:
    """Return a covariance as a symmetric array that nobody changes.

    Raises
    ------
    ValueError
        If it has another shape, is not symmetric or finite, or has a negative eigenvalue.
    """
    if given is None:
        return None
    s = np.array(given, np.float64).reshape(np.shape(given) or (1, 1))
    if s.shape != (kinds, kinds) or not np.all(np.isfinite(s)):
        raise ValueError(f"{name} has shape {s.shape}: give {kinds} x {kinds} finite numbers")
    scale = np.max(np.abs(s), initial=0.0)
    if np.max(np.abs(s - s.T)) > 1e-9 * scale:
        raise ValueError(f"{name} is not symmetric: give a covariance")
    if np.linalg.eigvalsh(s)[0] < -_NEGATIVE * scale:
        raise ValueError(
            f"{name} has the negative eigenvalue {np.linalg.eigvalsh(s)[0]:g}: give a covariance"
        )
    s = (s + s.T) / 2
    s.setflags(write=False)
    return s


def _known(name: str, s: np.ndarray | None) -> np.ndarray:
    if s is None:
        raise ValueError(
            f"the covariance of part {name!r} is not known: one matrix does not tell it; fit at "
            "least three independent ones, or give the covariance yourself"
        )
    return s


def _regular(name: str, s: np.ndarray | None) -> np.ndarray:
    s = _known(name, s)
    values = np.linalg.eigvalsh(s)
    if not values[0] > _SINGULAR * values[-1]:
        raise ValueError(
            f"the covariance of part {name!r} is singular (eigenvalues {values[0]:.3g} to "
            f"{values[-1]:.3g}), so there is no density: fit more matrices, or take "
            "squared_wasserstein, which needs none"
        )
    return s


def _inverse(name: str, s: np.ndarray | None) -> np.ndarray:
    return np.linalg.inv(_regular(name, s))


def _log_det(name: str, s: np.ndarray | None) -> float:
    return float(np.linalg.slogdet(_regular(name, s))[1])
