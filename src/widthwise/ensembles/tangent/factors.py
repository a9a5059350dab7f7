"""Gradients of many outputs, whole or as products, and their contraction to kernels."""

import math
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float


class Jacobian(NamedTuple):
    """Gradients in one array of parameters, written out.

    Parameters
    ----------
    gradients
        For every example and output.
    """

    gradients: Float[Array, "n o p"]


class Product(NamedTuple):
    """Gradients in one matrix of weights, as sums over positions of ``slope x input``.

    Parameters
    ----------
    inputs
        What enters the layer, for every example and position: a pixel, or a call of the layer.
    slopes
        Derivative of every output in what leaves the layer.
    """

    inputs: Float[Array, "n q d"]
    slopes: Float[Array, "n o q k"]


Factor = Jacobian | Product


class Sizes(NamedTuple):
    """Sizes of a :class:`Product`: outputs, positions, inputs and outputs of the layer."""

    outputs: int
    positions: int
    fan_in: int
    fan_out: int


class Work(NamedTuple):
    """What a contraction costs: floating-point operations, and numbers held in between."""

    flops: float
    numbers: float


def gram_work(sizes: Sizes, n: int, m: int, *, trace: bool) -> Work:
    """Work of multiplying two Gram matrices, of inputs and of slopes."""
    o, q, d, k = sizes
    pairs, blocks = n * m * q * q, 1 if trace else o * o
    slopes = 2 * k * (o if trace else o * o)
    return Work(pairs * (2 * d + slopes + 2 * blocks), pairs * (1 + blocks))


def written_work(sizes: Sizes, n: int, m: int, *, trace: bool) -> Work:
    """Work of writing out the gradients of two batches, and multiplying those."""
    o, q, d, k = sizes
    weights = o * d * k
    contraction = 2 * n * m * weights * (1 if trace else o)
    return Work(2 * (n + m) * q * weights + contraction, (n + m) * weights)


def contract(
    first: Factor, second: Factor, *, trace: bool, diagonal: bool
) -> Float[Array, "n *rest"]:
    """Multiply the gradients of two batches of examples.

    Parameters
    ----------
    first, second
        Gradients of n and m examples in the same array of parameters.
    trace
        Average over equal outputs of both instead of taking all pairs of outputs.
    diagonal
        Only the pairs of the i-th with the i-th example.

    Returns
    -------
    ``(n, m)``, or ``(n, m, outputs, outputs)`` without ``trace``; without m with ``diagonal``.

    Notes
    -----
    For products of slopes B and inputs A the kernel is the sum over pairs of positions of
    ``(A A^T) * (B B^T)``, elementwise; with many positions it is cheaper to write the gradients
    out. The cheaper of the two is chosen from the sizes. Source: derived; for networks without
    spatial axes it is the layerwise form of the tangent kernel.
    """
    if isinstance(first, Product) and isinstance(second, Product):
        if _grams_win(first, second, trace=trace, diagonal=diagonal):
            return _multiply_grams(first, second, trace=trace, diagonal=diagonal)
        first, second = _written(first), _written(second)
    assert isinstance(first, Jacobian)
    assert isinstance(second, Jacobian)
    kernel = _multiply(first.gradients, second.gradients, trace=trace, diagonal=diagonal)
    return kernel / first.gradients.shape[1] if trace else kernel


def _multiply(
    first: Float[Array, "n o p"], second: Float[Array, "m o p"], *, trace: bool, diagonal: bool
) -> Float[Array, "n *rest"]:
    """Multiply gradients that are written out: one product of matrices for all pairs."""
    if diagonal:
        return _einsum("nop,nop->n" if trace else "nop,nrp->nor", first, second)
    if trace:
        return _einsum("nz,mz->nm", first.reshape(len(first), -1), second.reshape(len(second), -1))
    n, o, p = first.shape
    rows = _einsum("yp,zp->yz", first.reshape(-1, p), second.reshape(-1, p))
    return jnp.swapaxes(rows.reshape(n, o, -1, o), 1, 2)


def _grams_win(first: Product, second: Product, *, trace: bool, diagonal: bool) -> bool:
    n, o, q, k = first.slopes.shape
    sizes = Sizes(o, q, first.inputs.shape[-1], k)
    n, m = (1, 1) if diagonal else (n, len(second.inputs))
    grams, written = (work(sizes, n, m, trace=trace) for work in (gram_work, written_work))
    return grams.flops <= written.flops


def _multiply_grams(
    first: Product, second: Product, *, trace: bool, diagonal: bool
) -> Float[Array, "n *rest"]:
    middle, pairs = ("n", "n") if diagonal else ("m", "nm")
    other, outputs = ("o", "") if trace else ("r", "or")
    inputs = _einsum(f"nqd,{middle}sd->{pairs}qs", first.inputs, second.inputs)
    slopes = _einsum(f"noqk,{middle}{other}sk->{pairs}qs{outputs}", first.slopes, second.slopes)
    kernel = _einsum(f"{pairs}qs,{pairs}qs{outputs}->{pairs}{outputs}", inputs, slopes)
    return kernel / first.slopes.shape[1] if trace else kernel


def _written(factor: Product) -> Jacobian:
    gradients = _einsum("noqk,nqd->nokd", factor.slopes, factor.inputs)
    return Jacobian(gradients.reshape(*gradients.shape[:2], math.prod(gradients.shape[2:])))


def _einsum(formula: str, first: Array, second: Array) -> Array:
    return jnp.einsum(formula, first, second, precision=lax.Precision.HIGHEST)
