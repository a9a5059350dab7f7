"""Ray and submitit by name: what can be told without a cluster, and submitit on this machine."""

import importlib.util
import pickle
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from coin_study import CoinStudy, FaultyCoin

from widthwise.experiments import ShardError, SubmititJobs, Sweep
from widthwise.experiments.carried import Carried
from widthwise.experiments.named_executors import named_executor, opened
from widthwise.experiments.piece import Piece, read_note

pytestmark = pytest.mark.usefixtures("importable")
STUDY = CoinStudy(widths=(16,), members=500)


class Lossy:
    """Calls at once, but loses the workers of some pieces, each so often, as a cluster would."""

    def __init__(self, losses: dict[int, int]) -> None:
        self.losses = losses
        self.calls: list[tuple[int, ...]] = []

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> "Lossy":
        piece, _ = arguments
        assert isinstance(piece, Piece)
        first = piece.shard.members[0] if piece.shard else -1
        handle = Lossy(self.losses)
        self.calls.append((first,))
        if self.losses.get(first, 0):
            self.losses[first] -= 1
            piece.running.write_text('{"host": "elsewhere", "pid": 1, "start": 0}')
            handle.result = _broken
        else:
            handle.result = lambda: function(*arguments)
        return handle

    def done(self) -> bool:
        return True

    def result(self) -> None:
        return None


def _broken() -> None:
    raise BrokenExecutor("the node is lost")


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    run = STUDY.run(tmp_path_factory.mktemp("serial"))
    return run.measurement["tosses"].to_dataset()


def test_what_a_lost_worker_had_is_done_again_and_nothing_else(
    tmp_path: Path, numbers: xr.Dataset
) -> None:
    place = Lossy({200: 1, 300: 1})
    run = STUDY.run(tmp_path, executor=place)
    xr.testing.assert_identical(run.measurement["tosses"].to_dataset(), numbers)
    assert place.calls == [(first,) for first in (-1, 0, 100, 200, 300, 400, 200, 300)]


def test_what_loses_its_worker_again_is_told_beside_other_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULT", "raise")
    sweep = Sweep(FaultyCoin(widths=(16,), members=500), {"bias": [0.3]})
    with pytest.raises(ShardError, match="2 of the pieces failed"):
        sweep.run(tmp_path, executor=Lossy({300: 9}))
    notes = [read_note(file) for file in tmp_path.glob("*/shards/*.failed")]
    told = sorted(note["error"].split(":")[0] for note in notes if note)
    assert told[0] == "ZeroDivisionError"
    assert told[1].startswith("a worker process died")
    assert len(list(tmp_path.glob("*/shards/*.nc"))) == 4
    assert list(tmp_path.glob("*/shards/*.running")) == []


def test_a_place_that_takes_no_work(tmp_path: Path) -> None:
    class Down:
        def submit(self, *_: Any) -> None:
            raise BrokenExecutor("the cluster is down")

    with pytest.raises(ShardError, match="a worker process died"):
        STUDY.run(tmp_path, executor=Down())


def test_a_piece_that_is_there_is_not_computed_again(tmp_path: Path) -> None:
    class Twice:
        """Calls everything twice, as after a lost answer."""

        def submit(self, function: Callable[..., Any], /, *arguments: Any) -> "Twice":
            function(*arguments)
            stamp = arguments[0].path.stat().st_mtime_ns
            function(*arguments)
            assert arguments[0].path.stat().st_mtime_ns == stamp
            return self

        def done(self) -> bool:
            return True

        def result(self) -> None:
            return None

    assert len(STUDY.run(tmp_path, executor=Twice()).claims) == 1


def test_a_carried_call_finds_modules_and_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "far_module.py").write_text(
        "import pathlib\ndef told(): return pathlib.Path('near').read_text()"
    )
    (tmp_path / "near").write_text("here")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    spec = importlib.util.find_spec("far_module")
    assert spec is not None
    from far_module import told  # pyright: ignore[reportMissingImports]

    call = Carried.packed(pickle.dumps, told, ())
    monkeypatch.chdir("/")
    sys.path.remove(str(tmp_path))
    del sys.modules["far_module"]
    assert call.call() == "here"
    with pytest.raises(FileNotFoundError, match="share it, and the folder of the runs"):
        call._replace(folder=str(tmp_path / "nowhere")).call()


@pytest.mark.parametrize(("name", "extra"), [("ray", "ray"), ("submitit", "submitit")])
def test_a_missing_package_names_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=rf"pip install 'widthwise\[{extra}\]'"):
        STUDY.run(tmp_path, executor=name)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("rai", {}, "executor is one of processes, ray, submitit"),
        ("ray", {"adress": "auto"}, "no option adress .did you mean 'address'"),
        ("submitit", {"cluster": "local", "memory": 3}, "submitit: "),
        ("submitit", {"cluster": "nowhere"}, "submitit: .*nowhere"),
    ],
)
def test_wrong_names_and_options(
    tmp_path: Path, name: str, options: dict[str, Any], message: str
) -> None:
    if name == "submitit":
        pytest.importorskip("submitit")
    with pytest.raises(ValueError, match=message):
        named_executor(name, workers=1, out=tmp_path, options=options)


def test_processes_are_what_is_meant_by_nothing(tmp_path: Path) -> None:
    for name in (None, "processes"):
        with opened(name, workers=2, out=tmp_path) as place:
            assert place is None


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[SubmititJobs]:
    pytest.importorskip("submitit")
    with SubmititJobs(1, folder=tmp_path / "jobs", cluster="local") as made:
        yield made


def test_a_job_of_submitit_on_this_machine(
    jobs: SubmititJobs, tmp_path: Path, numbers: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All calls go into one job; one that fails is told as anywhere else."""
    monkeypatch.setenv("FAULT", "raise")
    sweep = Sweep(FaultyCoin(widths=(16,), members=500), {"bias": [0.3]})
    with pytest.raises(ShardError, match=r"1 of the pieces failed, .*members 100-199"):
        sweep.run(tmp_path, executor=jobs)
    (note,) = tmp_path.glob("*/shards/*.failed")
    assert "in measure" in note.read_text()
    assert len(list((tmp_path / "jobs").glob("*_submitted.pkl"))) == 1
    monkeypatch.delenv("FAULT")
    (run,) = sweep.run(tmp_path)
    xr.testing.assert_identical(run.measurement["tosses"].to_dataset(), numbers)
