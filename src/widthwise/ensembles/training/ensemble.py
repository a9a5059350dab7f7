"""All networks of a call: trained in portions of members, held in memory or kept on disk."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import numpy as np
import xarray as xr

from widthwise.ensembles.training.batches import in_batches, program_text
from widthwise.ensembles.training.descent import Descent
from widthwise.ensembles.training.disk import Folder
from widthwise.ensembles.training.flow import Flow
from widthwise.ensembles.training.grid import Grid
from widthwise.ensembles.training.labels import dataset_of, joined
from widthwise.ensembles.training.recorders import described, on_many_threads
from widthwise.ensembles.training.sizes import Sizes, fitting
from widthwise.networks import Sequential
from widthwise.numerics.devices import Device

_BATCHES = 4  # of each thread, in one file: what a kill can lose


@dataclass(frozen=True)
class Ensemble:
    """Networks of several widths, all trained alike.

    Parameters
    ----------
    program
        Trains one network.
    grid
        Which networks.
    clock
        ``"step"`` or ``"time"``, and
    moments
        when records are taken.
    side_by_side
        Networks in one batch; None for the fastest.
    devices
        Which train.
    """

    program: Descent | Flow
    grid: Grid
    clock: str
    moments: np.ndarray
    side_by_side: int | None
    devices: tuple[Device, ...]

    def trained(self, net: Sequential) -> xr.Dataset:
        """Train all, and hold what is recorded in memory."""
        sized = dict(self._programs(net))
        sizes = {width: self._fit(one, held=True) for width, one in sized.items()}
        parts = [self._portion(w, one, sizes[w], self.grid) for w, one in sized.items()]
        return joined(parts)

    def streamed(self, net: Sequential, out: Path) -> xr.Dataset:
        """Train what is not on disk yet, piece by piece; return the file, read lazily."""
        sized = dict(self._programs(net))
        sizes = {width: self._fit(one, held=False) for width, one in sized.items()}
        sweep = self.grid.shape[0] * self.grid.shape[1]
        portions = {width: max(1, _BATCHES * fit.at_once // sweep) for width, fit in sizes.items()}
        folder = Folder.opened(out, self._identity(sized), portions, self.grid.members)
        for shard in folder.missing():
            width = int(shard.settings["width"])
            grid = self.grid._replace(members=shard.members)
            folder.write(self._portion(width, sized[width], sizes[width], grid), shard)
        return folder.read()

    def _programs(self, net: Sequential) -> Iterator[tuple[int, Descent | Flow]]:
        for width, sized in self.grid.networks(net):
            problem = replace(self.program.problem, net=sized)
            yield width, replace(self.program, problem=problem)

    def _fit(self, program: Descent | Flow, *, held: bool) -> Sizes:
        count = int(np.prod(self.grid.shape))
        return fitting(
            program.problem,
            described(program.recorders, program.problem),
            records=len(self.moments),
            count=count,
            held=count * len(self.grid.widths or (0,)) if held else 0,
            side_by_side=self.side_by_side,
            devices=self.devices,
            many_threads=on_many_threads(program.recorders),
        )

    def _portion(self, width: int, program: Descent | Flow, sizes: Sizes, grid: Grid) -> xr.Dataset:
        """Train some members of one width."""
        kept = described(program.recorders, program.problem)
        jobs = grid.jobs(width, program.problem.x.dtype)
        count = len(jobs.richness)
        arrays = {k.name: np.empty((count, len(self.moments), *k.shape), k.dtype) for k in kept}
        arrays["diverged_at"] = np.empty(count, self.moments.dtype)
        for index, (recorded, diverged) in in_batches(program, jobs, sizes):
            for name, array in recorded.items():
                arrays[name][index] = array
            arrays["diverged_at"][index] = diverged
        return dataset_of(arrays, kept, grid, width=width, clock=self.clock, moments=self.moments)

    def _identity(self, sized: dict[int, Descent | Flow]) -> str:
        """Digest of the compiled programs, the data and the random keys."""
        digest = hashlib.sha256()
        for width, program in sized.items():
            jobs = self.grid.jobs(width, program.problem.x.dtype)
            digest.update(program_text(program, jax.tree.map(lambda a: a[:1], jobs)).encode())
            keys = np.asarray(jax.random.key_data(jobs.key))
            leaves = [x for x in jax.tree.leaves(program) if isinstance(x, jax.Array)]
            for leaf in (keys, *jobs[1:], *(_plain(leaf) for leaf in leaves)):
                digest.update(np.ascontiguousarray(leaf).tobytes())
        return digest.hexdigest()


def _plain(leaf: jax.Array) -> jax.Array:
    """Numbers of an array, or of a random key."""
    is_key = jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return jax.random.key_data(leaf) if is_key else leaf
