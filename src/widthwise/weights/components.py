"""From matrices to sums of squares in irreducible coordinates, in one pass over the entries.

A matrix is read once into the cache and summed there: its rows, its columns, the squares of its
entries and their products across the diagonal. Runs of at most a few thousand float32 numbers are
summed as such, all else in float64. No D^2 x D^2 object exists, and the cost is O(rows x columns)
for each matrix. Where such sums would cancel, as when the mean is much larger than the scatter, or
leave the range of float32, the matrix is centred first, in float64.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Array, Shaped

from widthwise.numerics.threads import cores, one_thread_per_core
from widthwise.weights.law import Components

Matrices = Shaped[np.ndarray, "..."] | Shaped[Array, "..."] | Sequence
"""One matrix, or independent ones along the first axis: of NumPy, JAX, or lists of numbers."""

_BLOCK = 12 * 2**16  # entries that are worked on at a time
_STRIP, _RUN = 8, 4096
_CANCELLED = {"float32": 1e-2, "float64": 1e-6}  # of the squares: what is below is computed anew
_MANY = 2**21  # entries from which on all cores are used
SMALLEST_TIED = 4


def checked_matrices(
    given: Matrices, shape: tuple[int, int] | None = None
) -> Shaped[np.ndarray, "k m n"]:
    """Return matrices (matrix, row, column) as float32 or float64, finite or not.

    Parameters
    ----------
    given
        The matrices.
    shape
        Rows and columns that they must have.

    Raises
    ------
    ValueError
        If there are none, an axis is shorter than two, they are not real numbers, or have another
        shape.
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
    if shape is not None and w.shape[1:] != shape:
        raise ValueError(
            f"matrices are {w.shape[1]} x {w.shape[2]}, and the law is one of {shape[0]} x "
            f"{shape[1]}: give matrices of its shape"
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
    return _on_all_cores(w, _tied)


def _tied(w: np.ndarray) -> tuple[np.ndarray, ...]:
    d = w.shape[1]
    rows, columns, squares, products, diagonal = _in_blocks(w, _tied_sums)
    total, rows, columns = _beyond_mean(rows, columns)
    for part in (rows, columns, total[:, None]):
        diagonal -= part
    outer = d * d * total**2
    edges = _products(rows, columns)
    rest = squares - outer - d * np.einsum("kaa->k", edges)
    crossed = products - outer - 2 * d * edges[:, 0, 1]
    halves = np.stack([rest + crossed, rest - crossed]) / 2
    doubtful = _doubtful(w, halves.min(axis=0), squares)
    if doubtful.size:
        found = _in_blocks(w[doubtful], _centred_sums)
        total[doubtful], rows[doubtful], columns[doubtful] = found[:3]
        halves[:, doubtful], diagonal[doubtful] = found[3:5], found[5]
    trace = diagonal.mean(axis=1)
    diagonal -= trace[:, None]
    trivial = np.stack([total * d, trace * d / (d - 1) ** 0.5], axis=1)
    scales = np.sqrt([d, d, d / (d - 2)])
    standard = _products(columns, rows, diagonal) * scales[:, None] * scales
    symmetric = np.maximum(halves[0] - trivial[:, 1] ** 2 - standard[:, 2, 2], 0.0)
    return trivial, standard, symmetric, halves[1]


def bipartite_components(matrices: Matrices) -> Components:
    """Coordinates of matrices, rows and columns permuted on their own.

    The total ``S / sqrt(m n)``, and the sums of squares of row means, of column means and of the
    rest: the two-way analysis of variance.

    Raises
    ------
    ValueError
        If a matrix is not finite.
    """
    return _on_all_cores(checked_matrices(matrices), _bipartite)


def _bipartite(w: np.ndarray) -> tuple[np.ndarray, ...]:
    m, n = w.shape[1:]
    rows, columns, squares = _in_blocks(w, _sums)
    total, rows, columns = _beyond_mean(rows, columns)
    rest = squares - m * n * total**2 - n * _dots(rows) - m * _dots(columns)
    doubtful = _doubtful(w, rest, squares)
    if doubtful.size:
        found = _in_blocks(w[doubtful], _centred_sums)
        total[doubtful], rows[doubtful], columns[doubtful] = found[:3]
        rest[doubtful] = found[3] if len(found) == 4 else found[3] + found[4]
    return total[:, None] * (m * n) ** 0.5, n * _dots(rows), m * _dots(columns), rest


def _on_all_cores(
    w: np.ndarray, of_part: Callable[[np.ndarray], tuple[np.ndarray, ...]]
) -> Components:
    """Join the trivial parts and the sums of squares of parts of the matrices."""

    def found(part: np.ndarray) -> tuple[np.ndarray, ...]:
        with np.errstate(invalid="ignore", over="ignore"):  # each thread has settings of its own
            return of_part(part)

    if w.size >= _MANY and len(w) > 1:
        with one_thread_per_core() as pool:
            parts = list(pool.map(found, np.array_split(w, min(len(w), cores()))))
    else:
        parts = [found(w)]
    trivial, *squares = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
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


def _doubtful(w: np.ndarray, rest: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Which matrices have sums that cancelled, overflowed or lost small numbers."""
    kind = np.finfo(w.dtype)
    held = np.isfinite(squares) & (squares > w[0].size * float(kind.tiny / kind.eps))
    return np.flatnonzero(~(held & (rest >= _CANCELLED[w.dtype.name] * squares)))


def _sums(w: np.ndarray) -> tuple[np.ndarray, ...]:
    """Sums of rows and of columns, and that of all squares."""
    return np.einsum("kij->ki", w), np.matmul(np.ones(w.shape[1], w.dtype), w), _dots(w)


def _tied_sums(w: np.ndarray) -> tuple[np.ndarray, ...]:
    """Find also the sum of products across the diagonal, and the diagonal."""
    return *_sums(w), _across(w), np.einsum("kii->ki", w).copy()


def _centred_sums(w: np.ndarray) -> tuple[np.ndarray, ...]:
    """Centre each matrix first: mean, rows and columns beyond it, and what is left.

    Of that the sum of squares if it is rectangular; otherwise those of the symmetric and of the
    antisymmetric part, and the diagonal.
    """
    y = w.astype(np.float64)
    shift = y.mean(axis=(1, 2), keepdims=True)
    y -= shift
    mean, rows, columns = _beyond_mean(*_sums(y)[:2])
    y -= (rows + mean[:, None])[:, :, None]
    y -= columns[:, None, :]
    edges = (shift[:, 0, 0] + mean, rows, columns)
    if y.shape[1] != y.shape[2]:
        return *edges, _dots(y)
    turned = y.transpose(0, 2, 1)
    return *edges, _dots(y + turned) / 4, _dots(y - turned) / 4, np.einsum("kii->ki", y).copy()


def _beyond_mean(
    rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn sums into means, in place: of each matrix, and of rows and columns beyond it."""
    m, n = rows.shape[1], columns.shape[1]
    rows /= n
    columns /= m
    mean = rows.mean(axis=1)
    rows -= mean[:, None]
    columns -= mean[:, None]
    return mean, rows, columns


def _dots(x: np.ndarray) -> np.ndarray:
    """Sum of squares of each item, of a run of entries at a time."""
    flat = x.reshape(len(x), -1)
    whole = flat.shape[1] - flat.shape[1] % _RUN
    runs, rest = flat[:, :whole].reshape(len(x), -1, _RUN), flat[:, whole:]
    return np.vecdot(runs, runs).sum(axis=1, dtype=np.float64) + np.vecdot(rest, rest)


def _products(*vectors: np.ndarray) -> np.ndarray:
    """Scalar products (k, a, b) of vectors (k, i) of each item."""
    found = np.empty((len(vectors[0]), len(vectors), len(vectors)))
    for a, b in zip(*np.triu_indices(len(vectors)), strict=True):
        found[:, a, b] = found[:, b, a] = np.vecdot(vectors[a], vectors[b])
    return found


def _across(w: np.ndarray) -> np.ndarray:
    """Sum of products of entries across the diagonal.

    It is the trace of the square: of products of few rows with few columns, which read whole cache
    lines, as strided sums would not.
    """
    count, size = w.shape[:2]
    whole = size - size % _STRIP
    rows = w[:, :whole].reshape(count, -1, _STRIP, size)
    columns = w[:, :, :whole].reshape(count, size, -1, _STRIP).transpose(0, 2, 1, 3)
    products = np.matmul(rows, columns).reshape(count, -1, _STRIP**2)
    traces = products @ np.eye(_STRIP, dtype=w.dtype).ravel()
    found = traces.sum(axis=1, dtype=np.float64)
    if whole < size:
        found += np.einsum("kii->k", np.matmul(w[:, whole:], w[:, :, whole:]))
    return found


def _in_blocks(
    w: np.ndarray, of_block: Callable[[np.ndarray], tuple[np.ndarray, ...]]
) -> list[np.ndarray]:
    """Join sums over a few matrices at a time, in float64."""
    step = max(1, _BLOCK // (w.shape[1] * w.shape[2]))
    blocks = (of_block(w[start : start + step]) for start in range(0, len(w), step))
    return [np.concatenate(arrays, dtype=np.float64) for arrays in zip(*blocks, strict=True)]
