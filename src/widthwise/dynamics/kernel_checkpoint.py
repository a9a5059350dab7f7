"""What a long solve keeps on disk: the preconditioner, and where the iteration stands."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from widthwise.experiments import store
from widthwise.numerics.conjugate_gradients import Iterate
from widthwise.numerics.low_rank import LowRank

_PRECONDITIONER, _ITERATE = "preconditioner.nc", "iterate.nc"


@dataclass(frozen=True)
class Progress:
    """An iterate, the residuals that led to it, and the seconds they took."""

    iterate: Iterate
    residuals: list[np.ndarray]
    seconds: float


@dataclass(frozen=True)
class Checkpoint:
    """A folder for one problem.

    Parameters
    ----------
    folder
        Made if it does not exist.
    problem
        What tells the problem from others.
    """

    folder: Path
    problem: str

    def read_preconditioner(self) -> LowRank | None:
        """Return the preconditioner, None if none was kept."""
        kept = self._read(_PRECONDITIONER)
        if kept is None:
            return None
        return LowRank(kept["factor"].values, kept["pivots"].values, float(kept.attrs["left"]))

    def write_preconditioner(self, found: LowRank) -> None:
        """Keep the preconditioner."""
        arrays = {"factor": (("n", "rank"), found.factor), "pivots": ("rank", found.pivots)}
        self._write(_PRECONDITIONER, xr.Dataset(arrays, attrs={"left": found.left}))

    def read_progress(self) -> Progress | None:
        """Return where the iteration stood, None if none was kept."""
        kept = self._read(_ITERATE)
        if kept is None:
            return None
        solution, residual, direction, products = (
            kept[name].values for name in ("solution", "residual", "direction", "products")
        )
        number = int(kept.attrs["iteration"])
        iterate = Iterate(solution, residual, direction, products, number)
        return Progress(iterate, list(kept["residuals"].values), float(kept.attrs["seconds"]))

    def write_progress(self, progress: Progress) -> None:
        """Keep where the iteration stands."""
        at = progress.iterate
        arrays = {
            "solution": (("n", "k"), at.solution),
            "residual": (("n", "k"), at.residual),
            "direction": (("n", "k"), at.direction),
            "products": ("k", at.products),
            "residuals": (("iterations", "k"), np.stack(progress.residuals)),
        }
        numbers = {"iteration": at.iteration, "seconds": progress.seconds}
        self._write(_ITERATE, xr.Dataset(arrays, attrs=numbers))

    def _read(self, name: str) -> xr.Dataset | None:
        path = self.folder / name
        if not path.exists():
            return None
        try:
            kept = store.read_dataset(path)
        except store.DamagedFile as error:
            raise ValueError(f"{error}: delete {self.folder} to start anew") from None
        if kept.attrs.get("problem") != self.problem:
            raise ValueError(
                f"{self.folder} is the checkpoint of another problem (other inputs, targets, "
                "network, ridge, rank or seed): choose another folder, or delete it"
            )
        return kept

    def _write(self, name: str, dataset: xr.Dataset) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            store.write_dataset(dataset.assign_attrs(problem=self.problem), self.folder / name)
        except OSError as error:
            raise ValueError(
                f"the checkpoint {self.folder} cannot be written ({error.strerror}): choose "
                "another folder"
            ) from None


def problem_of(words: str, *arrays: np.ndarray) -> str:
    """Return a short hash of all that decides the numbers."""
    digest = hashlib.sha256(words.encode())
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]
