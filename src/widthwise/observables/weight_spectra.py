"""Singular values of weight matrices, and what training changed in them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.sparse.linalg import svds

from widthwise.numerics.marchenko_pastur import MarchenkoPastur
from widthwise.numerics.statistics import Numbers
from widthwise.numerics.threads import one_thread_per_core

_FEW = 8  # the leading singular values come from Lanczos if they are fewer than one in so many


@dataclass(frozen=True, eq=False)
class WeightSpectra:
    """Spectra of N x D weight matrices divided by ``sqrt(N)``.

    Every array has the leading axes of the weights (members, steps, ...).

    Attributes
    ----------
    singular_values
        Largest first, all or the leading ones.
    left_overlaps, right_overlaps
        Squared overlaps (value, direction) of singular vectors with the given directions; None
        without them.
    change
        Singular values of the change since initialization, all of them, largest first. None, as the
        two below, without initial weights.
    """

    singular_values: Float[np.ndarray, "*s k"]
    left_overlaps: Float[np.ndarray, "*s k m"] | None
    right_overlaps: Float[np.ndarray, "*s k m2"] | None
    change: Float[np.ndarray, "*s n"] | None

    @property
    def captured(self) -> Float[np.ndarray, "*s n"] | None:
        """Share of the squared norm of the change in its leading 1, 2, ... directions."""
        if self.change is None:
            return None
        squares = np.cumsum(self.change**2, axis=-1)
        total = squares[..., -1:]
        return np.where(total > 0, squares / np.where(total > 0, total, 1.0), np.nan)

    @property
    def effective_rank(self) -> Float[np.ndarray, "*s"] | None:
        """Exponential of the entropy of the change's normalized singular values.

        Not-a-number where nothing has changed. Source: Roy & Vetterli (2007).
        """
        if self.change is None:
            return None
        total = np.sum(self.change, axis=-1, keepdims=True)
        share = np.where(total > 0, self.change / np.where(total > 0, total, 1.0), np.nan)
        logs = np.log(np.where(share > 0, share, 1.0))
        return np.asarray(np.exp(-np.sum(share * logs, axis=-1)))


def weight_spectra(
    weights: Numbers,
    *,
    initial: Numbers | None = None,
    top: int | None = None,
    left_directions: Numbers | None = None,
    right_directions: Numbers | None = None,
) -> WeightSpectra:
    """Singular values of weight matrices, with any leading axes.

    Parameters
    ----------
    weights
        Array (..., N, D): rows are neurons of the next layer. They are divided by ``sqrt(N)``, so
        that independent entries of standard deviation sigma fill ``[0, 2 sigma]`` if ``N = D``.
    initial
        The same matrices before training, for what has changed; it may be shorter by leading axes,
        or have length one where the weights have more.
    top
        How many of the leading singular values; all if left out.
    left_directions, right_directions
        Vectors (..., m, N) and (..., m, D), of any length, to compare singular vectors with.

    Returns
    -------
    WeightSpectra

    Raises
    ------
    ValueError
        If a shape does not fit, an entry is not finite, or ``top`` is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> found = weight_spectra(np.diag([6.0, 2.0, 2.0, 0.0]), initial=np.zeros((4, 4)))
    >>> found.singular_values.tolist(), found.captured.round(3).tolist()
    ([3.0, 1.0, 1.0, 0.0], [0.818, 0.909, 1.0, 1.0])
    """
    w = _matrices("weights", weights)
    *lead, n, d = w.shape
    count = min(n, d) if top is None else top
    if not 1 <= count <= min(n, d):
        raise ValueError(f"top is {top}: {n} x {d} matrices have {min(n, d)} singular values")
    left = _directions("left_directions", left_directions, (*lead, n))
    right = _directions("right_directions", right_directions, (*lead, d))
    vectors = left is not None or right is not None
    flat = w.reshape(-1, n, d) / n**0.5
    with one_thread_per_core() as pool:
        found = list(pool.map(lambda matrix: _leading(matrix, count, vectors=vectors), flat))
    values = np.stack([part[1] for part in found]).reshape(*lead, count)

    def overlaps(side: int, directions: np.ndarray | None) -> np.ndarray | None:
        if directions is None:
            return None
        basis = np.stack([part[side] for part in found]).reshape(*lead, count, -1)
        return np.einsum("...kn,...mn->...km", basis, directions) ** 2

    change = None
    if initial is not None:
        start = _matrices("initial", initial)
        try:
            start = np.broadcast_to(start, w.shape)
        except ValueError:
            raise ValueError(
                f"initial has shape {start.shape} and weights {w.shape}: give matrices of the same "
                "shape, one for each of the weights or fewer"
            ) from None
        change = np.linalg.svd((w - start) / n**0.5, compute_uv=False)
    return WeightSpectra(values, overlaps(0, left), overlaps(2, right), change)


def measured_escape_step(
    largest: Numbers, steps: Numbers, *, rows: int, columns: int | None = None, sigma: float = 1.0
) -> Float[np.ndarray, "*s"]:
    """First step at which the largest singular value is beyond the bulk for sure.

    Parameters
    ----------
    largest
        Largest singular value (..., steps) of N x D matrices divided by ``sqrt(N)``.
    steps
        Number of updates of each, increasing.
    rows, columns
        N and D; D is N if left out.
    sigma
        Standard deviation of the initial entries.

    Returns
    -------
    Array (...): the step; not-a-number where none is.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a number is not positive.

    Notes
    -----
    "For sure" is `outlier_threshold`; for square matrices ``2 sigma (1 + 2 N^(-2/3))``.

    Examples
    --------
    >>> float(measured_escape_step([1.9, 2.01, 2.2], [0, 10, 20], rows=1000))
    20.0
    """
    values, times = np.asarray(largest, np.float64), np.asarray(steps, np.float64)
    if times.ndim != 1 or values.shape[-1:] != times.shape or np.any(np.diff(times) <= 0):
        raise ValueError(
            f"largest has shape {values.shape} and steps {times.shape}: give one value for each "
            "step along the last axis, and steps that increase"
        )
    beyond = values > outlier_threshold(rows, rows if columns is None else columns, sigma=sigma)
    first = times[np.argmax(beyond, axis=-1)]
    return np.asarray(np.where(beyond.any(axis=-1), first, np.nan))


def outlier_threshold(rows: int, columns: int, *, sigma: float = 1.0) -> float:
    """Singular value that random N x D matrices of entries ``N(0, sigma^2 / N)`` do not reach.

    The edge of the bulk plus ``2^(8/3)`` = 6.35 times the scale of the Tracy-Widom law, whose mean
    is -1.2 and standard deviation 1.3: in fewer than one of 10,000 matrices by chance.

    Parameters
    ----------
    rows, columns
        N and D.
    sigma
        Scale of the entries.

    Raises
    ------
    ValueError
        If a number is not positive.

    Notes
    -----
    Source: Johnstone (2001), theorem 1.1.
    """
    edge = MarchenkoPastur(rows / columns, sigma).edges[1]
    return edge * (1 + 2 ** (8 / 3) * edge_scale(rows, columns))


def edge_scale(rows: int, columns: int) -> float:
    """Scale of the Tracy-Widom law of the largest singular value, relative to the edge.

    ``2^(-5/3) N^(-2/3)`` for square matrices.

    Parameters
    ----------
    rows, columns
        Shape of the random matrix.
    """
    roots = rows**0.5 + columns**0.5
    return (rows**-0.5 + columns**-0.5) ** (1 / 3) / (2 * roots)


def _matrices(name: str, given: Numbers) -> np.ndarray:
    array = np.asarray(given)
    if array.ndim < 2 or 0 in array.shape[-2:]:
        raise ValueError(f"{name} has shape {array.shape}: give matrices (..., rows, columns)")
    array = array.astype(np.float64 if array.dtype == np.float64 else np.float32, copy=False)
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} has entries that are not finite: leave diverged networks out")
    return array


def _directions(name: str, given: Numbers | None, shape: tuple[int, ...]) -> np.ndarray | None:
    if given is None:
        return None
    array = np.asarray(given, np.float64)
    if array.ndim < 2 or (*array.shape[:-2], array.shape[-1]) != shape:
        raise ValueError(
            f"{name} has shape {array.shape}: give vectors (..., m, {shape[-1]}), with the leading "
            "axes of the weights"
        )
    length = np.linalg.norm(array, axis=-1, keepdims=True)
    if not np.all(length > 0):
        raise ValueError(f"a vector of {name} has no length: it points nowhere")
    return array / length


def _leading(
    matrix: np.ndarray, count: int, *, vectors: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Left singular vectors as rows, singular values, right ones as rows; largest first."""
    none = np.zeros((count, 0))
    if count * _FEW <= min(matrix.shape):
        start = np.random.default_rng(0).standard_normal(min(matrix.shape)).astype(matrix.dtype)
        u, s, v = svds(matrix, count, v0=start)  # smallest first
        assert u is not None
        assert v is not None
        return u.T[::-1], s[::-1], v[::-1]
    if not vectors:
        return none, np.linalg.svd(matrix, compute_uv=False)[:count], none
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    return u.T[:count], s[:count], v[:count]
