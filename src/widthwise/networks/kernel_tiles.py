"""A kernel matrix as tiles on the host: computed when asked for, kept as far as memory is given."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from widthwise.numerics.threads import cores, one_thread_per_core

_LANES = 8  # sums side by side, at least: for equal shares of work, and the same order of summation

TileProgram = Callable[[Any, Any, bool], np.ndarray]


@dataclass(frozen=True, eq=False)
class KernelTiles:
    """The kernel of two sets of inputs, tile by tile.

    Parameters
    ----------
    program
        Kernel of two sets of at most ``size`` inputs, prepared, and whether they are the same.
    x1, x2
        Inputs; ``x2=None`` means x1 again, and then each unordered pair of tiles is computed once.
    size
        Inputs on each side of a tile.
    memory
        Bytes of tiles that are kept once computed; the others are computed each time.
    prepare
        What makes of ``size`` inputs what the program takes; its results are kept.
    """

    program: TileProgram
    x1: Shaped[np.ndarray, "n ..."]
    x2: Shaped[np.ndarray, "m ..."] | None
    size: int
    memory: int = 0
    prepare: Callable[[np.ndarray], Any] = np.asarray
    _sides: dict[tuple[int, int], Any] = field(default_factory=dict, init=False)
    _kept: dict[tuple[int, int], np.ndarray] = field(default_factory=dict, init=False)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of inputs."""
        return len(self.x1), len(self.x1 if self.x2 is None else self.x2)

    def product(self, v: Float[np.ndarray, "m k"]) -> Float[np.ndarray, "n k"]:
        """Multiply by vectors; sums are taken in float64.

        In float32 their rounding would be about ``1e-7 sqrt(m)`` of the largest terms, which in an
        ill-conditioned solve is far more than the residual that is asked for.
        """
        v = np.asarray(v, np.float64)

        def lane(rows: range) -> np.ndarray:
            total = np.zeros((len(self.x1), v.shape[1]))
            for where, (a, b) in self._pairs(rows):
                tile = self._tile(where, a, b).astype(np.float64)
                total[a] += tile @ v[b]
                if self.x2 is None and a != b:
                    total[b] += tile.T @ v[a]
            return total

        return sum(self._in_lanes(lane), np.zeros((len(self.x1), v.shape[1])))

    def dense(self, out: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "n m"]:
        """Write the whole matrix into an array, in the dtype of that."""

        def lane(rows: range) -> None:
            for where, (a, b) in self._pairs(rows):
                tile = self._tile(where, a, b)
                out[a, b] = tile
                if self.x2 is None and a != b:
                    out[b, a] = tile.T

        for _ in self._in_lanes(lane):
            pass
        return out

    def _in_lanes(self, work: Callable[[range], object]) -> Iterator:
        """Do the work of every lane on all cores, and give the results in the order of the lanes.

        Which tiles are summed in which order does not depend on the scheduling of threads, so that
        the same product has the same digits.
        """
        rows = -(-len(self.x1) // self.size)
        lanes = min(rows, max(_LANES, cores()))
        with one_thread_per_core() as pool:
            yield from pool.map(work, (range(start, rows, lanes) for start in range(lanes)))

    def _pairs(self, rows: range) -> Iterator[tuple[tuple[int, int], tuple[slice, slice]]]:
        columns = -(-self.shape[1] // self.size)
        for i in rows:
            for j in range(i if self.x2 is None else 0, columns):
                yield (i, j), (self._slice(i, 0), self._slice(j, 1))

    def _slice(self, index: int, axis: int) -> slice:
        start = index * self.size
        return slice(start, min(start + self.size, self.shape[axis]))

    def _tile(self, where: tuple[int, int], a: slice, b: slice) -> np.ndarray:
        tile = self._kept.get(where)
        if tile is None:
            first, second = self._side(where[0], 0), self._side(where[1], 1)
            tile = self.program(first, second, self.x2 is None and a == b)
            # in the order of rows, so that the kept ones do not depend on which came first
            if self._before(where) + tile.nbytes <= self.memory:
                self._kept[where] = tile if tile.base is None else tile.copy()
        return tile

    def _side(self, index: int, axis: int) -> Any:
        axis = 0 if self.x2 is None else axis
        if (index, axis) not in self._sides:
            x = self.x2 if axis and self.x2 is not None else self.x1
            self._sides[index, axis] = self.prepare(x[self._slice(index, axis)])
        return self._sides[index, axis]

    def _before(self, where: tuple[int, int]) -> int:
        """Bytes of all tiles that come before one."""
        i, j = where
        columns = -(-self.shape[1] // self.size)
        count = i * columns - i * (i - 1) // 2 + j - i if self.x2 is None else i * columns + j
        return count * self.size**2 * self.x1.dtype.itemsize
