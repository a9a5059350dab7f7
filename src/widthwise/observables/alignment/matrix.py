"""Alignment of every layer with every other, without a matrix of samples."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from widthwise.observables.alignment.kernels import (
    CKA,
    KernelFunction,
    PairSums,
    by_features,
)
from widthwise.observables.alignment.measures import Measure, measure_of
from widthwise.observables.alignment.representations import read
from widthwise.observables.alignment.resampling import value_of

Layers = Sequence[Any] | Mapping[str, Any]


def alignment_matrix(
    layers: Layers,
    others: Layers | None = None,
    *,
    measure: str | Callable[[Any, Any], Any] = "cka",
    block: int = 1000,
) -> xr.DataArray:
    """Compare each layer with each other one, on the same inputs.

    Parameters
    ----------
    layers
        Arrays (samples, features), features differing in number, or a dictionary of them by name.
    others
        Layers of another network; ``layers`` themselves if left out.
    measure
        As in `alignment`. CKA never holds a matrix of all pairs of samples: with the linear kernel
        it sums over features first where these are fewer, and otherwise every kernel is computed in
        blocks, once for each layer. Other measures compare pair by pair.
    block
        Samples in a block.

    Returns
    -------
    xarray.DataArray
        With dimensions ``layer`` and ``other``, in double precision.

    Raises
    ------
    TypeError, ValueError
        As `alignment`, naming the layer.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((50, 4))
    >>> alignment_matrix({"input": x, "twice": 2 * x}).values.round(6).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    chosen = measure_of(measure)
    if block < 2:
        raise ValueError(f"block is {block}: give at least 2 samples")
    rows, names = _read(layers, "layers")
    columns, other_names = (rows, names) if others is None else _read(others, "others")
    both = rows if others is None else [*rows, *columns]
    lengths = {len(x) for x in both}
    if len(lengths) > 1:
        raise ValueError(
            f"layers have {sorted(lengths)} samples: give all the same inputs, in the same order"
        )
    (n,) = lengths
    if n < chosen.least_samples:
        raise ValueError(f"{n} samples were given: this measure needs {chosen.least_samples}")
    with jax.enable_x64(True):  # float32 layers stay float32, sums over all samples do not
        if isinstance(chosen, CKA):
            sums = _feature_sums if _fits(chosen, both) else partial(_block_sums, block=block)
            found = np.asarray(chosen.from_sums(sums(chosen, both)))
            found = found[: len(rows), -len(columns) :]
        else:
            found = _pair_by_pair(chosen, rows, columns)
    return xr.DataArray(
        found, dims=("layer", "other"), coords={"layer": names, "other": other_names}
    )


def _read(layers: Layers, name: str) -> tuple[list[np.ndarray], list]:
    if isinstance(layers, Mapping):
        names, arrays = list(layers), list(layers.values())
    else:
        arrays = list(layers)
        names = list(range(len(arrays)))
    if not arrays:
        raise ValueError(f"{name} is empty: give at least one array (samples, features)")
    return [read(f"{name}[{key!r}]", x) for key, x in zip(names, arrays, strict=True)], names


def _fits(measure: CKA, layers: Sequence[np.ndarray]) -> bool:
    """Whether to sum over features first; the mean of the kernel need not be known then."""
    widths = [x.shape[1] for x in layers]
    return measure.kernel == "linear" and by_features(len(layers[0]), widths)


def _feature_sums(measure: CKA, layers: Sequence[np.ndarray]) -> PairSums:
    """Products of the features of each pair of layers, on the host: nothing is compiled."""
    ready = [x - x.mean(axis=0) for x in layers] if measure.center else layers
    inner = np.zeros((len(ready), len(ready)))
    for i, x in enumerate(ready):
        for j, y in enumerate(ready[: i + 1]):
            product = x.T @ y
            inner[i, j] = inner[j, i] = np.vdot(product, product)
    rows = np.stack([x @ x.sum(axis=0) for x in ready])
    diagonal = np.stack([np.einsum("nm,nm->n", x, x) for x in ready])
    return PairSums(*(jnp.asarray(part, jnp.float64) for part in (inner, rows, diagonal)))


def _block_sums(measure: CKA, layers: Sequence[np.ndarray], *, block: int) -> PairSums:
    """Kernels of all pairs of samples, block by block, each block above the diagonal once."""
    ready, kernels = zip(*(_prepared(measure, x) for x in layers), strict=True)
    n, count = len(ready[0]), len(ready)
    inner, sums, diagonal = np.zeros((count, count)), np.zeros((count, n)), np.zeros((count, n))
    for one, other in _blocks(n, block):
        first, second = ([x[part] for x in ready] for part in (one, other))
        products, down, across, own = _one_block(kernels, first, second)
        twice = 1 if one == other else 2
        inner += twice * np.asarray(products, np.float64)
        sums[:, one] += np.asarray(across, np.float64)
        if one == other:
            diagonal[:, one] = np.asarray(own, np.float64)
        else:
            sums[:, other] += np.asarray(down, np.float64)
    return PairSums(jnp.asarray(inner), jnp.asarray(sums), jnp.asarray(diagonal))


def _blocks(n: int, block: int) -> Iterator[tuple[slice, slice]]:
    parts = [slice(start, min(start + block, n)) for start in range(0, n, block)]
    for i, one in enumerate(parts):
        for other in parts[i:]:
            yield one, other


@jax.jit
def _one_block(
    kernels: tuple[KernelFunction, ...], first: list[Array], second: list[Array]
) -> tuple[Array, Array, Array, Array]:
    """Inner products of the kernels of all layers on one block, and its sums."""
    k = jnp.stack([f(x, y) for f, x, y in zip(kernels, first, second, strict=True)])
    flat = k.reshape(len(first), -1)
    own = jnp.diagonal(k, axis1=1, axis2=2)
    return flat @ flat.T, jnp.sum(k, axis=1), jnp.sum(k, axis=2), own


@partial(jax.jit, static_argnames="measure")
def _prepared(measure: CKA, x: Float[Array, "n m"]) -> tuple[Float[Array, "n m"], KernelFunction]:
    ready = measure.prepared(x)
    return ready, measure.function(ready)


def _pair_by_pair(
    measure: Measure, rows: Sequence[np.ndarray], columns: Sequence[np.ndarray]
) -> np.ndarray:
    """Compare each pair; layers of one shape share their compiled program."""
    found = np.zeros((len(rows), len(columns)))
    for i, x in enumerate(rows):
        for j, y in enumerate(columns):
            measure.check(x, y)
            found[i, j] = float(value_of(measure, x, y))
    return found
