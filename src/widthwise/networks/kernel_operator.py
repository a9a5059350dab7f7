"""The kernel of an infinitely wide network as a linear operator that is never written out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Shaped

from widthwise.networks.chain_kernel import TILE, DenseChain, chain_tile, host_tile
from widthwise.networks.conv_chain import ConvChain
from widthwise.networks.conv_kernel import conv_tile, refuse_large_images
from widthwise.networks.kernel_sharding import sharded_dense, sharded_product
from widthwise.networks.kernel_tiles import KernelTiles, TileProgram
from widthwise.numerics.devices import Device
from widthwise.numerics.memory import as_bytes, in_words

if TYPE_CHECKING:
    from widthwise.networks.sequential import Sequential

Which = Literal["nngp", "ntk"]
Indices = Any  # a slice, or an array of indices
_ACCELERATOR_TILE = 4096
_POOLED, _FLAT = 8, 64  # images on each side of a tile of a convolutional chain
_POSITIONS = 4096  # positions of the inputs on one side of a tile


@dataclass(frozen=True, eq=False)
class KernelOperator:
    """The linear map ``v -> K v`` of a kernel matrix K, computed tile by tile.

    From :meth:`Sequential.kernel_operator`. Besides the inputs and the vectors it holds one tile
    for each core, or each device, and the tiles that ``memory`` allows to keep. Everything it
    returns are NumPy arrays.

    Parameters
    ----------
    net
        The network.
    chain
        The network as a fully connected chain, None if it is none.
    x1, x2
        Inputs; ``x2=None`` means x1 again: the operator is symmetric, and products use each
        unordered pair of tiles once.
    which
        Which of the kernels.
    size
        Inputs on each side of a tile.
    memory
        Bytes of tiles to keep after the first product; on the CPU only.
    devices
        What computes products. One CPU uses all its cores; several devices, or an accelerator,
        share the tiles.
    mask1, mask2
        Which positions of the inputs are real; None if all are, in both.
    images
        The network as a convolutional chain, None if it is none or there are few inputs.
    """

    net: "Sequential"
    chain: DenseChain | None
    x1: Shaped[np.ndarray, "n ..."]
    x2: Shaped[np.ndarray, "m ..."] | None
    which: Which
    size: int
    memory: int
    devices: tuple[Device, ...]
    mask1: Bool[np.ndarray, "n *real"] | None = None
    mask2: Bool[np.ndarray, "m *real"] | None = None
    images: ConvChain | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._tiles.shape

    @property
    def dtype(self) -> np.dtype:
        """Type of the entries: that of the inputs."""
        return self.x1.dtype

    @property
    def T(self) -> "KernelOperator":
        """The transpose."""
        if self.x2 is None:
            return self
        return replace(self, x1=self.x2, x2=self.x1, mask1=self.mask2, mask2=self.mask1)

    def __call__(self, v: Float[np.ndarray, "m *k"]) -> Float[np.ndarray, "n *k"]:
        """Multiply by a vector (m,) or by k of them (m, k), with sums in float64.

        Raises
        ------
        ValueError
            If the vector does not have one entry for each column.
        """
        vectors = np.asarray(v, np.float64)
        if vectors.ndim not in (1, 2) or len(vectors) != self.shape[1]:
            raise ValueError(
                f"the vector has shape {vectors.shape}: give ({self.shape[1]},), or "
                f"({self.shape[1]}, k) for k vectors"
            )
        block = vectors[:, None] if vectors.ndim == 1 else vectors
        if self._on_host:
            product = self._tiles.product(block)
        else:
            product = sharded_product(
                self._traced, *self._sides, block, size=self.size, devices=self.devices
            )
        return product[:, 0] if vectors.ndim == 1 else product

    def __matmul__(self, v: Float[np.ndarray, "m *k"]) -> Float[np.ndarray, "n *k"]:
        """Multiply, as ``operator @ v``."""
        return self(v)

    def diagonal(self) -> Float[np.ndarray, " n"]:
        """Diagonal entries.

        Raises
        ------
        ValueError
            If x2 was given: the operator then is not square.
        """
        if self.x2 is not None:
            raise ValueError("only an operator of one batch has a diagonal: leave x2 out")
        return self._diagonal

    def trace(self) -> float:
        """Sum of the diagonal."""
        return float(np.sum(self.diagonal(), dtype=np.float64))

    def block(
        self, rows: Indices = slice(None), columns: Indices = slice(None)
    ) -> Float[np.ndarray, "rows columns"]:
        """Entries of the given rows and columns, each a slice or an array of indices."""
        x1, x2 = self._sides
        prepare, program = self._host_program
        second = x1 if x2 is None else x2
        part = KernelTiles(program, x1[rows], second[columns], self.size, prepare=prepare)
        return part.dense(np.empty(part.shape, self.dtype))

    def todense(self, *, memory: str | int = "4GB", dtype: Any = None) -> Float[np.ndarray, "n m"]:
        """Write the whole matrix out.

        Parameters
        ----------
        memory
            How large it may be.
        dtype
            Type of its entries, if not that of the operator.

        Raises
        ------
        ValueError
            If it would be larger.
        """
        kind = np.dtype(self.dtype if dtype is None else dtype)
        needed = self.shape[0] * self.shape[1] * kind.itemsize
        if needed > as_bytes("memory", memory):
            raise ValueError(
                f"the matrix of shape {self.shape} would take {in_words(needed)} in {kind}, and "
                f"memory is {memory}: allow more, or use products and blocks"
            )
        out = np.empty(self.shape, kind)
        if self._on_host:
            return self._tiles.dense(out)
        return sharded_dense(self._traced, *self._sides, out, size=self.size, devices=self.devices)

    # ------------------------------------------------------------------ how it is computed

    @property
    def _on_host(self) -> bool:
        return len(self.devices) == 1 and self.devices[0].platform == "cpu"

    @cached_property
    def _tiles(self) -> KernelTiles:
        prepare, program = self._host_program
        return KernelTiles(program, *self._sides, self.size, self.memory, prepare)

    @cached_property
    def _sides(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Inputs as the tiles carry them: where there are masks, as one more channel."""
        second = None if self.x2 is None else _with_mask(self.x2, self.mask2)
        return _with_mask(self.x1, self.mask1), second

    @cached_property
    def _diagonal(self) -> Float[np.ndarray, " n"]:
        """By pieces of one tile: the last one overlaps, so that all have one shape."""
        size = min(self.size, len(self.x1))
        found = np.empty(len(self.x1), self.dtype)
        for start in range(0, len(self.x1), size):
            piece = slice(min(start, len(self.x1) - size), min(start + size, len(self.x1)))
            mask = None if self.mask1 is None else self.mask1[piece]
            kernel = self.net.kernel(self.x1[piece], diagonal=True, mask1=mask)
            found[piece] = getattr(kernel, self.which)
        return found

    @cached_property
    def _host_program(self) -> tuple[Callable[[np.ndarray], Any], TileProgram]:
        """What prepares inputs, and the kernel of any numbers of them up to a tile."""
        index = ("nngp", "ntk").index(self.which)
        if self.chain is not None and self.size <= TILE:
            side, tile = host_tile(self.chain, self.dtype)
            return side, lambda first, second, same: tile(first, second, same)[index]
        if self.images is not None:
            refuse_large_images(self.images, self.dtype)
            side, kernels = conv_tile(self.images, self.dtype)
            return side, lambda first, second, same: np.asarray(kernels(first, second, same)[index])
        program = jax.jit(self._traced)

        def whole(x: np.ndarray) -> np.ndarray:
            return np.pad(x, [(0, self.size - len(x))] + [(0, 0)] * (x.ndim - 1), mode="edge")

        def cut(x1: np.ndarray, x2: np.ndarray, same: bool) -> np.ndarray:
            found = program(whole(x1), whole(x2), np.asarray(same))
            return np.asarray(found)[: len(x1), : len(x2)]

        return np.asarray, cut

    @cached_property
    def _traced(self) -> Callable[[Array, Array, Array], Array]:
        """One tile as JAX traces it; symmetric to the last digit where both inputs are the same."""
        if self.chain is not None:
            both = chain_tile(self.chain, self.dtype)
        else:

            def both(x1: Array, x2: Array, same: Array) -> tuple[Array, Array]:
                once, twice = (partial(self._pair, x1, x2), partial(self._pair, x1, None))
                return jax.lax.cond(same, twice, once)

        def tile(x1: Array, x2: Array, same: Array) -> Array:
            k = both(x1, x2, same)[("nngp", "ntk").index(self.which)]
            mirror = same & jnp.tri(*k.shape, dtype=bool)
            return jnp.where(mirror, k.T, k)

        return tile

    def _pair(self, x1: Array, x2: Array | None) -> tuple[Array, Array]:
        mask1 = mask2 = None
        if self.mask1 is not None:
            x1, mask1 = x1[..., :-1], x1[..., -1] > 0
            if x2 is not None:
                x2, mask2 = x2[..., :-1], x2[..., -1] > 0
        kernel = self.net.kernel(x1, x2, mask1=mask1, mask2=mask2)
        return kernel.nngp, kernel.ntk


def _with_mask(x: Shaped[np.ndarray, "n ..."], mask: np.ndarray | None) -> np.ndarray:
    return x if mask is None else np.concatenate([x, mask[..., None].astype(x.dtype)], axis=-1)


def default_size(
    shape: Sequence[int], devices: Sequence[Device], images: ConvChain | None = None
) -> int:
    """Inputs on each side of a tile, for inputs of the given shape.

    In the cores' caches on a CPU, large enough to occupy an accelerator; small where kernels of
    all pairs of positions may be needed. On a CPU, convolutional chains hold a few at a time.
    """
    if images is not None and devices[0].platform == "cpu":
        return _POOLED if images.together else _FLAT
    largest = TILE if devices[0].platform == "cpu" else _ACCELERATOR_TILE
    return max(1, min(largest, _POSITIONS // int(np.prod(shape[:-1], dtype=int))))
