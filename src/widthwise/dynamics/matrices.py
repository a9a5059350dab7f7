"""Kernels between training and test points, from a network or given."""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Real, Shaped

from widthwise.networks import Sequential


def _floating(matrix: Real[ArrayLike, "..."]) -> Array:
    return jnp.asarray(matrix, jnp.result_type(matrix, float))


def _floating_if_given(matrix: Real[ArrayLike, "..."] | None) -> Array | None:
    return None if matrix is None else _floating(matrix)


class KernelMatrices(eqx.Module):
    """One kernel between n training points and m test points.

    Parameters
    ----------
    train_train
        Shape (n, n), symmetric.
    test_train
        Shape (m, n); None takes the training points as test points.
    test_test
        Shape (m, m), symmetric; only covariances at the test points need it.

    Raises
    ------
    ValueError
        If the shapes do not fit, a number is not finite, or a square matrix is not symmetric
        (values are checked where they are concrete).
    """

    train_train: Array = eqx.field(converter=_floating)
    test_train: Array | None = eqx.field(converter=_floating_if_given, default=None)
    test_test: Array | None = eqx.field(converter=_floating_if_given, default=None)

    def __check_init__(self) -> None:
        n = _checked_square("train_train", self.train_train)
        if self.test_train is None:
            if self.test_test is not None:
                raise ValueError("test_test was given without test_train: give both or neither")
            return
        if self.test_train.ndim != 2 or self.test_train.shape[1] != n:
            raise ValueError(
                f"test_train has shape {self.test_train.shape}: give (test points, {n}), one "
                "column for each training point"
            )
        require_finite("test_train", self.test_train)
        if self.test_test is not None:
            m = _checked_square("test_test", self.test_test)
            if m != len(self.test_train):
                raise ValueError(
                    f"test_test has shape {self.test_test.shape}, but test_train has "
                    f"{len(self.test_train)} test points"
                )

    @property
    def cross(self) -> Array:
        """Kernel of test points (rows) with training points; these themselves if none given."""
        return self.train_train if self.test_train is None else self.test_train

    @property
    def test(self) -> Array:
        """Kernel of the test points with each other.

        Raises
        ------
        ValueError
            If it was not given.
        """
        if self.test_train is None:
            return self.train_train
        if self.test_test is None:
            raise ValueError("a covariance at the test points needs test_test: give it")
        return self.test_test


class KernelPair(eqx.Module):
    """Both kernels of a network between training and test points.

    Computed once with ``KernelPair.of``, they serve any number of predictions; they may also be
    those of something that is no Widthwise network.

    Parameters
    ----------
    nngp
        Covariance of one output coordinate of networks at initialization.
    ntk
        Tangent kernel of one output coordinate.

    Raises
    ------
    ValueError
        If the two are of different sizes.
    """

    nngp: KernelMatrices
    ntk: KernelMatrices

    def __check_init__(self) -> None:
        if self.nngp.cross.shape != self.ntk.cross.shape:
            raise ValueError(
                "nngp and ntk are for different points: their test_train have shapes "
                f"{self.nngp.cross.shape} and {self.ntk.cross.shape}"
            )

    @classmethod
    def of(
        cls,
        net: Sequential,
        x_train: Shaped[ArrayLike, "..."],
        x_test: Shaped[ArrayLike, "..."] | None = None,
        *,
        mask_train: Shaped[ArrayLike, "..."] | None = None,
        mask_test: Shaped[ArrayLike, "..."] | None = None,
    ) -> "KernelPair":
        """Compute the infinite-width kernels of a network.

        Parameters
        ----------
        net
            The network.
        x_train, x_test
            Inputs, (n, features) and (m, features); ``x_test=None`` takes the training points.
        mask_train, mask_test
            Which positions of padded inputs are real, as for ``net.kernel``; None if all are.

        Raises
        ------
        ValueError
            If inputs or masks do not fit.
        """
        if x_test is None and mask_test is not None:
            raise ValueError("mask_test is given without x_test: give both or neither")
        blocks = [net.kernel(x_train, mask1=mask_train)]
        if x_test is not None:
            blocks += [
                net.kernel(x_test, x_train, mask1=mask_test, mask2=mask_train),
                net.kernel(x_test, mask1=mask_test),
            ]
        return cls(*(KernelMatrices(*matrices) for matrices in zip(*blocks, strict=True)))


def concrete(array: Shaped[ArrayLike, "..."]) -> np.ndarray | None:
    """Return the values of an array, or None while JAX is tracing."""
    try:
        return np.asarray(array)
    except jax.errors.TracerArrayConversionError:
        return None


def require_finite(name: str, array: Shaped[ArrayLike, "..."]) -> None:
    """Raise ``ValueError`` if an array has NaN or infinite entries."""
    values = concrete(array)
    if values is not None and not np.isfinite(values).all():
        raise ValueError(
            f"{name} has {np.sum(~np.isfinite(values))} entries that are NaN or infinite: check "
            "the inputs and targets they come from, and for overflow compute in float64"
        )


def kernel_pair(
    net: Sequential | KernelPair,
    x_train: Shaped[ArrayLike, "..."] | None,
    x_test: Shaped[ArrayLike, "..."] | None,
    *,
    mask_train: Shaped[ArrayLike, "..."] | None = None,
    mask_test: Shaped[ArrayLike, "..."] | None = None,
) -> KernelPair:
    """Compute both kernels of a network, or pass given ones on.

    Raises
    ------
    ValueError
        If a network comes without inputs, or kernels with them.
    """
    if isinstance(net, Sequential):
        if x_train is None:
            raise ValueError("x_train is None: a network needs the inputs of the training points")
        return KernelPair.of(net, x_train, x_test, mask_train=mask_train, mask_test=mask_test)
    _require_no_inputs(x_train, x_test, mask_train, mask_test)
    return net


def one_kernel(
    net: Sequential | KernelMatrices,
    which: Literal["nngp", "ntk"],
    x_train: Shaped[ArrayLike, "..."] | None,
    x_test: Shaped[ArrayLike, "..."] | None,
    *,
    mask_train: Shaped[ArrayLike, "..."] | None = None,
    mask_test: Shaped[ArrayLike, "..."] | None = None,
) -> KernelMatrices:
    """Compute one kernel of a network, or pass a given one on; errors as in `kernel_pair`."""
    if isinstance(net, Sequential):
        pair = kernel_pair(net, x_train, x_test, mask_train=mask_train, mask_test=mask_test)
        return getattr(pair, which)
    _require_no_inputs(x_train, x_test, mask_train, mask_test)
    return net


def targets(name: str, y: Real[ArrayLike, "..."], points: int, like: Array) -> tuple[Array, bool]:
    """Bring values at ``points`` points to shape (points, outputs).

    Returns
    -------
    tuple
        The values in the dtype of ``like``, and whether they came without an axis of outputs.
    """
    array = jnp.asarray(y, like.dtype)
    if array.ndim not in (1, 2) or len(array) != points or array.size == 0:
        raise ValueError(
            f"{name} has shape {array.shape}: give ({points},) or ({points}, outputs), one row "
            "for each point"
        )
    require_finite(name, array)
    return (array[:, None], True) if array.ndim == 1 else (array, False)


def _require_no_inputs(*inputs: Shaped[ArrayLike, "..."] | None) -> None:
    if any(x is not None for x in inputs):
        raise ValueError(
            "kernels were given together with inputs or masks: give None for x_train, x_test and "
            "their masks, the kernels know their points"
        )


def _checked_square(name: str, matrix: Array) -> int:
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not len(matrix):
        raise ValueError(f"{name} has shape {matrix.shape}: give a square matrix")
    require_finite(name, matrix)
    values = concrete(matrix)
    if values is not None:
        asymmetry = np.max(np.abs(values - values.T))
        if asymmetry > np.sqrt(np.finfo(values.dtype).eps) * np.max(np.abs(values)):
            raise ValueError(
                f"{name} is not symmetric: entries differ from their mirror by up to "
                f"{asymmetry:.3g}; give k(x, x)"
            )
    return len(matrix)
