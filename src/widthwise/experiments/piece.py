"""The smallest piece of work: the prediction of a study, or one shard of its measurement."""

import json
import os
import platform
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr
from threadpoolctl import threadpool_limits

from widthwise.experiments import store
from widthwise.experiments.shard import Shard
from widthwise.experiments.study import Study


@dataclass(frozen=True)
class Piece:
    """A piece of a run and its file, which is whole or not there.

    Beside the file may lie ``<stem>.running``, which says who works on it, and ``<stem>.failed``,
    which says why the last attempt gave nothing.

    Attributes
    ----------
    study
        Whose piece it is.
    shard
        The shard, or None for the prediction.
    folder
        Where the file lies: the folder of shards of a run.
    """

    study: Study
    shard: Shard | None
    folder: Path

    @property
    def stem(self) -> str:
        """The name of the file without extension, unique within the run."""
        return self.shard.stem if self.shard else "prediction"

    @property
    def label(self) -> str:
        """The piece in words."""
        return f"shard {self.shard.label}" if self.shard else "the prediction"

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / f"{self.stem}.nc"

    @property
    def running(self) -> Path:
        """The file that exists while somebody works on the piece."""
        return self.folder / f"{self.stem}.running"

    @property
    def failed(self) -> Path:
        """The file that says why the last attempt failed."""
        return self.folder / f"{self.stem}.failed"

    @property
    def command(self) -> str:
        """The shell command that computes this piece alone."""
        return f"widthwise shard {self.folder.parent} --only {self.stem}"

    def verify(self) -> bool:
        """Tell whether the file is there and sound.

        Raises
        ------
        DamagedFile
            If it is there and not as it was written.
        """
        if not self.path.exists():
            return False
        store.verify(self.path)
        return True

    def compute(self) -> None:
        """Compute the piece and write its file.

        Linear algebra runs on one thread: with another number of threads LAPACK gives other last
        digits, and the numbers of a run must not depend on where its shards are measured.
        """
        with jax.enable_x64(True), threadpool_limits(1, user_api="blas"):
            if self.shard is None:
                store.write_tree(self.study.predict(), self.path)
                return
            wall, cpu = time.perf_counter(), time.process_time()
            key = jax.random.key(self.study.seed, impl="threefry2x32")
            measured = self.study.measure(self.shard, key).map(_computed, keep_attrs=True)
            seconds = {
                "wall_seconds": time.perf_counter() - wall,
                "cpu_seconds": time.process_time() - cpu,
            }
            store.write_dataset(measured.assign_attrs(seconds), self.path)

    def fail(self, error: str, details: str = "") -> None:
        """Write down that an attempt failed."""
        _write_json(self.failed, {"error": error, "command": self.command, "traceback": details})


def compute(piece: Piece, time_limit: float | None = None) -> None:
    """Compute a piece unless it is there: the work that executors are given.

    Executors may call it again, after a lost node for instance: what had finished stays.

    Parameters
    ----------
    piece
        What to compute.
    time_limit
        Seconds after which this *process* is ended, since a call that hangs cannot be stopped.
    """
    with suppress(store.DamagedFile):
        if piece.verify():
            return
    with _running(piece), _limited(piece, time_limit):
        try:
            piece.compute()
        except Exception as error:
            piece.fail(f"{type(error).__name__}: {error}", traceback.format_exc())
            raise
    piece.failed.unlink(missing_ok=True)


@contextmanager
def _running(piece: Piece) -> Iterator[None]:
    _write_json(piece.running, {"host": platform.node(), "pid": os.getpid(), "start": time.time()})
    try:
        yield
    finally:
        piece.running.unlink(missing_ok=True)


@contextmanager
def _limited(piece: Piece, seconds: float | None) -> Iterator[None]:
    if seconds is None:
        yield
        return

    def end() -> None:
        piece.fail(f"TimeoutError: it took more than {seconds:g} s")
        piece.running.unlink(missing_ok=True)
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def read_note(path: Path) -> dict[str, Any] | None:
    """Read a ``.running`` or ``.failed`` file; None if it is gone or was never finished."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _write_json(path: Path, content: dict[str, Any]) -> None:
    store.write_text(json.dumps(content, indent=2) + "\n", path)


def _computed(variable: xr.DataArray) -> xr.DataArray:
    """Wait for JAX, which computes while Python goes on."""
    return variable.copy(data=np.asarray(variable.data))


def pieces_of(study: Study, folder: Path) -> list[Piece]:
    """Return the pieces of a run, the prediction first.

    Parameters
    ----------
    study
        The study.
    folder
        The folder of its shards.

    Raises
    ------
    ValueError
        If two shards are the same piece of the measurement.
    """
    pieces = [Piece(study, shard, folder) for shard in (None, *study.shards())]
    if len({piece.stem for piece in pieces}) < len(pieces):
        raise ValueError(f"{study.name}: two shards are the same piece of the measurement")
    return pieces


def alive(host: str, process: int) -> bool | None:
    """Tell whether the process that wrote a note lives; None if it is on another machine."""
    if host != platform.node():
        return None
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:  # one that has died, but whose parent does not look, as in many a container
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return not state.rpartition(")")[2].lstrip().startswith("Z")
