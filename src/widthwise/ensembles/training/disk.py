"""An ensemble on disk: files of some members each while it is trained, one file in the end."""

import json
import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5netcdf
import numpy as np
import xarray as xr

from widthwise.experiments import store
from widthwise.experiments.shard import Shard, shards_of

FILE, MANIFEST, PARTS = "history.nc", "training.json", "parts"
_log = logging.getLogger("widthwise")


@dataclass(frozen=True)
class Folder:
    """The folder of one call of :func:`train`.

    Parameters
    ----------
    path
        Where it is.
    shards
        The pieces that are written, some members of one width each.
    """

    path: Path
    shards: tuple[Shard, ...]

    @classmethod
    def opened(
        cls, path: Path, identity: str, portions: dict[int, int], members: tuple[int, int]
    ) -> "Folder":
        """Open the folder of a training, or make it.

        Parameters
        ----------
        path
            Where it is.
        identity
            A digest of all that determines the numbers.
        portions
            Members in one piece, by width; a folder that was begun keeps its own.
        members
            First member, and one past the last.

        Raises
        ------
        ValueError
            If it holds something else, or cannot be written.
        """
        manifest = path / MANIFEST
        content = {"identity": identity, "portions": {str(w): n for w, n in portions.items()}}
        if manifest.exists():
            content = _read_manifest(manifest, identity)
        elif path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise ValueError(f"{path} holds other things: choose another out, a new folder")
        else:
            try:
                (path / PARTS).mkdir(parents=True, exist_ok=True)
                store.write_text(json.dumps(content, indent=2) + "\n", manifest)
            except OSError as error:
                raise ValueError(
                    f"{path} cannot be written ({error.strerror}): choose another out"
                ) from None
        start, stop = members
        shards = [
            Shard("training", {"width": int(width)}, (start + first, start + last))
            for width, portion in content["portions"].items()
            for first, last in (
                s.members for s in shards_of("training", {}, members=stop - start, batch=portion)
            )
        ]
        return cls(path, tuple(shards))

    def missing(self) -> Iterator[Shard]:
        """Yield the pieces that are not there, or damaged."""
        if self._whole(self.path / FILE):
            return
        for shard in self.shards:
            if not self._whole(self._file(shard)):
                yield shard

    def write(self, part: xr.Dataset, shard: Shard) -> None:
        """Write one piece: it appears whole or not at all."""
        (self.path / PARTS).mkdir(exist_ok=True)
        store.write_dataset(part, self._file(shard))

    def read(self) -> xr.Dataset:
        """Return the whole ensemble, read from disk where it is used."""
        file = self.path / FILE
        if not self._whole(file):
            store.write_sealed(file, self._join)
        shutil.rmtree(self.path / PARTS, ignore_errors=True)
        return xr.open_dataset(file, engine="h5netcdf")

    def _file(self, shard: Shard) -> Path:
        return self.path / PARTS / f"{shard.stem}.nc"

    def _whole(self, file: Path) -> bool:
        try:
            store.verify(file)
        except FileNotFoundError:
            return False
        except store.DamagedFile as error:
            _log.warning("%s; trained again", error)
            return False
        return True

    def _join(self, name: Path) -> None:
        """Copy all pieces into one file, one at a time."""
        widths = list(dict.fromkeys(int(shard.settings["width"]) for shard in self.shards))
        firsts = [next(s for s in self.shards if s.settings["width"] == width) for width in widths]
        templates = [store.read_dataset(self._file(shard)) for shard in firsts]
        first, last = self.shards[0].members[0], self.shards[-1].members[1]
        sizes = _longest(templates) | {"width": len(widths), "member": last - first}
        with h5netcdf.File(name, "w") as file:
            file.dimensions = sizes
            coordinates = dict(templates[0].coords.items())
            for key, values in coordinates.items():
                known = {"width": np.asarray(widths), "member": np.arange(first, last)}
                data = known.get(str(key), np.asarray(values))
                file.create_variable(str(key), values.dims, data=data)
            for key, variable in templates[0].data_vars.items():
                fill = np.nan if variable.dtype.kind == "f" else None
                file.create_variable(str(key), variable.dims, variable.dtype, fillvalue=fill)
            for shard in self.shards:
                part = store.read_dataset(self._file(shard))
                place = {
                    "width": slice(widths.index(int(part.width[0])), None),
                    "member": slice(shard.members[0] - first, None),
                }
                for key, variable in part.data_vars.items():
                    file.variables[str(key)][_slices(variable, place)] = variable.values


def _slices(variable: xr.DataArray, place: dict[str, slice]) -> tuple[slice, ...]:
    """Where a piece lies in the whole."""
    starts = [place.get(str(dim), slice(0, None)).start for dim in variable.dims]
    return tuple(slice(s, s + n) for s, n in zip(starts, variable.shape, strict=True))


def _longest(parts: Sequence[xr.Dataset]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for part in parts:
        for dim, size in part.sizes.items():
            sizes[str(dim)] = max(size, sizes.get(str(dim), 0))
    return sizes


def _read_manifest(manifest: Path, identity: str) -> dict:
    folder = manifest.parent
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        known, _ = content["identity"], content["portions"].items()
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{manifest} is damaged: delete {folder}, or choose another out") from None
    if known != identity:
        raise ValueError(
            f"{folder} holds another training (other networks, data, settings or members): delete "
            "it, or choose another out"
        )
    return content
