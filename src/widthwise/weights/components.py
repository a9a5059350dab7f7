"""From matrices to sums of squares in irreducible coordinates, in one pass over the entries.

A matrix is read once into the cache and summed in float64: its rows, its columns, the squares of
its entries and their products across the diagonal. No D^2 x D^2 object exists, and the cost is
O(rows x columns) for each matrix. Where such sums would cancel, as when the mean is much larger
than the scatter, the matrix is centred first.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Array, Shaped

from widthwise.numerics.threads import one_thread_per_core
from widthwise.weights.law import Components

Matrices = Shaped[np.ndarray, "..."] | Shaped[Array, "..."] | Sequence
"""One matrix, or independent ones along the first axis: of NumPy, JAX, or lists of numbers."""

_BLOCK = 2**17  # entries that are worked on at a time
_TILE = 128
_CANCELLED = 1e-6  # of the sum of squares: what is left below that is computed anew
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


@np.errstate(invalid="ignore", over="ignore")
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
    d = check_square(w.shape)
    rows, columns, squares, products, diagonal = _in_blocks(w, _tied_sums)
    total, rows, columns = _beyond_mean(rows, columns)
    diagonal = diagonal - rows - columns - total[:, None]
    outer = d * d * total**2
    rest = squares - outer - d * (_dots(rows) + _dots(columns))
    crossed = products - outer - 2 * d * np.einsum("ki,ki->k", rows, columns)
    halves = np.stack([rest + crossed, rest - crossed]) / 2
    doubtful = np.flatnonzero(halves.min(axis=0) < _CANCELLED * squares)
    if doubtful.size:
        found = _in_blocks(w[doubtful], _centred_sums)
        total[doubtful], rows[doubtful], columns[doubtful] = found[:3]
        halves[:, doubtful], diagonal[doubtful] = found[3:5], found[5]
    trace = diagonal.mean(axis=1)
    beyond = diagonal - trace[:, None]
    trivial = np.stack([total * d, trace * d / (d - 1) ** 0.5], axis=1)
    vectors = np.stack([columns * d**0.5, rows * d**0.5, beyond * (d / (d - 2)) ** 0.5], axis=1)
    symmetric = np.maximum(halves[0] - trivial[:, 1] ** 2 - _dots(vectors[:, 2]), 0.0)
    standard = np.matmul(vectors, vectors.transpose(0, 2, 1))
    return _finite(trivial, standard, symmetric, halves[1])


@np.errstate(invalid="ignore", over="ignore")
def bipartite_components(matrices: Matrices) -> Components:
    """Coordinates of matrices, rows and columns permuted on their own.

    The total ``S / sqrt(m n)``, and the sums of squares of row means, of column means and of the
    rest: the two-way analysis of variance.

    Raises
    ------
    ValueError
        If a matrix is not finite.
    """
    w = checked_matrices(matrices)
    m, n = w.shape[1:]
    rows, columns, squares = _in_blocks(w, _sums)
    total, rows, columns = _beyond_mean(rows, columns)
    rest = squares - m * n * total**2 - n * _dots(rows) - m * _dots(columns)
    doubtful = np.flatnonzero(rest < _CANCELLED * squares)
    if doubtful.size:
        found = _in_blocks(w[doubtful], _centred_sums)
        total[doubtful], rows[doubtful], columns[doubtful] = found[:3]
        rest[doubtful] = found[3] if len(found) == 4 else found[3] + found[4]
    trivial = total[:, None] * (m * n) ** 0.5
    return _finite(trivial, n * _dots(rows), m * _dots(columns), rest)


def _finite(trivial: np.ndarray, *squares: np.ndarray) -> Components:
    shaped = tuple(x if x.ndim == 3 else x[:, None, None] for x in squares)
    whole = np.isfinite(trivial).all(axis=1)
    for x in shaped:
        whole &= np.isfinite(x).all(axis=(1, 2))
    if not whole.all():
        raise ValueError(
            f"matrix {int(np.argmin(whole))} has entries that are not finite, or too large to "
            "square: leave it out"
        )
    return Components(trivial, shaped)


def _sums(w: np.ndarray) -> tuple[np.ndarray, ...]:
    """Means of rows and of columns, and the sum of squares."""
    y = w.astype(np.float64, copy=False)
    m, n = y.shape[1:]
    return y @ np.full(n, 1 / n), np.full(m, 1 / m) @ y, _dots(y)


def _tied_sums(w: np.ndarray) -> tuple[np.ndarray, ...]:
    """Find also the sum of products across the diagonal, and the diagonal."""
    y = w.astype(np.float64, copy=False)
    return *_sums(y), _across(y), np.einsum("kii->ki", y).copy()


def _centred_sums(w: np.ndarray) -> tuple[np.ndarray, ...]:
    """Centre each matrix first: mean, rows and columns beyond it, and what is left.

    Of that the sum of squares if it is rectangular; otherwise those of the symmetric and of the
    antisymmetric part, and the diagonal.
    """
    shift = w.mean(axis=(1, 2), keepdims=True)
    y = np.subtract(w, shift, dtype=np.float64)
    mean, rows, columns = _beyond_mean(*_sums(y)[:2])
    y -= (rows + mean[:, None])[:, :, None]
    y -= columns[:, None, :]
    edges = (shift[:, 0, 0].astype(np.float64) + mean, rows, columns)
    if y.shape[1] != y.shape[2]:
        return *edges, _dots(y)
    turned = y.transpose(0, 2, 1)
    return *edges, _dots(y + turned) / 4, _dots(y - turned) / 4, np.einsum("kii->ki", y).copy()


def _beyond_mean(
    rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mean = rows.mean(axis=1)
    return mean, rows - mean[:, None], columns - mean[:, None]


def _dots(x: np.ndarray) -> np.ndarray:
    """Sum of squares of each item."""
    flat = np.ascontiguousarray(x).reshape(len(x), 1, -1)
    return np.matmul(flat, flat.transpose(0, 2, 1))[:, 0, 0]


def _across(y: np.ndarray) -> np.ndarray:
    """Sum of products of entries across the diagonal, tile by tile: strides stay in the cache."""
    total, starts = np.zeros(len(y)), range(0, y.shape[1], _TILE)
    for i in starts:
        for j in range(0, i + 1, _TILE):
            upper, lower = y[:, j : j + _TILE, i : i + _TILE], y[:, i : i + _TILE, j : j + _TILE]
            total += (2 - (i == j)) * np.einsum("kij,kji->k", upper, lower)
    return total


def _in_blocks(
    w: np.ndarray, of_block: Callable[[np.ndarray], tuple[np.ndarray, ...]]
) -> list[np.ndarray]:
    def quietly(block: np.ndarray) -> tuple[np.ndarray, ...]:
        with np.errstate(invalid="ignore", over="ignore"):  # each thread has settings of its own
            return of_block(block)

    if w.size >= _MANY:
        with one_thread_per_core() as pool:
            parts = list(pool.map(quietly, _blocks(w)))
    else:
        parts = [quietly(block) for block in _blocks(w)]
    return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]


def _blocks(w: np.ndarray) -> Iterator[np.ndarray]:
    step = max(1, _BLOCK // (w.shape[1] * w.shape[2]))
    for start in range(0, len(w), step):
        yield w[start : start + step]
