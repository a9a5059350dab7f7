"""From matrices to sums of squares in irreducible coordinates, in one pass over the entries.

Every matrix is shifted by a number near its mean, converted to float64 and centred while it lies in
the cache: nothing large is subtracted from anything large, and no D^2 x D^2 object exists. The cost
is O(rows x columns) for each matrix.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Array, Shaped

from widthwise.numerics.threads import one_thread_per_core
from widthwise.weights.law import Components

Matrices = Shaped[np.ndarray, "..."] | Shaped[Array, "..."] | Sequence
"""One matrix, or independent ones along the first axis: of NumPy, JAX, or lists of numbers."""

_BLOCK = 2**17  # entries that are worked on at a time
_MANY = 2**21  # entries from which on all cores are used
SMALLEST_TIED = 4


def checked_matrices(given: Matrices) -> Shaped[np.ndarray, "k m n"]:
    """Return matrices (matrix, row, column) as float32 or float64, finite or not.

    Raises
    ------
    ValueError
        If there are none, an axis is shorter than two, or they are not real numbers.
    """
    w = np.asarray(given)
    if w.ndim == 2:
        w = w[None]
    if w.ndim != 3 or len(w) == 0:
        raise ValueError(
            f"matrices have shape {w.shape}: give one matrix (rows, columns), or independent ones "
            "(matrices, rows, columns)"
        )
    if min(w.shape[1:]) < 2:
        raise ValueError(
            f"matrices are {w.shape[1]} x {w.shape[2]}: at least two rows and two columns are "
            "needed to permute any"
        )
    if w.dtype in (np.float32, np.float64):
        return w
    try:
        return w.astype(np.float64, casting="safe" if w.dtype.kind in "iufb" else "no")
    except TypeError:
        pass
    if w.dtype.name in ("bfloat16", "float16", "longdouble", "int64", "uint64"):
        return w.astype(np.float64)
    raise ValueError(f"matrices are of type {w.dtype}: give real numbers")


def check_square(shape: tuple[int, ...]) -> int:
    """Return the size of square matrices whose rows and columns may be tied.

    Raises
    ------
    ValueError
        If they are not square, or smaller than 4 x 4.
    """
    rows, columns = shape[-2:]
    if rows != columns:
        raise ValueError(
            f"matrices are {rows} x {columns}: rows and columns can be permuted together only if "
            "they are equally many; take symmetry='bipartite'"
        )
    if rows < SMALLEST_TIED:
        raise ValueError(
            f"matrices are {rows} x {rows}: the family with tied rows and columns needs at least "
            f"{SMALLEST_TIED} x {SMALLEST_TIED}; take symmetry='bipartite'"
        )
    return int(rows)


def tied_components(matrices: Matrices) -> Components:
    """Coordinates of square matrices, rows and columns permuted together.

    The trivial part is ``z1 = S / D`` and ``z2 = (t - S / D) / sqrt(D - 1)`` of the total S and the
    trace t. The standard part has three vectors: of column means, of row means, and of the diagonal
    beyond them. The last two are the rest, symmetric and antisymmetric.

    Raises
    ------
    ValueError
        If a matrix is not square, too small, or not finite.
    """
    w = checked_matrices(matrices)
    check_square(w.shape)
    found = _pooled(w, _tied_block)
    return Components(found[0], tuple(found[1:]))


def bipartite_components(matrices: Matrices) -> Components:
    """Coordinates of matrices, rows and columns permuted on their own.

    The total ``S / sqrt(m n)``, and the sums of squares of row means, of column means and of the
    rest: the two-way analysis of variance.

    Raises
    ------
    ValueError
        If a matrix is not finite.
    """
    found = _pooled(checked_matrices(matrices), _bipartite_block)
    return Components(found[0], tuple(found[1:]))


def _bipartite_block(w: np.ndarray) -> tuple[np.ndarray, ...]:
    total, rows, columns, rest = _centred(w)
    m, n = w.shape[1:]
    squares = (
        n * np.einsum("ki,ki->k", rows, rows),
        m * np.einsum("kj,kj->k", columns, columns),
        np.einsum("kij,kij->k", rest, rest),
    )
    return total[:, None] * (m * n) ** 0.5, *(s[:, None, None] for s in squares)


def _tied_block(w: np.ndarray) -> tuple[np.ndarray, ...]:
    total, rows, columns, rest = _centred(w)
    d = w.shape[1]
    diagonal = np.einsum("kii->ki", rest)
    trace = diagonal.mean(axis=1)
    beyond = diagonal - trace[:, None]
    trivial = np.stack([total * d, trace * d / (d - 1) ** 0.5], axis=1)
    vectors = np.stack([columns * d**0.5, rows * d**0.5, beyond * (d / (d - 2)) ** 0.5], axis=1)
    squares = np.einsum("kij,kij->k", rest, rest)
    products = np.einsum("kij,kji->k", rest, rest)
    symmetric = (squares + products) / 2 - trivial[:, 1] ** 2 - np.sum(vectors[:, 2] ** 2, axis=1)
    antisymmetric = (squares - products) / 2
    return (
        trivial,
        np.einsum("kai,kbi->kab", vectors, vectors),
        np.maximum(symmetric, 0.0)[:, None, None],
        np.maximum(antisymmetric, 0.0)[:, None, None],
    )


def _centred(w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean, what rows and columns have beyond it on average, and the rest of each matrix."""
    shift = w.mean(axis=(1, 2), keepdims=True)
    y = np.subtract(w, shift, dtype=np.float64)
    m, n = y.shape[1:]
    rows = y @ np.full(n, 1 / n)
    columns = np.full(m, 1 / m) @ y
    mean = rows.mean(axis=1, keepdims=True)
    rows, columns = rows - mean, columns - mean
    y -= (rows + mean)[:, :, None]
    y -= columns[:, None, :]
    return shift[:, 0, 0].astype(np.float64) + mean[:, 0], rows, columns, y


def _pooled(
    w: np.ndarray, of_block: Callable[[np.ndarray], tuple[np.ndarray, ...]]
) -> list[np.ndarray]:
    def quietly(block: np.ndarray) -> tuple[np.ndarray, ...]:
        with np.errstate(invalid="ignore", over="ignore"):  # found below, and named
            return of_block(block)

    if w.size >= _MANY:
        with one_thread_per_core() as pool:
            parts = list(pool.map(quietly, _blocks(w)))
    else:
        parts = [quietly(block) for block in _blocks(w)]
    found = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    whole = np.isfinite(found[0]).all(axis=1)
    for squares in found[1:]:
        whole &= np.isfinite(squares).all(axis=(1, 2))
    if not whole.all():
        raise ValueError(
            f"matrix {int(np.argmin(whole))} has entries that are not finite, or too large to "
            "square: leave it out"
        )
    return found


def _blocks(w: np.ndarray) -> Iterator[np.ndarray]:
    step = max(1, _BLOCK // (w.shape[1] * w.shape[2]))
    for start in range(0, len(w), step):
        yield w[start : start + step]
