"""The kernel of an infinitely wide network as a linear operator that is never written out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from widthwise.networks.chain_kernel import TILE, DenseChain, chain_tile, host_tile
from widthwise.networks.kernel_sharding import sharded_dense, sharded_product
from widthwise.networks.kernel_tiles import KernelTiles, TileProgram
from widthwise.numerics.devices import Device
from widthwise.numerics.memory import as_bytes, in_words

if TYPE_CHECKING:
    from widthwise.networks.sequential import Sequential

Which = Literal["nngp", "ntk"]
Indices = Any  # a slice, or an array of indices
_ACCELERATOR_TILE = 4096
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
    """

    net: "Sequential"
    chain: DenseChain | None
    x1: Shaped[np.ndarray, "n ..."]
    x2: Shaped[np.ndarray, "m ..."] | None
    which: Which
    size: int
    memory: int
    devices: tuple[Device, ...]

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
        return self if self.x2 is None else replace(self, x1=self.x2, x2=self.x1)

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
                self._traced, self.x1, self.x2, block, size=self.size, devices=self.devices
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
        second = self.x1 if self.x2 is None else self.x2
        prepare, program = self._host_program
        x1, x2 = self.x1[rows], second[columns]
        part = KernelTiles(program, x1, x2, self.size, prepare=prepare)
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
        return sharded_dense(
            self._traced, self.x1, self.x2, out, size=self.size, devices=self.devices
        )

    # ------------------------------------------------------------------ how it is computed

    @property
    def _on_host(self) -> bool:
        return len(self.devices) == 1 and self.devices[0].platform == "cpu"

    @cached_property
    def _tiles(self) -> KernelTiles:
        prepare, program = self._host_program
        return KernelTiles(program, self.x1, self.x2, self.size, self.memory, prepare)

    @cached_property
    def _diagonal(self) -> Float[np.ndarray, " n"]:
        """By pieces of one tile: the last one overlaps, so that all have one shape."""
        size = min(self.size, len(self.x1))
        found = np.empty(len(self.x1), self.dtype)
        for start in range(0, len(self.x1), size):
            piece = slice(min(start, len(self.x1) - size), min(start + size, len(self.x1)))
            kernel = self.net.kernel(self.x1[piece], diagonal=True)
            found[piece] = getattr(kernel, self.which)
        return found

    @cached_property
    def _host_program(self) -> tuple[Callable[[np.ndarray], Any], TileProgram]:
        """What prepares inputs, and the kernel of any numbers of them up to a tile."""
        index = ("nngp", "ntk").index(self.which)
        if self.chain is not None and self.size <= TILE:
            side, tile = host_tile(self.chain, self.dtype)
            return side, lambda first, second, same: tile(first, second, same)[index]
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
        kernel = self.net.kernel(x1, x2)
        return kernel.nngp, kernel.ntk


def default_size(shape: Sequence[int], devices: Sequence[Device]) -> int:
    """Inputs on each side of a tile, for inputs of the given shape.

    In the cores' caches on a CPU, large enough to occupy an accelerator; small where kernels of
    all pairs of positions may be needed.
    """
    largest = TILE if devices[0].platform == "cpu" else _ACCELERATOR_TILE
    return max(1, min(largest, _POSITIONS // int(np.prod(shape[:-1], dtype=int))))
