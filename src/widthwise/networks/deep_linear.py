"""The algebra of deep linear networks: products of weights, derivatives in them, all closed.

A network is its list of weights, ``f(x) = W_L ... W_1 x``, each (fan_out, fan_in); further axes in
front count networks. A readout that is not trained stands apart: ``f(x) = P W_L ... W_1 x``.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from widthwise.numerics.memory import refuse_beyond_memory

Matrix = Float[np.ndarray, "... _ _"]
Weights = Sequence[Matrix]


def checked_weights(
    weights: Sequence, readout: Float[np.ndarray, "..."] | None = None
) -> tuple[tuple[Matrix, ...], Matrix | None]:
    """Return the weights in float64, and the readout as a matrix (outputs, width).

    Raises
    ------
    ValueError
        If there are none, they do not fit each other, or are not finite.
    """
    found = tuple(np.asarray(w, np.float64) for w in weights)
    if not found:
        raise ValueError(
            "weights is empty: give at least one matrix, that next to the inputs first"
        )
    last = None if readout is None else np.atleast_2d(np.asarray(readout, np.float64))
    shapes = [w.shape for w in (*found, *(() if last is None else (last,)))]
    fits = all(len(shape) >= 2 for shape in shapes) and all(
        one[-2] == other[-1] for one, other in pairwise(shapes)
    )
    if not fits or len({w.shape[:-2] for w in found}) != 1:
        raise ValueError(
            f"weights of shapes {shapes} do not follow each other: give (fan_out, fan_in), that "
            "next to the inputs first"
        )
    if not all(np.isfinite(w).all() for w in found) or (
        last is not None and not np.isfinite(last).all()
    ):
        raise ValueError("weights hold numbers that are not finite: did training diverge?")
    return found, last


def prefixes(weights: Weights) -> list[Matrix]:
    """Return ``W_{k-1} ... W_1`` for k = 1 to L + 1; the last is the whole product."""
    found = [np.broadcast_to(np.eye(weights[0].shape[-1]), _square(weights[0], -1))]
    for w in weights:
        found.append(w @ found[-1])
    return found


def suffixes(weights: Weights, readout: Matrix | None = None) -> list[Matrix]:
    """Return ``P W_L ... W_{k+1}`` for k = 1 to L; P is one unless it is given."""
    first = np.broadcast_to(np.eye(weights[-1].shape[-2]), _square(weights[-1], -2))
    found = [first if readout is None else readout]
    for w in weights[:0:-1]:
        found.append(found[-1] @ w)
    return found[::-1]


def end_to_end(weights: Weights, readout: Matrix | None = None) -> Matrix:
    """Return the linear map ``P W_L ... W_1``, (outputs, inputs)."""
    product = prefixes(weights)[-1]
    return product if readout is None else readout @ product


def weight_kernel(weights: Weights, readout: Matrix | None = None) -> Matrix:
    """Return ``J J^T``, J being the derivative of the linear map in all trained weights.

    With indices (output, input) in one: ``sum_k suf_k suf_k^T x pre_k^T pre_k``, suf and pre being
    the products after and before layer k. Gradient flow moves the map by minus this matrix times
    the gradient in the map.
    """
    return sum(
        np.asarray(_outer(suffix @ _t(suffix), _t(prefix) @ prefix))
        for prefix, suffix in zip(prefixes(weights)[:-1], suffixes(weights, readout), strict=True)
    )  # pyright: ignore[reportReturnType]


def gradients(weights: Weights, slope: Matrix, readout: Matrix | None = None) -> tuple[Matrix, ...]:
    """Return the gradient in every layer, given that in the linear map, (outputs, inputs)."""
    before, after = prefixes(weights)[:-1], suffixes(weights, readout)
    return tuple(
        _t(suffix) @ (slope @ _t(prefix)) for prefix, suffix in zip(before, after, strict=True)
    )


def loss_hessian(
    weights: Sequence[Float[np.ndarray, "_ _"]],
    covariance: Float[np.ndarray, "d d"],
    slope: Float[np.ndarray, "o d"],
    readout: Matrix | None = None,
) -> Float[np.ndarray, "p p"]:
    """Return the Hessian in all weights of half the mean squared error of one network.

    Parameters
    ----------
    weights, readout
        The network.
    covariance
        Second moments of the inputs.
    slope
        Gradient of the loss in the linear map.

    Raises
    ------
    ValueError
        If the matrix would not fit in memory.
    """
    sizes = [w.size for w in weights]
    ends = np.cumsum([0, *sizes])
    refuse_beyond_memory(
        24 * int(ends[-1]) ** 2,
        f"the Hessian in {ends[-1]} weights",
        "give a smaller network, or widthwise.sharpness, which only multiplies with it",
    )
    before, after = prefixes(weights)[:-1], suffixes(weights, readout)
    jacobian = np.concatenate(
        [
            np.einsum("oa,bi->oiab", s, p).reshape(len(s) * len(covariance), -1)
            for p, s in zip(before, after, strict=True)
        ],
        axis=1,
    )
    metric = np.kron(np.eye(len(slope)), covariance)
    hessian = jacobian.T @ metric @ jacobian
    for j in range(len(weights)):
        between = np.eye(weights[j].shape[0])
        for k in range(j + 1, len(weights)):
            ends_meet = after[k].T @ slope @ before[j].T
            block = np.einsum("ae,bc->abce", ends_meet, between)
            block = block.reshape(sizes[k], sizes[j])
            rows, columns = slice(ends[k], ends[k + 1]), slice(ends[j], ends[j + 1])
            hessian[rows, columns] += block
            hessian[columns, rows] += block.T
            between = weights[k] @ between
    return hessian


def _square(w: Matrix, axis: int) -> tuple[int, ...]:
    return (*w.shape[:-2], w.shape[axis], w.shape[axis])


def _t(matrix: Matrix) -> Matrix:
    return np.swapaxes(matrix, -1, -2)


def _outer(outputs: Matrix, inputs: Matrix) -> Matrix:
    """Kronecker product over the last two axes."""
    found = np.einsum("...ab,...ij->...aibj", outputs, inputs)
    size = outputs.shape[-1] * inputs.shape[-1]
    return found.reshape(*found.shape[:-4], size, size)
