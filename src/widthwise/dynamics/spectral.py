"""Functions of a positive semi-definite kernel, applied to vectors."""

from functools import partial

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl
from jaxtyping import Array, Float

from widthwise.dynamics.matrices import concrete
from widthwise.dynamics.training import Training

_SLACK = 10.0  # eigenvalues this many resolutions below zero are no rounding

product = partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST)


def regularized(
    matrix: Float[Array, "n n"], diag_reg: float | int, absolute: bool
) -> Float[Array, "n n"]:
    """Add ``diag_reg`` to the diagonal, in units of the mean of the diagonal unless ``absolute``.

    Raises
    ------
    ValueError
        If ``diag_reg`` is negative or not finite.
    """
    if not 0 <= diag_reg < float("inf"):
        raise ValueError(f"diag_reg is {diag_reg}: give a finite number of at least 0")
    unit = 1.0 if absolute else jnp.trace(matrix) / len(matrix)
    return matrix + diag_reg * unit * jnp.eye(len(matrix), dtype=matrix.dtype)


def cholesky(matrix: Float[Array, "n n"]) -> Float[Array, "n n"] | None:
    """Lower factor of a positive definite matrix, None if it is not one beyond rounding.

    Values are checked where they are concrete; under tracing a bad matrix gives NaN.
    """
    lower = jnp.linalg.cholesky(matrix)
    pivots = concrete(jnp.diagonal(lower))
    if pivots is not None:
        scale = float(jnp.max(jnp.diagonal(matrix)))
        # NaN, the mark of a failed factorization, compares as false
        if not pivots.min() ** 2 > len(matrix) * jnp.finfo(matrix.dtype).eps * scale:
            return None
    return lower


def filtered(
    name: str,
    matrix: Float[Array, "n n"],
    training: Training,
    vectors: Float[Array, "n p"],
) -> Float[Array, "t n p"]:
    """Return ``phi(matrix) @ vectors`` at every moment of a training.

    The limit of infinite time is a Cholesky solve; where the matrix is singular but for rounding,
    and at finite times, it is one eigendecomposition.

    Parameters
    ----------
    name
        What the matrix is called in errors.
    matrix
        Positive semi-definite.
    training
        The filter ``phi`` and its moments.
    vectors
        Right-hand sides.

    Raises
    ------
    ValueError
        If the matrix has a negative eigenvalue beyond rounding, or the training is unstable.
    """
    if training.settled:
        lower = cholesky(matrix)
        if lower is not None:
            solution = jsl.cho_solve((lower, True), vectors)
            return jnp.broadcast_to(solution[None], (len(training.moments), *solution.shape))
    eigenvalues, modes = jnp.linalg.eigh(matrix)
    resolution = len(matrix) * jnp.finfo(matrix.dtype).eps * jnp.max(jnp.abs(eigenvalues))
    _require_psd(name, eigenvalues, resolution)
    training.require_stable(name, eigenvalues[-1])
    phi = training.phi(eigenvalues, resolution)
    return _recombined(modes, phi, vectors)


@jax.jit
def _recombined(
    modes: Float[Array, "n n"], phi: Float[Array, "t n"], vectors: Float[Array, "n p"]
) -> Float[Array, "t n p"]:
    return product(modes[None], phi[:, :, None] * product(modes.T, vectors)[None])


def _require_psd(name: str, eigenvalues: Float[Array, " n"], resolution: Float[Array, ""]) -> None:
    values = concrete(eigenvalues)
    if values is None or values[0] >= -_SLACK * float(resolution):
        return
    unit = values.mean()
    relative = f", {-values[0] / unit:.3g} in units of trace / n" if unit > 0 else ""
    raise ValueError(
        f"the {name} of the training points is not positive semi-definite: its smallest "
        f"eigenvalue is {values[0]:.6g}, its largest {values[-1]:.6g}. Check that it is a kernel, "
        f"compute it in float64, or give a larger diag_reg (by at least {-values[0]:.3g}{relative})"
    )
